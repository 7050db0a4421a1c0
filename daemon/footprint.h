#pragma once

/*
 * Footprints: the memory of a process and its descendants
 *
 * What the kernel says in /proc, now: resident bytes of all of them together, or the most that one
 * of them ever had, whichever is more. A peak that falls between two looks is seen only in the
 * second form, so looks are to be taken again and again, and the largest kept.
 *
 * Processes that went to another parent, as those of a container engine's daemon, are not seen.
 * Blocks for a few reads of /proc, at most FOOTPRINT_PROCESSES_MAX times.
 */

#include <stdint.h>
#include <sys/types.h>

#define FOOTPRINT_PROCESSES_MAX 64

uint64_t footprint_of(pid_t pid); /* bytes; 0: it is gone */
