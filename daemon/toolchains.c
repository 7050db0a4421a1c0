#include "daemon/toolchains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"

struct Toolchains {
        char *preferred; /* a name or CONFIG_AUTO */
        size_t n;
        Toolchain *items[CONFIG_TOOLCHAINS_MAX];
};

Toolchains *toolchains_free(Toolchains *toolchains) {
        if (!toolchains)
                return NULL;
        for (size_t i = 0; i < toolchains->n; i++)
                (void) toolchain_unref(toolchains->items[i]);
        free(toolchains->preferred);
        free(toolchains);
        return NULL;
}

int toolchains_new(Toolchains **ret, const Config *config, const char *dpucc) {
        _cleanup_(toolchains_freep) Toolchains *toolchains = NULL;
        _cleanup_(freep) char *directory = path_dirname(dpucc), *client = NULL;
        int r;

        /* our client answers to the name of vai_c_xir, too, and must not be taken for it */
        client = directory ? path_join(directory, "dpucc-client") : NULL;
        toolchains = calloc(1, sizeof(*toolchains));
        if (!client || !toolchains)
                return -ENOMEM;
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

static Toolchain *toolchains_installed(const Toolchains *toolchains, ToolchainKind kind) {
        for (size_t i = 0; i < toolchains->n; i++) {
                _cleanup_(freep) char *program = NULL;

                if (toolchain_kind(toolchains->items[i]) == kind &&
                    toolchain_find(toolchains->items[i], &program, NULL) == 0)
                        return toolchains->items[i];
        }
        return NULL;
}

/* Sets *ret to what was picked for @root before, NULL if nothing was. One that is not configured
 * any more is an error: artifacts of another compiler must be somebody's decision. */
static int toolchains_recorded(const Toolchains *toolchains, State *state, const char *root,
                               Toolchain **ret, Problem *problem) {
        _cleanup_(freep) char *name = NULL;

        *ret = NULL;
        if (!root || state_get_toolchain(state, root, &name) < 0)
                return 0;
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
                           Toolchain **ret, Problem *problem) {
        Toolchain *picked;
        int r;

        r = toolchains_recorded(toolchains, state, root, &picked, problem);
        if (r < 0)
                return r;
        if (picked) {
                *ret = picked;
                return 0;
        }
        picked = toolchains_installed(toolchains, TOOLCHAIN_NATIVE);
        if (!picked)
                picked = toolchains_installed(toolchains, TOOLCHAIN_DPUCC);
        if (!picked)
                return problem_set(problem, -ENOENT, "no toolchain is installed");
        if (root)
                (void) state_set_toolchain(state, root, toolchain_name(picked));
        *ret = picked;
        return 0;
}

int toolchains_find(Toolchains *toolchains, State *state, const char *root, const char *name,
                    Toolchain **ret, Problem *problem) {
        if (!name)
                name = toolchains->preferred;
        if (strcmp(name, CONFIG_AUTO) == 0)
                return toolchains_pick(toolchains, state, root, ret, problem);

        *ret = toolchains_by_name(toolchains, name);
        if (!*ret)
                return problem_set(problem, -ENOENT,
                                   "there is no toolchain '%s' in the configuration", name);
        return 0;
}
