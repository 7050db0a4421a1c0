#include "client/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"

static int place_by_text(const char *path, char **ret) {
        _cleanup_(freep) char *cwd = getcwd(NULL, 0);

        if (!cwd)
                return error_from_errno();
        *ret = path_normalise(cwd, path);
        return *ret ? 0 : -ENOMEM;
}

static int place_resolve(const char *path, char **ret) {
        char *real = realpath(path, NULL);

        if (!real)
                return errno == ENOMEM ? -ENOMEM : place_by_text(path, ret);
        *ret = real;
        return 0;
}

int place_of(const char *path, char **ret) {
        _cleanup_(freep) char *directory = NULL, *real = NULL;
        const char *name = path_basename(path);

        if (!path_is_plain_component(name)) /* "..", "dir/" and the like */
                return place_resolve(path, ret);
        directory = path_dirname(path);
        if (!directory)
                return -ENOMEM;
        real = realpath(directory, NULL);
        if (!real)
                return errno == ENOMEM ? -ENOMEM : place_by_text(path, ret);

        *ret = path_join(real, name);
        return *ret ? 0 : -ENOMEM;
}

int place_of_directory(const char *path, char **ret) {
        struct stat st;

        return stat(path, &st) == 0 && !S_ISDIR(st.st_mode) ? place_of(path, ret)
                                                            : place_resolve(path, ret);
}
