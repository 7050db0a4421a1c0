#pragma once

/*
 * Errors
 *
 * One space for the whole tree: `int r`, negative errno.
 *
 *   r < 0   it failed; nothing was changed, no out-parameter was written. Forward it as it is.
 *   r == 0  done.
 *   r > 0   a documented outcome that the caller must handle (CACHE_MISS, SURVEY_MORE ...).
 *
 * libuv's codes and libsystemd's are -errno on Linux, so no translation is needed; strerror(-r)
 * prints all of them. Library code never logs: it returns the error, and where a person needs
 * more than an errno it fills a Problem (problem.h). The one who decides what the error means
 * for the user prints it, once.
 */

#include <errno.h>
#include <stdbool.h>

/* -errno, and negative even where a library forgot to set it */
static inline int error_from_errno(void) {
        return errno > 0 ? -errno : -EIO;
}

/* The error of an open(2) or read(2) says something of the file: it is not there, or not for us to
 * read. Any other may pass, and says nothing of it. */
static inline bool error_is_of_file(int r) {
        return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EACCES || r == -EPERM ||
               r == -EXDEV || r == -EISDIR || r == -EINVAL || r == -ENXIO || r == -ENODEV ||
               r == -ENAMETOOLONG || r == -EFBIG;
}

/* This process or this machine ran out of something: says nothing of the file, and may pass. */
static inline bool error_is_shortage(int r) {
        return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}
