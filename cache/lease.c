#include "cache/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/stat_id.h"
#include "cache/layout.h"
#include "cache/view.h"

static int lease_open_keydir(const char *root, const Digest *key) {
        _cleanup_(closep) int views = layout_open(root, LAYOUT_VIEWS, false);
        char hex[DIGEST_HEX];
        int fd;

        if (views < 0)
                return views;
        digest_to_hex(key, hex);
        fd = openat(views, hex, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? error_from_errno() : fd;
}

/* The newest of the views in @dir. */
static int lease_read_views(DIR *dir, int64_t *used_ns) {
        struct dirent *entry;

        for (;;) {
                struct stat st;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return errno > 0 ? -errno : 0;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    stat_id_of(&st).mtime_ns > *used_ns)
                        *used_ns = stat_id_of(&st).mtime_ns;
        }
}

int lease_read(const char *root, const Digest *key, int64_t *ret_used_ns) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int fd = lease_open_keydir(root, key);
        int64_t used_ns = 0;
        int r;

        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) /* no view of ours */
                r = 0;
        else
                r = fd < 0 ? fd : file_list(fd, &dir);
        if (dir)
                r = lease_read_views(dir, &used_ns);
        if (r == 0)
                *ret_used_ns = used_ns;
        return r;
}

bool lease_holds(const char *root, const Digest *key, int64_t now_ns) {
        int64_t used_ns;

        return lease_read(root, key, &used_ns) < 0 ||
               (used_ns > 0 && now_ns - used_ns < VIEW_LEASE_S * CLOCK_NS_PER_S);
}

static int lease_add_object(const Digest *object, void *userdata) {
        return names_add(userdata, object);
}

int lease_add_objects(const char *root, const Digest *key, int64_t now_ns, Names *objects) {
        return lease_holds(root, key, now_ns)
                       ? view_each_object(root, key, lease_add_object, objects)
                       : 0;
}

int lease_remove_views(const char *root, const Digest *key) {
        _cleanup_(closep) int views = layout_open(root, LAYOUT_VIEWS, false);
        char hex[DIGEST_HEX];

        if (views < 0)
                return views == -ENOENT ? 0 : views;
        digest_to_hex(key, hex);
        return file_remove_tree(views, hex);
}
