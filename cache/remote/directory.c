#include "cache/remote/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

#define DIRECTORY_CHUNK   ((size_t) 256 * 1024)
#define DIRECTORY_RESERVE 20 /* one part of so many stays free */

typedef struct DirectoryLink {
        Link link;
        char chunk[DIRECTORY_CHUNK];
} DirectoryLink;

static void directory_close(Link *link) {
        free(container_of(link, DirectoryLink, link));
}

static int directory_open(Link **ret, const Access *access) {
        DirectoryLink *directory = calloc(1, sizeof(*directory));

        (void) access;
        if (!directory)
                return -ENOMEM;
        *ret = &directory->link;
        return 0;
}

/* Opened anew each time: it may be mounted, and unmounted, at any time. It is not made: a mount
 * point without its file system must not be filled. */
static int directory_root(const Link *link, Problem *problem) {
        const char *path = link->access->place.path;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

        if (fd >= 0)
                return fd;
        r = errno == ENOENT || errno == ENOTDIR ? -ECONNREFUSED : error_from_errno();
        return problem_set(problem, r, "%s: %s", path, strerror(errno));
}

/* 0 while there is time and somebody waits */
static int directory_check(const LinkRequest *request) {
        if (atomic_load(request->cancelled))
                return -ECANCELED;
        return link_left_ms(request) == 0 ? -ETIMEDOUT : 0;
}

static int directory_explain(const LinkRequest *request, int r) {
        if (r < 0 && request->problem->text[0] == '\0')
                (void) problem_set(request->problem, r, "%s: %s", request->name, strerror(-r));
        return r;
}

/* --- reading ----------------------------------------------------------------------------- */

/* The blob, or -ENOENT. Whatever else has its name is not opened. */
static int directory_find(const Link *link, const LinkRequest *request, struct stat *ret_st) {
        _cleanup_(closep) int root = directory_root(link, request->problem), fd = -1;

        if (root < 0)
                return root;
        fd = file_open_beneath(root, request->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW,
                               0);
        if (fd < 0)
                return fd;
        if (fstat(fd, ret_st) < 0)
                return error_from_errno();
        return S_ISREG(ret_st->st_mode) ? TAKE_FD(fd) : -EPROTO;
}

static int directory_get(Link *link, const LinkRequest *request, Sink *sink) {
        DirectoryLink *directory = container_of(link, DirectoryLink, link);
        _cleanup_(closep) int fd = -1;
        struct stat st;
        int r = 0;

        fd = directory_find(link, request, &st);
        if (fd == -ENOENT)
                return LINK_ABSENT;
        if (fd < 0)
                return directory_explain(request, fd);
        while (r == 0) {
                ssize_t n = read(fd, directory->chunk, DIRECTORY_CHUNK);

                if (n == 0)
                        break;
                r = n < 0 ? error_from_errno() : directory_check(request);
                if (r == 0)
                        r = sink_write(sink, directory->chunk, (size_t) n);
        }
        return directory_explain(request, r);
}

static int directory_has(Link *link, const LinkRequest *request, uint64_t size) {
        _cleanup_(closep) int fd = -1;
        struct stat st;

        fd = directory_find(link, request, &st);
        if (fd == -ENOENT)
                return LINK_ABSENT;
        if (fd < 0)
                return directory_explain(request, fd);
        return (uint64_t) st.st_size == size ? 0 : LINK_ABSENT;
}

/* --- writing ----------------------------------------------------------------------------- */

static int directory_check_room(int root, uint64_t size, Problem *problem) {
        struct statvfs vfs;
        uint64_t room, all;

        if (fstatvfs(root, &vfs) < 0)
                return error_from_errno();
        room = (uint64_t) vfs.f_bavail * vfs.f_frsize;
        all = (uint64_t) vfs.f_blocks * vfs.f_frsize;
        if (room < size || room - size < all / DIRECTORY_RESERVE)
                return problem_set(problem, -ENOSPC,
                                   "less than a twentieth of the file system would be free");
        return 0;
}

/* The folder @name beneath @parent, with the permissions of the root. */
static int directory_make(int parent, const char *name, mode_t mode) {
        bool made = mkdirat(parent, name, 0700) == 0;
        int fd;

        if (!made && errno != EEXIST)
                return error_from_errno();
        fd = file_open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0);
        if (fd >= 0 && made && fchmod(fd, mode & 07777) < 0) {
                int r = error_from_errno();

                close(fd);
                return r;
        }
        return fd;
}

/* The folder that @name is in, made where it is missing; *ret_leaf is its last part. */
static int directory_open_folder(int root, const char *name, const char **ret_leaf) {
        _cleanup_(closep) int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
        struct stat st;

        if (fd < 0 || fstat(root, &st) < 0)
                return error_from_errno();
        for (const char *slash = strchr(name, '/'); slash; slash = strchr(name, '/')) {
                char part[NAME_MAX + 1];
                int next;

                (void) snprintf(part, sizeof(part), "%.*s", (int) (slash - name), name);
                next = directory_make(fd, part, st.st_mode);
                if (next < 0)
                        return next;
                close(fd);
                fd = next;
                name = slash + 1;
        }
        *ret_leaf = name;
        return TAKE_FD(fd);
}

static int directory_copy(DirectoryLink *directory, const LinkRequest *request, Source *source,
                          int to) {
        size_t n;
        int r;

        for (source->at = 0;;) {
                r = directory_check(request);
                if (r == 0)
                        r = source_read(source, directory->chunk, DIRECTORY_CHUNK, &n);
                if (r < 0 || n == 0)
                        return r;
                r = file_write_all(to, directory->chunk, n);
                if (r < 0)
                        return r;
        }
}

static int directory_write(DirectoryLink *directory, const LinkRequest *request, Source *source,
                           int folder, const char *leaf, mode_t mode) {
        char temporary[FILE_TEMP_NAME];
        _cleanup_(closep) int fd = file_open_temp(folder, 0600, temporary);
        int r;

        if (fd < 0)
                return fd;
        r = directory_copy(directory, request, source, fd);
        if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
                       renameat(folder, temporary, folder, leaf) < 0))
                r = error_from_errno();
        if (r < 0)
                (void) unlinkat(folder, temporary, 0);
        return r < 0 ? r : file_sync_dir(folder);
}

static int directory_put(Link *link, const LinkRequest *request, Source *source) {
        DirectoryLink *directory = container_of(link, DirectoryLink, link);
        _cleanup_(closep) int root = directory_root(link, request->problem), folder = -1;
        const char *leaf = NULL;
        struct stat st;
        int r;

        if (root < 0)
                return root;
        r = directory_check_room(root, source->size, request->problem);
        if (r < 0)
                return r;
        if (fstat(root, &st) < 0)
                return error_from_errno();
        folder = directory_open_folder(root, request->name, &leaf);
        r = folder < 0 ? folder
                       : directory_write(directory, request, source, folder, leaf,
                                         (st.st_mode & 0444) | 0400);
        return directory_explain(request, r);
}

const LinkOps directory_ops = {
        .open = directory_open,
        .close = directory_close,
        .get = directory_get,
        .put = directory_put,
        .has = directory_has,
};
