#pragma once

/*
 * The watcher: which wanted files there are below some roots, and when one of them changes
 *
 * A descriptor and a dispatch function; no event loop, no logging. One inotify instance serves
 * all roots. The watcher keeps a table of the wanted files with their stat identities, so that
 * what it reports are facts and not hints: every wanted file is reported once as CHANGED when
 * it is found, again after each save, and as GONE when it is not there any more, however it
 * went (deleted, renamed, its directory moved out, lost in an overflow). Reporting a file once
 * too often is possible and harmless; never reporting it is a bug.
 *
 *   save      IN_CLOSE_WRITE, IN_MOVED_TO, a new link: CHANGED. Between the first write and the
 *             close: WRITING, once per write that is seen.
 *   scan      a new directory is watched first and read then, so nothing that was in it before
 *             the watch is missed. Scans run in slices, between events.
 *   loss      queue overflow, unknown state: LOST, a new epoch, and every directory of the root
 *             is read again; differences are reported as usual, SCANNED ends it.
 *   degraded  no watch to be had, or a file system without events: DEGRADED once per subtree;
 *             watch_poll(), called every two seconds while watch_wants_poll(), reads these
 *             directories and reports the differences.
 *   root      deleted, moved away or unmounted, itself or with a directory above it: GONE for its
 *             files, then ROOT_GONE. It stays registered; watch_poll() finds it when it comes back.
 *             If something else is at its path by then, LOST. The directories above it are
 *             watched for that (way.h), except those that we may not read. That something was
 *             mounted over it inotify does not tell: watch_doubt_roots(). What is mounted
 *             below a root, over a directory that is known, is seen at the next scan only.
 *
 * Symbolic links: a link to a directory is not followed. A link to a regular file is a file
 * with the link's path and the target's stat identity; a change of the target is noticed when
 * the link itself changes or the directory is scanned, not by an event. Only regular files
 * count: a FIFO named x.xmodel is not there. Names are bytes, except NUL and '/'.
 *
 * A hard link is a save under its new name. Writes through one name are reported for the name
 * they were opened by; the others show them when they are scanned. A file that was written,
 * linked into place and robbed of its first name all within one tick of the file system's clock
 * looks as if it were still being written, and stays WRITING: do not wait for ever (settle.h).
 *
 * Barrier: when watch_dispatch() returns 0, everything saved before it was called has been
 * reported (degraded subtrees and file systems without events excepted).
 *
 * Errors: -ENOMEM loses nothing. What could not be recorded is queued to be read again; call
 * watch_dispatch() again a little later. Nor does any other: what cannot be told now (EIO) stays as
 * it was, and its directory is polled until it can.
 *
 * Not thread-safe: one thread owns a Watch. The sink must not call watch_*() functions.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stat_id.h"

typedef struct Watch Watch;
typedef struct WatchRoot WatchRoot;

/* Directories and wanted files that all roots together may have; more are left out and
 * reported as WATCH_TROUBLE_TOO_MANY. */
#define WATCH_NODES_MAX (1024 * 1024)

/* Directories deeper than this below their root are left out (WATCH_TROUBLE_TOO_DEEP), and so
 * is what has no path shorter than PATH_MAX. */
#define WATCH_DEPTH_MAX 64

/* How often watch_poll() wants to be called while watch_wants_poll(); less often where its work
 * takes long (pace.h). */
#define WATCH_POLL_MS 2000

/* A good @budget for watch_dispatch(): about a millisecond of work. */
#define WATCH_BUDGET 256

/* What is worth a thought. Called often; must be pure and quick. */
typedef struct WatchFilter {
        /* by the bare name: everything else costs nothing, not even a stat */
        bool (*wanted)(const char *name, void *userdata);
        /* by the path below the root: a directory not to be entered, a wanted name to be left
         * out after all */
        bool (*ignored)(const char *relative, bool is_directory, void *userdata);
        void *userdata;
} WatchFilter;

typedef enum WatchKind {
        WATCH_FILE_CHANGED, /* .id is set */
        WATCH_FILE_WRITING,
        WATCH_FILE_GONE,
        WATCH_ROOT_GONE,
        WATCH_ROOT_BACK, /* a scan follows */
        WATCH_LOST,      /* .epoch is the new one; a scan follows */
        WATCH_SCANNED,   /* the root was read completely: after adding, ROOT_BACK, LOST, rescan */
        WATCH_DEGRADED,  /* .path is the top of the subtree, .trouble says why */
        WATCH_RECOVERED, /* nothing below the root is degraded any more */
} WatchKind;

typedef enum WatchTrouble {
        WATCH_TROUBLE_WATCHES,    /* fs.inotify.max_user_watches reached: polled */
        WATCH_TROUBLE_INSTANCES,  /* fs.inotify.max_user_instances reached: polled */
        WATCH_TROUBLE_FILESYSTEM, /* does not report changes of others: polled */
        WATCH_TROUBLE_RESOURCES,  /* out of descriptors or an I/O error: tried again by polling */
        WATCH_TROUBLE_PERMISSION, /* may not be read or searched: left out until its mode changes */
        WATCH_TROUBLE_TOO_DEEP,   /* left out */
        WATCH_TROUBLE_TOO_MANY,   /* left out */
} WatchTrouble;

typedef struct WatchEvent {
        WatchKind kind;
        WatchRoot *root;
        const char *path; /* absolute; borrowed for the call */
        StatId id;
        WatchTrouble trouble;
        uint64_t epoch;
} WatchEvent;

typedef void (*WatchSink)(const WatchEvent *event, void *userdata);

/* @nodes_max: WATCH_NODES_MAX. Succeeds without an inotify instance if none is to be had:
 * everything then is degraded (WATCH_TROUBLE_INSTANCES). */
int watch_new(Watch **ret, size_t nodes_max);
Watch *watch_free(Watch *watch);

/* To be polled for input; -1 while there is no instance. watch_poll() may obtain one: ask again
 * after it. Stays the same from then on. */
int watch_fd(const Watch *watch);

/* @path: absolute, normalised, symbolic links resolved. It need not exist: then ROOT_GONE is
 * reported, and it is awaited. Roots may lie within one another; a path that is a root already
 * is -EEXIST. Nothing is reported before the next watch_dispatch(). The filter is copied. */
int watch_add_root(Watch *watch, const char *path, const WatchFilter *filter, void *userdata,
                   WatchRoot **ret);

/* Reports nothing; @root is invalid from here on, and its filter is not called again. What it took
 * is given back by the next dispatches. */
void watch_remove_root(Watch *watch, WatchRoot *root);

/* Reads the whole root again: after a change of what the filter says. */
void watch_rescan(Watch *watch, WatchRoot *root);

/* Does about @budget pieces of work (events, directory entries). Returns 1 if more is to be
 * done at once, 0 if there is nothing to do until the descriptor is readable, or -ENOMEM, or
 * what read(2) of the descriptor failed with. Events that were reported stay reported. */
int watch_dispatch(Watch *watch, WatchSink sink, void *userdata, unsigned budget);

/* Work that needs no further event: watch_dispatch() would return 1. */
bool watch_is_busy(const Watch *watch);

/* Something is degraded or gone, or the way to a root cannot be watched for want of watches, so
 * watch_poll() is to be called every WATCH_POLL_MS. */
bool watch_wants_poll(const Watch *watch);

/* Queues what is degraded to be read again, looks after roots that are gone or replaced, tries
 * again to get an instance. Reports nothing itself: call watch_dispatch() next. Does nothing
 * while the work of the call before is not done. */
void watch_poll(Watch *watch);

/* Something was mounted or unmounted, perhaps over a root or over what is above it; or somebody wants
 * to be sure of what is there now, also of roots that are gone. Reports nothing itself, as
 * watch_poll(). */
void watch_doubt_roots(Watch *watch);

void *watch_root_userdata(const WatchRoot *root);

typedef struct WatchRootInfo {
        uint64_t epoch; /* 1 at first, one more with each loss */
        size_t n_directories;
        size_t n_files;
        size_t n_degraded; /* directories that are polled or left out */
        bool gone;
        bool scanning;
} WatchRootInfo;

WatchRootInfo watch_root_info(const WatchRoot *root);

/* Every wanted file known below @root, in no order. */
typedef void (*WatchFileFn)(const char *path, const StatId *id, bool writing, void *userdata);
void watch_for_each_file(const Watch *watch, const WatchRoot *root, WatchFileFn fn, void *userdata);

/* One line for people: what is wrong and what to do about it. */
const char *watch_trouble_text(WatchTrouble trouble);
