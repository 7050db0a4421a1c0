#pragma once

/*
 * Reading one directory, a few entries at a time
 *
 * A Scan lives in its owner and holds one descriptor and one buffer; no allocation. What each
 * entry is comes from the directory itself where the file system stores it there, else from a
 * stat. Symbolic links are not followed, neither to the directory nor by it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/stat_id.h"

#define SCAN_BUFFER_SIZE (32 * 1024)

typedef enum ScanType {
        SCAN_FILE, /* regular */
        SCAN_DIRECTORY,
        SCAN_LINK,
        SCAN_OTHER, /* FIFO, socket, device */
} ScanType;

typedef struct ScanEntry {
        const char *name; /* borrowed until the next scan_next() */
        ScanType type;
} ScanEntry;

typedef struct Scan {
        int fd; /* -1 when closed */
        size_t at;
        size_t size;
        _Alignas(8) char buffer[SCAN_BUFFER_SIZE];
} Scan;

static inline void scan_init(Scan *scan) {
        scan->fd = -1;
}

/* -errno of open(2): -ENOENT, -ENOTDIR or -ELOOP if there is no such directory. -EACCES also where
 * the names in it can be read, and nothing about them. @ret_stat is that of the directory that was
 * opened. */
int scan_open(Scan *scan, const char *path, struct stat *ret_stat);
void scan_close(Scan *scan); /* idempotent */

static inline bool scan_is_open(const Scan *scan) {
        return scan->fd >= 0;
}

/* 1 and the next entry, never "." or ".."; 0 at the end; or -errno. */
int scan_next(Scan *scan, ScanEntry *ret);

/* The stat of one entry by name, links followed. */
int scan_stat(const Scan *scan, const char *name, struct stat *ret);

/* true if changes made elsewhere (on the server, in the host, by the FUSE program) give no
 * inotify events here: NFS, SMB, 9p, FUSE, AFS, Ceph, Lustre and their like. */
bool scan_is_without_events(const Scan *scan);
