#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"

int program_directory(char **ret) {
        char path[PATH_MAX];
        ssize_t n;

        n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        if (n < 0)
                return error_from_errno();
        path[n] = '\0';

        *ret = path_dirname(path);
        return *ret ? 0 : -ENOMEM;
}

static bool program_is_executable(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* 0, -ENOENT or -ENOMEM */
static int program_in(const char *directory, const char *name, bool not_this, char **ret) {
        _cleanup_(freep) char *path = path_join(directory, name);

        if (!path)
                return -ENOMEM;
        if (!program_is_executable(path) || (not_this && file_is_same(path, "/proc/self/exe")))
                return -ENOENT;
        *ret = TAKE_PTR(path);
        return 0;
}

/* relative entries of PATH, the empty one too, depend on where we stand: left out */
static int program_on_path(const char *name, bool not_this, char **ret) {
        const char *path = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin";
        int r = -ENOENT;

        while (r == -ENOENT && *path) {
                size_t n = strcspn(path, ":");
                _cleanup_(freep) char *directory = strndup(path, n);

                if (!directory)
                        return -ENOMEM;
                if (directory[0] == '/')
                        r = program_in(directory, name, not_this, ret);
                path += n + (path[n] == ':');
        }
        return r;
}

int program_find(const char *name, char **ret) {
        _cleanup_(freep) char *directory = NULL;
        int r = -ENOENT;

        if (program_directory(&directory) == 0)
                r = program_in(directory, name, false, ret);
        return r == -ENOENT ? program_on_path(name, false, ret) : r;
}

int program_find_other(const char *name, char **ret) {
        return program_on_path(name, true, ret);
}

/* Opened the wrong way round: who reads or writes is told (EBADF). Children are to have them, too.
 * Each gets the lowest free number, which is that of the stream. */
void program_keep_streams(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0)
                        (void) open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int program_flush_output(void) {
        return fflush(stdout) == 0 && !ferror(stdout) ? 0 : error_from_errno();
}
