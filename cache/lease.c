#include "cache/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/stat_id.h"
#include "cache/layout.h"
#include "cache/view.h"

static int lease_open_keydir(const char *root, const Digest *key) {
        _cleanup_(closep) int views = layout_open(root, LAYOUT_VIEWS, false);
        char hex[DIGEST_HEX];

        digest_to_hex(key, hex);
        return views < 0 ? -1 : openat(views, hex, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int64_t lease_used_ns(const char *root, const Digest *key) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int fd = lease_open_keydir(root, key);
        struct dirent *entry;
        int64_t used_ns = 0;

        if (fd < 0)
                return 0;
        if (file_list(fd, &dir) < 0)
                return 0;
        while ((entry = readdir(dir))) {
                struct stat st;

                if (entry->d_name[0] == '.' &&
                    (entry->d_name[1] == '\0' || entry->d_name[1] == '.'))
                        continue;
                if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    stat_id_of(&st).mtime_ns > used_ns)
                        used_ns = stat_id_of(&st).mtime_ns;
        }
        return used_ns;
}

bool lease_holds(int64_t used_ns, int64_t now_ns) {
        return used_ns > 0 && now_ns - used_ns < VIEW_LEASE_S * CLOCK_NS_PER_S;
}

int lease_remove_views(const char *root, const Digest *key) {
        _cleanup_(closep) int views = layout_open(root, LAYOUT_VIEWS, false);
        char hex[DIGEST_HEX];

        if (views < 0)
                return views == -ENOENT ? 0 : views;
        digest_to_hex(key, hex);
        return file_remove_tree(views, hex);
}
