#include "daemon/footprint.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "daemon/procfs.h"

#define FOOTPRINT_FILE_MAX 16384

typedef struct Footprint {
        pid_t pids[FOOTPRINT_PROCESSES_MAX];
        size_t n;
        uint64_t resident, most; /* KiB */
} Footprint;

/* a file of the process as a string; NULL: it is gone */
static char *footprint_read(const char *path) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(FOOTPRINT_FILE_MAX);

        if (file_read(AT_FDCWD, path, &text) < 0)
                return NULL;
        return bytes_take_string(&text);
}

static void footprint_add(Footprint *footprint, pid_t pid) {
        _cleanup_(freep) char *status = NULL;
        char path[64];
        uint64_t most;

        (void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
        status = footprint_read(path);
        if (!status)
                return;
        most = procfs_field(status, "VmHWM");
        footprint->resident += procfs_field(status, "VmRSS");
        if (most > footprint->most)
                footprint->most = most;
}

/* Those that its first thread started: the rest of a compiler's threads start none. */
static void footprint_find_children(Footprint *footprint, pid_t pid) {
        _cleanup_(freep) char *children = NULL;
        const char *at;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) pid, (int) pid);
        at = children = footprint_read(path);
        while (at && footprint->n < FOOTPRINT_PROCESSES_MAX) {
                at = procfs_next_child(at, &footprint->pids[footprint->n]);
                footprint->n += at != NULL;
        }
}

uint64_t footprint_of(pid_t pid) {
        Footprint footprint = { .pids = { pid }, .n = 1 };

        for (size_t i = 0; i < footprint.n; i++) {
                footprint_add(&footprint, footprint.pids[i]);
                footprint_find_children(&footprint, footprint.pids[i]);
        }
        return (footprint.resident > footprint.most ? footprint.resident : footprint.most) * 1024;
}
