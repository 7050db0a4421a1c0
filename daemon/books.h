#pragma once

/*
 * The watcher's books: what it knows, and what it has said
 *
 * Two parts make a watcher. watch.c finds out: it reads events and directories and compares them
 * with what is known. The books are the other part: the roots, the tree below them, what waits to
 * be read, to be taken apart or to be polled, and what is wrong where. Every change of them is
 * made here, together with the counts that depend on it and the event that tells of it, so that
 * the sink never hears of anything that is not so.
 *
 * A Watch is what watch.c and the books share; nobody else looks into it.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/stat_id.h"
#include "daemon/notify.h"
#include "daemon/scan.h"
#include "daemon/tree.h"
#include "daemon/watch.h"
#include "daemon/way.h"

TAILQ_HEAD(WatchDirs, TreeDir);
TAILQ_HEAD(WatchRoots, WatchRoot);

struct WatchRoot {
        TAILQ_ENTRY(WatchRoot) link; /* Watch.roots, unless removed */
        char *path;
        TreeDir *dir; /* NULL while it is gone */
        Way way;
        WatchFilter filter;
        void *userdata;
        uint64_t epoch;
        size_t n_directories;
        size_t n_files;
        size_t n_degraded;
        size_t n_queued; /* directories waiting to be read or being read */
        unsigned told;   /* troubles reported since the last RECOVERED, a bit each */
        bool say_gone;   /* to be reported by the next dispatch */
        bool doubtful;   /* to be looked at: is what is at its path what is known? */
        bool replaced;   /* it was not, and is being read again for that reason */
        bool unguarded;  /* not all of the way to it can be watched for now */
        bool announce;   /* SCANNED is due when n_queued is 0 */
        bool leaving;    /* its directory is doomed */
        bool removed;    /* freed with its directory */
        bool unmounted;
        StatId under; /* what an unmount uncovered: that is not the root */
};

struct Watch {
        Tree tree;
        Notify notify;
        struct WatchRoots roots;
        struct WatchDirs queue;  /* to be scanned */
        struct WatchDirs doomed; /* to be taken apart */
        struct WatchDirs polled;

        Scan scan;
        TreeDir *scan_dir; /* being scanned */
        bool scan_deep;
        bool scan_doubt;
        bool scan_left_out;
        bool sweeping;

        bool announce_due; /* a scan ended or something was removed: see books_announce() */
        uint32_t turn;
        WatchSink sink; /* during a dispatch */
        void *sink_userdata;
        char path[PATH_MAX]; /* of what is being looked at */
};

/* ---- telling --------------------------------------------------------------------------------- */

void books_emit_root(Watch *watch, WatchKind kind, WatchRoot *root);
void books_emit_file(Watch *watch, WatchKind kind, const TreeFile *file);
/* DEGRADED, unless that was said already */
void books_tell(Watch *watch, TreeDir *dir, WatchTrouble trouble);
/* SCANNED and RECOVERED, of the roots for which nothing is left to be read */
void books_announce(Watch *watch);
/* ROOT_GONE, where it could not be said at once */
void books_say_pending(Watch *watch);

/* ---- directories and files ------------------------------------------------------------------- */

/* To be read: see watch.c for what @deep and @doubt mean. Cannot fail. */
void books_enqueue(Watch *watch, TreeDir *dir, bool deep, bool doubt);
void books_end_scan(Watch *watch);
/* @trouble: a WatchTrouble, or -1 */
void books_set_degraded(Watch *watch, TreeDir *dir, int trouble, bool left_out);
/* What adding to the tree failed with: only -ENOMEM is for the caller, the rest is told. */
int books_not_added(Watch *watch, TreeDir *dir, int r);
int books_add_dir(Watch *watch, TreeDir *parent, const char *name);
void books_remove_file(Watch *watch, TreeFile *file);
/* @dir is not there any more. It is freed before anything else happens, but not yet. */
void books_doom(Watch *watch, TreeDir *dir);
/* it, or what it is in */
bool books_is_doomed(const TreeDir *dir);
/* Frees one leaf of the first doomed directory; there is one. */
void books_step_doomed(Watch *watch);

/* ---- roots ----------------------------------------------------------------------------------- */

/* 1 if the root is there now and a scan of it is queued, 0 if it is not there, or -ENOMEM */
int books_enter_root(Watch *watch, WatchRoot *root);
/* Something happened, and perhaps to the way to a root: all of them are to be looked at. */
void books_doubt_roots(Watch *watch);
void books_root_unmounted(Watch *watch, WatchRoot *root);
/* Events were lost: a new epoch, and all of it is read again. */
void books_lose(Watch *watch, WatchRoot *root);
WatchRoot *books_free_root(WatchRoot *root);
