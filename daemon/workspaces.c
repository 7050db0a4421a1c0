#include "daemon/workspaces.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "base/strings.h"
#include "daemon/config.h"
#include "daemon/core.h"
#include "daemon/workspace.h"

#define WORKSPACES_FIND_MAX 16 /* candidates that are listed */

void workspaces_init(Workspaces *workspaces, Core *core) {
        *workspaces = (Workspaces){ .core = core };
}

void workspaces_deinit(Workspaces *workspaces) {
        assert(workspaces->n == 0 && workspaces->n_closing == 0);
        free(workspaces->items);
}

static Workspace *workspaces_find(const Workspaces *workspaces, const char *root) {
        for (size_t i = 0; i < workspaces->n; i++)
                if (strcmp(workspace_root(workspaces->items[i]), root) == 0)
                        return workspaces->items[i];
        return NULL;
}

Workspace *workspaces_containing(const Workspaces *workspaces, const char *path) {
        Workspace *best = NULL;

        for (size_t i = 0; i < workspaces->n; i++) {
                Workspace *workspace = workspaces->items[i];
                const char *root = workspace_root(workspace);

                if (path_is_beneath(path, root) &&
                    (!best || strlen(root) > strlen(workspace_root(best))))
                        best = workspace;
        }
        return best;
}

/* --- coming and going ------------------------------------------------------------------------- */

static int workspaces_insert(Workspaces *workspaces, const char *root, bool trusted,
                             Workspace **ret) {
        Workspace *workspace;
        size_t at = 0;
        int r;

        if (workspaces->n == STATE_ROOTS_MAX)
                return -ENOSPC;
        r = array_reserve(&workspaces->items, &workspaces->capacity, workspaces->n + 1,
                          sizeof(Workspace *));
        if (r == 0)
                r = workspace_new(&workspace, workspaces->core, workspaces->watch, root, trusted);
        if (r < 0)
                return r;

        while (at < workspaces->n && strcmp(workspace_root(workspaces->items[at]), root) < 0)
                at++;
        memmove(workspaces->items + at + 1, workspaces->items + at,
                (workspaces->n - at) * sizeof(workspaces->items[0]));
        workspaces->items[at] = workspace;
        workspaces->n++;
        *ret = workspace;
        return 0;
}

static void workspaces_on_closed(Workspace *workspace, void *userdata) {
        Workspaces *workspaces = userdata;

        (void) workspace;
        assert(workspaces->n_closing > 0);
        workspaces->n_closing--;
}

static void workspaces_drop(Workspaces *workspaces, size_t index) {
        Workspace *workspace = workspaces->items[index];

        workspaces->n--;
        memmove(workspaces->items + index, workspaces->items + index + 1,
                (workspaces->n - index) * sizeof(workspaces->items[0]));
        workspaces->n_closing++;
        workspace_close(workspace, workspaces_on_closed, workspaces);
}

void workspaces_stop(Workspaces *workspaces) {
        while (workspaces->n > 0)
                workspaces_drop(workspaces, workspaces->n - 1);
}

bool workspaces_are_over(const Workspaces *workspaces) {
        return workspaces->n_closing == 0;
}

/* @path without symbolic links, as far as the way to it is there. NULL: out of memory */
static char *workspaces_resolve(const char *path) {
        _cleanup_(freep) char *prefix = strdup(path), *real = NULL;
        const char *rest;

        while (prefix && !(real = realpath(prefix, NULL)) && errno != ENOMEM) {
                char *parent = path_dirname(prefix);

                free(prefix);
                prefix = parent;
        }
        if (!real)
                return NULL;
        rest = path_relative(path, prefix);
        return rest && rest[0] != '\0' ? path_join(real, rest) : TAKE_PTR(real);
}

static void workspaces_start(Workspaces *workspaces, const char *root, bool trusted) {
        Workspace *workspace;
        int r;

        if (workspaces_find(workspaces, root))
                return;
        r = workspaces_insert(workspaces, root, trusted, &workspace);
        if (r < 0) {
                Problem line;

                (void) problem_set(&line, r, "%s cannot be watched: %s", root, strerror(-r));
                log_warning("%s", line.text);
        }
}

static int workspaces_collect_root(const char *path, bool trusted, void *userdata) {
        Strings *roots = userdata;

        return strings_add(&roots[trusted], path);
}

/* What is known of a root goes with it. */
static int workspaces_copy_remembered(State *state, const char *from, const char *to,
                                      bool trusted) {
        _cleanup_(freep) char *toolchain = NULL;
        int r;

        r = state_get_toolchain(state, from, &toolchain);
        if (r == 0)
                r = state_set_toolchain(state, to, toolchain);
        return r == 0 || r == -ENOENT ? state_add_root(state, to, trusted) : r;
}

/* Since it was remembered, something on the way to it may have become a link; where that leads to
 * another root, nothing of that changes. */
static void workspaces_start_one(Workspaces *workspaces, const char *path, bool trusted) {
        _cleanup_(freep) char *real = workspaces_resolve(path);
        State *state = workspaces->core->state;
        int r = 0;

        if (real && strcmp(real, path) != 0) {
                if (!workspaces_find(workspaces, real))
                        r = workspaces_copy_remembered(state, path, real, trusted);
                if (r == 0)
                        r = state_remove_root(state, path);
                if (r == 0)
                        (void) state_set_toolchain(state, path, NULL);
                else
                        log_warning("the list of roots cannot be changed: %s", strerror(-r));
        }
        workspaces_start(workspaces, real ?: path, trusted);
}

void workspaces_start_remembered(Workspaces *workspaces) {
        Strings roots[2] = {}; /* by trust */
        int r;

        r = state_each_root(workspaces->core->state, workspaces_collect_root, roots);
        if (r < 0)
                log_warning("the list of roots cannot be read: %s", strerror(-r));
        for (size_t trusted = 0; trusted < 2; trusted++) {
                for (size_t i = 0; i < roots[trusted].n; i++)
                        workspaces_start_one(workspaces, roots[trusted].items[i], trusted);
                strings_deinit(&roots[trusted]);
        }
}

void workspaces_start_configured(Workspaces *workspaces) {
        const Strings *roots = &workspaces->core->config->roots;

        for (size_t i = 0; i < roots->n; i++) {
                _cleanup_(freep) char *real = workspaces_resolve(roots->items[i]);

                workspaces_start(workspaces, real ?: roots->items[i], false);
        }
}

int workspaces_add(Workspaces *workspaces, const char *path, bool trust, RootView *ret,
                   Problem *problem) {
        _cleanup_(freep) char *real = realpath(path, NULL);
        State *state = workspaces->core->state;
        Workspace *workspace;
        struct stat st;
        int r;

        if (!real || stat(real, &st) < 0)
                return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
        if (!S_ISDIR(st.st_mode))
                return problem_set(problem, -ENOTDIR, "%s is not a directory", path);

        workspace = workspaces_find(workspaces, real);
        if (workspace) {
                workspace_set_trusted(workspace, trust);
        } else {
                r = workspaces_insert(workspaces, real, trust, &workspace);
                if (r < 0)
                        return problem_set(problem, r, "%s cannot be watched: %s", path,
                                           r == -ENOSPC ? "too many roots" : strerror(-r));
        }
        r = state_add_root(state, real, trust);
        if (r < 0)
                log_warning("the new root will be forgotten at the next start: %s", strerror(-r));
        *ret = workspace_view(workspace);
        events_emit_root(&workspaces->core->events, ret);
        return 0;
}

/* A root that was moved away may have left a link: then it is meant by what that leads to. */
static Workspace *workspaces_find_meant(const Workspaces *workspaces, const char *root) {
        Workspace *workspace = workspaces_find(workspaces, root);

        for (size_t i = 0; !workspace && i < workspaces->n; i++) {
                _cleanup_(freep) char *real =
                        workspaces_resolve(workspace_root(workspaces->items[i]));

                if (real && strcmp(real, root) == 0)
                        workspace = workspaces->items[i];
        }
        return workspace;
}

int workspaces_remove(Workspaces *workspaces, const char *path, Problem *problem) {
        _cleanup_(freep) char *real = workspaces_resolve(path), *root = NULL;
        const Workspace *workspace;
        size_t index = 0;

        workspace = workspaces_find_meant(workspaces, real ?: path);
        if (!workspace)
                return problem_set(problem, -ENOENT, "%s is not watched", path);
        root = strdup(workspace_root(workspace));
        if (!root)
                return problem_set(problem, -ENOMEM, "%s: %s", path, strerror(ENOMEM));

        while (workspaces->items[index] != workspace)
                index++;
        (void) state_remove_root(workspaces->core->state, root);
        (void) state_set_toolchain(workspaces->core->state, root, NULL);
        workspaces_drop(workspaces, index);
        events_emit_root(&workspaces->core->events,
                         &(RootView){ .path = root, .state = "unwatched" });
        return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

bool workspaces_after_events(Workspaces *workspaces) {
        bool more = false;

        for (size_t i = 0; i < workspaces->n; i++)
                more |= workspace_after_events(workspaces->items[i]);
        return more;
}

bool workspaces_have_strays(const Workspaces *workspaces) {
        for (size_t i = 0; i < workspaces->n; i++)
                if (workspace_has_strays(workspaces->items[i]))
                        return true;
        return false;
}

void workspaces_check_strays(Workspaces *workspaces) {
        for (size_t i = 0; i < workspaces->n; i++)
                workspace_check_strays(workspaces->items[i]);
}

void workspaces_settled(Workspaces *workspaces, const char *path) {
        for (size_t i = 0; i < workspaces->n; i++)
                workspace_settled(workspaces->items[i], path);
}

void workspaces_retry(Workspaces *workspaces) {
        for (size_t i = 0; i < workspaces->n; i++)
                workspace_retry(workspaces->items[i]);
}

void workspaces_reconsider(Workspaces *workspaces) {
        for (size_t i = 0; i < workspaces->n; i++)
                workspace_reconsider(workspaces->items[i]);
}

int workspaces_each_root(const Workspaces *workspaces, RootViewFn fn, void *userdata) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < workspaces->n; i++) {
                RootView view = workspace_view(workspaces->items[i]);

                r = fn(&view, userdata);
        }
        return r;
}

int workspaces_each_unit(const Workspaces *workspaces, UnitViewFn fn, void *userdata) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < workspaces->n; i++)
                r = workspace_each_unit(workspaces->items[i], fn, userdata);
        return r;
}

int workspaces_each_problem(const Workspaces *workspaces,
                            int (*fn)(const char *text, void *userdata), void *userdata) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < workspaces->n; i++)
                r = workspace_each_problem(workspaces->items[i], fn, userdata);
        return r;
}

/* --- which unit is meant ---------------------------------------------------------------------- */

typedef struct UnitSearch {
        const char *text, *path;
        size_t n;
        UnitView found;
        char list[PROBLEM_MAX / 2];
} UnitSearch;

bool workspaces_unit_is(const UnitView *unit, const char *text, const char *path) {
        size_t n = strlen(unit->net_name);

        if (path && (strcmp(unit->source_path, path) == 0 ||
                     (unit->output_path && strcmp(unit->output_path, path) == 0) ||
                     (unit->artifact_path && strcmp(unit->artifact_path, path) == 0)))
                return true;
        return unit->target && strncmp(text, unit->net_name, n) == 0 && text[n] == '@' &&
               strcmp(text + n + 1, unit->target) == 0;
}

static int workspaces_search(const UnitView *unit, void *userdata) {
        UnitSearch *search = userdata;
        size_t used = strlen(search->list);

        if (!workspaces_unit_is(unit, search->text, search->path))
                return 0;
        search->found = *unit;
        if (search->n++ < WORKSPACES_FIND_MAX)
                (void) snprintf(search->list + used, sizeof(search->list) - used, "%s%s@%s (%s)",
                                used > 0 ? ", " : "", unit->net_name, unit->target ?: "",
                                unit->source_path);
        return 0;
}

int workspaces_find_unit(const Workspaces *workspaces, const char *text, const char *path,
                         UnitView *ret, Problem *problem) {
        UnitSearch search = { .text = text, .path = path };
        int r;

        r = workspaces_each_unit(workspaces, workspaces_search, &search);
        if (r < 0)
                return r;
        if (search.n == 0)
                return problem_set(problem, -ENOENT,
                                   "there is no unit %s; 'dpucc-client status' names them, "
                                   "'dpucc-client list' has keys, of which 8 digits are enough",
                                   text);
        if (search.n > 1)
                return problem_set(problem, -ENOTUNIQ, "%s may be any of: %s", text, search.list);
        *ret = search.found;
        return 0;
}
