#include "cache/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"

#define LAYOUT_MODE 0700

static int layout_open_root(const char *root, bool make) {
        int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0)
                return fd;
        if (errno != ENOENT || !make)
                return error_from_errno();
        return file_make_dirs_durable(AT_FDCWD, root, LAYOUT_MODE);
}

static int layout_open_below(int dirfd, const char *name, bool make) {
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        int fd, r;

        fd = openat(dirfd, name, flags);
        if (fd >= 0)
                return fd;
        if (errno != ENOENT || !make)
                return error_from_errno();

        if (mkdirat(dirfd, name, LAYOUT_MODE) < 0 && errno != EEXIST)
                return error_from_errno();
        /* also when somebody else made it just now: he may not have come to this yet */
        r = file_sync_dir(dirfd);
        if (r < 0)
                return r;
        fd = openat(dirfd, name, flags);
        return fd < 0 ? error_from_errno() : fd;
}

int layout_open(const char *root, const char *directory, bool make) {
        _cleanup_(closep) int fd = layout_open_root(root, make);

        if (fd < 0 || !directory)
                return TAKE_FD(fd);
        return layout_open_below(fd, directory, make);
}

int layout_open_shard(const char *root, const char *directory, const Digest *digest, bool make,
                      char ret_leaf[LAYOUT_LEAF]) {
        _cleanup_(closep) int fd = layout_open(root, directory, make);
        char hex[DIGEST_HEX], shard[3];

        digest_to_hex(digest, hex);
        memcpy(shard, hex, 2);
        shard[2] = '\0';
        memcpy(ret_leaf, hex + 2, LAYOUT_LEAF);
        return fd < 0 ? fd : layout_open_below(fd, shard, make);
}

int layout_path(const char *root, const char *directory, const Digest *digest, char ret[PATH_MAX]) {
        char hex[DIGEST_HEX];
        int n;

        digest_to_hex(digest, hex);
        n = snprintf(ret, PATH_MAX, "%s/%s/%.2s/%s", root, directory, hex, hex + 2);
        return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int layout_open_file(const char *root, const char *directory, const Digest *digest) {
        char path[PATH_MAX];
        int fd, r;

        r = layout_path(root, directory, digest, path);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        return fd < 0 ? error_from_errno() : fd;
}

static int layout_remove_temps_in(const char *root, const char *directory) {
        int fd = layout_open(root, directory, false);

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        return file_remove_temps(fd);
}

int layout_remove_temps(const char *root) {
        static const char *const directories[] = { LAYOUT_OBJECTS, LAYOUT_RECORDS, LAYOUT_VIEWS };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(directories) && r == 0; i++)
                r = layout_remove_temps_in(root, directories[i]);
        return r;
}
