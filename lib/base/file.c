#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"

#define FILE_COPY_CHUNK (256 * 1024)
#define FILE_READ_CHUNK ((size_t) 1024 * 1024)
#define FILE_COPY_RANGE (1024 * 1024 * 1024) /* at a time */
#define FILE_TREE_DEPTH 64
#define FILE_RACES      64 /* attempts at what others may disturb */
#define FILE_LINK_MAX   32

/* O_NONBLOCK: opening a FIFO must not wait for its other end */
#define FILE_REGULAR_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

/* @opened is a result of open(2), and taken over. */
static int file_check_regular(int opened) {
        _cleanup_(closep) int fd = opened;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_from_errno();
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        return TAKE_FD(fd);
}

int file_open_regular(int dirfd, const char *path) {
        int fd = openat(dirfd, path, FILE_REGULAR_FLAGS);

        return fd < 0 ? error_from_errno() : file_check_regular(fd);
}

static void file_link_of(int fd, char ret_link[FILE_LINK_MAX]) {
        (void) snprintf(ret_link, FILE_LINK_MAX, "/proc/self/fd/%d", fd);
}

int file_reopen(int fd) {
        char link[FILE_LINK_MAX];

        file_link_of(fd, link);
        return file_open_regular(AT_FDCWD, link);
}

static int file_openat2(int dirfd, const char *path, const struct open_how *how) {
        long fd;

        /* -EAGAIN: something on the way was renamed meanwhile, and the kernel cannot be sure */
        for (unsigned attempt = 0; attempt < FILE_RACES; attempt++) {
                fd = syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
                if (fd >= 0 || errno != EAGAIN)
                        break;
        }
        return fd < 0 ? error_from_errno() : (int) fd;
}

/* The root may be looked up by everybody: what refuses that is not its rights. */
int file_check_openat2(void) {
        const struct open_how how = { .flags = O_PATH | O_CLOEXEC };
        _cleanup_(closep) int fd = file_openat2(AT_FDCWD, "/", &how);

        if (fd >= 0)
                return 0;
        return fd == -EPERM ? -ENOSYS : fd;
}

const char *file_error_text(int r) {
        if (r != -ENOSYS)
                return strerror(-r);
        return "openat2() is missing, without which nobody can be kept within a directory: use "
               "Linux "
               "5.6 or newer, and where a container or a service runs dpucc, one that allows this "
               "system call (docker 20.10 or podman 3 with libseccomp 2.5; no RestrictSUIDSGID=)";
}

static int file_open_resolved(int dirfd, const char *path, int flags, mode_t mode,
                              uint64_t resolve) {
        const struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC),
                .mode = flags & O_CREAT ? mode : 0,
                .resolve = resolve,
        };
        int fd = file_openat2(dirfd, path, &how);

        return fd == -EPERM && file_check_openat2() == -ENOSYS ? -ENOSYS : fd;
}

int file_open_beneath(int dirfd, const char *path, int flags, mode_t mode) {
        return file_open_resolved(dirfd, path, flags, mode,
                                  RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

int file_open_beneath_regular(int dirfd, const char *path) {
        int fd = file_open_beneath(dirfd, path, FILE_REGULAR_FLAGS, 0);

        return fd < 0 ? fd : file_check_regular(fd);
}

int file_open_plain(int dirfd, const char *path, int flags, mode_t mode) {
        return file_open_resolved(dirfd, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

int file_open_plain_regular(int dirfd, const char *path) {
        int fd = file_open_plain(dirfd, path, FILE_REGULAR_FLAGS, 0);

        return fd < 0 ? fd : file_check_regular(fd);
}

int file_create_plain(int dirfd, const char *path, mode_t mode) {
        _cleanup_(freep) char *parent = path_dirname(path);
        _cleanup_(closep) int parent_fd = -1;
        int fd = -EEXIST, r;

        if (!parent)
                return -ENOMEM;
        parent_fd = file_open_plain(dirfd, parent, O_RDONLY | O_DIRECTORY, 0);
        if (parent_fd < 0)
                return parent_fd;
        for (unsigned attempt = 0; fd == -EEXIST && attempt < FILE_RACES; attempt++) {
                r = file_remove_tree(parent_fd, path_basename(path));
                if (r < 0)
                        return r;
                fd = file_open_plain(parent_fd, path_basename(path), O_RDWR | O_CREAT | O_EXCL,
                                     mode);
        }
        return fd;
}

/* one read at the end of what is there; the bytes read, 0 at the end of the file */
static int file_read_some(int fd, Bytes *whole) {
        uint8_t beyond;
        bool full = whole->size == whole->max;
        size_t room;
        ssize_t n;
        int r;

        if (!full && whole->size == whole->capacity) {
                r = bytes_reserve(whole, 1);
                if (r < 0)
                        return r;
        }
        room = full ? 1 : whole->capacity - whole->size;
        if (room > FILE_READ_CHUNK)
                room = FILE_READ_CHUNK;
        do
                n = pread(fd, full ? &beyond : whole->data + whole->size, room,
                          (off_t) whole->size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_from_errno();
        if (full)
                return n > 0 ? -EFBIG : 0;
        whole->size += (size_t) n;
        return n > 0;
}

int file_read_fd(int fd, Bytes *ret) {
        _cleanup_(bytes_cleanup) Bytes whole = BYTES_INIT(ret->max);
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return error_from_errno();
        if (st.st_size > 0 && (uint64_t) st.st_size > whole.max)
                return -EFBIG;

        /* one byte more than the size, so that the read that finds the end needs no room */
        r = bytes_reserve(&whole,
                          (size_t) st.st_size < whole.max ? (size_t) st.st_size + 1 : whole.max);
        if (r < 0)
                return r;
        do
                r = file_read_some(fd, &whole);
        while (r > 0);
        if (r < 0)
                return r;

        bytes_deinit(ret);
        *ret = whole;
        whole = BYTES_INIT(0);
        return 0;
}

int file_read(int dirfd, const char *path, Bytes *ret) {
        _cleanup_(closep) int fd = file_open_regular(dirfd, path);

        return fd < 0 ? fd : file_read_fd(fd, ret);
}

int file_read_plain(int dirfd, const char *path, Bytes *ret) {
        _cleanup_(closep) int fd = file_open_plain_regular(dirfd, path);

        return fd < 0 ? fd : file_read_fd(fd, ret);
}

int file_write_all(int fd, const void *data, size_t n) {
        const char *p = data;

        while (n > 0) {
                ssize_t written = write(fd, p, n);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return error_from_errno();
                p += written;
                n -= (size_t) written;
        }
        return 0;
}

static int file_copy_by_hand(int from, int to, uint64_t most, uint64_t *size) {
        _cleanup_(freep) void *chunk = NULL;
        ssize_t n;
        int r;

        chunk = malloc(FILE_COPY_CHUNK);
        if (!chunk)
                return -ENOMEM;

        while (most > 0 &&
               (n = read(from, chunk, most < FILE_COPY_CHUNK ? most : FILE_COPY_CHUNK)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_from_errno();
                r = file_write_all(to, chunk, (size_t) n);
                if (r < 0)
                        return r;
                *size += (uint64_t) n;
                most -= (uint64_t) n;
        }
        return 0;
}

/* At most @most bytes. The kernel's way may end early, or at once on file systems that do not
 * have it: reading tells whether there is more. */
static int file_copy_data(int from, int to, uint64_t most, uint64_t *size) {
        while (most > 0) {
                ssize_t n = copy_file_range(from, NULL, to, NULL,
                                            most < FILE_COPY_RANGE ? most : FILE_COPY_RANGE, 0);

                if (n <= 0)
                        return file_copy_by_hand(from, to, most, size);
                *size += (uint64_t) n;
                most -= (uint64_t) n;
        }
        return 0;
}

/* Only behind the end of a regular file is what was skipped a hole. */
static bool file_is_at_end(int fd) {
        off_t at = lseek(fd, 0, SEEK_CUR);
        struct stat st;

        return at >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= at;
}

/* Both positions by the hole that begins at @at, or if there is no more data, to the end of the
 * file. */
static int file_copy_hole(int from, int to, off_t at, off_t next, uint64_t *size) {
        off_t end = next >= 0 ? next : lseek(from, 0, SEEK_END), there;

        if (end < 0 || lseek(from, end, SEEK_SET) < 0)
                return error_from_errno();
        if (end <= at)
                return 0;
        there = lseek(to, end - at, SEEK_CUR);
        if (there < 0 || (next < 0 && ftruncate(to, there) < 0))
                return error_from_errno();
        *size += (uint64_t) (end - at);
        return 0;
}

/* The data and holes from here on. What does not know about holes is one piece of data. */
static int file_copy_sparse(int from, int to, uint64_t *size) {
        off_t at, next, end;
        int r;

        for (;;) {
                at = lseek(from, 0, SEEK_CUR);
                next = at < 0 ? -1 : lseek(from, at, SEEK_DATA);
                if (at < 0 || (next < 0 && errno != ENXIO))
                        return file_copy_data(from, to, UINT64_MAX, size);
                end = next < 0 ? -1 : lseek(from, next, SEEK_HOLE);
                r = file_copy_hole(from, to, at, next, size);
                if (r < 0 || next < 0)
                        return r;
                r = file_copy_data(from, to, end > next ? (uint64_t) (end - next) : UINT64_MAX,
                                   size);
                if (r < 0)
                        return r;
        }
}

static bool file_is_at_start(int fd) {
        return lseek(fd, 0, SEEK_CUR) == 0;
}

int file_copy_fd(int from, int to, uint64_t *ret_size) {
        uint64_t size = 0;
        struct stat st;
        int r;

        if (file_is_at_start(from) && file_is_at_start(to) && ioctl(to, FICLONE, from) == 0) {
                r = fstat(to, &st) < 0 ? error_from_errno() : 0;
                size = r == 0 ? (uint64_t) st.st_size : 0;
        } else if (file_is_at_end(to)) {
                r = file_copy_sparse(from, to, &size);
        } else {
                r = file_copy_data(from, to, UINT64_MAX, &size);
        }
        if (r == 0 && ret_size)
                *ret_size = size;
        return r;
}

int file_temp_name(char ret_name[FILE_TEMP_NAME]) {
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return error_from_errno();
        (void) snprintf(ret_name, FILE_TEMP_NAME, ".dpucc.%016llx.tmp",
                        (unsigned long long) random);
        return 0;
}

int file_open_temp(int dirfd, mode_t mode, char ret_name[FILE_TEMP_NAME]) {
        int fd, r;

        for (unsigned attempt = 0; attempt < 16; attempt++) {
                r = file_temp_name(ret_name);
                if (r < 0)
                        return r;
                fd = openat(dirfd, ret_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                            mode);
                if (fd >= 0)
                        return fd;
                if (errno != EEXIST)
                        return error_from_errno();
        }
        return -EEXIST;
}

/* A name is given through /proc, which a chroot may not have. */
static bool file_can_be_named(void) {
        return access("/proc/self/fd", F_OK) == 0;
}

int file_open_unnamed(int dirfd, mode_t mode, char ret_name[FILE_TEMP_NAME]) {
        int fd = -1;

        ret_name[0] = '\0';
        if (file_can_be_named())
                fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
        if (fd >= 0)
                return fd;
        fd = file_open_temp(dirfd, mode, ret_name);
        if (fd < 0)
                ret_name[0] = '\0';
        return fd;
}

int file_name_unnamed(int fd, int dirfd, char name[FILE_TEMP_NAME]) {
        char source[FILE_LINK_MAX], temp[FILE_TEMP_NAME];
        int r;

        if (name[0] != '\0')
                return 0;
        r = file_temp_name(temp);
        if (r < 0)
                return r;
        file_link_of(fd, source);
        if (linkat(AT_FDCWD, source, dirfd, temp, AT_SYMLINK_FOLLOW) < 0)
                return error_from_errno();
        memcpy(name, temp, sizeof(temp));
        return 0;
}

bool file_is_temp_name(const char *name) {
        return strncmp(name, ".dpucc.", 7) == 0 && strspn(name + 7, "0123456789abcdef") == 16 &&
               strcmp(name + 23, ".tmp") == 0;
}

int file_sync_dir(int dirfd) {
        return fsync(dirfd) < 0 ? error_from_errno() : 0;
}

static int file_fill_and_sync(int fd, const void *data, size_t n) {
        int r;

        r = file_write_all(fd, data, n);
        if (r < 0)
                return r;
        return fsync(fd) < 0 ? error_from_errno() : 0;
}

/* It leads somewhere, or this is not asked. */
static bool file_is_magic_link(int dirfd, const char *name) {
        _cleanup_(closep) int fd =
                file_open_resolved(dirfd, name, O_PATH, 0, RESOLVE_NO_MAGICLINKS);

        return fd == -ELOOP;
}

int file_check_place(int dirfd, const char *name) {
        struct stat st;

        if (fstatat(dirfd, name, &st, 0) < 0)
                return 0;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        return S_ISREG(st.st_mode) && !file_is_magic_link(dirfd, name) ? 0 : -EEXIST;
}

int file_write_durable(int dirfd, const char *name, const void *data, size_t n, mode_t mode) {
        _cleanup_(closep) int fd = -1;
        char temp[FILE_TEMP_NAME];
        int r;

        r = file_check_place(dirfd, name);
        if (r < 0)
                return r;
        fd = file_open_temp(dirfd, mode, temp);
        if (fd < 0)
                return fd;

        r = file_fill_and_sync(fd, data, n);
        closep(&fd); /* now, or who watches hears of a second save: the end of writing @name */
        fd = -1;
        if (r == 0 && renameat(dirfd, temp, dirfd, name) < 0)
                r = error_from_errno();
        if (r < 0) {
                (void) unlinkat(dirfd, temp, 0);
                return r;
        }
        return file_sync_dir(dirfd);
}

static int file_put(const char *path, const Bytes *bytes) {
        _cleanup_(freep) char *directory = path_dirname(path);
        _cleanup_(closep) int dirfd = -1;

        if (!directory)
                return -ENOMEM;
        dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dirfd < 0)
                return error_from_errno();
        return file_write_durable(dirfd, path_basename(path), bytes->data, bytes->size, 0666);
}

int file_save(const char *path, const Bytes *bytes, Problem *problem) {
        int r = file_put(path, bytes);

        if (r == -EEXIST)
                return problem_set(problem, r, "%s: not a regular file, left as it is", path);
        return r < 0 ? problem_set(problem, r, "%s: %s", path, strerror(-r)) : 0;
}

/* the directory that holds @path */
static int file_sync_parent(int dirfd, const char *path) {
        _cleanup_(freep) char *parent = path_dirname(path);
        _cleanup_(closep) int fd = -1;

        if (!parent)
                return -ENOMEM;
        fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == EACCES ? 0 : error_from_errno();
        return file_sync_dir(fd);
}

static int file_make_dir(int dirfd, const char *path, mode_t mode, bool durable) {
        if (mkdirat(dirfd, path, mode) < 0)
                return errno == EEXIST ? 0 : error_from_errno();
        return durable ? file_sync_parent(dirfd, path) : 0;
}

static int file_make_path(int dirfd, const char *path, mode_t mode, bool durable) {
        _cleanup_(freep) char *copy = strdup(path);
        int fd, r;

        if (!copy)
                return -ENOMEM;

        for (char *p = copy; *p;) {
                char *end = p + strcspn(p, "/");
                char saved = *end;

                *end = '\0';
                r = p < end ? file_make_dir(dirfd, copy, mode, durable) : 0;
                if (r < 0)
                        return r;
                *end = saved;
                p = saved ? end + 1 : end;
        }

        fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? error_from_errno() : fd;
}

int file_make_dirs(int dirfd, const char *path, mode_t mode) {
        return file_make_path(dirfd, path, mode, false);
}

int file_make_dirs_durable(int dirfd, const char *path, mode_t mode) {
        return file_make_path(dirfd, path, mode, true);
}

static int file_remove_children(int fd, dev_t dev, unsigned depth);

static int file_remove_entry(int dirfd, const char *name, dev_t dev, unsigned depth) {
        _cleanup_(closep) int fd = -1;
        struct stat st;
        int r;

        if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return error_from_errno();
        if (depth == FILE_TREE_DEPTH)
                return -ELOOP;

        fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return error_from_errno();
        if (fstat(fd, &st) < 0)
                return error_from_errno();
        if (st.st_dev != dev)
                return -EXDEV;

        r = file_remove_children(TAKE_FD(fd), dev, depth + 1);
        if (r < 0)
                return r;
        return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 ? error_from_errno() : 0;
}

/* One pass over a directory; > 0: something was removed. */
static int file_remove_pass(DIR *dir, dev_t dev, unsigned depth) {
        int removed = 0, r;

        for (;;) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return errno > 0 ? -errno : removed;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                r = file_remove_entry(dirfd(dir), entry->d_name, dev, depth);
                if (r < 0)
                        return r;
                removed = 1;
        }
}

int file_list(int fd, DIR **ret) {
        DIR *dir = fdopendir(fd);
        int r;

        if (!dir) {
                r = error_from_errno();
                close(fd);
                return r;
        }
        *ret = dir;
        return 0;
}

int file_remove_temps(int fd) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        int r;

        r = file_list(fd, &dir);
        if (r < 0)
                return r;
        for (;;) {
                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return errno > 0 ? -errno : 0;
                if (file_is_temp_name(entry->d_name))
                        (void) file_remove_tree(fd, entry->d_name);
        }
}

/* Takes over @fd. A directory may skip entries while others are taken out of it (readdir(3)), so
 * passes are made until one finds nothing; a file that somebody creates all the time ends it. */
static int file_remove_children(int fd, dev_t dev, unsigned depth) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int r;

        r = file_list(fd, &dir);
        if (r < 0)
                return r;

        for (unsigned pass = 0; pass < FILE_RACES; pass++) {
                r = file_remove_pass(dir, dev, depth);
                if (r <= 0)
                        return r;
                rewinddir(dir);
        }
        return -ENOTEMPTY;
}

int file_remove_tree(int dirfd, const char *name) {
        struct stat st;

        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : error_from_errno();
        return file_remove_entry(dirfd, name, st.st_dev, 0);
}

uint64_t file_room(const char *path) {
        struct statvfs st;

        if (statvfs(path, &st) < 0)
                return UINT64_MAX;
        return st.f_flag & ST_RDONLY ? 0 : (uint64_t) st.f_bavail * st.f_frsize;
}

int file_stat_id(int dirfd, const char *path, StatId *ret) {
        struct stat st;

        if (fstatat(dirfd, path, &st, 0) < 0)
                return error_from_errno();
        *ret = stat_id_of(&st);
        return 0;
}

int file_stat_id_fd(int fd, StatId *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_from_errno();
        *ret = stat_id_of(&st);
        return 0;
}

bool file_is_same(const char *a, const char *b) {
        StatId of_a, of_b;

        return file_stat_id(AT_FDCWD, a, &of_a) == 0 && file_stat_id(AT_FDCWD, b, &of_b) == 0 &&
               stat_id_is_same_file(&of_a, &of_b);
}

static int file_mount_of(int dirfd, const char *path, uint64_t *ret) {
        struct statx st;

        if (statx(dirfd, path, AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
                return error_from_errno();
        if (!(st.stx_mask & STATX_MNT_ID))
                return -EOPNOTSUPP;
        *ret = st.stx_mnt_id;
        return 0;
}

/* A mount is part of one namespace: if the one that @fd was opened on is what we see under its path,
 * whoever opened it sees what we see. To the path of a removed file the kernel appends a word, which
 * changes nothing here; a folder that was removed with it is told by the next one above. */
bool file_is_beneath(int fd, const char *root) {
        char link[FILE_LINK_MAX], path[PATH_MAX];
        uint64_t mount, here;
        ssize_t n;
        int r;

        file_link_of(fd, link);
        n = readlink(link, path, sizeof(path) - 1);
        if (n < 0)
                return false;
        path[n] = '\0';
        if (!path_is_beneath(path, root))
                return false;
        do {
                char *slash = strrchr(path, '/');

                slash[slash == path] = '\0';
                r = file_mount_of(AT_FDCWD, path, &here);
        } while (r == -ENOENT && path[1] != '\0');
        return r == 0 && file_mount_of(fd, "", &mount) == 0 && mount == here;
}
