#include "cache/temp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cache/layout.h"

int temp_open(Temp *ret, const char *root, const char *directory, mode_t mode) {
        Temp temp = { .root = root, .directory = directory, .fd = -1 };
        int r = 0;

        temp.dirfd = layout_open(root, directory, true);
        if (temp.dirfd < 0)
                return temp.dirfd;
        temp.fd = file_open_temp(temp.dirfd, mode, temp.name);
        if (temp.fd < 0) {
                r = temp.fd;
                temp.name[0] = '\0';
        } else if (fchmod(temp.fd, mode) < 0) { /* whatever the umask is */
                r = error_from_errno();
        }
        if (r < 0) {
                temp_deinit(&temp);
                return r;
        }

        *ret = temp;
        return 0;
}

void temp_unlink(Temp *temp) {
        if (temp->name[0])
                (void) unlinkat(temp->dirfd, temp->name, 0);
        temp->name[0] = '\0';
}

void temp_deinit(Temp *temp) {
        temp_unlink(temp);
        closep(&temp->fd);
        closep(&temp->dirfd);
        *temp = TEMP_NULL;
}

/* link(2), not rename(2), because it refuses to replace, on every kind of file system */
static int temp_link(Temp *temp, int shard, const char *leaf) {
        if (linkat(temp->dirfd, temp->name, shard, leaf, 0) == 0)
                return 0;
        return errno == EEXIST ? TEMP_EXISTS : error_from_errno();
}

static int temp_rename(Temp *temp, int shard, const char *leaf) {
        if (renameat(temp->dirfd, temp->name, shard, leaf) < 0)
                return error_from_errno();
        temp->name[0] = '\0';
        return 0;
}

int temp_place(Temp *temp, const Digest *name, bool replace) {
        _cleanup_(closep) int shard = -1;
        char leaf[LAYOUT_LEAF];
        int outcome, r;

        shard = layout_open_shard(temp->root, temp->directory, name, true, leaf);
        if (shard < 0)
                return shard;
        if (fsync(temp->fd) < 0)
                return error_from_errno();
        outcome = replace ? temp_rename(temp, shard, leaf) : temp_link(temp, shard, leaf);
        if (outcome < 0)
                return outcome;

        /* after TEMP_EXISTS too: whoever made that name may not have synced it yet */
        r = file_sync_dir(shard);
        return r < 0 ? r : outcome;
}
