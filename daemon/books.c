#include "daemon/books.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"

/* ---- reporting ------------------------------------------------------------------------------ */

static void books_emit(Watch *watch, const WatchEvent *event) {
        if (watch->sink && !event->root->removed)
                watch->sink(event, watch->sink_userdata);
}

void books_emit_root(Watch *watch, WatchKind kind, WatchRoot *root) {
        const WatchEvent event = {
                .kind = kind, .root = root, .path = root->path, .epoch = root->epoch
        };

        books_emit(watch, &event);
}

void books_emit_file(Watch *watch, WatchKind kind, const TreeFile *file) {
        char path[PATH_MAX];
        WatchEvent event = {
                .kind = kind,
                .root = file->node.parent->root,
                .path = path,
                .id = file->id,
                .epoch = file->node.parent->root->epoch,
        };

        if (tree_path(file->node.parent, file->node.name, path) == 0)
                books_emit(watch, &event);
}

/* Exhausted resources are reported once for the whole root: with a thousand directories that
 * get no watch, the first says it all. */
static bool books_is_told(const TreeDir *dir, WatchTrouble trouble) {
        const TreeDir *parent = dir->node.parent;

        switch (trouble) {
        case WATCH_TROUBLE_WATCHES:
        case WATCH_TROUBLE_INSTANCES:
        case WATCH_TROUBLE_RESOURCES:
        case WATCH_TROUBLE_TOO_MANY:
                return dir->root->told & (1u << trouble);
        case WATCH_TROUBLE_FILESYSTEM:
        case WATCH_TROUBLE_PERMISSION:
        case WATCH_TROUBLE_TOO_DEEP:
                break;
        }
        return parent && parent->trouble == (int) trouble;
}

void books_tell(Watch *watch, TreeDir *dir, WatchTrouble trouble) {
        char path[PATH_MAX];
        WatchEvent event = {
                .kind = WATCH_DEGRADED,
                .root = dir->root,
                .path = path,
                .trouble = trouble,
                .epoch = dir->root->epoch,
        };

        if (books_is_told(dir, trouble) || tree_path(dir, NULL, path) < 0)
                return;

        dir->root->told |= 1u << trouble;
        books_emit(watch, &event);
}

void books_announce(Watch *watch) {
        WatchRoot *root;

        watch->announce_due = false;
        TAILQ_FOREACH(root, &watch->roots, link) {
                if (root->n_queued > 0 || !root->dir)
                        continue;
                if (root->told != 0 && root->n_degraded == 0) {
                        root->told = 0;
                        books_emit_root(watch, WATCH_RECOVERED, root);
                }
                if (root->announce) {
                        root->announce = false;
                        /* the way to it may be another one by now, and is to be watched */
                        root->doubtful |= !root->replaced;
                        root->replaced = false;
                        books_emit_root(watch, WATCH_SCANNED, root);
                }
        }
}

void books_say_pending(Watch *watch) {
        WatchRoot *root;

        TAILQ_FOREACH(root, &watch->roots, link) {
                if (root->say_gone)
                        books_emit_root(watch, WATCH_ROOT_GONE, root);
                root->say_gone = false;
        }
}

/* ---- directories and files ------------------------------------------------------------------- */

void books_enqueue(Watch *watch, TreeDir *dir, bool deep, bool doubt) {
        if (dir->doomed)
                return;

        dir->deep |= deep;
        dir->doubt |= doubt;
        if (dir->queued)
                return;

        dir->queued = true;
        dir->root->n_queued++;
        TAILQ_INSERT_TAIL(&watch->queue, dir, queue_link);
}

void books_end_scan(Watch *watch) {
        scan_close(&watch->scan);
        watch->scan_dir->root->n_queued--;
        watch->scan_dir = NULL;
        watch->announce_due = true;
}

static void books_unlink(Watch *watch, TreeDir *dir) {
        if (dir->queued) {
                TAILQ_REMOVE(&watch->queue, dir, queue_link);
                dir->queued = false;
                dir->root->n_queued--;
        }
        if (watch->scan_dir == dir)
                books_end_scan(watch);
}

/* A directory that may not be read is tried again when its mode changes, of which the parent's
 * watch tells; for a root nobody does. */
static bool books_needs_polling(const TreeDir *dir, int trouble) {
        return trouble == WATCH_TROUBLE_WATCHES || trouble == WATCH_TROUBLE_INSTANCES ||
               trouble == WATCH_TROUBLE_FILESYSTEM || trouble == WATCH_TROUBLE_RESOURCES ||
               (trouble == WATCH_TROUBLE_PERMISSION && !dir->node.parent);
}

/* a directory counts once, whatever is wrong with it */
void books_set_degraded(Watch *watch, TreeDir *dir, int trouble, bool left_out) {
        bool was = dir->trouble >= 0 || dir->left_out, is = trouble >= 0 || left_out;
        bool polled = books_needs_polling(dir, trouble);

        if (is && !was)
                dir->root->n_degraded++;
        if (was && !is)
                dir->root->n_degraded--;
        if (polled && !dir->polled)
                TAILQ_INSERT_TAIL(&watch->polled, dir, poll_link);
        if (!polled && dir->polled)
                TAILQ_REMOVE(&watch->polled, dir, poll_link);
        dir->trouble = trouble;
        dir->left_out = left_out;
        dir->polled = polled;
}

static void books_leave_out(Watch *watch, TreeDir *dir, WatchTrouble trouble) {
        if (watch->scan_dir == dir)
                watch->scan_left_out = true;
        if (dir->left_out)
                return;

        books_set_degraded(watch, dir, dir->trouble, true);
        books_tell(watch, dir, trouble);
}

int books_not_added(Watch *watch, TreeDir *dir, int r) {
        if (r == -ENOSPC)
                books_leave_out(watch, dir, WATCH_TROUBLE_TOO_MANY);
        else if (r == -ENAMETOOLONG)
                books_leave_out(watch, dir, WATCH_TROUBLE_TOO_DEEP);
        else
                return r;
        return 0;
}

int books_add_dir(Watch *watch, TreeDir *parent, const char *name) {
        TreeDir *dir;
        int r;

        if (parent->depth == WATCH_DEPTH_MAX)
                return books_not_added(watch, parent, -ENAMETOOLONG);

        r = tree_add_dir(&watch->tree, parent, name, &dir);
        if (r < 0)
                return books_not_added(watch, parent, r);

        dir->root = parent->root;
        dir->root->n_directories++;
        books_enqueue(watch, dir, false, false);
        return 0;
}

void books_remove_file(Watch *watch, TreeFile *file) {
        books_emit_file(watch, WATCH_FILE_GONE, file);
        file->node.parent->n_files--;
        file->node.parent->root->n_files--;
        tree_remove(&watch->tree, &file->node);
}

bool books_is_doomed(const TreeDir *dir) {
        for (; dir; dir = dir->node.parent)
                if (dir->doomed)
                        return true;
        return false;
}

void books_doom(Watch *watch, TreeDir *dir) {
        if (books_is_doomed(dir))
                return;

        books_unlink(watch, dir);
        tree_hide(&watch->tree, &dir->node);
        dir->doomed = true;
        TAILQ_INSERT_TAIL(&watch->doomed, dir, queue_link);
        if (!dir->node.parent) {
                dir->root->dir = NULL;
                dir->root->leaving = true;
        }
}

WatchRoot *books_free_root(WatchRoot *root) {
        if (root) {
                way_deinit(&root->way);
                free(root->path);
                free(root);
        }
        return NULL;
}

static void books_root_has_left(Watch *watch, WatchRoot *root) {
        root->leaving = false;
        if (root->removed) {
                books_free_root(root);
                return;
        }
        way_leave(&root->way, &watch->notify);
        root->announce = root->replaced = root->unguarded = false;
        root->told = 0;
        books_emit_root(watch, WATCH_ROOT_GONE, root);
}

static void books_remove_dir(Watch *watch, TreeDir *dir) {
        WatchRoot *root = dir->root;
        bool is_root = !dir->node.parent;

        books_unlink(watch, dir);
        books_set_degraded(watch, dir, -1, false);
        notify_detach(&watch->notify, dir);
        if (dir->doomed)
                TAILQ_REMOVE(&watch->doomed, dir, queue_link);
        tree_remove(&watch->tree, &dir->node);
        root->n_directories--;
        watch->announce_due = true;
        if (is_root)
                books_root_has_left(watch, root);
}

void books_step_doomed(Watch *watch) {
        TreeDir *dir = TAILQ_FIRST(&watch->doomed);
        TreeNode *child;

        while ((child = TAILQ_FIRST(&dir->children)) && child->is_directory)
                dir = tree_dir(child);
        if (child)
                books_remove_file(watch, tree_file(child));
        else
                books_remove_dir(watch, dir);
}

/* ---- roots ----------------------------------------------------------------------------------- */

int books_enter_root(Watch *watch, WatchRoot *root) {
        struct stat st;
        TreeDir *dir;
        StatId id;
        int r;

        if (lstat(root->path, &st) < 0 || !S_ISDIR(st.st_mode))
                return 0;
        id = stat_id_of(&st);
        if (root->unmounted && stat_id_is_same_file(&id, &root->under))
                return 0;

        r = tree_add_dir(&watch->tree, NULL, root->path, &dir);
        if (r < 0)
                return r;

        dir->root = root;
        root->dir = dir;
        root->n_directories++;
        root->announce = true;
        root->unmounted = false;
        books_enqueue(watch, dir, false, false);
        return 1;
}

void books_doubt_roots(Watch *watch) {
        WatchRoot *root;

        TAILQ_FOREACH(root, &watch->roots, link) {
                root->doubtful = true;
        }
}

void books_root_unmounted(Watch *watch, WatchRoot *root) {
        if (file_stat_id(AT_FDCWD, root->path, &root->under) == 0)
                root->unmounted = true;
        books_doom(watch, root->dir);
}

void books_lose(Watch *watch, WatchRoot *root) {
        if (!root->dir)
                return;

        root->epoch++;
        root->announce = true;
        books_emit_root(watch, WATCH_LOST, root);
        books_enqueue(watch, root->dir, true, true);
}
