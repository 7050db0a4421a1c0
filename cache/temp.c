#include "cache/temp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

int temp_open(Temp *ret, const char *root, const char *directory, mode_t mode) {
        Temp temp = { .root = root, .directory = directory, .fd = -1, .shard = -1 };
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
        closep(&temp->shard);
        closep(&temp->dirfd);
        *temp = TEMP_NULL;
}

void temp_start(const Temp *temp) {
        (void) sync_file_range(temp->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int temp_sync(const Temp *temp) {
        return fsync(temp->fd) < 0 ? error_from_errno() : 0;
}

int temp_aim(Temp *temp, const Digest *name) {
        int fd = layout_open_shard(temp->root, temp->directory, name, true, temp->leaf);

        if (fd < 0)
                return fd;
        closep(&temp->shard);
        temp->shard = fd;
        return 0;
}

/* link(2), not rename(2), because it refuses to replace, on every kind of file system */
int temp_link(Temp *temp) {
        if (linkat(temp->dirfd, temp->name, temp->shard, temp->leaf, 0) == 0)
                return 0;
        return errno == EEXIST ? TEMP_EXISTS : error_from_errno();
}

int temp_rename(Temp *temp) {
        if (renameat(temp->dirfd, temp->name, temp->shard, temp->leaf) < 0)
                return error_from_errno();
        temp->name[0] = '\0';
        return 0;
}

int temp_sync_name(const Temp *temp) {
        return file_sync_dir(temp->shard);
}
