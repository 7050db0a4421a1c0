#pragma once

/*
 * How much of the kernel's inotify there is for a user, and how much is taken
 *
 * The limits are those of /proc/sys/fs/inotify (inotify(7)), per user. What is taken is counted in
 * /proc/PID/fd and /proc/PID/fdinfo of this user's processes; those that may not be looked into
 * are not counted. Reads a few files for each process: pool threads only.
 */

#include <stdint.h>

typedef struct InotifyUse {
        uint64_t instances, instances_max;
        uint64_t watches, watches_max;
} InotifyUse;

/* Fails if the limits cannot be read. */
int inotify_use_read(InotifyUse *ret);
