#pragma once

/*
 * Stat identities
 *
 * What stat(2) says about a file's content without reading it. Equal identities mean equal
 * contents only under the racy-timestamp rule (cache/memo.h).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

typedef struct StatId {
        uint64_t dev;
        uint64_t ino;
        uint64_t size;    /* bytes */
        int64_t mtime_ns; /* since the epoch */
        int64_t ctime_ns;
} StatId;

StatId stat_id_of(const struct stat *st);
bool stat_id_equal(const StatId *a, const StatId *b);
bool stat_id_is_same_file(const StatId *a, const StatId *b); /* whatever it holds now */
