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

        if (!root)
                return file_open_regular(AT_FDCWD, path);

        relative = path_relative(path, root);
        if (!relative || relative[0] == '\0')
                return -EXDEV;
        root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return error_from_errno();
        return file_open_beneath_regular(root_fd, relative);
}

/* What the file says: not usable is one that says nothing good, with @problem. -errno: it could not be
 * read. */
static int arch_read(int fd, bool *ret_usable, Target *ret, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TARGET_FILE_MAX);
        int r;

        r = file_read_fd(fd, &text);
        if (r == 0)
                r = target_parse_arch(bytes_slice(&text), ret, problem);
        else if (error_is_of_file(r))
                (void) problem_set(problem, r, "%s", strerror(-r));
        else
                return r;
        *ret_usable = r == 0;
        return r == -ENOMEM ? r : 0;
}

static int arch_file_read(ArchFile *file, int fd) {
        char *problem_text = NULL;
        Problem problem = {};
        Target target;
        bool usable;
        int r;

        r = arch_read(fd, &usable, &target, &problem);
        if (r < 0)
                return r;
        if (usable) {
                file->target = target;
                file->usable = true;
        } else {
                (void) problem_prefix(&problem, 0, "%s", file->path);
                problem_text = strdup(problem.text);
                if (!problem_text)
                        return -ENOMEM;
        }
        free(file->problem);
        file->problem = problem_text;
        file->unread = false;
        return 0;
}

/* Nobody knows what it is now. @file is NULL if there is no entry, or none could be made. */
static int arch_file_unread(ArchFile *file, const char *path, int r, Problem *problem) {
        Problem why;
        char *text;

        (void) problem_set(&why, r, "%s: %s", path, file_error_text(r));
        text = file ? strdup(why.text) : NULL;
        if (file) {
                file->settled = false;
                file->unread = true;
        }
        if (text) {
                free(file->problem);
                file->problem = text;
        }
        return problem_set(problem, r, "%s", why.text);
}

int arch_files_update(ArchFiles *files, const char *path, const char *root, Problem *problem) {
        size_t place = arch_files_place(files, path);
        ArchFile *file = arch_files_at(files, place, path);
        int64_t observed_ns = clock_real_ns();
        _cleanup_(closep) int fd = -1;
        bool racy;
        StatId id;
        int r;

        fd = arch_open(path, root);
        if (fd < 0 && error_is_of_file(fd)) {
                if (file)
                        arch_files_drop(files, place);
                return 0;
        }
        r = fd < 0 ? fd : file_stat_id_fd(fd, &id);
        racy = r < 0 || memo_is_racy(&id, observed_ns);
        if (file && file->settled && !racy && stat_id_equal(&file->id, &id))
                return 0;
        if (!file) {
                int k = arch_files_insert(files, place, path, &file);

                r = r < 0 ? r : k;
        }
        if (r == 0)
                r = arch_file_read(file, fd);
        if (r < 0)
                return arch_file_unread(file, path, r, problem);
        file->id = id;
        file->settled = !racy;
        return 0;
}

static int arch_list(const char *directory, Strings *ret) {
        _cleanup_(closedirp) DIR *dir = opendir(directory);
        struct dirent *entry;

        if (!dir)
                return error_is_of_file(-errno) ? 0 : error_from_errno();
        while ((errno = 0, entry = readdir(dir))) {
                _cleanup_(freep) char *path = NULL;

                if (!filename_is_arch(entry->d_name))
                        continue;
                path = path_join(directory, entry->d_name);
                if (!path || strings_add(ret, path) < 0)
                        return -ENOMEM;
        }
        return -errno;
}

int arch_files_scan(ArchFiles *files, const char *directory, Problem *problem) {
        _cleanup_(strings_cleanup) Strings paths = {};
        int r;

        r = arch_list(directory, &paths);
        if (r < 0)
                return problem_set(problem, r, "%s: %s", directory, strerror(-r));
        for (size_t i = files->n; i > 0; i--)
                if (arch_is_in(files->items[i - 1], directory) &&
                    !strings_contain(&paths, files->items[i - 1]->path))
                        arch_files_drop(files, i - 1);
        for (size_t i = 0; r == 0 && i < paths.n; i++)
                r = arch_files_update(files, paths.items[i], NULL, problem);
        return r;
}
