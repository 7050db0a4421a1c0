#pragma once

/*
 * One inotify instance and its marks
 *
 * inotify gives one watch descriptor per inode, however often a directory is added. The same
 * directory can be known under several paths (a root inside another root, bind mounts), so a
 * mark has a list of the tree's directories. A directory may also be held for its own sake, wherever
 * it is (way.h): then only its renaming is asked for. A mark lives as long as that list is not empty
 * or somebody holds it; the last one to leave takes the kernel's watch away.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/inotify.h>

#include "base/map.h"
#include "daemon/tree.h"

#define NOTIFY_BUFFER_SIZE (32 * 1024)

LIST_HEAD(NotifyDirs, TreeDir);

typedef struct NotifyMark {
        UT_hash_handle hh;
        int wd;
        struct NotifyDirs dirs;
        unsigned n_held;
} NotifyMark;

typedef struct Notify {
        int fd;            /* -1: no instance */
        NotifyMark *marks; /* uthash, by wd */
        size_t at;
        size_t size;
        _Alignas(8) char buffer[NOTIFY_BUFFER_SIZE];
} Notify;

typedef struct NotifyEvent {
        int wd; /* see notify_mark() */
        uint32_t mask;
        const char *name; /* NULL: about the directory itself; borrowed until the next event */
} NotifyEvent;

static inline void notify_init(Notify *notify) {
        notify->fd = -1;
}

int notify_open(Notify *notify); /* -EMFILE, -ENFILE, -ENOMEM */
void notify_close(Notify *notify);

/* Watches @dir, which is at @path now; with @modify also for writes in it. NOTIFY_SAME if what
 * is there is what was watched already, 0 if it was not and now is. -ENOENT, -ENOTDIR, -EACCES,
 * -ENOSPC (max_user_watches), -EMFILE (no instance), -ENOMEM: @dir then is not watched. */
#define NOTIFY_SAME 1
int notify_attach(Notify *notify, TreeDir *dir, const char *path, bool modify);
void notify_detach(Notify *notify, TreeDir *dir);

/* Asks for IN_MOVE_SELF of the directory at @path, in the place of what @wd held. -ENOENT, -ENOTDIR,
 * -EACCES, -ENOSPC, -EMFILE, -ENOMEM as above: then @wd holds nothing. */
#define NOTIFY_NOTHING (-1)
int notify_hold(Notify *notify, const char *path, int *wd);
void notify_release(Notify *notify, int *wd);
/* The kernel has dropped the watch of @mark, which is of no directory of the tree any more. */
void notify_lose(Notify *notify, NotifyMark *mark);

/* NULL for an overflow, and for a watch that is not ours any more. */
NotifyMark *notify_mark(const Notify *notify, int wd);

/* 1 and the next event, 0 when there is none, or what read(2) failed with. */
int notify_next(Notify *notify, NotifyEvent *ret);

/* Events were read from the kernel that notify_next() has not returned yet. */
static inline bool notify_has_more(const Notify *notify) {
        return notify->at < notify->size;
}
