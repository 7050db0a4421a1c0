#include "xmodel/filename.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/path.h"

/* The part of @name that is NAME, or none. */
static bool filename_split(const char *name, size_t *ret_start, size_t *ret_length) {
        static const char suffix[] = ".json", tail[] = ".arch.json";
        size_t n = strlen(name);

        if (strcmp(name, "arch.json") == 0) {
                *ret_start = *ret_length = 0;
                return true;
        }
        if (n > sizeof(tail) - 1 && path_ends_with(name, tail)) {
                *ret_start = 0;
                *ret_length = n - (sizeof(tail) - 1);
                return true;
        }
        if (strncmp(name, "arch", 4) != 0 || name[4] == '\0' || !strchr("-_.", name[4]) ||
            !path_ends_with(name, suffix) || n <= 5 + sizeof(suffix) - 1)
                return false;
        *ret_start = 5;
        *ret_length = n - 5 - (sizeof(suffix) - 1);
        return true;
}

bool filename_is_arch(const char *name) {
        size_t start, length;

        return filename_split(name, &start, &length);
}

int filename_target(const char *arch_path, char **ret) {
        const char *name = path_basename(arch_path);
        size_t start, length;
        char *copy;

        if (!filename_split(name, &start, &length) || length == 0) {
                *ret = NULL;
                return 0;
        }
        copy = strndup(name + start, length);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

char *filename_net(const char *xmodel_path) {
        const char *name = path_basename(xmodel_path);
        size_t n = strlen(name);

        if (n > 7 && path_ends_with(name, ".xmodel"))
                n -= 7;
        if (n > 4 && strncmp(name + n - 4, "_int", 4) == 0)
                n -= 4;
        return strndup(name, n);
}
