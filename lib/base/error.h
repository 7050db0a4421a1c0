#pragma once

/*
 * Errors
 *
 * One space for the whole tree: `int r`, negative errno.
 *
 *   r < 0   it failed; nothing was changed, no out-parameter was written. Forward it as it is.
 *   r == 0  done.
 *   r > 0   a documented outcome that the caller must handle (CACHE_MISS, WALK_REFUSED ...).
 *
 * libuv's codes and libsystemd's are -errno on Linux, so no translation is needed; strerror(-r)
 * prints all of them. Library code never logs: it returns the error, and where a person needs
 * more than an errno it fills a Problem (problem.h). The one who decides what the error means
 * for the user prints it, once.
 */

#include <errno.h>

/* -errno, and negative even where a library forgot to set it */
static inline int error_from_errno(void) {
        return errno > 0 ? -errno : -EIO;
}
