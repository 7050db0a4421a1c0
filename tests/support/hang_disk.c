/*
 * A disk that never answers, like that of a file server which is gone, for whole programs: LD_PRELOAD
 * this
 *
 * Whoever opens the directory HANG_DISK waits for ever. What is below it is opened through it.
 */

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "real_call.h"

FIND(open64)

int open64(const char *path, int flags, ...) {
        const char *hangs = getenv("HANG_DISK");
        mode_t mode = 0;
        va_list ap;

        if (flags & (O_CREAT | __O_TMPFILE)) {
                va_start(ap, flags);
                mode = va_arg(ap, mode_t);
                va_end(ap);
        }
        while (hangs && strcmp(path, hangs) == 0)
                (void) pause();
        return REAL(open64)(path, flags, mode);
}
