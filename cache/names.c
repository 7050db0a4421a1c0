#include "cache/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "cache/layout.h"

int names_add(Names *names, const Digest *name) {
        int r = array_reserve(&names->items, &names->capacity, names->n + 1, sizeof(*name));

        if (r < 0)
                return r;
        names->items[names->n++] = *name;
        return 0;
}

void names_deinit(Names *names) {
        free(names->items);
        *names = (Names){};
}

static int names_compare(const void *a, const void *b) {
        return memcmp(((const Digest *) a)->bytes, ((const Digest *) b)->bytes, DIGEST_SIZE);
}

void names_sort(Names *names) {
        if (names->n > 0)
                qsort(names->items, names->n, sizeof(*names->items), names_compare);
}

bool names_contain(const Names *names, const Digest *name) {
        return names->n > 0 &&
               bsearch(name, names->items, names->n, sizeof(*names->items), names_compare);
}

static int names_read(DIR *dir, uint8_t shard, Names *ret) {
        char hex[DIGEST_HEX];
        struct dirent *entry;
        Digest name;
        int r = 0;

        (void) snprintf(hex, sizeof(hex), "%02x", shard);
        while (r == 0) {
                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return errno > 0 ? -errno : 0;
                if (strlen(entry->d_name) != LAYOUT_LEAF - 1)
                        continue;
                memcpy(hex + 2, entry->d_name, LAYOUT_LEAF);
                if (digest_from_hex(hex, &name) == 0)
                        r = names_add(ret, &name);
        }
        return r;
}

int names_list(const char *root, const char *directory, uint8_t shard, Names *ret) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_(names_cleanup) Names names = {};
        const Digest first = { .bytes = { shard } };
        char leaf[LAYOUT_LEAF];
        int fd, r;

        fd = layout_open_shard(root, directory, &first, false, leaf);
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        r = file_list(fd, &dir);
        if (r < 0)
                return r;
        r = names_read(dir, shard, &names);
        if (r < 0)
                return r;
        names_sort(&names);
        names_deinit(ret);
        *ret = names;
        names = (Names){};
        return 0;
}

int names_stat(const char *root, const char *directory, const Digest *name, struct stat *ret) {
        char path[PATH_MAX];
        struct stat st;
        int r;

        r = layout_path(root, directory, name, path);
        if (r < 0)
                return r;
        if (lstat(path, &st) < 0)
                return error_from_errno();
        *ret = st;
        return 0;
}

int names_take(const char *root, const char *directory, const Digest *name, int *ret_fd) {
        _cleanup_(closep) int shard = -1, fd = -1;
        char leaf[LAYOUT_LEAF];

        *ret_fd = -1;
        shard = layout_open_shard(root, directory, name, false, leaf);
        if (shard < 0)
                return shard == -ENOENT ? 0 : shard;
        fd = openat(shard, leaf, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (unlinkat(shard, leaf, 0) < 0)
                return errno == ENOENT ? 0 : error_from_errno();
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int names_unlink(const char *root, const char *directory, const Digest *name) {
        _cleanup_(closep) int fd = -1;

        return names_take(root, directory, name, &fd);
}
