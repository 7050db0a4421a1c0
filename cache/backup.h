#pragma once

/*
 * Backup: the roots and pins of state.db, in a file that a person can read
 *
 * `state.backup` in the state directory is written anew, durably, whenever one of them changes,
 * and read when the database had to be made anew. Nothing else in state.db is worth that: the rest
 * is found out again. Format: docs/FORMATS.md, "State backup".
 *
 * Everything here blocks. Whoever calls sees to it that two do not write at once.
 */

#include <stdbool.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/slice.h"

#define BACKUP_NAME  "state.backup"
#define BACKUP_MAX   (32 * 1024 * 1024) /* bytes */
#define BACKUP_LINES 65536

/* A backup that is being put together: begin, lines, write. -EFBIG, -ENOMEM. */
int backup_begin(Bytes *ret);
int backup_add_root(Bytes *backup, Slice path, bool trusted);
int backup_add_pin(Bytes *backup, const Digest *key);
/* The caller sees to it that nobody else writes there meanwhile. */
int backup_write(Bytes *backup, const char *directory);

typedef struct BackupHandlers {
        int (*root)(const char *path, bool trusted, void *userdata);
        int (*pin)(const Digest *key, void *userdata);
} BackupHandlers;

/* Calls a function for each line, in order; non-zero ends it and is returned. Nothing is called
 * for a file that is not whole: -EBADMSG. -ENOENT: there is none. */
int backup_read(const char *directory, const BackupHandlers *handlers, void *userdata);
/* the same from memory */
int backup_parse(Slice text, const BackupHandlers *handlers, void *userdata);
