/*
 * vai_c_xir is a small Python script; the compiler is in shared libraries and Python packages of
 * the same installation, which an update replaces while the script stays as it is. So beside the
 * script's own digest there are those of every file, below PREFIX/lib, that belongs to one of the
 * compiler's packages. PREFIX is the directory above the script's, symbolic links resolved. A
 * script without such neighbours is identified by itself.
 *
 * The loader and Python look elsewhere first: LD_LIBRARY_PATH, PYTHONPATH, the user's own packages.
 * What they find there in place of the compiler's packages is what runs, so it counts as well.
 */

#include "daemon/native.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "cache/memo.h"
#include "daemon/conda.h"
#include "daemon/search.h"

#define NATIVE_FILES_MAX 8192
#define NATIVE_DEPTH_MAX 8

/* --- finding it ------------------------------------------------------------------------------- */

int native_prefix(const ConfigToolchain *toolchain, char **ret, Problem *problem) {
        int r;

        *ret = NULL;
        if (!toolchain->conda)
                return 0;
        if (toolchain->conda[0] == '/') {
                *ret = strdup(toolchain->conda);
                return *ret ? 0 : -ENOMEM;
        }
        r = conda_find(toolchain->conda, ret, problem);
        return r < 0 ? problem_prefix(problem, r, "toolchain %s%s", toolchain->name,
                                      r == -ENOENT ? " is not installed" : "")
                     : 0;
}

/* the path that is configured, by itself or through an environment; NULL: none is */
static int native_configured(const ConfigToolchain *toolchain, char **ret, Problem *problem) {
        _cleanup_(freep) char *prefix = NULL;
        int r;

        r = native_prefix(toolchain, &prefix, problem);
        if (r < 0)
                return r;
        if (prefix)
                *ret = path_join(prefix, "bin/vai_c_xir");
        else
                *ret = toolchain->path ? strdup(toolchain->path) : NULL;
        return (prefix || toolchain->path) && !*ret ? -ENOMEM : 0;
}

int native_check(const ConfigToolchain *toolchain, const char *program, const char *not_this,
                 Problem *problem) {
        int r = search_check(program, not_this);

        if (r == -ENOENT)
                return problem_set(problem, r,
                                   "toolchain %s is not installed: %s is no program that can run",
                                   toolchain->name, program);
        return r < 0 ? problem_set(problem, r, "toolchain %s: %s: %s", toolchain->name, program,
                                   strerror(-r))
                     : 0;
}

int native_find(const ConfigToolchain *toolchain, const char *not_this, char **ret,
                Problem *problem) {
        _cleanup_(freep) char *program = NULL;
        int r;

        r = native_configured(toolchain, &program, problem);
        if (r < 0)
                return r;
        if (program && !toolchain->remote)
                r = native_check(toolchain, program, not_this, problem);
        if (r < 0)
                return r;
        if (program) {
                *ret = TAKE_PTR(program);
                return 0;
        }
        r = search_program("vai_c_xir", not_this, ret, problem);
        if (r == -ENOENT)
                return problem_set(problem, r,
                                   "toolchain %s is not installed: there is no vai_c_xir on PATH "
                                   "(activate the conda environment of Vitis AI, or give its name "
                                   "or path in the configuration)",
                                   toolchain->name);
        return r < 0 ? problem_prefix(problem, r, "toolchain %s", toolchain->name) : 0;
}

/* --- what it is made of ----------------------------------------------------------------------- */

typedef struct FileList {
        char **paths;
        size_t n, capacity;
} FileList;

static void file_list_cleanup(FileList *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->paths[i]);
        free(list->paths);
}

static int file_list_add(FileList *list, const char *directory, const char *name) {
        char *path;

        if (list->n == NATIVE_FILES_MAX)
                return -EFBIG;
        if (array_reserve(&list->paths, &list->capacity, list->n + 1, sizeof(char *)) < 0)
                return -ENOMEM;
        path = path_join(directory, name);
        if (!path)
                return -ENOMEM;
        list->paths[list->n++] = path;
        return 0;
}

static int file_list_compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static bool native_is_compiler_name(const char *name) {
        static const char *const packages[] = { NATIVE_PACKAGES };

        if (strncmp(name, "lib", 3) == 0)
                name += 3;
        for (size_t i = 0; i < ARRAY_SIZE(packages); i++)
                if (strncmp(name, packages[i], strlen(packages[i])) == 0)
                        return true;
        return false;
}

static bool native_is_on_the_way(const char *name) {
        return strncmp(name, "python3", 7) == 0 || strcmp(name, "site-packages") == 0;
}

static int native_collect(FileList *list, const char *directory, bool all, unsigned depth);

/* An entry that belongs to the compiler is taken whole; of the others only the directories on
 * the way to Python's packages are entered. */
static int native_collect_entry(FileList *list, const char *directory, const char *name, bool all,
                                unsigned depth) {
        _cleanup_(freep) char *path = path_join(directory, name);
        bool ours = all || native_is_compiler_name(name);
        struct stat st;

        if (!path)
                return -ENOMEM;
        if (strcmp(name, "__pycache__") == 0 || (!ours && !native_is_on_the_way(name)))
                return 0;
        if (stat(path, &st) < 0)
                return error_is_of_file(-errno) ? 0 : error_from_errno();
        if (S_ISREG(st.st_mode))
                return ours ? file_list_add(list, directory, name) : 0;
        if (!S_ISDIR(st.st_mode) || depth == NATIVE_DEPTH_MAX)
                return 0;
        return native_collect(list, path, ours, depth + 1);
}

static int native_collect(FileList *list, const char *directory, bool all, unsigned depth) {
        _cleanup_(closedirp) DIR *dir = opendir(directory);
        struct dirent *entry;
        int r;

        if (!dir)
                return error_is_of_file(-errno) ? 0 : error_from_errno();
        while ((errno = 0, entry = readdir(dir))) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                r = native_collect_entry(list, directory, entry->d_name, all, depth);
                if (r < 0)
                        return r;
        }
        return -errno; /* half a list would be another compiler */
}

int native_linked_folder(const char *program, char **ret) {
        _cleanup_(freep) char *real = realpath(program, NULL), *bin = path_dirname(program);
        _cleanup_(freep) char *real_bin = bin ? realpath(bin, NULL) : NULL, *linked = NULL;

        if (!real || !real_bin)
                return bin ? error_from_errno() : -ENOMEM;
        linked = path_dirname(real);
        if (!linked)
                return -ENOMEM;
        *ret = strcmp(linked, real_bin) != 0 ? TAKE_PTR(linked) : NULL;
        return 0;
}

char *native_places(void) {
        char *places;

        return asprintf(&places, "%s:%s:%s/.local/lib", getenv("LD_LIBRARY_PATH") ?: "",
                        getenv("PYTHONPATH") ?: "", getenv("HOME") ?: "") < 0
                       ? NULL
                       : places;
}

static int native_collect_places(FileList *list) {
        _cleanup_(freep) char *places = native_places();
        char *save = NULL;
        int r = places ? 0 : -ENOMEM;

        for (char *place = places ? strtok_r(places, ":", &save) : NULL; r == 0 && place;
             place = strtok_r(NULL, ":", &save))
                if (place[0] == '/')
                        r = native_collect(list, place, false, 0);
        return r;
}

/* a place may be there twice, and below PREFIX */
static void file_list_sort(FileList *list) {
        size_t n = 0;

        qsort(list->paths, list->n, sizeof(char *), file_list_compare);
        for (size_t i = 0; i < list->n; i++)
                if (n > 0 && strcmp(list->paths[n - 1], list->paths[i]) == 0)
                        free(list->paths[i]);
                else
                        list->paths[n++] = list->paths[i];
        list->n = n;
}

static int native_list(const char *program, bool alone, FileList *list) {
        _cleanup_(freep) char *real = NULL, *bin = NULL, *prefix = NULL, *lib = NULL,
                              *linked = NULL;
        int r;

        real = realpath(program, NULL);
        if (!real)
                return error_from_errno();
        r = file_list_add(list, "", real);
        if (r < 0 || alone)
                return r;
        r = native_linked_folder(program, &linked);
        if (r == 0 && linked) /* what it runs is looked for beside the link first */
                r = file_list_add(list, "", program);
        if (r < 0)
                return r;

        bin = path_dirname(real);
        prefix = bin ? path_dirname(bin) : NULL;
        lib = prefix ? path_join(prefix, "lib") : NULL;
        if (!lib)
                return -ENOMEM;
        /* the system's own libraries are no conda environment's */
        if (strcmp(prefix, "/") != 0 && strcmp(prefix, "/usr") != 0)
                r = native_collect(list, lib, false, 0);
        if (r == 0)
                r = native_collect_places(list);
        if (r == 0)
                file_list_sort(list);
        return r;
}

static int native_hash_file(Hasher *hasher, State *state, const char *path, bool anywhere) {
        Digest digest;
        StatId id;
        int r;

        r = memo_digest(state, path, &digest, &id);
        if (r == 0 && !anywhere)
                r = hasher_update(hasher, path, strlen(path) + 1);
        return r < 0 ? r : hasher_update(hasher, digest.bytes, sizeof(digest.bytes));
}

/* A program that runs alone is the same wherever it is: machines that share a cache need not have
 * it in one place. */
int native_hash(const char *program, bool alone, State *state, Hasher *hasher, uint32_t *ret_n) {
        _cleanup_(file_list_cleanup) FileList list = {};
        int r;

        r = native_list(program, alone, &list);
        for (size_t i = 0; r == 0 && i < list.n; i++)
                r = native_hash_file(hasher, state, list.paths[i], alone);
        if (r < 0)
                return r;
        *ret_n = (uint32_t) list.n;
        return 0;
}
