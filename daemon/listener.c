#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "proto/endpoint.h"

/*
 * Who may bind a path? Connecting tells whether somebody serves it, but between that answer
 * and bind(2) another daemon can do the same, and the loser would remove the winner's socket.
 * So daemons first take a lock on PATH.lock, a file that is never removed (removing a lock file
 * opens the same gap again), and hold it as long as they live; the kernel releases it when
 * they are killed. Connecting is still needed, for servers that know nothing of our lock: the
 * service manager's socket unit.
 *
 * The mode is set on the socket before bind(2), which gives it to the directory entry: there
 * is no moment at which others could connect.
 */

#define LISTENER_BACKLOG 128

/* Others must not be able to put their own socket in the place of ours. */
static int listener_check_directory(int fd, const char *path, Problem *problem) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return problem_set(problem, error_from_errno(), "%s: %s", path, strerror(errno));
        if (st.st_uid != geteuid() && st.st_uid != 0)
                return problem_set(problem, -EPERM,
                                   "%s belongs to user %u: put the socket into a directory of "
                                   "your own (--socket, DPUCC_SOCKET)",
                                   path, (unsigned) st.st_uid);
        if (st.st_mode & 022 && !(st.st_mode & S_ISVTX))
                return problem_set(problem, -EPERM,
                                   "%s may be written by others (mode %04o): chmod go-w it, or "
                                   "put the socket elsewhere (--socket, DPUCC_SOCKET)",
                                   path, (unsigned) (st.st_mode & 07777));
        return 0;
}

static int listener_make_directory(const char *path, Problem *problem) {
        _cleanup_(freep) char *directory = path_dirname(path);
        _cleanup_(closep) int fd = -1;

        if (!directory)
                return -ENOMEM;
        fd = file_make_dirs(AT_FDCWD, directory, 0700);
        if (fd < 0)
                return problem_set(problem, fd, "cannot make %s: %s", directory, strerror(-fd));
        return listener_check_directory(fd, directory, problem);
}

/* the descriptor that holds the lock */
static int listener_lock(const char *path, Problem *problem) {
        _cleanup_(freep) char *name = NULL;
        _cleanup_(closep) int fd = -1;

        if (asprintf(&name, "%s.lock", path) < 0)
                return -ENOMEM;
        fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (fd < 0)
                return problem_set(problem, error_from_errno(), "%s: %s", name, strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                int r = errno == EWOULDBLOCK ? -EADDRINUSE : error_from_errno();

                return problem_set(
                        problem, r, "%s: %s", path,
                        r == -EADDRINUSE ? "another dpuccd serves this socket" : strerror(-r));
        }
        return TAKE_FD(fd);
}

static int listener_socket(void) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        return fd < 0 ? error_from_errno() : fd;
}

/* Removes what nobody serves. */
static int listener_clear(const char *path, const struct sockaddr_un *address, Problem *problem) {
        _cleanup_(closep) int fd = -1;
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0
                                       : problem_set(problem, error_from_errno(), "%s: %s", path,
                                                     strerror(errno));
        if (!S_ISSOCK(st.st_mode))
                return problem_set(problem, -EEXIST, "%s exists and is not a socket", path);

        fd = listener_socket();
        if (fd < 0)
                return fd;
        if (connect(fd, (const struct sockaddr *) address, sizeof(*address)) == 0 ||
            errno != ECONNREFUSED) /* EAGAIN: it is there and busy; EACCES: not ours to judge */
                return problem_set(problem, -EADDRINUSE, "%s: another process serves this socket",
                                   path);
        if (unlink(path) < 0)
                return problem_set(problem, error_from_errno(), "cannot remove %s: %s", path,
                                   strerror(errno));
        return 0;
}

static int listener_open(const char *path, const struct sockaddr_un *address, struct stat *ret_st,
                         Problem *problem) {
        _cleanup_(closep) int fd = listener_socket();

        if (fd < 0)
                return fd;
        if (fchmod(fd, 0600) < 0 ||
            bind(fd, (const struct sockaddr *) address, sizeof(*address)) < 0 ||
            listen(fd, LISTENER_BACKLOG) < 0 || lstat(path, ret_st) < 0)
                return problem_set(problem, error_from_errno(), "cannot listen on %s: %s", path,
                                   strerror(errno));
        return TAKE_FD(fd);
}

int listener_bind(Listener *ret, const char *path, Problem *problem) {
        _cleanup_(freep) char *copy = strdup(path);
        _cleanup_(closep) int lock_fd = -1;
        struct sockaddr_un address;
        struct stat st;
        int fd, r;

        if (!copy)
                return -ENOMEM;
        r = endpoint_address(path, &address, problem);
        if (r < 0)
                return r;
        r = listener_make_directory(path, problem);
        if (r < 0)
                return r;
        lock_fd = listener_lock(path, problem);
        if (lock_fd < 0)
                return lock_fd;
        r = listener_clear(path, &address, problem);
        if (r < 0)
                return r;
        fd = listener_open(path, &address, &st, problem);
        if (fd < 0)
                return fd;

        *ret = (Listener){
                .fd = fd,
                .lock_fd = TAKE_FD(lock_fd),
                .path = TAKE_PTR(copy),
                .id = stat_id_of(&st),
        };
        return 0;
}

static int listener_option(int fd, int name) {
        socklen_t size = sizeof(int);
        int value;

        return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? error_from_errno() : value;
}

int listener_adopt(Listener *ret, int fd, Problem *problem) {
        if (listener_option(fd, SO_DOMAIN) != AF_UNIX ||
            listener_option(fd, SO_TYPE) != SOCK_STREAM || listener_option(fd, SO_ACCEPTCONN) != 1)
                return problem_set(problem, -ENOTSOCK,
                                   "descriptor %d is not a listening stream socket of the Unix "
                                   "domain: see ListenStream= of dpuccd.socket",
                                   fd);
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                return error_from_errno();

        *ret = LISTENER_NONE;
        ret->fd = fd;
        return 0;
}

/* Inode numbers are used again at once, hence the time; the mode may have been changed. */
static bool listener_is_ours(const Listener *listener) {
        struct stat st;
        StatId id;

        if (!listener->path || lstat(listener->path, &st) < 0)
                return false;
        id = stat_id_of(&st);
        return stat_id_is_same_file(&id, &listener->id) && id.mtime_ns == listener->id.mtime_ns;
}

bool listener_is_there(const Listener *listener) {
        return !listener->path || listener_is_ours(listener);
}

int listener_bind_again(Listener *listener, Problem *problem) {
        Listener another;
        int r;

        closep(&listener->lock_fd); /* its file may be gone as well, or be there still */
        listener->lock_fd = -1;
        r = listener_bind(&another, listener->path, problem);
        if (r < 0)
                return r;
        if (dup3(another.fd, listener->fd, O_CLOEXEC) < 0) {
                r = problem_set(problem, error_from_errno(), "cannot listen on %s: %s",
                                listener->path, strerror(errno));
                listener_deinit(&another);
                return r;
        }
        listener->lock_fd = TAKE_FD(another.lock_fd);
        listener->id = another.id;
        closep(&another.fd);
        free(another.path);
        return 0;
}

void listener_deinit(Listener *listener) {
        if (listener_is_ours(listener))
                (void) unlink(listener->path);
        closep(&listener->fd);
        closep(&listener->lock_fd);
        free(listener->path);
        *listener = LISTENER_NONE;
}
