#include "daemon/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

/*
 * getdents64(2) directly instead of opendir(3): a scan is opened once per directory of a tree
 * and again with every rescan, and the buffer of opendir() would be an allocation that can fail
 * each time.
 *
 * The numbers of the file systems are those of statfs(2) and, where it does not name them, of
 * the kernel's sources; <linux/magic.h> has about half of them.
 */

/* By the name ".": that needs the right to search, as does every stat of what is in it. */
static int scan_stat_self(int fd, struct stat *ret) {
        return fstatat(fd, ".", ret, AT_SYMLINK_NOFOLLOW) < 0 ? error_from_errno() : 0;
}

int scan_open(Scan *scan, const char *path, struct stat *ret_stat) {
        _cleanup_(closep) int fd = -1;
        struct stat st;
        int r;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return error_from_errno();
        r = scan_stat_self(fd, &st);
        if (r < 0)
                return r;

        scan->fd = TAKE_FD(fd);
        scan->at = 0;
        scan->size = 0;
        *ret_stat = st;
        return 0;
}

void scan_close(Scan *scan) {
        if (scan->fd >= 0)
                (void) close(scan->fd);
        scan->fd = -1;
}

static ScanType scan_type_of_mode(mode_t mode) {
        if (S_ISREG(mode))
                return SCAN_FILE;
        if (S_ISDIR(mode))
                return SCAN_DIRECTORY;
        return S_ISLNK(mode) ? SCAN_LINK : SCAN_OTHER;
}

static int scan_type(const Scan *scan, const struct dirent64 *entry, ScanType *ret) {
        struct stat st;

        *ret = SCAN_OTHER;
        if (entry->d_type != DT_UNKNOWN)
                *ret = scan_type_of_mode(DTTOIF(entry->d_type));
        else if (fstatat(scan->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                *ret = scan_type_of_mode(st.st_mode);
        else if (errno != ENOENT) /* gone already */
                return error_from_errno();
        return 0;
}

static int scan_fill(Scan *scan) {
        ssize_t n;

        n = getdents64(scan->fd, scan->buffer, sizeof(scan->buffer));
        if (n < 0)
                return error_from_errno();

        scan->at = 0;
        scan->size = (size_t) n;
        return n > 0;
}

int scan_next(Scan *scan, ScanEntry *ret) {
        int r;

        for (;;) {
                const struct dirent64 *entry;

                if (scan->at == scan->size) {
                        r = scan_fill(scan);
                        if (r <= 0)
                                return r;
                }
                entry = (const struct dirent64 *) (const void *) (scan->buffer + scan->at);
                scan->at += entry->d_reclen;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;

                ret->name = entry->d_name;
                r = scan_type(scan, entry, &ret->type);
                return r < 0 ? r : 1;
        }
}

int scan_stat(const Scan *scan, const char *name, struct stat *ret) {
        return fstatat(scan->fd, name, ret, 0) < 0 ? error_from_errno() : 0;
}

bool scan_is_without_events(const Scan *scan) {
        static const uint32_t remote[] = {
                0x6969,     /* NFS */
                0x517b,     /* SMB */
                0xff534d42, /* CIFS */
                0xfe534d42, /* SMB2 */
                0x01021997, /* 9p */
                0x65735546, /* FUSE */
                0x73757245, /* Coda */
                0x5346414f, /* AFS, OpenAFS */
                0x6b414653, /* AFS, kernel */
                0x00c36400, /* Ceph */
                0x0bd00bd0, /* Lustre */
                0x47504653, /* GPFS */
                0x7c7c6673, /* prl_fs, Parallels */
                0x786f4256, /* vboxsf */
                0xbacbacbc, /* vmhgfs */
        };
        struct statfs fs;

        if (fstatfs(scan->fd, &fs) < 0)
                return true; /* nobody knows: polled, and asked again then */
        for (size_t i = 0; i < ARRAY_SIZE(remote); i++)
                if ((uint32_t) fs.f_type == remote[i])
                        return true;
        return false;
}
