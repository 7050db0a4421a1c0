#pragma once

/*
 * The way to a watched root: the directories above it
 *
 * inotify tells nobody in a directory that one above it was renamed, and then another may lie under
 * the root's path. So each directory on the way is asked about for its own sake, by a mark that it
 * shares with other roots and with the tree (notify.h): at most one for each component of the path.
 * A directory that we may not read cannot be asked about, and nobody tells of its renaming.
 *
 * A mark is of an inode, and a way is of names: after anything happened to it, way_watch() again.
 */

#include <stddef.h>

#include "daemon/notify.h"

typedef struct Way {
        int *marks; /* from the top on, without "/"; -1: none */
        size_t n;
} Way;

int way_init(Way *way, const char *root); /* -ENOMEM */
void way_deinit(Way *way);                /* it was left, or the instance is closed */

/* 0, or what the last failed with that may be had later: -ENOSPC (max_user_watches), -EMFILE (no
 * instance), -ENOMEM. What is not there, or may not be read, is no failure. */
int way_watch(Way *way, Notify *notify, const char *root);
void way_leave(Way *way, Notify *notify); /* idempotent */
