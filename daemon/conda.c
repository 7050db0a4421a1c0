#include "daemon/conda.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"

#define CONDA_LIST_MAX ((size_t) 256 * 1024)

/* Returns 1 if it is one, 0 if not. -errno: nobody can tell. */
static int conda_check(const char *prefix) {
        _cleanup_(freep) char *meta = path_join(prefix, "conda-meta");
        struct stat st;

        if (!meta)
                return -ENOMEM;
        if (prefix[0] != '/')
                return 0;
        if (stat(meta, &st) < 0)
                return error_is_of_file(-errno) ? 0 : error_from_errno();
        return S_ISDIR(st.st_mode);
}

/* Returns 1 and takes *prefix over if that is one. */
static int conda_try(char **prefix, char **ret) {
        int r = *prefix ? conda_check(*prefix) : -ENOMEM;

        if (r == 1)
                *ret = TAKE_PTR(*prefix);
        return r;
}

static int conda_search_list(const char *name, const char *home, char **ret) {
        _cleanup_(freep) char *path = path_join(home, ".conda/environments.txt"), *list = NULL;
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(CONDA_LIST_MAX);
        char *save = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(AT_FDCWD, path, &text);
        if (r < 0)
                return error_is_of_file(r) ? 0 : r;
        list = bytes_take_string(&text);
        if (!list)
                return -ENOMEM;
        for (char *line = strtok_r(list, "\r\n", &save); line;
             line = strtok_r(NULL, "\r\n", &save)) {
                _cleanup_(freep) char *prefix = NULL;

                if (strcmp(path_basename(line), name) != 0)
                        continue;
                prefix = strdup(line);
                r = conda_try(&prefix, ret);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* @directories hold environments, separated by colons */
static int conda_search_directories(const char *name, const char *directories, char **ret) {
        for (const char *p = directories; p && *p;) {
                size_t n = strcspn(p, ":");
                _cleanup_(freep) char *directory = strndup(p, n), *prefix = NULL;
                int r;

                prefix = directory ? path_join(directory, name) : NULL;
                r = conda_try(&prefix, ret);
                if (r != 0)
                        return r;
                p += n + (p[n] == ':');
        }
        return 0;
}

static int conda_search_root(const char *name, const char *root, char **ret) {
        _cleanup_(freep) char *environments = path_join(root, "envs"), *prefix = NULL;

        if (!environments)
                return -ENOMEM;
        prefix = strcmp(name, "base") == 0 ? strdup(root) : path_join(environments, name);
        return conda_try(&prefix, ret);
}

static int conda_search_installation(const char *name, char **ret) {
        const char *exe = getenv("CONDA_EXE"), *mamba = getenv("MAMBA_ROOT_PREFIX");
        _cleanup_(freep) char *bin = exe ? path_dirname(exe) : NULL;
        _cleanup_(freep) char *root = bin ? path_dirname(bin) : NULL;
        int r = 0;

        if (exe && !root)
                return -ENOMEM;
        if (root)
                r = conda_search_root(name, root, ret);
        if (r == 0 && mamba)
                r = conda_search_root(name, mamba, ret);
        return r;
}

static int conda_search_usual(const char *name, const char *home, char **ret) {
        static const char *const folders[] = {
                "miniconda3", "miniforge3", "mambaforge", "anaconda3", "micromamba", "conda",
        };
        const char *const places[] = { home, "/opt", "/usr/local" };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                for (size_t j = 0; j < ARRAY_SIZE(folders); j++) {
                        _cleanup_(freep) char *root = path_join(places[i], folders[j]);

                        r = root ? conda_search_root(name, root, ret) : -ENOMEM;
                        if (r != 0)
                                return r;
                }
        }
        return conda_search_root(name, "/opt/vitis_ai/conda", ret);
}

int conda_find(const char *name, char **ret, Problem *problem) {
        const char *home = getenv("HOME") ?: "/";
        _cleanup_(freep) char *own = path_join(home, ".conda");
        int r;

        r = own ? conda_search_list(name, home, ret) : -ENOMEM;
        if (r == 0)
                r = conda_search_directories(name, getenv("CONDA_ENVS_PATH"), ret);
        if (r == 0)
                r = conda_search_directories(name, getenv("CONDA_ENVS_DIRS"), ret);
        if (r == 0)
                r = conda_search_installation(name, ret);
        if (r == 0)
                r = conda_search_root(name, own, ret);
        if (r == 0)
                r = conda_search_usual(name, home, ret);
        if (r < 0)
                return problem_set(problem, r, "looking for the conda environment '%s': %s", name,
                                   strerror(-r));
        if (r > 0)
                return 0;
        return problem_set(problem, -ENOENT,
                           "there is no conda environment '%s' in the usual places; give its "
                           "absolute path in the configuration (conda env list shows it)",
                           name);
}
