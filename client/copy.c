#include "client/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"

/*
 * A copy of a large artifact takes long enough for somebody to press Ctrl-C. So the file that is
 * being filled has no name, where the file system can do that (open(2), O_TMPFILE). It needs one
 * for a moment, because linkat(2) replaces nothing and rename(2) does; signals wait for as long
 * as there is such a name. Where files must have names they wait for the whole copy.
 */

typedef struct Copy {
        int dirfd;
        int fd;
        char temp[FILE_TEMP_NAME]; /* "": the file has no name */
        sigset_t old;
        bool waiting; /* signals wait; @old is what to return to */
} Copy;

static void copy_deinit(Copy *c) {
        if (c->temp[0] != '\0')
                (void) unlinkat(c->dirfd, c->temp, 0);
        closep(&c->fd);
        closep(&c->dirfd);
        if (c->waiting)
                (void) sigprocmask(SIG_SETMASK, &c->old, NULL);
}

static void copy_let_signals_wait(Copy *c) {
        sigset_t all;

        if (c->waiting)
                return;
        (void) sigfillset(&all);
        c->waiting = sigprocmask(SIG_BLOCK, &all, &c->old) == 0;
}

static int copy_open(Copy *c) {
        c->fd = file_open_unnamed(c->dirfd, 0666, c->temp);
        if (c->temp[0] != '\0')
                copy_let_signals_wait(c);
        return c->fd < 0 ? c->fd : 0;
}

static int copy_place(Copy *c, const char *name) {
        int r;

        copy_let_signals_wait(c);
        r = file_name_unnamed(c->fd, c->dirfd, c->temp);
        if (r < 0)
                return r;
        if (renameat(c->dirfd, c->temp, c->dirfd, name) < 0)
                return error_from_errno();
        c->temp[0] = '\0';
        return 0;
}

int copy_to(int fd, const char *path, Problem *problem) {
        _cleanup_(copy_deinit) Copy c = { .dirfd = -1, .fd = -1 };
        _cleanup_(freep) char *directory = path_dirname(path);
        int r;

        if (!directory)
                return problem_set(problem, -ENOMEM, "%s: %s", path, strerror(ENOMEM));
        c.dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (c.dirfd < 0)
                return problem_set(problem, error_from_errno(), "%s: %s", directory,
                                   strerror(errno));
        r = file_check_place(c.dirfd, path_ends_with(path, "/") ? "." : path_basename(path));
        if (r < 0)
                return problem_set(problem, r, "%s: not a regular file, left as it is", path);
        r = copy_open(&c);
        if (r < 0)
                return problem_set(problem, r, "%s: %s", directory, strerror(-r));

        r = file_copy_fd(fd, c.fd, NULL);
        if (r == 0)
                r = copy_place(&c, path_basename(path));
        return r < 0 ? problem_set(problem, r, "%s: %s", path, strerror(-r)) : 0;
}
