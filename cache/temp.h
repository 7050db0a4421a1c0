#pragma once

/*
 * Temp: a file that is being written and will have a name in a shard
 *
 * The one way in which objects and records come to be, each step of it a system call that may
 * fail or be the last one:
 *
 *      temp_open()    .dpucc.*.tmp in DIRECTORY
 *      ... the caller writes ...
 *      temp_start()   the disk may begin, nobody waits
 *      temp_sync()    fsync
 *      temp_aim()     its name is going to be DIRECTORY/ab/cdef...
 *      temp_link(), temp_rename()
 *      temp_sync_name()             fsync of DIRECTORY/ab
 *      temp_deinit()  removes the temporary name, if it is there
 *
 * Files that belong together take each step together: with all of them written before the first
 * is synced, most file systems need one commit of their journal for all, and find the others on
 * disk.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/digest.h"
#include "base/file.h"
#include "cache/layout.h"

#define TEMP_EXISTS 1 /* outcome of temp_link(): there is a file of that name already */

typedef struct Temp {
        const char *root;
        const char *directory;
        int dirfd;
        int fd;    /* open for reading and writing */
        int shard; /* DIRECTORY/ab */
        char leaf[LAYOUT_LEAF];
        char name[FILE_TEMP_NAME];
} Temp;

#define TEMP_NULL ((Temp){ .dirfd = -1, .fd = -1, .shard = -1 })

/* @root and @directory are borrowed. */
int temp_open(Temp *ret, const char *root, const char *directory, mode_t mode);
void temp_deinit(Temp *temp);
void temp_unlink(Temp *temp); /* removes the temporary name now; fd stays open */

void temp_start(const Temp *temp);
int temp_sync(const Temp *temp);

int temp_aim(Temp *temp, const Digest *name);
/* Gives the file that name: temp_link() if there is none of that name, temp_rename() in any
 * case. */
int temp_link(Temp *temp);
int temp_rename(Temp *temp);

/* When it returned 0 the name survives power loss, also if the file was there before: whoever
 * made it may not have come to this. */
int temp_sync_name(const Temp *temp);
