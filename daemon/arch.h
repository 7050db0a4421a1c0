#pragma once

/*
 * Arch files: the targets that a workspace names
 *
 * A sorted list of the arch files that are known, with what each says. Reading one again costs
 * a stat if it has not changed, which is known of a file that was old enough when it was read (the
 * racy-timestamp rule, cache/memo.h); a younger one is read each time. A file that turned bad keeps
 * the target it had (the old one stays in force) and says what is wrong; one that was never good has
 * no target. So it is with one that cannot be read for now, which whoever asks is told: it may hold
 * anything.
 *
 * The files are small and read where the caller is: on the loop.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "base/stat_id.h"
#include "xmodel/target.h"

#define ARCH_FILES_MAX 65536

typedef struct ArchFile {
        char *path;
        StatId id;
        bool settled; /* id stands for what was read; otherwise it is read each time */
        bool unread;  /* it could not be read the last time, for a reason that may pass */
        bool usable;  /* target is set */
        Target target;
        char *problem; /* of the last reading; NULL: it was good */
} ArchFile;

typedef struct ArchFiles {
        ArchFile **items; /* ascending by path */
        size_t n, capacity;
} ArchFiles;

void arch_files_deinit(ArchFiles *files);

const ArchFile *arch_files_find(const ArchFiles *files, const char *path);

/* Makes the entry of @path what the file system says now, and drops it if the file is gone.
 * With @root not NULL nothing on the way may lead out of it. What is wrong with the file stands
 * in its entry; -errno with @problem if nobody knows what it is now. */
int arch_files_update(ArchFiles *files, const char *path, const char *root, Problem *problem);

/* The same for all arch files of one directory, by name, whatever was known of it. */
int arch_files_scan(ArchFiles *files, const char *directory, Problem *problem);

/* An arch file by name, directly in @directory. */
bool arch_is_in(const ArchFile *file, const char *directory);
