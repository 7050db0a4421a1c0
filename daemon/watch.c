#include "daemon/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "daemon/books.h"
#include "daemon/notify.h"
#include "daemon/scan.h"
#include "daemon/tree.h"

/*
 * How this stays right
 *
 * An event is not believed, it is a reason to look. By the time it is read, the name it carries
 * may mean something else or nothing. So each one ends in watch_look_file() or watch_look_dir(),
 * which compare what is there now with what the tree says and mend the difference. Whatever
 * happened since has its own event further back in the queue, and looking twice does no harm.
 * That a directory is the one we watch is asked of the kernel by adding the watch again: the
 * same inode gives the same watch descriptor.
 *
 * A rename inside a root is therefore a disappearance and an appearance. Pairing the two by
 * cookie would save the scan, but every file below has a new path, and that is what has to be
 * reported either way.
 *
 * Work comes in pieces of similar size, so that a dispatch can stop anywhere:
 *
 *   doomed   a directory that is gone is taken out of the tree at once, and taken apart leaf by
 *            leaf, with a GONE for each file. This goes before everything else: a directory of
 *            the same name may be there again, and its files must be reported after the old
 *            ones are gone. It also keeps the parents of what is taken apart alive.
 *   events   and scans take turns: events must not overflow while a big tree is read, and a
 *            noisy tree must not keep another from being read.
 *   doubts   whether a root is still what is at its path, when nothing else is left to do: after
 *            it was read, and after something happened to a directory above it (way.h).
 *   scans    one directory is open at a time, the others wait in a queue that is linked through
 *            the directories themselves. Queueing thus cannot fail, and that is what
 *            every failed allocation falls back to: read that directory again, later.
 *
 * A scan first adds the watch and then reads, so what is created in between is met by one of
 * them or by both. What it does not meet is swept afterwards. A scan is deep if it goes on to
 * directories that are known already (after a loss), and in doubt if events may be missing: it
 * then reports also those files whose stat identity was taken so soon after their last
 * change that a further one within the clock's granularity would not show.
 */

/* A stat identity is racy if the file was changed this shortly before it was taken: the
 * coarsest time stamps in use (FAT) have two seconds. */
#define WATCH_RACY_NS (2 * CLOCK_NS_PER_S)

/* ---- looking -------------------------------------------------------------------------------- */

static bool watch_is_missing(int r) {
        return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

/* What stat(2) says of a file that is not there for us: no such name, a link that leads nowhere, no
 * permission. Any other error says nothing about the file. */
static bool watch_is_absent(int r) {
        return watch_is_missing(r) || r == -EACCES || r == -EPERM || r == -ENAMETOOLONG ||
               r == -ESTALE;
}

/* the part of the watch's path that filters see; @dir and @name are what it was made of */
static const char *watch_relative(const Watch *watch, const TreeDir *dir) {
        return watch->path + dir->root->dir->path_size + 1;
}

/* -ENAMETOOLONG, or 1 if the filter does not want it */
static int watch_enter(Watch *watch, TreeDir *dir, const char *name, bool is_directory) {
        const WatchFilter *filter = &dir->root->filter;
        int r;

        r = tree_path(dir, name, watch->path);
        if (r < 0)
                return r;
        return filter->ignored(watch_relative(watch, dir), is_directory, filter->userdata);
}

/* Is a directory that we know still there, and still the same one? */
static void watch_check_dir(Watch *watch, TreeDir *dir) {
        char path[PATH_MAX];
        int r;

        if (tree_path(dir, NULL, path) < 0)
                return;

        r = notify_attach(&watch->notify, dir, path, dir->n_files > 0);
        if (watch_is_missing(r)) {
                books_doom(watch, dir);
                return;
        }
        tree_see(&dir->node);
        if (r != NOTIFY_SAME)
                books_enqueue(watch, dir, true, true);
        else if (dir->trouble == WATCH_TROUBLE_PERMISSION)
                books_enqueue(watch, dir, false, true);
}

static int watch_look_dir(Watch *watch, TreeDir *parent, const char *name) {
        TreeNode *node = tree_find(&watch->tree, parent, name);
        int r;

        if (node && node->is_directory) {
                watch_check_dir(watch, tree_dir(node));
                return 0;
        }
        if (node)
                books_remove_file(watch, tree_file(node));

        r = watch_enter(watch, parent, name, true);
        if (r > 0)
                return 0;
        return r < 0 ? books_not_added(watch, parent, r) : books_add_dir(watch, parent, name);
}

/* What was learnt about a file that is there. */
typedef enum WatchSight {
        WATCH_SAW_SAVE,
        WATCH_SAW_WRITE,
        WATCH_SAW_TOUCH, /* its inode changed, perhaps only its mode */
        WATCH_SAW_IT,    /* a scan came by */
} WatchSight;

static bool watch_is_racy(const StatId *id) {
        int64_t age = clock_real_ns() - id->ctime_ns;

        return age < WATCH_RACY_NS && age > -WATCH_RACY_NS;
}

/* is a sight of a known file worth reporting? */
static bool watch_is_news(const Watch *watch, const TreeFile *file, const StatId *id,
                          WatchSight sight) {
        bool differs = !stat_id_equal(&file->id, id);
        bool doubt = watch->scan_doubt && watch->scan_dir == file->node.parent;

        switch (sight) {
        case WATCH_SAW_SAVE:
        case WATCH_SAW_WRITE:
                return true;
        case WATCH_SAW_TOUCH:
                return differs && !file->writing;
        case WATCH_SAW_IT:
                if (doubt && (file->writing || file->racy))
                        return true;
                return differs && !file->writing;
        }
        return true;
}

static int watch_add_file(Watch *watch, TreeDir *dir, const char *name, TreeFile **ret) {
        int r;

        r = tree_add_file(&watch->tree, dir, name, ret);
        if (r < 0)
                return r;

        dir->root->n_files++;
        if (dir->n_files++ == 0 && dir->mark)
                watch_check_dir(watch, dir); /* from now on IN_MODIFY too */
        return 0;
}

/* Where no events come, a file that was changed a moment ago may still be being written: it
 * has to look the same at the next poll. */
static WatchSight watch_sight_of_scanned(const TreeDir *dir, const TreeFile *known,
                                         const StatId *id) {
        bool blind = !dir->mark || dir->remote;

        if (blind && watch_is_racy(id) && !(known && stat_id_equal(&known->id, id)))
                return WATCH_SAW_WRITE;
        return WATCH_SAW_IT;
}

/* @name in @dir is a regular file (or leads to one) that is wanted */
static int watch_note_file(Watch *watch, TreeDir *dir, const char *name, const struct stat *st,
                           WatchSight sight) {
        TreeNode *node = tree_find(&watch->tree, dir, name);
        StatId id = stat_id_of(st);
        TreeFile *file = NULL;
        bool news = true;
        int r;

        if (node && node->is_directory)
                books_doom(watch, tree_dir(node));
        else if (node)
                file = tree_file(node);

        if (sight == WATCH_SAW_IT)
                sight = watch_sight_of_scanned(dir, file, &id);
        if (file) {
                news = watch_is_news(watch, file, &id, sight);
                tree_see(node);
        } else {
                r = watch_add_file(watch, dir, name, &file);
                if (r < 0)
                        return books_not_added(watch, dir, r);
        }
        if (!news)
                return 0;

        file->id = id;
        file->racy = watch_is_racy(&id);
        file->writing = sight == WATCH_SAW_WRITE;
        books_emit_file(watch, file->writing ? WATCH_FILE_WRITING : WATCH_FILE_CHANGED, file);
        return 0;
}

/* What a created name means. Usually the file is empty, and will be written and closed. But a link
 * is complete, and nothing will be closed; if its other name is gone already (ln, rm; or there
 * never was one: O_TMPFILE), it still shows in the times: a write sets both, linking only one. */
static bool watch_is_linked(const struct stat *st) {
        const struct timespec *written = &st->st_mtim, *changed = &st->st_ctim;

        if (S_ISLNK(st->st_mode) || st->st_nlink > 1)
                return true;
        return st->st_size > 0 &&
               (written->tv_sec != changed->tv_sec || written->tv_nsec != changed->tv_nsec);
}

static WatchSight watch_sight_of_created(const struct stat *link, const TreeFile *known) {
        StatId id = stat_id_of(link);

        if (watch_is_linked(link))
                return WATCH_SAW_SAVE;
        return known && stat_id_equal(&known->id, &id) ? WATCH_SAW_IT : WATCH_SAW_WRITE;
}

static WatchSight watch_sight(uint32_t mask, const struct stat *link, const TreeFile *known) {
        if (mask & (IN_CLOSE_WRITE | IN_MOVED_TO))
                return WATCH_SAW_SAVE;
        if (mask & IN_CREATE)
                return watch_sight_of_created(link, known);
        return mask & IN_MODIFY ? WATCH_SAW_WRITE : WATCH_SAW_TOUCH;
}

/* -ENOENT: it is there, and is no file */
static int watch_stat(const char *path, struct stat *ret_link, struct stat *ret) {
        if (lstat(path, ret_link) < 0 || stat(path, ret) < 0)
                return error_from_errno();
        return S_ISREG(ret->st_mode) ? 0 : -ENOENT;
}

static int watch_look_file(Watch *watch, TreeDir *dir, const char *name, uint32_t mask) {
        TreeNode *node = tree_find(&watch->tree, dir, name);
        TreeFile *file = node && !node->is_directory ? tree_file(node) : NULL;
        struct stat link, st;
        int r;

        if (file && file->writing && mask & IN_MODIFY) {
                books_emit_file(watch, WATCH_FILE_WRITING, file);
                return 0;
        }
        r = watch_enter(watch, dir, name, false);
        if (r != 0)
                return r < 0 ? books_not_added(watch, dir, r) : 0;

        r = watch_stat(watch->path, &link, &st);
        if (r < 0) {
                if (!watch_is_absent(r))
                        books_enqueue(watch, dir, false, true);
                else if (file)
                        books_remove_file(watch, file);
                return 0;
        }
        if (mask & (IN_DELETE | IN_MOVED_FROM))
                return 0; /* there again: another event says how */
        return watch_note_file(watch, dir, name, &st, watch_sight(mask, &link, file));
}

/* ---- events --------------------------------------------------------------------------------- */

static void watch_on_self(Watch *watch, TreeDir *dir, uint32_t mask) {
        if (mask & IN_UNMOUNT && !dir->node.parent)
                books_root_unmounted(watch, dir->root);
        else if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED))
                watch_check_dir(watch, dir);
        else if (mask & IN_ATTRIB && dir->trouble == WATCH_TROUBLE_PERMISSION)
                books_enqueue(watch, dir, false, true);
}

static int watch_on_name(Watch *watch, TreeDir *dir, const NotifyEvent *event) {
        const WatchFilter *filter = &dir->root->filter;
        int r = 0;

        if (event->mask & IN_ISDIR) {
                /* a mode that changed matters only where it kept us out */
                if (!(event->mask & IN_ATTRIB) || tree_find(&watch->tree, dir, event->name))
                        r = watch_look_dir(watch, dir, event->name);
        } else if (filter->wanted(event->name, filter->userdata))
                r = watch_look_file(watch, dir, event->name, event->mask);

        if (r < 0)
                books_enqueue(watch, dir, false, true);
        return r;
}

/* the kernel has dropped a watch: with its directory, its file system, or at our request */
static void watch_on_ignored(Watch *watch, int wd) {
        NotifyMark *mark;

        while ((mark = notify_mark(&watch->notify, wd))) {
                TreeDir *dir = LIST_FIRST(&mark->dirs);

                if (!dir) { /* it was on the way to a root */
                        notify_lose(&watch->notify, mark);
                        books_doubt_roots(watch);
                        break;
                }
                notify_detach(&watch->notify, dir);
                watch_on_self(watch, dir, IN_IGNORED);
        }
}

static bool watch_is_of_way(const Watch *watch, const NotifyEvent *event) {
        const NotifyMark *mark =
                event->mask & IN_MOVE_SELF ? notify_mark(&watch->notify, event->wd) : NULL;

        return mark && mark->n_held > 0;
}

static TreeDir *watch_next_of_mark(const Watch *watch, int wd) {
        NotifyMark *mark = notify_mark(&watch->notify, wd);
        TreeDir *dir;

        if (!mark)
                return NULL;
        LIST_FOREACH(dir, &mark->dirs, same_mark) {
                if (dir->turn != watch->turn)
                        return dir;
        }
        return NULL;
}

static int watch_on_event(Watch *watch, const NotifyEvent *event) {
        WatchRoot *root;
        TreeDir *dir;
        int ret = 0;

        if (event->mask & IN_Q_OVERFLOW) {
                TAILQ_FOREACH(root, &watch->roots, link) {
                        books_lose(watch, root);
                }
                return 0;
        }
        if (event->mask & IN_IGNORED) {
                watch_on_ignored(watch, event->wd);
                return 0;
        }

        if (watch_is_of_way(watch, event))
                books_doubt_roots(watch);

        /* handling one directory of the mark may take it or others out of its list */
        watch->turn++;
        while ((dir = watch_next_of_mark(watch, event->wd))) {
                int r = 0;

                dir->turn = watch->turn;
                if (books_is_doomed(dir))
                        continue;
                if (event->name)
                        r = watch_on_name(watch, dir, event);
                else
                        watch_on_self(watch, dir, event->mask);
                if (r < 0)
                        ret = r;
        }
        return ret;
}

/* ---- scans ---------------------------------------------------------------------------------- */

static int watch_trouble_of_attach(int r) {
        switch (-r) {
        case EACCES:
        case EPERM:
                return WATCH_TROUBLE_PERMISSION;
        case ENOSPC:
                return WATCH_TROUBLE_WATCHES;
        case EMFILE:
                return WATCH_TROUBLE_INSTANCES;
        default:
                return r < 0 ? WATCH_TROUBLE_RESOURCES : -1;
        }
}

/* Is it the one that was read last? Of directories no more than that is kept. */
static bool watch_is_same_dir(const TreeDir *dir, const struct stat *st) {
        return dir->dev == st->st_dev && dir->ino == st->st_ino;
}

/* The directory that was opened may be another than last time. Where it has got the inode number
 * of the old one, that one was deleted, and IN_IGNORED for it and for what was in it comes. */
static void watch_identify(Watch *watch, TreeDir *dir, const struct stat *st) {
        const TreeDir *parent = dir->node.parent;
        bool known = dir->scan_id > 1 && dir->ino != 0;

        if (known && !watch_is_same_dir(dir, st)) {
                watch->scan_deep = true;
                watch->scan_doubt = true;
                if (!parent) {
                        dir->root->epoch++;
                        dir->root->announce = true;
                        books_emit_root(watch, WATCH_LOST, dir->root);
                }
        }
        dir->dev = st->st_dev;
        dir->ino = st->st_ino;
        dir->remote = parent && parent->dev == dir->dev ? parent->remote
                                                        : scan_is_without_events(&watch->scan);
}

/* Watches the directory, then opens it. Returns its trouble, or -1, in @ret_trouble; 0, or what
 * it failed with. */
static int watch_open_scan(Watch *watch, TreeDir *dir, int *ret_trouble) {
        int attached, trouble, r;
        struct stat st;

        r = tree_path(dir, NULL, watch->path);
        if (r < 0)
                return r;

        attached = notify_attach(&watch->notify, dir, watch->path, dir->n_files > 0);
        if (attached == -ENOMEM || watch_is_missing(attached))
                return attached;

        trouble = watch_trouble_of_attach(attached);
        r = scan_open(&watch->scan, watch->path, &st);
        if (watch_is_missing(r))
                return r;
        if (r == 0)
                watch_identify(watch, dir, &st);
        else
                trouble = r == -EACCES || r == -EPERM ? WATCH_TROUBLE_PERMISSION
                                                      : WATCH_TROUBLE_RESOURCES;
        if (trouble < 0 && dir->remote)
                trouble = WATCH_TROUBLE_FILESYSTEM;
        *ret_trouble = trouble;
        return 0;
}

static int watch_begin_scan(Watch *watch, TreeDir *dir) {
        int trouble, was = dir->trouble, r;

        TAILQ_REMOVE(&watch->queue, dir, queue_link);
        dir->queued = false;
        dir->scan_id++;
        watch->scan_dir = dir;
        watch->scan_deep = dir->deep;
        watch->scan_doubt = dir->doubt;
        watch->scan_left_out = false;
        watch->sweeping = false;
        dir->deep = dir->doubt = false;

        r = watch_open_scan(watch, dir, &trouble);
        if (r == -ENOMEM) {
                books_enqueue(watch, dir, watch->scan_deep, watch->scan_doubt);
                books_end_scan(watch);
                return r;
        }
        if (r < 0) {
                books_doom(watch, dir);
                return 0;
        }

        books_set_degraded(watch, dir, trouble, dir->left_out);
        if (trouble >= 0 && trouble != was)
                books_tell(watch, dir, (WatchTrouble) trouble);
        if (!scan_is_open(&watch->scan)) {
                /* what cannot be read is not there; what could not be read now is kept */
                if (trouble == WATCH_TROUBLE_PERMISSION)
                        watch->sweeping = true;
                else
                        books_end_scan(watch);
        }
        return 0;
}

static int watch_scan_dir_entry(Watch *watch, TreeDir *dir, const char *name) {
        TreeNode *node = tree_find(&watch->tree, dir, name);
        int r;

        r = watch_enter(watch, dir, name, true);
        if (r != 0)
                return r < 0 ? books_not_added(watch, dir, r) : 0;

        if (node && node->is_directory) {
                tree_see(node);
                if (watch->scan_deep || tree_dir(node)->trouble == WATCH_TROUBLE_PERMISSION)
                        books_enqueue(watch, tree_dir(node), watch->scan_deep, watch->scan_doubt);
                return 0;
        }
        if (node)
                books_remove_file(watch, tree_file(node));
        return books_add_dir(watch, dir, name);
}

/* Not to be told now: it stays as it was, and the directory is read again at the next poll. */
static void watch_leave_unseen(Watch *watch, TreeDir *dir, const char *name) {
        TreeNode *node = tree_find(&watch->tree, dir, name);

        if (node)
                tree_see(node);
        books_set_degraded(watch, dir, WATCH_TROUBLE_RESOURCES, dir->left_out);
        books_tell(watch, dir, WATCH_TROUBLE_RESOURCES);
}

static int watch_scan_file_entry(Watch *watch, TreeDir *dir, const char *name) {
        const WatchFilter *filter = &dir->root->filter;
        struct stat st;
        int r;

        if (!filter->wanted(name, filter->userdata))
                return 0;
        r = watch_enter(watch, dir, name, false);
        if (r != 0)
                return r < 0 ? books_not_added(watch, dir, r) : 0;
        r = scan_stat(&watch->scan, name, &st);
        if (r < 0 && !watch_is_absent(r)) {
                watch_leave_unseen(watch, dir, name);
                return 0;
        }
        if (r < 0 || !S_ISREG(st.st_mode))
                return 0; /* swept, if it was known */
        return watch_note_file(watch, dir, name, &st, WATCH_SAW_IT);
}

static int watch_scan_entry(Watch *watch, TreeDir *dir, const ScanEntry *entry) {
        switch (entry->type) {
        case SCAN_DIRECTORY:
                return watch_scan_dir_entry(watch, dir, entry->name);
        case SCAN_FILE:
        case SCAN_LINK:
                return watch_scan_file_entry(watch, dir, entry->name);
        case SCAN_OTHER:
                break;
        }
        return 0;
}

static void watch_step_sweep(Watch *watch) {
        TreeDir *dir = watch->scan_dir;
        TreeNode *unseen = tree_first_unseen(dir);

        if (!unseen) {
                if (dir->left_out && !watch->scan_left_out)
                        books_set_degraded(watch, dir, dir->trouble, false);
                books_end_scan(watch);
        } else if (unseen->is_directory)
                books_doom(watch, tree_dir(unseen));
        else
                books_remove_file(watch, tree_file(unseen));
}

/* one piece of scanning; there is some to be done */
static int watch_step_scan(Watch *watch) {
        TreeDir *dir = watch->scan_dir;
        ScanEntry entry;
        int r;

        if (!dir)
                return watch_begin_scan(watch, TAILQ_FIRST(&watch->queue));
        if (watch->sweeping) {
                watch_step_sweep(watch);
                return 0;
        }

        r = scan_next(&watch->scan, &entry);
        if (r == 0 || watch_is_missing(r)) { /* missing: removed while it was read */
                watch->sweeping = true;
                return 0;
        }
        if (r < 0) {
                books_set_degraded(watch, dir, WATCH_TROUBLE_RESOURCES, dir->left_out);
                books_tell(watch, dir, WATCH_TROUBLE_RESOURCES);
                books_end_scan(watch);
                return 0;
        }

        r = watch_scan_entry(watch, dir, &entry);
        if (r < 0 && watch->scan_dir == dir) {
                books_enqueue(watch, dir, watch->scan_deep, watch->scan_doubt);
                books_end_scan(watch);
        }
        return r;
}

/* ---- the outside ---------------------------------------------------------------------------- */

int watch_new(Watch **ret, size_t nodes_max) {
        Watch *watch;
        int r;

        watch = calloc(1, sizeof(*watch));
        if (!watch)
                return -ENOMEM;

        watch->tree.nodes_max = nodes_max;
        TAILQ_INIT(&watch->roots);
        TAILQ_INIT(&watch->queue);
        TAILQ_INIT(&watch->doomed);
        TAILQ_INIT(&watch->polled);
        scan_init(&watch->scan);
        notify_init(&watch->notify);
        r = notify_open(&watch->notify);
        if (r == -ENOMEM) {
                free(watch);
                return r;
        }

        *ret = watch;
        return 0;
}

Watch *watch_free(Watch *watch) {
        WatchRoot *root;

        if (!watch)
                return NULL;

        notify_close(&watch->notify); /* takes all watches with it, at once */
        while ((root = TAILQ_FIRST(&watch->roots)))
                watch_remove_root(watch, root);
        while (!TAILQ_EMPTY(&watch->doomed))
                books_step_doomed(watch);
        free(watch);
        return NULL;
}

int watch_fd(const Watch *watch) {
        return watch->notify.fd;
}

int watch_add_root(Watch *watch, const char *path, const WatchFilter *filter, void *userdata,
                   WatchRoot **ret) {
        WatchRoot *root;
        int r;

        TAILQ_FOREACH(root, &watch->roots, link) {
                if (strcmp(root->path, path) == 0)
                        return -EEXIST;
        }

        root = calloc(1, sizeof(*root));
        if (!root)
                return -ENOMEM;

        root->filter = *filter;
        root->userdata = userdata;
        root->epoch = 1;
        root->path = strdup(path);
        r = root->path ? way_init(&root->way, path) : -ENOMEM;
        if (r == 0)
                r = books_enter_root(watch, root);
        if (r < 0) {
                books_free_root(root);
                return r;
        }

        root->say_gone = r == 0;
        TAILQ_INSERT_TAIL(&watch->roots, root, link);
        *ret = root;
        return 0;
}

void watch_remove_root(Watch *watch, WatchRoot *root) {
        TAILQ_REMOVE(&watch->roots, root, link);
        way_leave(&root->way, &watch->notify);
        root->removed = true;
        if (root->dir)
                books_doom(watch, root->dir);
        else if (!root->leaving)
                books_free_root(root);
}

void watch_rescan(Watch *watch, WatchRoot *root) {
        if (!root->dir)
                return;
        root->announce = true;
        books_enqueue(watch, root->dir, true, false);
}

static bool watch_has_scans(const Watch *watch) {
        return watch->scan_dir || !TAILQ_EMPTY(&watch->queue);
}

bool watch_is_busy(const Watch *watch) {
        const WatchRoot *root;

        TAILQ_FOREACH(root, &watch->roots, link) {
                if (root->say_gone || root->doubtful)
                        return true;
        }
        return watch->announce_due || watch_has_scans(watch) || !TAILQ_EMPTY(&watch->doomed) ||
               notify_has_more(&watch->notify);
}

/* at most one event; 1, 0 if there was none, or what it failed with */
static int watch_step_event(Watch *watch) {
        NotifyEvent event;
        int r, k;

        r = notify_next(&watch->notify, &event);
        if (r <= 0)
                return r;
        k = watch_on_event(watch, &event);
        return k < 0 ? k : r;
}

/* Its way first: what happens to that later is told. */
static void watch_look_at_root(Watch *watch, WatchRoot *root) {
        struct stat st;

        root->doubtful = false;
        if (!root->dir) {
                if (!root->leaving && books_enter_root(watch, root) > 0)
                        books_emit_root(watch, WATCH_ROOT_BACK, root);
                return;
        }
        root->unguarded = way_watch(&root->way, &watch->notify, root->path) < 0;
        if (lstat(root->path, &st) == 0 && watch_is_same_dir(root->dir, &st))
                return;
        root->replaced = true;
        books_enqueue(watch, root->dir, true, true);
}

/* at most one; false if there was none */
static bool watch_step_doubt(Watch *watch) {
        WatchRoot *root;

        TAILQ_FOREACH(root, &watch->roots, link) {
                if (!root->doubtful)
                        continue;
                watch_look_at_root(watch, root);
                return true;
        }
        return false;
}

static int watch_run(Watch *watch, unsigned budget) {
        bool dry = false;
        int r;

        for (; budget > 0; budget--) {
                if (!TAILQ_EMPTY(&watch->doomed)) {
                        books_step_doomed(watch);
                        continue;
                }
                if (watch->announce_due)
                        books_announce(watch);
                if (!dry) {
                        r = watch_step_event(watch);
                        if (r < 0)
                                return r;
                        dry = r == 0;
                        if (!TAILQ_EMPTY(&watch->doomed))
                                continue;
                }
                if (watch_has_scans(watch)) {
                        r = watch_step_scan(watch);
                        if (r < 0)
                                return r;
                } else if (dry && !watch_step_doubt(watch) && !watch->announce_due)
                        return 0;
        }
        return !dry || watch_is_busy(watch);
}

int watch_dispatch(Watch *watch, WatchSink sink, void *userdata, unsigned budget) {
        int r;

        watch->sink = sink;
        watch->sink_userdata = userdata;
        books_say_pending(watch);
        r = watch_run(watch, budget);
        watch->sink = NULL;
        return r;
}

bool watch_wants_poll(const Watch *watch) {
        const WatchRoot *root;

        TAILQ_FOREACH(root, &watch->roots, link) {
                if (!root->dir || root->unguarded)
                        return true;
        }
        return !TAILQ_EMPTY(&watch->polled) || watch->notify.fd < 0;
}

void watch_poll(Watch *watch) {
        TreeDir *dir;

        if (watch_is_busy(watch))
                return;

        if (watch->notify.fd < 0)
                (void) notify_open(&watch->notify); /* else next time */
        TAILQ_FOREACH(dir, &watch->polled, poll_link) {
                books_enqueue(watch, dir, false, true);
        }
        books_doubt_roots(watch);
}

void watch_doubt_roots(Watch *watch) {
        books_doubt_roots(watch);
}

void *watch_root_userdata(const WatchRoot *root) {
        return root->userdata;
}

WatchRootInfo watch_root_info(const WatchRoot *root) {
        return (WatchRootInfo){
                .epoch = root->epoch,
                .n_directories = root->n_directories,
                .n_files = root->n_files,
                .n_degraded = root->n_degraded,
                .gone = root->dir == NULL,
                .scanning = root->n_queued > 0 || root->announce,
        };
}

void watch_for_each_file(const Watch *watch, const WatchRoot *root, WatchFileFn fn,
                         void *userdata) {
        TreeNode *node, *next;
        char path[PATH_MAX];

        HASH_ITER(hh, watch->tree.nodes, node, next) {
                TreeFile *file = tree_file(node);

                if (node->is_directory || node->parent->root != root ||
                    books_is_doomed(node->parent))
                        continue;
                if (tree_path(node->parent, node->name, path) == 0)
                        fn(path, &file->id, file->writing, userdata);
        }
}

const char *watch_trouble_text(WatchTrouble trouble) {
        switch (trouble) {
        case WATCH_TROUBLE_WATCHES:
                return "no inotify watch left, polled every 2 s: raise the sysctl "
                       "fs.inotify.max_user_watches";
        case WATCH_TROUBLE_INSTANCES:
                return "no inotify instance left, polled every 2 s: raise the sysctl "
                       "fs.inotify.max_user_instances";
        case WATCH_TROUBLE_FILESYSTEM:
                return "this kind of file system does not report changes made elsewhere, polled "
                       "every 2 s";
        case WATCH_TROUBLE_RESOURCES:
                return "cannot be read now (out of file descriptors, or an I/O error), tried again "
                       "every 2 s";
        case WATCH_TROUBLE_PERMISSION:
                return "not readable, left out: give yourself permission to read and search it";
        case WATCH_TROUBLE_TOO_DEEP:
                return "nested too deeply or path too long, left out: keep models nearer to the "
                       "workspace";
        case WATCH_TROUBLE_TOO_MANY:
                return "too many directories and models, left out: watch a smaller directory or "
                       "ignore some in dpucc.json";
        }
        return "unknown trouble";
}
