#include "client/connect.h"

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/path.h"
#include "base/program.h"
#include "proto/endpoint.h"
#include "proto/hello.h"

#define CONNECTION_GRACE_MS 10000 /* for our own dpuccd, which ends its compilers first */

/* what is left until @deadline_ns: 0 when it has passed, -1 when there is none */
static int connection_left_ms(int64_t deadline_ns) {
        int64_t left;

        if (deadline_ns == CONNECTION_NO_DEADLINE)
                return -1;
        left = (deadline_ns - clock_monotonic_ns() + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
        if (left < 0)
                return 0;
        return left < INT32_MAX ? (int) left : INT32_MAX;
}

/* Not in cron, nor after su: there it is somewhere else than in a session. */
static const char *connection_remark(bool is_named) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");

        return is_named || (runtime && runtime[0] == '/')
                       ? ""
                       : " (XDG_RUNTIME_DIR is not set here, as it may be where a daemon runs)";
}

static int connection_explain(int r, const char *path, bool is_named, Problem *problem) {
        switch (r) {
        case -ETIMEDOUT:
                return problem_set(problem, r,
                                   "%s: timed out before the daemon took the connection", path);
        case -ENOENT:
        case -ECONNREFUSED:
        case -ENOTDIR:
                return problem_set(problem, -ECONNREFUSED,
                                   "no daemon at %s%s: start it with 'systemctl --user start "
                                   "dpuccd', or 'dpuccd &'; or name its socket with --socket or "
                                   "DPUCC_SOCKET",
                                   path, connection_remark(is_named));
        default:
                return problem_set(problem, -ECONNREFUSED, "cannot reach the daemon at %s: %s",
                                   path, strerror(-r));
        }
}

/* With a full backlog connect(2) blocks, and only SO_SNDTIMEO bounds that. */
static int connection_connect(int fd, const struct sockaddr_un *address, int64_t deadline_ns) {
        int left = connection_left_ms(deadline_ns);
        struct timeval timeout = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };

        if (left == 0)
                return -ETIMEDOUT;
        if (left > 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
                return error_from_errno();
        if (connect(fd, (const struct sockaddr *) address, sizeof(*address)) == 0)
                return 0;
        return errno == EAGAIN ? -ETIMEDOUT : error_from_errno();
}

/* takes over @fd when it succeeds */
static int connection_begin(Connection *ret, int fd, int64_t deadline_ns) {
        Connection connection = {
                .socket = fd,
                .reader = FRAME_READER_INIT(FRAME_MAX_REPLY),
                .writer = FRAME_WRITER_INIT(FRAME_MAX_REQUEST, 2 * FRAME_MAX_REQUEST),
                .deadline_ns = deadline_ns,
        };
        int r;

        r = hello_put(&connection.writer);
        if (r == 0)
                *ret = connection;
        return r;
}

int connection_open(Connection *ret, const char *path, int64_t deadline_ns, Problem *problem) {
        _cleanup_(freep) char *fallback = path ? NULL : path_default_socket();
        const char *named = path ?: getenv("DPUCC_SOCKET");
        _cleanup_(closep) int fd = -1;
        struct sockaddr_un address;
        int r;

        path = path ?: fallback;
        if (!path)
                return problem_set(problem, -ECONNREFUSED,
                                   "where is the daemon? Neither HOME nor "
                                   "XDG_RUNTIME_DIR is set: name its socket with --socket or "
                                   "DPUCC_SOCKET");
        r = endpoint_address(path, &address, problem);
        if (r < 0)
                return -ECONNREFUSED;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return error_from_errno();
        r = connection_connect(fd, &address, deadline_ns);
        if (r < 0)
                return connection_explain(r, path, named && named[0], problem);
        r = endpoint_check_user(fd, problem);
        if (r < 0)
                return -ECONNREFUSED;

        r = connection_begin(ret, fd, deadline_ns);
        if (r == 0)
                fd = -1;
        return r;
}

/* Its standard input is the other end; everything else is ours. */
static int connection_spawn(const char *program, int socket, pid_t *ret) {
        char *argv[] = { (char *) program, (char *) "--once", NULL };
        posix_spawn_file_actions_t actions;
        int e;

        e = posix_spawn_file_actions_init(&actions);
        if (e != 0)
                return -e;
        e = posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
        if (e == 0)
                e = posix_spawn(ret, program, &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -e;
}

int connection_start_once(Connection *ret, int64_t deadline_ns, Problem *problem) {
        _cleanup_(closep) int ours = -1, theirs = -1;
        _cleanup_(freep) char *program = NULL;
        pid_t pid = 0;
        int pair[2], r;

        r = program_find("dpuccd", &program);
        if (r < 0)
                return problem_set(problem, -ECONNREFUSED,
                                   "cannot find the program dpuccd, neither beside dpucc-client "
                                   "nor on PATH: is dpucc installed?");
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_from_errno();
        ours = pair[0];
        theirs = pair[1];
        r = connection_spawn(program, theirs, &pid);
        if (r < 0)
                return problem_set(problem, -ECONNREFUSED, "%s: %s", program, strerror(-r));
        r = connection_begin(ret, ours, deadline_ns);
        if (r < 0) {
                closep(&ours);
                ours = -1;
                (void) waitpid(pid, NULL, 0);
                return r;
        }
        ours = -1;
        ret->once = pid;
        return 0;
}

/* It ends when we have hung up, unless it is stopped, or hangs in a file system: a limit of time
 * holds all the same. */
static bool connection_may_reap(const Connection *c) {
        _cleanup_(closep) int fd = -1;
        struct pollfd pollfd = { .events = POLLIN };
        int left = connection_left_ms(c->deadline_ns);

        if (left < 0)
                return true;
        pollfd.fd = fd = pidfd_open(c->once, 0);
        if (left < INT32_MAX - CONNECTION_GRACE_MS)
                left += CONNECTION_GRACE_MS;
        return fd < 0 || poll(&pollfd, 1, left) != 0;
}

int connection_close(Connection *connection) {
        int status = 0;

        frame_reader_deinit(&connection->reader);
        frame_writer_deinit(&connection->writer);
        closep(&connection->socket);
        connection->socket = -1;
        while (connection->once > 0 && connection_may_reap(connection) &&
               waitpid(connection->once, &status, 0) < 0 && errno == EINTR)
                ;
        connection->once = 0;
        return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* Waits until the socket is ready or @tick_ms are over; tells which by 1 or 0. */
static int connection_poll(Connection *c, int tick_ms) {
        int left = connection_left_ms(c->deadline_ns);
        struct pollfd pollfd = { .fd = c->socket, .events = POLLIN };
        int n;

        if (left == 0)
                return -ETIMEDOUT;
        if (tick_ms < 0 || (left > 0 && left < tick_ms))
                tick_ms = left;
        if (!frame_writer_is_empty(&c->writer))
                pollfd.events |= POLLOUT;
        n = poll(&pollfd, 1, tick_ms);
        if (n < 0)
                return errno == EINTR ? 0 : error_from_errno();
        return n;
}

int connection_read(Connection *c, int tick_ms, Frame *ret) {
        for (;;) {
                int r;

                /* A daemon that hung up may have said why first: read on, then. */
                r = frame_writer_step(&c->writer, c->socket);
                if (r == -EPIPE || r == -ECONNRESET)
                        frame_writer_deinit(&c->writer);
                else if (r < 0)
                        return r;

                r = frame_reader_step(&c->reader, c->socket, ret);
                if (r != FRAME_WAIT)
                        return r == -ECONNRESET ? FRAME_CLOSED : r;
                r = connection_poll(c, tick_ms);
                if (r <= 0)
                        return r < 0 ? r : FRAME_WAIT;
        }
}
