#pragma once

/*
 * Temp: a file that is being written and will have a name in a shard
 *
 * The one way in which objects and records come to be, each step of it a system call that may
 * fail or be the last one:
 *
 *      temp_open()    .dpucc.*.tmp in DIRECTORY
 *      ... the caller writes ...
 *      temp_place()   fsync, link or rename to DIRECTORY/ab/cdef..., fsync of DIRECTORY/ab
 *      temp_deinit()  removes the temporary name, if it is there
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/digest.h"
#include "base/file.h"

#define TEMP_EXISTS 1 /* outcome of temp_place(): there is a file of that name already */

typedef struct Temp {
        const char *root;
        const char *directory;
        int dirfd;
        int fd; /* open for reading and writing */
        char name[FILE_TEMP_NAME];
} Temp;

#define TEMP_NULL ((Temp){ .dirfd = -1, .fd = -1 })

/* @root and @directory are borrowed. */
int temp_open(Temp *ret, const char *root, const char *directory, mode_t mode);
void temp_deinit(Temp *temp);
void temp_unlink(Temp *temp); /* removes the temporary name now; fd stays open */

/* Gives the file its name. With @replace it takes the place of an older one. When it returns 0
 * file and name survive power loss; after TEMP_EXISTS that name does. */
int temp_place(Temp *temp, const Digest *name, bool replace);
