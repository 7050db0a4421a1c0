#pragma once

/*
 * Layout: where things are below a cache directory
 *
 * Objects and records are sharded by the first two digits of their name. Directories are
 * opened by path for each operation and made when they are missing, so that somebody who
 * removes the cache directory under a running daemon only empties the cache. Every directory
 * made is durable (its parent synced) before its descriptor is returned.
 *
 * Format: docs/FORMATS.md, "Store layout". Safe on any thread.
 */

#include <limits.h>
#include <stdbool.h>

#include "base/digest.h"

#define LAYOUT_OBJECTS    "objects"
#define LAYOUT_RECORDS    "records"
#define LAYOUT_VIEWS      "views"
#define LAYOUT_QUARANTINE "quarantine"

/* name of one file in its shard: 30 digits and a terminator */
#define LAYOUT_LEAF (DIGEST_HEX - 2)

/* A directory of the cache, NULL for the root itself. -ENOENT if it is missing and @make is
 * false. Returns a descriptor. */
int layout_open(const char *root, const char *directory, bool make);
/* "objects/ab" and "cdef..." for a digest; @ret_leaf has room for LAYOUT_LEAF bytes. */
int layout_open_shard(const char *root, const char *directory, const Digest *digest, bool make,
                      char ret_leaf[LAYOUT_LEAF]);

/* The path of a file in its shard. -ENAMETOOLONG. */
int layout_path(const char *root, const char *directory, const Digest *digest, char ret[PATH_MAX]);
/* A file of a shard, open for reading: a descriptor. One system call, for what is there and is
 * asked for often. An error other than -ENOENT says nothing: look again, shard by shard. */
int layout_open_file(const char *root, const char *directory, const Digest *digest);

/* Removes what killed writers left (temporary names in objects/, records/ and views/). One that
 * cannot be removed stays: it is in nobody's way. The caller holds the exclusive lock: no writer
 * is alive. */
int layout_remove_temps(const char *root);
