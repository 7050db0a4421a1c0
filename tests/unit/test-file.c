#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/path.h"

static void put(int dirfd, const char *name, const char *text) {
        int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        close(fd);
}

static void assert_content(int dirfd, const char *name, const char *text) {
        _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(1 << 20);

        assert_int_equal(file_read(dirfd, name, &content), 0);
        assert_true(slice_is(bytes_slice(&content), text));
}

static size_t count_entries(int dirfd) {
        DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        struct dirent *entry;
        size_t n = 0;

        assert_non_null(dir);
        while ((entry = readdir(dir)))
                n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
        closedir(dir);
        return n;
}

static void opens_regular_files_only(void **state) {
        const UnitDir *dir = *state;
        int fd;

        put(dir->fd, "plain", "x");
        assert_int_equal(symlinkat("plain", dir->fd, "link"), 0);
        assert_int_equal(symlinkat("loop", dir->fd, "loop"), 0);
        assert_int_equal(mkfifoat(dir->fd, "fifo", 0600), 0);
        assert_int_equal(mkdirat(dir->fd, "dir", 0700), 0);

        fd = file_open_regular(dir->fd, "link");
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
        assert_int_equal(file_open_regular(dir->fd, "fifo"), -EINVAL); /* and does not wait */
        assert_int_equal(file_open_regular(dir->fd, "dir"), -EISDIR);
        assert_int_equal(file_open_regular(dir->fd, "loop"), -ELOOP);
        assert_int_equal(file_open_regular(dir->fd, "none"), -ENOENT);
        assert_int_equal(file_open_regular(AT_FDCWD, "/dev/null"), -EINVAL);
}

static void reads_up_to_the_maximum(void **state) {
        const UnitDir *dir = *state;
        char text[1001];

        for (size_t n = 0; n <= 1000; n += n < 4 ? 1 : 166) {
                memset(text, 'a', n);
                text[n] = '\0';
                put(dir->fd, "f", text);
                for (size_t max = n > 0 ? n - 1 : 0; max < n + 2; max++) {
                        Bytes content = BYTES_INIT(max);
                        int r = file_read(dir->fd, "f", &content);

                        assert_int_equal(r, max < n ? -EFBIG : 0);
                        if (r == 0)
                                assert_true(slice_is(bytes_slice(&content), text));
                        assert_int_equal(content.max, max);
                        bytes_deinit(&content);
                }
        }
}

/* a file without a size in its stat, as in /proc, is bounded all the same */
static void reads_files_without_a_size(void **state) {
        Bytes content = BYTES_INIT(3);

        assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", &content), -EFBIG);
        assert_null(content.data);
        content.max = 1 << 20;
        assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", &content), 0);
        assert_memory_equal(content.data, "Name:", 5);
        bytes_deinit(&content);
}

static void a_failed_read_leaves_what_was_there(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(4);

        assert_int_equal(bytes_append(&content, "old", 3), 0);
        put(dir->fd, "f", "too long");
        assert_int_equal(file_read(dir->fd, "f", &content), -EFBIG);
        assert_true(slice_is(bytes_slice(&content), "old"));
        put(dir->fd, "f", "new");
        assert_int_equal(file_read(dir->fd, "f", &content), 0);
        assert_true(slice_is(bytes_slice(&content), "new"));
}

static void stays_beneath(void **state) {
        const UnitDir *dir = *state;
        int sub, fd;

        put(dir->fd, "secret", "s");
        assert_int_equal(mkdirat(dir->fd, "root", 0700), 0);
        sub = openat(dir->fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(mkdirat(sub, "in", 0700), 0);
        put(sub, "in/f", "x");
        assert_int_equal(symlinkat("../secret", sub, "out"), 0);
        assert_int_equal(symlinkat("/", sub, "slash"), 0);
        assert_int_equal(symlinkat("in/f", sub, "fine"), 0);
        assert_int_equal(symlinkat("/proc/self/root", sub, "magic"), 0);

        assert_int_equal(file_open_beneath(sub, "../secret", O_RDONLY, 0), -EXDEV);
        assert_int_equal(file_open_beneath(sub, "in/../../secret", O_RDONLY, 0), -EXDEV);
        assert_int_equal(file_open_beneath(sub, "out", O_RDONLY, 0), -EXDEV);
        assert_int_equal(file_open_beneath(sub, "slash/etc/passwd", O_RDONLY, 0), -EXDEV);
        assert_int_equal(file_open_beneath(sub, "magic", O_RDONLY, 0), -EXDEV);
        assert_int_equal(file_open_beneath(sub, "/etc/passwd", O_RDONLY, 0), -EXDEV);
        assert_int_equal(file_open_beneath(sub, "out", O_WRONLY | O_CREAT, 0600), -EXDEV);

        fd = file_open_beneath(sub, "fine", O_RDONLY, 0);
        assert_true(fd >= 0);
        close(fd);
        fd = file_open_beneath(sub, "in/../in/new", O_WRONLY | O_CREAT | O_EXCL, 0600);
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
        close(sub);
        assert_content(dir->fd, "secret", "s");
}

static void writes_durably(void **state) {
        const UnitDir *dir = *state;
        struct stat st;

        assert_int_equal(file_write_durable(dir->fd, "f", "one", 3, 0600), 0);
        assert_content(dir->fd, "f", "one");
        assert_int_equal(file_write_durable(dir->fd, "f", "", 0, 0400), 0);
        assert_content(dir->fd, "f", "");
        assert_int_equal(fstatat(dir->fd, "f", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0400);
        assert_int_equal(file_write_durable(dir->fd, "f", "two", 3, 0600), 0);
        assert_content(dir->fd, "f", "two");
        assert_int_equal(count_entries(dir->fd), 1);

        /* what cannot be replaced stays, and no temporary file does */
        assert_int_equal(mkdirat(dir->fd, "d", 0700), 0);
        assert_int_equal(file_write_durable(dir->fd, "d", "x", 1, 0600), -EISDIR);
        assert_int_equal(file_write_durable(dir->fd, "no/f", "x", 1, 0600), -ENOENT);
        assert_int_equal(count_entries(dir->fd), 2);

        /* a symbolic link is replaced, not followed */
        assert_int_equal(symlinkat("f", dir->fd, "l"), 0);
        assert_int_equal(file_write_durable(dir->fd, "l", "three", 5, 0600), 0);
        assert_content(dir->fd, "f", "two");
        assert_content(dir->fd, "l", "three");
}

static void places_of_files_only(void **state) {
        const UnitDir *dir = *state;
        char open_file[64];
        int fd = openat(dir->fd, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        (void) snprintf(open_file, sizeof(open_file), "/proc/self/fd/%d", fd);
        assert_int_equal(mkdirat(dir->fd, "d", 0700), 0);
        assert_int_equal(symlinkat("/dev/null", dir->fd, "null"), 0);
        assert_int_equal(symlinkat("f", dir->fd, "link"), 0);
        assert_int_equal(symlinkat("nowhere", dir->fd, "dangling"), 0);
        assert_int_equal(symlinkat(open_file, dir->fd, "open"), 0); /* as /dev/stdout */
        assert_int_equal(file_check_place(dir->fd, "missing"), 0);
        assert_int_equal(file_check_place(dir->fd, "f"), 0);
        assert_int_equal(file_check_place(dir->fd, "link"), 0);
        assert_int_equal(file_check_place(dir->fd, "dangling"), 0);
        assert_int_equal(file_check_place(dir->fd, "d"), -EISDIR);
        assert_int_equal(file_check_place(dir->fd, "null"), -EEXIST);
        assert_int_equal(file_check_place(dir->fd, "open"), -EEXIST);
        assert_int_equal(file_write_durable(dir->fd, "open", "x", 1, 0600), -EEXIST);
        close(fd);
}

static void saves_and_says_which_file(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(8);
        Problem problem = { "" };
        char path[PATH_MAX];

        assert_int_equal(bytes_append(&bytes, "text", 4), 0);
        (void) snprintf(path, sizeof(path), "%s/saved", dir->path);
        assert_int_equal(file_save(path, &bytes, &problem), 0);
        assert_content(dir->fd, "saved", "text");

        (void) snprintf(path, sizeof(path), "%s/no/saved", dir->path);
        assert_int_equal(file_save(path, &bytes, &problem), -ENOENT);
        assert_non_null(strstr(problem.text, "/no/saved: No such file"));
        assert_int_equal(symlinkat("/dev/null", dir->fd, "null"), 0);
        (void) snprintf(path, sizeof(path), "%s/null", dir->path);
        assert_int_equal(file_save(path, &bytes, &problem), -EEXIST);
        assert_non_null(strstr(problem.text, "/null: not a regular file, left as it is"));
}

static void temporary_names_are_recognised(void **state) {
        const UnitDir *dir = *state;
        static const char *const others[] = {
                "",
                ".dpucc.tmp",
                ".dpucc.0123456789abcdef.tmpx",
                ".dpucc.0123456789abcdeg.tmp",
                ".dpucc.0123456789abcde.tmp",
                ".dpucc.0123456789ABCDEF.tmp",
                "dpucc.0123456789abcdef.tmp",
                "x.dpucc.0123456789abcdef.tmp",
        };
        char a[FILE_TEMP_NAME], b[FILE_TEMP_NAME];
        struct stat st;
        int fd;

        fd = file_open_temp(dir->fd, 0640, a);
        assert_true(fd >= 0);
        assert_true(file_is_temp_name(a));
        assert_int_equal(fstatat(dir->fd, a, &st, 0), 0);
        close(fd);
        fd = file_open_temp(dir->fd, 0600, b);
        close(fd);
        assert_string_not_equal(a, b);
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                assert_false(file_is_temp_name(others[i]));
}

static void a_file_without_a_name_gets_one(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(closep) int fd = -1;
        char name[FILE_TEMP_NAME], again[FILE_TEMP_NAME];
        struct stat st;

        fd = file_open_unnamed(dir->fd, 0640, name);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_nlink, name[0] == '\0' ? 0 : 1);
        assert_int_equal(file_write_all(fd, "x", 1), 0);

        assert_int_equal(file_name_unnamed(fd, dir->fd, name), 0);
        assert_true(file_is_temp_name(name));
        memcpy(again, name, sizeof(name));
        assert_int_equal(file_name_unnamed(fd, dir->fd, again), 0); /* it has one */
        assert_string_equal(again, name);
        assert_int_equal(fstatat(dir->fd, name, &st, 0), 0);
        assert_int_equal(st.st_size, 1);
        assert_int_equal(st.st_nlink, 1);

        assert_true(file_open_unnamed(-1, 0640, name) < 0);
        assert_string_equal(name, "");
}

static void copies(void **state) {
        const UnitDir *dir = *state;
        size_t n = 3 * 1024 * 1024 + 17;
        char *data = malloc(n);
        _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(2 * n);
        uint64_t size = 0;
        int from, to;

        assert_non_null(data);
        for (size_t i = 0; i < n; i++)
                data[i] = (char) (i * 31 >> 3);
        assert_int_equal(file_write_durable(dir->fd, "from", data, n, 0600), 0);
        from = file_open_regular(dir->fd, "from");
        to = openat(dir->fd, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(file_copy_fd(from, to, &size), 0);
        assert_int_equal(size, n);
        assert_int_equal(file_read(dir->fd, "to", &content), 0);
        assert_int_equal(content.size, n);
        assert_memory_equal(content.data, data, n);

        /* the rest of a file, appended */
        assert_int_equal(lseek(from, (off_t) n - 5, SEEK_SET), n - 5);
        assert_int_equal(ftruncate(to, 3), 0);
        assert_int_equal(lseek(to, 3, SEEK_SET), 3);
        assert_int_equal(file_copy_fd(from, to, &size), 0);
        assert_int_equal(size, 5);
        assert_int_equal(file_read(dir->fd, "to", &content), 0);
        assert_int_equal(content.size, 8);
        assert_memory_equal(content.data, data, 3);
        assert_memory_equal(content.data + 3, data + n - 5, 5);

        /* nothing at all, and what the kernel cannot copy by itself */
        assert_int_equal(file_copy_fd(from, to, &size), 0);
        assert_int_equal(size, 0);
        close(from);
        from = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        assert_int_equal(ftruncate(to, 0), 0);
        assert_int_equal(lseek(to, 0, SEEK_SET), 0);
        assert_int_equal(file_copy_fd(from, to, &size), 0);
        assert_true(size > 100);
        close(from);
        close(to);
        from = open("/dev/full", O_WRONLY | O_CLOEXEC);
        to = file_open_regular(dir->fd, "from");
        assert_int_equal(file_copy_fd(to, from, &size), -ENOSPC);
        close(from);
        close(to);
        free(data);
}

/* two pieces of data, with holes before, between and after them; beyond 4 GiB */
static void copies_holes_as_holes(void **state) {
        const UnitDir *dir = *state;
        const off_t piece = (off_t) 5 << 30, size = piece + (64 << 20);
        _cleanup_(closep) int from = -1, to = -1;
        uint64_t copied = 0;
        char text[4] = "";
        struct stat st;

        from = openat(dir->fd, "from", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(ftruncate(from, size), 0);
        assert_int_equal(pwrite(from, "one", 3, 1 << 20), 3);
        assert_int_equal(pwrite(from, "two", 3, piece), 3);
        to = openat(dir->fd, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(file_copy_fd(from, to, &copied), 0);
        assert_int_equal(copied, size);
        assert_int_equal(fstat(to, &st), 0);
        assert_int_equal(st.st_size, size);
        assert_in_range(st.st_blocks, 1, 2048); /* of 512 bytes */
        assert_int_equal(pread(to, text, 3, 1 << 20), 3);
        assert_string_equal(text, "one");
        assert_int_equal(pread(to, text, 3, piece), 3);
        assert_string_equal(text, "two");

        /* what is there already is not taken for a hole */
        assert_int_equal(ftruncate(from, 1 << 20), 0);
        assert_int_equal(pwrite(to, "old", 3, 5), 3);
        assert_int_equal(lseek(from, 0, SEEK_SET), 0);
        assert_int_equal(lseek(to, 0, SEEK_SET), 0);
        assert_int_equal(file_copy_fd(from, to, &copied), 0);
        assert_int_equal(copied, 1 << 20);
        assert_int_equal(pread(to, text, 3, 5), 3);
        assert_memory_equal(text, "\0\0\0", 3);
}

static void makes_directories(void **state) {
        const UnitDir *dir = *state;
        struct stat st;
        int fd;

        fd = file_make_dirs(dir->fd, "a//b/c/", 0700);
        assert_true(fd >= 0);
        close(fd);
        fd = file_make_dirs(dir->fd, "a/b", 0755);
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(fstatat(dir->fd, "a/b", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        fd = file_make_dirs_durable(dir->fd, "a/b/d/e", 0750);
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(fstatat(dir->fd, "a/b/d", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0750);
        fd = file_make_dirs(AT_FDCWD, dir->path, 0700);
        assert_true(fd >= 0);
        close(fd);

        put(dir->fd, "file", "");
        assert_int_equal(file_make_dirs(dir->fd, "file", 0700), -ENOTDIR);
        assert_int_equal(file_make_dirs(dir->fd, "file/a", 0700), -ENOTDIR);
}

/* @depth directories inside each other, named "d" */
static void make_deep(int dirfd, unsigned depth) {
        int fd = dup(dirfd);

        while (depth-- > 0) {
                int next;

                assert_int_equal(mkdirat(fd, "d", 0700), 0);
                next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                assert_true(next >= 0);
                close(fd);
                fd = next;
        }
        close(fd);
}

static void removes_trees(void **state) {
        const UnitDir *dir = *state;
        char name[32];
        int fd;

        put(dir->fd, "keep", "k");
        fd = file_make_dirs(dir->fd, "t/a/b", 0700);
        for (unsigned i = 0; i < 500; i++) {
                (void) snprintf(name, sizeof(name), "f%u", i);
                put(fd, name, "x");
        }
        close(fd);
        assert_int_equal(symlinkat("../keep", dir->fd, "t/link"), 0);
        assert_int_equal(symlinkat("..", dir->fd, "t/up"), 0);
        assert_int_equal(mkfifoat(dir->fd, "t/fifo", 0600), 0);
        assert_int_equal(file_remove_tree(dir->fd, "t"), 0);
        assert_int_equal(file_remove_tree(dir->fd, "t"), 0); /* missing is no error */
        assert_content(dir->fd, "keep", "k");
        assert_int_equal(count_entries(dir->fd), 1);

        assert_int_equal(symlinkat(".", dir->fd, "self"), 0);
        assert_int_equal(file_remove_tree(dir->fd, "self"), 0);
        assert_int_equal(file_remove_tree(dir->fd, "keep"), 0);
        assert_int_equal(count_entries(dir->fd), 0);
}

static void depth_is_bounded(void **state) {
        const UnitDir *dir = *state;

        make_deep(dir->fd, 64);
        assert_int_equal(file_remove_tree(dir->fd, "d"), 0);

        make_deep(dir->fd, 66);
        assert_int_equal(file_remove_tree(dir->fd, "d"), -ELOOP);
        assert_int_equal(renameat(dir->fd, "d/d/d", dir->fd, "rest"), 0);
        assert_int_equal(file_remove_tree(dir->fd, "rest"), 0);
        assert_int_equal(file_remove_tree(dir->fd, "d"), 0);
}

static void identifies(void **state) {
        const UnitDir *dir = *state;
        StatId a, b;
        int fd;

        put(dir->fd, "f", "abc");
        fd = file_open_regular(dir->fd, "f");
        assert_int_equal(file_stat_id(dir->fd, "f", &a), 0);
        assert_int_equal(file_stat_id_fd(fd, &b), 0);
        assert_true(stat_id_equal(&a, &b));
        assert_int_equal(a.size, 3);
        assert_int_equal(file_write_durable(dir->fd, "f", "abc", 3, 0600), 0);
        assert_int_equal(file_stat_id(dir->fd, "f", &b), 0);
        assert_false(stat_id_equal(&a, &b)); /* the same content in another inode */
        assert_int_equal(file_stat_id(dir->fd, "none", &a), -ENOENT);
        close(fd);
}

static void one_file_has_several_names(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(freep) char *one = path_join(dir->path, "one");
        _cleanup_(freep) char *hard = path_join(dir->path, "hard");
        _cleanup_(freep) char *soft = path_join(dir->path, "soft");
        _cleanup_(freep) char *twin = path_join(dir->path, "twin");
        _cleanup_(freep) char *none = path_join(dir->path, "none");

        put(dir->fd, "one", "abc");
        put(dir->fd, "twin", "abc");
        assert_int_equal(linkat(dir->fd, "one", dir->fd, "hard", 0), 0);
        assert_int_equal(symlinkat("one", dir->fd, "soft"), 0);
        assert_true(file_is_same(one, one));
        assert_true(file_is_same(one, hard));
        assert_true(file_is_same(soft, one));
        assert_false(file_is_same(one, twin));
        assert_false(file_is_same(one, none));
        assert_false(file_is_same(none, none));
}

static void says_what_lies_beneath(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(freep) char *sub = path_join(dir->path, "sub");
        _cleanup_(freep) char *other = path_join(dir->path, "other");
        int fd;

        assert_int_equal(mkdirat(dir->fd, "sub", 0700), 0);
        assert_int_equal(mkdirat(dir->fd, "other", 0700), 0);
        put(dir->fd, "sub/f", "abc");
        put(dir->fd, "sub/g", "abc");
        fd = file_open_regular(dir->fd, "sub/f");
        assert_true(file_is_beneath(fd, sub));
        assert_true(file_is_beneath(fd, dir->path));
        assert_false(file_is_beneath(fd, other));
        assert_false(file_is_beneath(fd, "/nowhere"));

        assert_int_equal(renameat(dir->fd, "sub/g", dir->fd, "sub/f"), 0);
        assert_true(file_is_beneath(fd, sub)); /* it did */
        close(fd);
        fd = file_open_regular(dir->fd, "sub/f");
        assert_int_equal(renameat(dir->fd, "sub/f", dir->fd, "other/f"), 0);
        assert_false(file_is_beneath(fd, sub));
        assert_true(file_is_beneath(fd, other));
        close(fd);

        fd = file_open_regular(dir->fd, "other/f");
        assert_int_equal(unlinkat(dir->fd, "other/f", 0), 0);
        assert_int_equal(unlinkat(dir->fd, "other", AT_REMOVEDIR), 0);
        assert_true(file_is_beneath(fd, dir->path));
        close(fd);

        fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC); /* a mount below the root */
        assert_true(fd >= 0);
        assert_true(file_is_beneath(fd, "/"));
        close(fd);
        fd = memfd_create("nowhere", MFD_CLOEXEC); /* one that nobody sees */
        assert_true(fd >= 0);
        assert_false(file_is_beneath(fd, "/"));
        close(fd);
        assert_false(file_is_beneath(-1, "/"));
}

static void reopens_with_a_position_of_its_own(void **state) {
        const UnitDir *dir = *state;
        char text[4] = "";
        int fd, again;

        put(dir->fd, "f", "abc");
        fd = file_open_regular(dir->fd, "f");
        assert_int_equal(read(fd, text, 2), 2);
        assert_int_equal(unlinkat(dir->fd, "f", 0), 0);
        again = file_reopen(fd);
        assert_int_equal(read(again, text, sizeof(text)), 3);
        assert_string_equal(text, "abc");
        assert_int_equal(read(fd, text, sizeof(text)), 1);
        close(again);
        close(fd);
        assert_int_equal(file_reopen(fd), -ENOENT);
        assert_int_equal(file_reopen(dir->fd), -EISDIR);
}

/* Who watches the directory hears of @name once, not of the end of writing, too. */
static void a_file_appears_in_one_step(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(closep) int notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        unsigned n_heard = 0;
        ssize_t n;

        assert_true(inotify_add_watch(notify, dir->path, IN_CLOSE_WRITE | IN_MOVED_TO) >= 0);
        assert_int_equal(file_write_durable(dir->fd, "name", "text", 4, 0600), 0);
        n = read(notify, buffer, sizeof(buffer));
        assert_true(n > 0);
        for (const char *at = buffer; at < buffer + n;) {
                const struct inotify_event *event = (const struct inotify_event *) at;

                n_heard += strcmp(event->name, "name") == 0;
                at += sizeof(*event) + event->len;
        }
        assert_int_equal(n_heard, 1);
}

#define DIR_TEST(_test) cmocka_unit_test_setup_teardown(_test, unit_dir_setup, unit_dir_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                DIR_TEST(opens_regular_files_only),
                DIR_TEST(reads_up_to_the_maximum),
                cmocka_unit_test(reads_files_without_a_size),
                DIR_TEST(a_file_appears_in_one_step),
                DIR_TEST(a_failed_read_leaves_what_was_there),
                DIR_TEST(stays_beneath),
                DIR_TEST(writes_durably),
                DIR_TEST(places_of_files_only),
                DIR_TEST(saves_and_says_which_file),
                DIR_TEST(temporary_names_are_recognised),
                DIR_TEST(a_file_without_a_name_gets_one),
                DIR_TEST(copies),
                DIR_TEST(copies_holes_as_holes),
                DIR_TEST(makes_directories),
                DIR_TEST(removes_trees),
                DIR_TEST(depth_is_bounded),
                DIR_TEST(identifies),
                DIR_TEST(one_file_has_several_names),
                DIR_TEST(says_what_lies_beneath),
                DIR_TEST(reopens_with_a_position_of_its_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
