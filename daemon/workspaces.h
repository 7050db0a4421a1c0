#pragma once

/*
 * The watched roots: all workspaces of an engine
 *
 * Which directories are watched, and what is in them as a whole. The list is sorted by root and
 * kept in the state over restarts. A workspace that is dropped leaves the list at once and ends
 * later: workspaces_are_over().
 *
 * Owned by the engine, which gives it the watcher; loop thread only. Errors come with a problem
 * for people where there is a parameter for it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "daemon/view.h"

#define WORKSPACES_STRAY_MS 2000 /* between two calls of workspaces_check_strays() */

typedef struct Core Core;
typedef struct Watch Watch;
typedef struct Workspace Workspace;

typedef struct Workspaces {
        Core *core;
        Watch *watch;
        Workspace **items; /* open ones, sorted by root */
        size_t n, capacity;
        unsigned n_closing;
} Workspaces;

void workspaces_init(Workspaces *workspaces, Core *core);
void workspaces_deinit(Workspaces *workspaces); /* all must have ended */

/* Those of the last run, those of the configuration; watched is what the symbolic links on the way
 * lead to now. One that cannot be watched is told about and does not keep the others from it. */
void workspaces_start_remembered(Workspaces *workspaces);
void workspaces_start_configured(Workspaces *workspaces);

/* Ends all of them. */
void workspaces_stop(Workspaces *workspaces);
bool workspaces_are_over(const Workspaces *workspaces); /* nothing of a dropped one is left */

int workspaces_add(Workspaces *workspaces, const char *path, bool trust, RootView *ret,
                   Problem *problem);
/* Of a root that was moved away and left a link, @path is what that leads to. -ENOENT */
int workspaces_remove(Workspaces *workspaces, const char *path, Problem *problem);

/* The innermost that holds @path, or NULL. */
Workspace *workspaces_containing(const Workspaces *workspaces, const char *path);

/* What concerns each of them (workspace.h). */
bool workspaces_after_events(Workspaces *workspaces);
bool workspaces_have_strays(const Workspaces *workspaces);
void workspaces_check_strays(Workspaces *workspaces);
void workspaces_settled(Workspaces *workspaces, const char *path);
void workspaces_retry(Workspaces *workspaces);
void workspaces_reconsider(Workspaces *workspaces);

/* Each stops early when @fn returns non-zero and returns that. */
int workspaces_each_root(const Workspaces *workspaces, RootViewFn fn, void *userdata);
int workspaces_each_unit(const Workspaces *workspaces, UnitViewFn fn, void *userdata);
int workspaces_each_problem(const Workspaces *workspaces,
                            int (*fn)(const char *text, void *userdata), void *userdata);

/* Is the unit what @text means? @path is @text made absolute, or NULL. */
bool workspaces_unit_is(const UnitView *unit, const char *text, const char *path);
/* contract: engine_find_unit() */
int workspaces_find_unit(const Workspaces *workspaces, const char *text, const char *path,
                         UnitView *ret, Problem *problem);
