#include "daemon/search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"

/* of a call that failed */
static int search_error(void) {
        return error_is_of_file(-errno) ? -ENOENT : error_from_errno();
}

int search_check(const char *path, const char *not_this) {
        StatId this, other;
        struct stat st;
        int r;

        if (stat(path, &st) < 0)
                return search_error();
        if (!S_ISREG(st.st_mode))
                return -ENOENT;
        if (access(path, X_OK) < 0)
                return search_error();
        if (!not_this)
                return 0;
        r = file_stat_id(AT_FDCWD, not_this, &other);
        if (r < 0)
                return error_is_of_file(r) ? 0 : r;
        this = stat_id_of(&st);
        return stat_id_is_same_file(&this, &other) ? -ENOENT : 0;
}

int search_program(const char *name, const char *not_this, char **ret, Problem *problem) {
        for (const char *p = getenv("PATH"); p && *p;) {
                size_t n = strcspn(p, ":");
                _cleanup_(freep) char *directory = strndup(p, n), *candidate = NULL;
                int r;

                candidate = directory ? path_join(directory, name) : NULL;
                if (!candidate)
                        return problem_set(problem, -ENOMEM, "%s", strerror(ENOMEM));
                r = directory[0] == '/' ? search_check(candidate, not_this) : -ENOENT;
                if (r < 0 && r != -ENOENT)
                        return problem_set(problem, r,
                                           "looking for %s: %s: %s (take that folder off PATH, or "
                                           "see that it answers)",
                                           name, directory, strerror(-r));
                if (r == 0) {
                        *ret = TAKE_PTR(candidate);
                        return 0;
                }
                p += n + (p[n] == ':');
        }
        return -ENOENT;
}
