#include "daemon/arch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"
#include "cache/memo.h"
#include "xmodel/filename.h"

static ArchFile *arch_file_free(ArchFile *file) {
        if (!file)
                return NULL;
        free(file->path);
        free(file->problem);
        free(file);
        return NULL;
}

void arch_files_deinit(ArchFiles *files) {
        for (size_t i = 0; i < files->n; i++)
                (void) arch_file_free(files->items[i]);
        free(files->items);
        *files = (ArchFiles){};
}

bool arch_is_in(const ArchFile *file, const char *directory) {
        const char *relative = path_relative(file->path, directory);

        return relative && relative[0] != '\0' && !strchr(relative, '/') &&
               filename_is_arch(relative);
}

/* --- the list --------------------------------------------------------------------------------- */

/* where @path is or would be */
static size_t arch_files_place(const ArchFiles *files, const char *path) {
        size_t low = 0, high = files->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(files->items[middle]->path, path) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static ArchFile *arch_files_at(const ArchFiles *files, size_t place, const char *path) {
        if (place < files->n && strcmp(files->items[place]->path, path) == 0)
                return files->items[place];
        return NULL;
}

const ArchFile *arch_files_find(const ArchFiles *files, const char *path) {
        return arch_files_at(files, arch_files_place(files, path), path);
}

static void arch_files_drop(ArchFiles *files, size_t place) {
        (void) arch_file_free(files->items[place]);
        files->n--;
        memmove(files->items + place, files->items + place + 1,
                (files->n - place) * sizeof(files->items[0]));
}

static int arch_files_insert(ArchFiles *files, size_t place, const char *path, ArchFile **ret) {
        ArchFile *file;

        if (files->n == ARCH_FILES_MAX)
                return -ENOSPC;
        if (array_reserve(&files->items, &files->capacity, files->n + 1, sizeof(ArchFile *)) < 0)
                return -ENOMEM;
        file = calloc(1, sizeof(*file));
        if (!file)
                return -ENOMEM;
        file->path = strdup(path);
        if (!file->path) {
                (void) arch_file_free(file);
                return -ENOMEM;
        }
        memmove(files->items + place + 1, files->items + place,
                (files->n - place) * sizeof(files->items[0]));
        files->items[place] = file;
        files->n++;
        *ret = file;
        return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int arch_open(const char *path, const char *root) {
        _cleanup_(closep) int root_fd = -1;
        const char *relative;
        int fd;

        if (!root)
                return file_open_regular(AT_FDCWD, path);

        relative = path_relative(path, root);
        if (!relative || relative[0] == '\0')
                return -EXDEV;
        root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return error_from_errno();
        fd = file_open_beneath(root_fd, relative, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
        return fd;
}

static int arch_read(int fd, Target *ret, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TARGET_FILE_MAX);
        int r;

        r = file_read_fd(fd, &text);
        if (r < 0)
                return problem_set(problem, r, "%s", strerror(-r));
        return target_parse_arch(bytes_slice(&text), ret, problem);
}

static int arch_file_read(ArchFile *file, int fd) {
        char *problem_text = NULL;
        Problem problem = {};
        Target target;
        int r;

        r = arch_read(fd, &target, &problem);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                (void) problem_prefix(&problem, r, "%s", file->path);
                problem_text = strdup(problem.text);
                if (!problem_text)
                        return -ENOMEM;
        } else {
                file->target = target;
                file->usable = true;
        }
        free(file->problem);
        file->problem = problem_text;
        return 0;
}

int arch_files_update(ArchFiles *files, const char *path, const char *root) {
        size_t place = arch_files_place(files, path);
        ArchFile *file = arch_files_at(files, place, path);
        int64_t observed_ns = clock_real_ns();
        _cleanup_(closep) int fd = -1;
        bool racy;
        StatId id;
        int r;

        fd = arch_open(path, root);
        r = fd < 0 ? fd : file_stat_id_fd(fd, &id);
        if (r < 0) {
                if (file)
                        arch_files_drop(files, place);
                return r == -ENOMEM ? r : 0;
        }
        racy = memo_is_racy(&id, observed_ns);
        if (file && !file->racy && !racy && stat_id_equal(&file->id, &id))
                return 0;
        if (!file) {
                r = arch_files_insert(files, place, path, &file);
                if (r < 0)
                        return r;
        }
        r = arch_file_read(file, fd);
        if (r == 0) {
                file->id = id;
                file->racy = racy;
        }
        return r;
}

static int arch_list(const char *directory, Strings *ret) {
        _cleanup_(closedirp) DIR *dir = opendir(directory);
        struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
                _cleanup_(freep) char *path = NULL;

                if (!filename_is_arch(entry->d_name))
                        continue;
                path = path_join(directory, entry->d_name);
                if (!path || strings_add(ret, path) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int arch_files_scan(ArchFiles *files, const char *directory) {
        _cleanup_(strings_cleanup) Strings paths = {};
        int r;

        r = arch_list(directory, &paths);
        for (size_t i = files->n; r == 0 && i > 0; i--)
                if (arch_is_in(files->items[i - 1], directory) &&
                    !strings_contain(&paths, files->items[i - 1]->path))
                        arch_files_drop(files, i - 1);
        for (size_t i = 0; r == 0 && i < paths.n; i++)
                r = arch_files_update(files, paths.items[i], NULL);
        return r;
}
