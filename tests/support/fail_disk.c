/*
 * A disk that fails, for whole programs: LD_PRELOAD this
 *
 * While the file FAIL_DISK_SWITCH exists, everything that would change something below the
 * directory FAIL_DISK_BELOW fails with the error whose number is in that file. What is there can
 * be read and removed.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "real_call.h"

/* by system calls of our own, so as not to come back here */
static int fail_disk_error(void) {
        const char *path = getenv("FAIL_DISK_SWITCH");
        char text[16] = "";
        int fd = path ? (int) syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;

        if (fd < 0)
                return 0;
        (void) !read(fd, text, sizeof(text) - 1);
        close(fd);
        return (int) strtol(text, NULL, 10);
}

static bool fail_disk_is_below(const char *path) {
        const char *below = getenv("FAIL_DISK_BELOW");
        size_t n = below ? strlen(below) : 0;

        return n > 0 && strncmp(path, below, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* true, with errno: the call fails */
static bool fail_disk(const char *path) {
        int error = fail_disk_is_below(path) ? fail_disk_error() : 0;

        errno = error > 0 ? error : errno;
        return error > 0;
}

static bool fail_disk_fd(int fd) {
        char link[64], path[PATH_MAX];
        ssize_t n;
        int saved = errno;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        errno = saved;
        if (n < 0)
                return false;
        path[n] = '\0';
        return fail_disk(path);
}

static bool fail_disk_at(int fd, const char *path) {
        return path[0] == '/' || fd == AT_FDCWD ? fail_disk(path) : fail_disk_fd(fd);
}

static bool fail_disk_creates(int fd, const char *path, int flags) {
        return flags & O_CREAT && syscall(SYS_faccessat, fd, path, F_OK) < 0 &&
               fail_disk_at(fd, path);
}

#define WRAP(type, name, parameters, names, fails)                                                 \
        FIND(name)                                                                                 \
                                                                                                   \
        type name parameters {                                                                     \
                return fails ? -1 : REAL(name) names;                                              \
        }

WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), fail_disk(path))
WRAP(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode),
     fail_disk_at(fd, path))
WRAP(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n), fail_disk_fd(fd))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at),
     fail_disk_fd(fd))
WRAP(ssize_t, copy_file_range, (int a, off_t *pa, int b, off_t *pb, size_t n, unsigned flags),
     (a, pa, b, pb, n, flags), fail_disk_fd(b))
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), fail_disk_fd(fd))
WRAP(int, fsync, (int fd), (fd), fail_disk_fd(fd))
WRAP(int, fdatasync, (int fd), (fd), fail_disk_fd(fd))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags),
     (a, from, b, to, flags), fail_disk_at(b, to))
WRAP(int, symlinkat, (const char *target, int fd, const char *path), (target, fd, path),
     fail_disk_at(fd, path))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to),
     fail_disk_at(b, to))

FIND(open64)
FIND(openat64)

int open64(const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list ap;

        va_start(ap, flags);
        if (flags & (O_CREAT | O_TMPFILE))
                mode = va_arg(ap, mode_t);
        va_end(ap);
        return fail_disk_creates(AT_FDCWD, path, flags) ? -1 : REAL(open64)(path, flags, mode);
}

int openat64(int fd, const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list ap;

        va_start(ap, flags);
        if (flags & (O_CREAT | O_TMPFILE))
                mode = va_arg(ap, mode_t);
        va_end(ap);
        return fail_disk_creates(fd, path, flags) ? -1 : REAL(openat64)(fd, path, flags, mode);
}
