#include "tests/support/fail_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

/* -1 is "not armed" */
static atomic_long countdown = -1;
static int armed_error;
static const char *failed_call;

static bool fail_io_now(const char *call) {
        if (atomic_load(&countdown) < 0 || atomic_fetch_sub(&countdown, 1) != 0)
                return false;
        if (armed_error == FAIL_IO_DIE)
                _exit(FAIL_IO_STATUS);
        failed_call = call;
        errno = armed_error;
        return true;
}

void fail_io_arm(long nth, int error) {
        armed_error = error;
        failed_call = NULL;
        atomic_store(&countdown, nth);
}

bool fail_io_disarm(void) {
        atomic_store(&countdown, -1);
        return failed_call != NULL;
}

const char *fail_io_call(void) {
        return failed_call ? failed_call : "none";
}

/* a wrapper for a call with fixed parameters: @names are the arguments of @parameters */
#define WRAP(type, name, parameters, names)                                                        \
        type __real_##name parameters;                                                             \
        type __wrap_##name parameters;                                                             \
        type __wrap_##name parameters {                                                            \
                return fail_io_now(#name) ? -1 : __real_##name names;                              \
        }

WRAP(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at))
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size))
WRAP(ssize_t, copy_file_range, (int a, off_t *pa, int b, off_t *pb, size_t n, unsigned flags),
     (a, pa, b, pb, n, flags))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags),
     (a, from, b, to, flags))
WRAP(int, symlinkat, (const char *target, int fd, const char *path), (target, fd, path))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(int, flock, (int fd, int operation), (fd, operation))

/* the mode is there only with O_CREAT */
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_openat64(int fd, const char *path, int flags, ...);
int __wrap_openat64(int fd, const char *path, int flags, ...);

int __wrap_open64(const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list ap;

        va_start(ap, flags);
        if (flags & O_CREAT)
                mode = va_arg(ap, mode_t);
        va_end(ap);
        return fail_io_now("open") ? -1 : __real_open64(path, flags, mode);
}

int __wrap_openat64(int fd, const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list ap;

        va_start(ap, flags);
        if (flags & O_CREAT)
                mode = va_arg(ap, mode_t);
        va_end(ap);
        return fail_io_now("openat") ? -1 : __real_openat64(fd, path, flags, mode);
}
