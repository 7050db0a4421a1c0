#pragma once

/*
 * A file that changes and whose times do not
 *
 * Which is what two writes within one tick of the file system's clock look like. Here it is a shared
 * mapping, whose first write after a write-back sets the times, and no other.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/stat_id.h"

typedef struct RacyFile {
        int fd;
        char *map;
        size_t n;
        StatId id;
} RacyFile;

/* Makes the file at @path, or takes what is there, hold @text, changed just now. 0 or -errno. */
int racy_file_open(RacyFile *file, const char *path, const char *text);

/* To @text, of the same length. False: the identity is another one, or was old by now, so that nobody
 * has to see it. */
bool racy_file_change(RacyFile *file, const char *text);

void racy_file_close(RacyFile *file);
