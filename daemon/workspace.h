#pragma once

/*
 * Workspaces: one watched root with its sources, arch files and project file
 *
 * Turns the watcher's events into changes of sources, arch files and project, and pairs again
 * what they affect. A bad project file or arch file leaves the last good one in force and says
 * so. The same data serves asks: workspace_refresh() first makes it what the file system says,
 * whatever inotify did, by the very functions that the events call.
 *
 * Owned by the engine. workspace_close() ends all its units; when the last is done,
 * @closed is called and the workspace freed.
 */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/pairing.h"
#include "daemon/source.h"
#include "daemon/view.h"
#include "daemon/watch.h"

typedef struct Core Core;
typedef struct Workspace Workspace;
typedef struct Unit Unit;

int workspace_new(Workspace **ret, Core *core, Watch *watch, const char *root, bool trusted);
typedef void (*WorkspaceClosedFn)(Workspace *workspace, void *userdata);
void workspace_close(Workspace *workspace, WorkspaceClosedFn closed, void *userdata);

Core *workspace_core(const Workspace *workspace);
const char *workspace_root(const Workspace *workspace);
bool workspace_is_trusted(const Workspace *workspace);
void workspace_set_trusted(Workspace *workspace, bool trusted);
bool workspace_is_scanning(const Workspace *workspace);
const char *workspace_project_problem(const Workspace *workspace); /* or NULL */

/* Everything that is wrong with the project file: that it cannot be read, or the models in it that
 * are no files. Stops early when @fn returns non-zero and returns that. -ENOMEM. */
typedef int (*WorkspaceProblemFn)(const char *text, void *userdata);
int workspace_each_problem(const Workspace *workspace, WorkspaceProblemFn fn, void *userdata);

void workspace_handle(Workspace *workspace, const WatchEvent *event);
/* What must wait until the watcher is not calling us. True if there is more to dispatch. */
bool workspace_after_events(Workspace *workspace);
void workspace_settled(Workspace *workspace, const char *path);
/* The configuration changed: pairs and looks up everything again. */
void workspace_reconsider(Workspace *workspace);

/* What could not be read is read again; units whose toolchain was not to be had look again. */
void workspace_retry(Workspace *workspace);

/* Makes what is known of @source_path's targets what the file system says. -errno with @problem:
 * that could not be read. */
int workspace_refresh(Workspace *workspace, const char *source_path, Problem *problem);
/* The file is looked at even if inotify said nothing. */
void workspace_poke(Workspace *workspace, const char *source_path);

/* Sources that were found so and that the watcher does not know: it would not tell that they are
 * gone. They are looked after now and then, and when somebody waits for all that was saved. */
bool workspace_has_strays(const Workspace *workspace);
void workspace_check_strays(Workspace *workspace);

int workspace_pair(Workspace *workspace, const char *source_path, Pairs *ret);

/* The path of another source, a unit of which delivers to the same file as @unit. Or NULL. */
const char *workspace_find_rival(const Workspace *workspace, const Unit *unit);
/* For one who has the artifact @key of @pair and wants it in its output_dir, too: if the unit has
 * it, it looks whether the file is still there; and how far is that? */
void workspace_redeliver(Workspace *workspace, const char *source_path, const Pair *pair,
                         const Digest *key);
Delivered workspace_delivered(const Workspace *workspace, const char *source_path, const Pair *pair,
                              const Digest *key, const char **ret_problem);
/* Until that is known, what is done about @source_path goes first. */
void workspace_prefer(Workspace *workspace, const char *source_path);
bool workspace_is_output(const Workspace *workspace, const char *path);

/* called by sources only */
void workspace_source_over(Workspace *workspace, Source *source);

RootView workspace_view(Workspace *workspace);
/* in order of path */
int workspace_each_unit(Workspace *workspace, UnitViewFn fn, void *userdata);
