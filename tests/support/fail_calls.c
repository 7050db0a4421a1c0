#include "tests/support/fail_io.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <protobuf-c/protobuf-c.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <uv.h>

#include "tests/support/real_call.h"

/*
 * Two ways in. Calls of our own code go through the linker's --wrap. A process is started by libuv,
 * which is a shared library: there the names that a program defines itself go before libc's.
 *
 * Not here: what libuv answers with abort(), epoll_ctl() and the pipes by which it wakes itself.
 */

#define WRAP(type, failure, name, parameters, names)                                               \
        type __real_##name parameters;                                                             \
        type __wrap_##name parameters;                                                             \
        type __wrap_##name parameters {                                                            \
                return fail_io_now(#name) ? (failure) : __real_##name names;                       \
        }

/* --- files and directories -------------------------------------------------------------------- */

WRAP(ssize_t, -1, read, (int fd, void *data, size_t n), (fd, data, n))
WRAP(ssize_t, -1, pread64, (int fd, void *data, size_t n, off_t at), (fd, data, n, at))
WRAP(int, -1, fstat64, (int fd, struct stat *st), (fd, st))
WRAP(int, -1, stat64, (const char *path, struct stat *st), (path, st))
WRAP(int, -1, lstat64, (const char *path, struct stat *st), (path, st))
WRAP(int, -1, fstatat64, (int fd, const char *path, struct stat *st, int flags),
     (fd, path, st, flags))
WRAP(int, -1, fstatfs64, (int fd, struct statfs *fs), (fd, fs))
WRAP(DIR *, NULL, opendir, (const char *path), (path))
WRAP(DIR *, NULL, fdopendir, (int fd), (fd))
WRAP(struct dirent *, NULL, readdir64, (DIR * dir), (dir))
WRAP(ssize_t, -1, readlinkat, (int fd, const char *path, char *data, size_t n), (fd, path, data, n))
WRAP(int, -1, renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
     (a, from, b, to, flags))
WRAP(ssize_t, -1, getrandom, (void *data, size_t n, unsigned flags), (data, n, flags))

WRAP(off_t, -1, lseek64, (int fd, off_t at, int whence), (fd, at, whence))
WRAP(int, -1, access, (const char *path, int mode), (path, mode))
WRAP(int, -1, statvfs64, (const char *path, struct statvfs *fs), (path, fs))
WRAP(int, -1, futimens, (int fd, const struct timespec times[2]), (fd, times))
WRAP(int, -1, utimensat, (int fd, const char *path, const struct timespec times[2], int flags),
     (fd, path, times, flags))
WRAP(char *, NULL, realpath, (const char *path, char *ret), (path, ret))

/* whatever its argument is, it is no longer than this */
int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);

int __wrap_fcntl64(int fd, int command, ...) {
        long argument;
        va_list ap;

        va_start(ap, command);
        argument = va_arg(ap, long);
        va_end(ap);
        return fail_io_now("fcntl") ? -1 : __real_fcntl64(fd, command, argument);
}

static bool types_are_hidden;

void fail_io_hide_types(bool on) {
        types_are_hidden = on;
}

ssize_t __real_getdents64(int fd, void *data, size_t n);
ssize_t __wrap_getdents64(int fd, void *data, size_t n);

ssize_t __wrap_getdents64(int fd, void *data, size_t n) {
        ssize_t size = fail_io_now("getdents64") ? -1 : __real_getdents64(fd, data, n);

        for (ssize_t at = 0; types_are_hidden && at < size;) {
                struct dirent64 *entry = (void *) ((char *) data + at);

                entry->d_type = DT_UNKNOWN;
                at += entry->d_reclen;
        }
        return size;
}

static atomic_long refused_number;
static atomic_int refused_error;

void fail_io_refuse(long number, int error) {
        atomic_store(&refused_number, number);
        atomic_store(&refused_error, error);
}

WRAP(int, -1, pidfd_open, (pid_t pid, unsigned flags), (pid, flags))
WRAP(int, -1, pidfd_send_signal, (int fd, int signum, siginfo_t *info, unsigned flags),
     (fd, signum, info, flags))

/* openat2(2) and others that libc has no names for; none has more arguments */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...) {
        long arguments[6];
        va_list ap;

        va_start(ap, number);
        for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++)
                arguments[i] = va_arg(ap, long);
        va_end(ap);
        if (fail_io_now("syscall"))
                return -1;
        if (atomic_load(&refused_error) != 0 && number == atomic_load(&refused_number)) {
                errno = atomic_load(&refused_error);
                return -1;
        }
        return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                              arguments[4], arguments[5]);
}

/* --- inotify and sockets ----------------------------------------------------------------------- */

WRAP(int, -1, inotify_init1, (int flags), (flags))
WRAP(int, -1, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask))
WRAP(int, -1, inotify_rm_watch, (int fd, int wd), (fd, wd))
WRAP(int, -1, accept4, (int fd, struct sockaddr *address, socklen_t *n, int flags),
     (fd, address, n, flags))
WRAP(int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, -1, bind, (int fd, const struct sockaddr *address, socklen_t n), (fd, address, n))
WRAP(int, -1, listen, (int fd, int backlog), (fd, backlog))
WRAP(int, -1, connect, (int fd, const struct sockaddr *address, socklen_t n), (fd, address, n))
WRAP(int, -1, getsockopt, (int fd, int level, int name, void *value, socklen_t *n),
     (fd, level, name, value, n))
WRAP(ssize_t, -1, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
WRAP(ssize_t, -1, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))

/* the handles that ask the kernel for something when they are made: nothing is left of them */
WRAP(int, -errno, uv_poll_init, (uv_loop_t * loop, uv_poll_t *poll, int fd), (loop, poll, fd))
WRAP(int, -errno, uv_pipe_open, (uv_pipe_t * pipe, uv_file fd), (pipe, fd))

/* reading from a stream fails where it would have had something */
static uv_read_cb real_on_read;

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
        real_on_read(stream, n > 0 && fail_io_now("uv_read") ? -errno : n, buf);
}

int __real_uv_read_start(uv_stream_t *stream, uv_alloc_cb alloc, uv_read_cb read);
int __wrap_uv_read_start(uv_stream_t *stream, uv_alloc_cb alloc, uv_read_cb read);

int __wrap_uv_read_start(uv_stream_t *stream, uv_alloc_cb alloc, uv_read_cb read) {
        assert(!real_on_read || real_on_read == read); /* one kind of stream suffices us */
        real_on_read = read;
        return __real_uv_read_start(stream, alloc, on_read);
}

WRAP(ProtobufCMessage *, NULL, protobuf_c_message_unpack,
     (const ProtobufCMessageDescriptor *descriptor, ProtobufCAllocator *allocator, size_t n,
      const uint8_t *data),
     (descriptor, allocator, n, data))

/* --- processes ---------------------------------------------------------------------------------- */

WRAP(int, errno, posix_spawn,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[], char *const env[]),
     (pid, path, actions, attributes, argv, env))
WRAP(int, -1, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))

FIND(pipe2)
FIND(fork)
FIND(execvp)

static bool exec_fails; /* decided before the fork: the child's count is a copy */
static int exec_error;

int pipe2(int fds[2], int flags) {
        return fail_io_now("pipe2") ? -1 : REAL(pipe2)(fds, flags);
}

pid_t fork(void) {
        pid_t pid;

        if (fail_io_now("fork"))
                return -1;
        exec_fails = fail_io_now("execvp");
        exec_error = errno;
        fail_io_spare(true); /* libuv's child makes a pipe, or calls abort() */
        pid = REAL(fork)();
        if (pid == 0)
                return pid;
        fail_io_spare(false);
        exec_fails = false;
        return pid;
}

int execvp(const char *file, char *const argv[]) {
        if (!exec_fails)
                return REAL(execvp)(file, argv);
        errno = exec_error;
        return -1;
}
