#include "daemon/toolchains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"

struct Toolchains {
        unsigned n_refs;
        char *preferred; /* a name or CONFIG_AUTO */
        size_t n;
        Toolchain *items[CONFIG_TOOLCHAINS_MAX];
};

Toolchains *toolchains_ref(Toolchains *toolchains) {
        toolchains->n_refs++;
        return toolchains;
}

Toolchains *toolchains_unref(Toolchains *toolchains) {
        if (!toolchains || --toolchains->n_refs > 0)
                return NULL;
        for (size_t i = 0; i < toolchains->n; i++)
                (void) toolchain_unref(toolchains->items[i]);
        free(toolchains->preferred);
        free(toolchains);
        return NULL;
}

int toolchains_new(Toolchains **ret, const Config *config, const char *dpucc) {
        _cleanup_(toolchains_unrefp) Toolchains *toolchains = NULL;
        _cleanup_(freep) char *directory = path_dirname(dpucc), *client = NULL;
        int r;

        /* our client answers to the name of vai_c_xir, too, and must not be taken for it */
        client = directory ? path_join(directory, "dpucc-client") : NULL;
        toolchains = calloc(1, sizeof(*toolchains));
        if (!client || !toolchains)
                return -ENOMEM;
        toolchains->n_refs = 1;
        toolchains->preferred = strdup(config->toolchain);
        if (!toolchains->preferred)
                return -ENOMEM;

        for (size_t i = 0; i < config->n_toolchains; i++) {
                const ToolchainSpec spec = {
                        .config = &config->toolchains[i],
                        .dpucc = dpucc,
                        .not_this = client,
                };

                r = toolchain_new(&toolchains->items[toolchains->n], &spec);
                if (r < 0)
                        return r;
                toolchains->n++;
        }
        *ret = TAKE_PTR(toolchains);
        return 0;
}

static Toolchain *toolchains_by_name(const Toolchains *toolchains, const char *name) {
        for (size_t i = 0; i < toolchains->n; i++)
                if (strcmp(toolchain_name(toolchains->items[i]), name) == 0)
                        return toolchains->items[i];
        return NULL;
}

/* -ENOENT: none of that kind is; -EAGAIN, TOOLCHAIN_UNKNOWN. */
static int toolchains_installed(const Toolchains *toolchains, ToolchainKind kind,
                                const ToolchainQuestion *question, Toolchain **ret,
                                Problem *problem) {
        for (size_t i = 0; i < toolchains->n; i++) {
                Toolchain *toolchain = toolchains->items[i];
                _cleanup_(freep) char *program = NULL;
                ToolchainIdentity identity;
                int r;

                if (toolchain_kind(toolchain) != kind)
                        continue;
                if (kind == TOOLCHAIN_CONTAINER)
                        r = toolchain_answer(toolchain, NULL, question, &identity, problem);
                else
                        r = toolchain_find(toolchain, &program, problem);
                if (r == 0)
                        *ret = toolchain;
                if (r != -ENOENT && r != -ENODATA)
                        return r;
        }
        return -ENOENT;
}

/* Sets *ret to what was picked for @root before, NULL if nothing was. One that is not configured
 * any more is an error: artifacts of another compiler must be somebody's decision. */
static int toolchains_recorded(const Toolchains *toolchains, State *state, const char *root,
                               Toolchain **ret, Problem *problem) {
        _cleanup_(freep) char *name = NULL;
        int r;

        *ret = NULL;
        r = root ? state_get_toolchain(state, root, &name) : -ENOENT;
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return problem_set(problem, r,
                                   "which toolchain was picked for the workspace %s cannot be read "
                                   "from state.db: %s",
                                   root, strerror(-r));
        *ret = toolchains_by_name(toolchains, name);
        if (*ret)
                return 0;
        return problem_set(problem, -ENOENT,
                           "the toolchain '%s', picked for the workspace %s, is not in the "
                           "configuration any more: define it again, or run 'dpucc-client unwatch' "
                           "and 'dpucc-client watch' with that directory to have another picked",
                           name, root);
}

static int toolchains_pick(const Toolchains *toolchains, State *state, const char *root,
                           const ToolchainQuestion *question, Toolchain **ret, Problem *problem) {
        static const ToolchainKind kinds[] = {
                TOOLCHAIN_NATIVE,
                TOOLCHAIN_CONTAINER,
                TOOLCHAIN_DPUCC,
        };
        int r;

        r = toolchains_recorded(toolchains, state, root, ret, problem);
        if (r < 0)
                return r;
        if (*ret)
                return 0;
        r = -ENOENT;
        for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(kinds); i++)
                r = toolchains_installed(toolchains, kinds[i], question, ret, problem);
        if (r == TOOLCHAIN_UNKNOWN)
                return r;
        if (r == -ENOENT)
                return problem_set(problem, r, "no toolchain is installed");
        if (r < 0)
                return problem_prefix(problem, r,
                                      "\"auto\" cannot choose a toolchain yet (naming one, as "
                                      "--toolchain dpucc does, would not wait for that)");
        if (root)
                (void) state_set_toolchain(state, root, toolchain_name(*ret));
        if (problem)
                problem->text[0] = '\0'; /* what was not installed is no problem any more */
        return 0;
}

int toolchains_check(const Toolchains *toolchains, const char *name, Problem *problem) {
        if (!name || strcmp(name, CONFIG_AUTO) == 0 || toolchains_by_name(toolchains, name))
                return 0;
        return problem_set(problem, -ENOENT, "there is no toolchain '%s' in the configuration",
                           name);
}

int toolchains_find(const Toolchains *toolchains, State *state, const char *root, const char *name,
                    const ToolchainQuestion *question, Toolchain **ret, Problem *problem) {
        int r;

        if (!name)
                name = toolchains->preferred;
        if (strcmp(name, CONFIG_AUTO) == 0)
                return toolchains_pick(toolchains, state, root, question, ret, problem);

        r = toolchains_check(toolchains, name, problem);
        if (r == 0)
                *ret = toolchains_by_name(toolchains, name);
        return r;
}

size_t toolchains_count(const Toolchains *toolchains) {
        return toolchains->n;
}

Toolchain *toolchains_at(const Toolchains *toolchains, size_t index) {
        return toolchains->items[index];
}

unsigned toolchains_reap(const Toolchains *toolchains, const char *jobs) {
        unsigned n = 0;

        for (size_t i = 0; i < toolchains->n; i++)
                if (toolchain_kind(toolchains->items[i]) == TOOLCHAIN_CONTAINER)
                        n += container_reap(toolchain_config(toolchains->items[i]), jobs);
        return n;
}
