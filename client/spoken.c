#include "client/spoken.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/program.h"

#define SPOKEN_MAX (64 * 1024)

static int spoken_start(const char *path, const char *command, int out, pid_t *ret) {
        char *argv[] = { (char *) path, (char *) (command ?: "--help"),
                         command ? (char *) "--help" : NULL, NULL };
        posix_spawn_file_actions_t actions;
        int e;

        e = posix_spawn_file_actions_init(&actions);
        if (e != 0)
                return -e;
        e = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (e == 0)
                e = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                                     0);
        if (e == 0)
                e = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
                                                     0);
        if (e == 0)
                e = posix_spawn(ret, path, &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -e;
}

static int spoken_read(int fd, Bytes *text) {
        char piece[4096];
        ssize_t n;

        while ((n = read(fd, piece, sizeof(piece))) != 0) {
                int r;

                if (n < 0 && errno == EINTR)
                        continue;
                r = n < 0 ? error_from_errno() : bytes_append(text, piece, (size_t) n);
                if (r < 0)
                        return r;
        }
        return 0;
}

int spoken_help(const char *program, const char *command, char **ret) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(SPOKEN_MAX);
        _cleanup_(closep) int in = -1, out = -1;
        _cleanup_(freep) char *path = NULL;
        int ends[2], r, status;
        pid_t pid;

        r = program_find(program, &path);
        if (r < 0)
                return r;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_from_errno();
        in = ends[0];
        out = ends[1];
        r = spoken_start(path, command, out, &pid);
        if (r < 0)
                return r;
        closep(&out);
        out = -1;
        r = spoken_read(in, &text);
        closep(&in); /* it must not wait for us, nor we for it */
        in = -1;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (r < 0)
                return r;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return -EINVAL;
        *ret = bytes_take_string(&text);
        return *ret ? 0 : -ENOMEM;
}
