#pragma once

/*
 * Names: the digests that a shard of objects/ or records/ holds
 *
 * For whoever compares what is there with what should be. Blocks on the disk; safe on any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/digest.h"

#define NAMES_SHARDS 256

typedef struct Names {
        Digest *items; /* owned */
        size_t n, capacity;
} Names;

int names_add(Names *names, const Digest *name); /* -ENOMEM */
void names_deinit(Names *names);
void names_sort(Names *names);
bool names_contain(const Names *names, const Digest *name); /* sorted ones */

static inline void names_cleanup(Names *names) {
        names_deinit(names);
}

/* The files of one shard of @directory (LAYOUT_OBJECTS, LAYOUT_RECORDS), in order; what has no
 * name of ours is left out. No such shard: none. */
int names_list(const char *root, const char *directory, uint8_t shard, Names *ret);

/* What is there under @name, not following it, with one system call: -ENOENT ... */
int names_stat(const char *root, const char *directory, const Digest *name, struct stat *ret);

/* Removes it; missing is no error. */
int names_unlink(const char *root, const char *directory, const Digest *name);
/* The same, but *ret_fd holds on to the file (-1: it was missing): what it occupies is given back
 * when that is closed, which on a busy disk takes longer than all else. */
int names_take(const char *root, const char *directory, const Digest *name, int *ret_fd);
