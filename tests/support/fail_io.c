#include "tests/support/fail_io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* -1 is "not armed" */
static atomic_long countdown = -1;
static int armed_error;
static _Atomic(const char *) failed_call;
static _Thread_local bool spared;

void fail_io_spare(bool on) {
        spared = on;
}

bool fail_io_now(const char *call) {
        if (spared || atomic_load(&countdown) < 0 || atomic_fetch_sub(&countdown, 1) != 0)
                return false;
        if (armed_error == FAIL_IO_DIE)
                _exit(FAIL_IO_STATUS);
        failed_call = call;
        errno = armed_error;
        return true;
}

/* --- what was changed and not synced --------------------------------------------------------- */

#define DIRTY_MAX 256

typedef struct Dirty {
        dev_t dev;
        ino_t ino;
} Dirty;

static bool watching; /* by one thread only */
static Dirty dirty[DIRTY_MAX];
static size_t n_dirty;

static size_t dirty_find(const struct stat *st) {
        size_t i = 0;

        while (i < n_dirty && (dirty[i].dev != st->st_dev || dirty[i].ino != st->st_ino))
                i++;
        return i;
}

static void dirty_add(const struct stat *st) {
        if (dirty_find(st) < n_dirty)
                return;
        assert(n_dirty < DIRTY_MAX);
        dirty[n_dirty++] = (Dirty){ .dev = st->st_dev, .ino = st->st_ino };
}

static void dirty_remove(int fd) {
        struct stat st;
        size_t i;

        if (!watching || fstat(fd, &st) < 0)
                return;
        i = dirty_find(&st);
        if (i < n_dirty)
                dirty[i] = dirty[--n_dirty];
}

/* the content of @fd changed */
static void dirty_add_fd(int fd) {
        struct stat st;

        if (watching && fstat(fd, &st) == 0)
                dirty_add(&st);
}

/* the entry @path, from @fd on, changed: its directory did */
static void dirty_add_parent(int fd, const char *path) {
        char parent[PATH_MAX];
        struct stat st;

        if (!watching || strlen(path) >= sizeof(parent))
                return;
        (void) strcpy(parent, path);
        if (fstatat(fd, dirname(parent), &st, 0) == 0)
                dirty_add(&st);
}

void fail_io_watch_syncs(bool on) {
        watching = on;
        n_dirty = 0;
}

bool fail_io_is_synced(const char *path) {
        char part[PATH_MAX];
        struct stat st;

        assert(strlen(path) < sizeof(part));
        for ((void) strcpy(part, path);; (void) dirname(part)) {
                if (stat(part, &st) < 0 || dirty_find(&st) < n_dirty)
                        return false;
                if (strcmp(part, "/") == 0 || strcmp(part, ".") == 0)
                        return true;
        }
}

/* --- calls ----------------------------------------------------------------------------------- */

void fail_io_arm(long nth, int error) {
        armed_error = error;
        failed_call = NULL;
        atomic_store(&countdown, nth);
}

bool fail_io_is_reached(void) {
        return atomic_load(&failed_call) != NULL;
}

bool fail_io_disarm(void) {
        atomic_store(&countdown, -1);
        return fail_io_is_reached();
}

const char *fail_io_call(void) {
        const char *call = failed_call;

        return call ?: "none";
}

/* a wrapper for a call with fixed parameters: @names are the arguments of @parameters, @after is
 * done when it succeeded */
#define WRAP(type, name, parameters, names, after)                                                 \
        type __real_##name parameters;                                                             \
        type __wrap_##name parameters;                                                             \
        type __wrap_##name parameters {                                                            \
                type r = fail_io_now(#name) ? -1 : __real_##name names;                            \
                                                                                                   \
                if (r >= 0)                                                                        \
                        after;                                                                     \
                return r;                                                                          \
        }

WRAP(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode),
     dirty_add_parent(fd, path))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), dirty_add_fd(fd))
WRAP(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n), dirty_add_fd(fd))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at),
     dirty_add_fd(fd))
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), dirty_add_fd(fd))
WRAP(ssize_t, copy_file_range, (int a, off_t *pa, int b, off_t *pb, size_t n, unsigned flags),
     (a, pa, b, pb, n, flags), dirty_add_fd(b))
WRAP(int, fsync, (int fd), (fd), dirty_remove(fd))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags),
     (a, from, b, to, flags), dirty_add_parent(b, to))
WRAP(int, symlinkat, (const char *target, int fd, const char *path), (target, fd, path),
     dirty_add_parent(fd, path))
WRAP(int, rename, (const char *from, const char *to), (from, to), dirty_add_parent(AT_FDCWD, to))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to),
     dirty_add_parent(b, to))
WRAP(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags), (void) 0)
WRAP(int, flock, (int fd, int operation), (fd, operation), (void) 0)

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
