/*
 * The end of such a command is the end of the child, not that of its output: rootless podman
 * leaves a process behind that holds what it inherited. So both are watched (a pidfd beside the
 * pipes), and after the child's end only what is in the pipes already is read.
 */

#include "daemon/capture.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"

#define CAPTURE_GRACE_MS 2000 /* how long it may take to react to SIGTERM */
#define CAPTURE_TICK_MS  100  /* how late a cancel may be noticed */

typedef struct CapturePipe {
        int read_fd, write_fd;
} CapturePipe;

static void capture_pipe_cleanup(CapturePipe *p) {
        closep(&p->read_fd);
        closep(&p->write_fd);
}

static int capture_pipe_open(CapturePipe *p) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_from_errno();
        p->read_fd = fds[0];
        p->write_fd = fds[1];
        return fcntl(p->read_fd, F_SETFL, O_NONBLOCK) < 0 ? error_from_errno() : 0;
}

/* posix_spawn()'s functions fail for lack of memory only */
static int capture_prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
                           int out, int err) {
        sigset_t none, all;
        int r;

        (void) sigemptyset(&none);
        (void) sigfillset(&all);
        (void) posix_spawnattr_setsigmask(attributes, &none);
        (void) posix_spawnattr_setsigdefault(attributes, &all);
        (void) posix_spawnattr_setflags(
                attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(actions, err, STDERR_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
        return -r;
}

static int capture_spawn(const Command *command, int out, int err, pid_t *ret) {
        static char *const nothing[] = { NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        if (posix_spawnattr_init(&attributes) != 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                return -ENOMEM;
        }
        r = capture_prepare(&actions, &attributes, out, err);
        if (r == 0)
                r = -posix_spawn(ret, command->argv.items[0], &actions, &attributes,
                                 command->argv.items, command->env.items ?: nothing);
        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        return r;
}

/* Reads what is there, as far as there is room. Returns 0 at the end, > 0 when there may be more
 * later. */
static int capture_drain(int fd, Bytes *bytes) {
        char chunk[16 * 1024];
        ssize_t n;
        int r;

        while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
                size_t room = CAPTURE_MAX - bytes->size;

                r = bytes_append(bytes, chunk, (size_t) n < room ? (size_t) n : room);
                if (r < 0)
                        return r;
        }
        if (n == 0)
                return 0;
        return errno == EAGAIN || errno == EINTR ? 1 : error_from_errno();
}

/* Likewise, of the pipe that @poll_fd is for, unless it is at its end. */
static int capture_look(struct pollfd *poll_fd, Bytes *bytes) {
        int r = poll_fd->fd >= 0 ? capture_drain(poll_fd->fd, bytes) : 0;

        if (r == 0)
                poll_fd->fd = -1;
        return r < 0 ? r : 0;
}

/* what ends it before the child does */
typedef struct CaptureEnd {
        int64_t deadline_ns;
        const atomic_bool *cancelled; /* or NULL */
} CaptureEnd;

/* Returns 0 when the child is gone, -ETIMEDOUT, -ECANCELED. */
static int capture_follow(int pidfd, int out, int err, const CaptureEnd *end, Capture *capture) {
        struct pollfd fds[] = {
                { .fd = pidfd, .events = POLLIN },
                { .fd = out, .events = POLLIN },
                { .fd = err, .events = POLLIN },
        };
        int r;

        do {
                int64_t left = (end->deadline_ns - clock_monotonic_ns()) / CLOCK_NS_PER_MS;

                if (left <= 0)
                        return -ETIMEDOUT;
                if (end->cancelled && atomic_load_explicit(end->cancelled, memory_order_relaxed))
                        return -ECANCELED;
                if (end->cancelled && left > CAPTURE_TICK_MS)
                        left = CAPTURE_TICK_MS;
                if (poll(fds, 3, (int) left + 1) < 0 && errno != EINTR)
                        return error_from_errno();
                r = capture_look(&fds[1], &capture->out);
                if (r == 0)
                        r = capture_look(&fds[2], &capture->err);
                if (r < 0)
                        return r;
        } while (fds[0].revents == 0);
        r = capture_look(&fds[1], &capture->out);
        return r < 0 ? r : capture_look(&fds[2], &capture->err);
}

/* A launcher that is just killed leaves what it waited for in the scheduler's queue, and nobody
 * gives back what that gets in the end. The child is not reaped yet: the number is its own. */
static void capture_stop(pid_t pid, int pidfd) {
        struct pollfd end = { .fd = pidfd, .events = POLLIN };

        (void) kill(-pid, SIGTERM);
        (void) poll(&end, 1, CAPTURE_GRACE_MS);
        (void) kill(-pid, SIGKILL);
}

static int capture_reap(pid_t pid) {
        int status = 0;

        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int capture_run(const Command *command, uint64_t timeout_ms, Capture *ret) {
        _cleanup_(capture_pipe_cleanup) CapturePipe out = { -1, -1 }, err = { -1, -1 };
        _cleanup_(capture_cleanup) Capture capture = {
                .out = BYTES_INIT(CAPTURE_MAX),
                .err = BYTES_INIT(CAPTURE_MAX),
        };
        _cleanup_(closep) int pidfd = -1;
        const CaptureEnd end = {
                .deadline_ns = clock_monotonic_ns() + (int64_t) timeout_ms * CLOCK_NS_PER_MS,
                .cancelled = command->cancelled,
        };
        pid_t pid;
        int r;

        r = capture_pipe_open(&out);
        if (r == 0)
                r = capture_pipe_open(&err);
        if (r == 0)
                r = capture_spawn(command, out.write_fd, err.write_fd, &pid);
        if (r < 0)
                return r;
        closep(&out.write_fd);
        closep(&err.write_fd);
        out.write_fd = err.write_fd = -1;

        pidfd = pidfd_open(pid, 0);
        r = pidfd < 0 ? error_from_errno()
                      : capture_follow(pidfd, out.read_fd, err.read_fd, &end, &capture);
        if (r < 0)
                capture_stop(pid, pidfd);
        capture.status = capture_reap(pid);
        if (r < 0)
                return r;

        *ret = capture;
        capture = (Capture){};
        return 0;
}

void capture_deinit(Capture *capture) {
        bytes_deinit(&capture->out);
        bytes_deinit(&capture->err);
}

static bool capture_line_of(Slice text, char *ret, size_t room) {
        size_t start = 0, end;

        while (start < text.size && strchr(" \t\r\n", text.data[start]))
                start++;
        if (start == text.size)
                return false; /* and there may be no text at all */
        for (end = start; end < text.size && text.data[end] != '\n' && text.data[end] != '\r';)
                end++;
        (void) snprintf(ret, room, "%.*s", (int) (end - start < room ? end - start : room),
                        (const char *) text.data + start);
        return end > start;
}

void capture_answer(const Capture *capture, char *ret, size_t room) {
        if (!capture_line_of(bytes_slice(&capture->out), ret, room))
                ret[0] = '\0';
}

void capture_first_line(const Capture *capture, char *ret, size_t room) {
        if (!capture_line_of(bytes_slice(&capture->err), ret, room) &&
            !capture_line_of(bytes_slice(&capture->out), ret, room))
                (void) snprintf(ret, room, "no message, status %d", capture->status);
}

void capture_last_line(const Capture *capture, char *ret, size_t room) {
        Slice text = bytes_slice(capture->err.size > 0 ? &capture->err : &capture->out);

        while (text.size > 0 && isspace(text.data[text.size - 1]))
                text.size--;
        for (size_t i = text.size; i > 0; i--) {
                if (text.data[i - 1] != '\n')
                        continue;
                text = slice_of(text.data + i, text.size - i);
                break;
        }
        if (!capture_line_of(text, ret, room))
                (void) snprintf(ret, room, "no message, status %d", capture->status);
}
