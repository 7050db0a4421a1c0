#include "daemon/search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

static bool search_is_same_file(const char *a, const char *b) {
        struct stat one, other;

        return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
               one.st_ino == other.st_ino;
}

bool search_is_program(const char *path, const char *not_this) {
        struct stat st;

        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
                return false;
        return !not_this || !search_is_same_file(path, not_this);
}

int search_program(const char *name, const char *not_this, char **ret) {
        for (const char *p = getenv("PATH"); p && *p;) {
                size_t n = strcspn(p, ":");
                _cleanup_(freep) char *directory = strndup(p, n), *candidate = NULL;

                candidate = directory ? path_join(directory, name) : NULL;
                if (!candidate)
                        return -ENOMEM;
                if (directory[0] == '/' && search_is_program(candidate, not_this)) {
                        *ret = TAKE_PTR(candidate);
                        return 0;
                }
                p += n + (p[n] == ':');
        }
        return -ENOENT;
}
