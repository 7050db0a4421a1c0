#include "cache_fixture.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "cache/view.h"

static const char meta[] = "{ \"a\": 1 }";

static const char *make(const UnitDir *dir) {
        static char copy[512];
        const Digest key = digest_of("key", 3), object = digest_of("object", 6);
        const ViewFile files[] = {
                { .name = "net.xmodel", .object = &object },
                { .name = "meta.json", .data = slice_of_string(meta) },
                { .name = "empty", .data = slice_of("", 0) },
        };
        char *path;

        assert_int_equal(view_make(dir->path, &key, "net", files, 3, &path), 0);
        (void) snprintf(copy, sizeof(copy), "%s", path);
        free(path);
        return copy;
}

static const char *in(const char *path, const char *name) {
        static char whole[4][600];
        static unsigned next;

        (void) snprintf(whole[next % 4], sizeof(whole[0]), "%s/%s", path, name);
        return whole[next++ % 4];
}

static void expect_whole(const UnitDir *dir) {
        const char *path = make(dir);
        _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(100);
        char target[100];
        ssize_t n;

        n = readlink(in(path, "net.xmodel"), target, sizeof(target) - 1);
        assert_true(n > 0);
        target[n] = '\0';
        assert_string_equal(target, "../../../objects/9f/ee830007747463687b5bd3148d5b04");
        assert_int_equal(file_read(AT_FDCWD, in(path, "meta.json"), &content), 0);
        assert_true(slice_is(bytes_slice(&content), meta));
        assert_true(exists(in(path, "empty")));
}

static void links_lead_to_objects(void **state) {
        const UnitDir *dir = *state;
        const Digest object = digest_of("object", 6);
        const char *path = shard_path(dir, "objects", &object);
        struct stat st;
        int fd;

        fd = file_make_dirs(dir->fd, "objects/9f", 0700);
        assert_true(fd >= 0);
        close(fd);
        write_file(path, "object", 6);
        expect_whole(dir);
        assert_int_equal(stat(in(make(dir), "net.xmodel"), &st), 0);
        assert_int_equal(st.st_size, 6);
        assert_int_equal(stat(in(make(dir), "meta.json"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0444);
}

/* a second time nothing is touched but the lease */
static void a_whole_view_stays(void **state) {
        const char *path = make(*state);
        const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
        struct stat before, after;

        assert_int_equal(stat(in(path, "meta.json"), &before), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
        expect_whole(*state);
        assert_int_equal(stat(in(path, "meta.json"), &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(stat(path, &after), 0);
        assert_true(after.st_mtim.tv_sec > 1000);
}

static void damage_is_mended(void **state) {
        const UnitDir *dir = *state;
        const char *path = make(dir);
        char net[512];

        (void) snprintf(net, sizeof(net), "%s", path);
        assert_int_equal(unlink(in(net, "net.xmodel")), 0);
        expect_whole(dir);
        assert_int_equal(unlink(in(net, "net.xmodel")), 0);
        assert_int_equal(symlink("/etc/passwd", in(net, "net.xmodel")), 0);
        expect_whole(dir);
        assert_int_equal(unlink(in(net, "net.xmodel")), 0);
        write_file(in(net, "net.xmodel"), "x", 1);
        expect_whole(dir);
        assert_int_equal(unlink(in(net, "meta.json")), 0);
        assert_int_equal(symlink("/etc/passwd", in(net, "meta.json")), 0);
        expect_whole(dir);
        assert_int_equal(unlink(in(net, "meta.json")), 0);
        write_file(in(net, "meta.json"), "{ \"a\": 2 }", 10);
        expect_whole(dir);
        assert_int_equal(unlink(in(net, "meta.json")), 0);
        assert_int_equal(mkdir(in(net, "meta.json"), 0700), 0);
        write_file(in(net, "meta.json/x"), "", 0);
        expect_whole(dir);
        assert_int_equal(file_remove_tree(AT_FDCWD, net), 0);
        expect_whole(dir);
        assert_int_equal(file_remove_tree(AT_FDCWD, net), 0);
        write_file(net, "a file", 6);
        expect_whole(dir);
        assert_int_equal(file_remove_tree(AT_FDCWD, net), 0);
        assert_int_equal(symlink(dir->path, net), 0);
        expect_whole(dir);
        assert_int_equal(mkdir(below(dir, "left"), 0700),
                         0); /* the link's target was not touched */
        assert_true(exists(below(dir, "views")));
}

static void names_are_plain(void **state) {
        const UnitDir *dir = *state;
        const Digest key = digest_of("key", 3);
        const ViewFile bad = { .name = "../x", .data = slice_of("", 0) };
        const ViewFile good = { .name = "x", .data = slice_of("", 0) };
        char *path = NULL;

        assert_int_equal(view_make(dir->path, &key, "net", &bad, 1, &path), -EINVAL);
        assert_int_equal(view_make(dir->path, &key, "a/b", &good, 1, &path), -EINVAL);
        assert_int_equal(view_make(dir->path, &key, "..", &good, 1, &path), -EINVAL);
        assert_int_equal(view_make(dir->path, &key, "", &good, 1, &path), -EINVAL);
        assert_null(path);
}

static void nets_of_one_key_stand_side_by_side(void **state) {
        const UnitDir *dir = *state;
        const Digest key = digest_of("key", 3);
        const ViewFile file = { .name = "x", .data = slice_of("1", 1) };
        char name[NAME_MAX + 1];
        _cleanup_(freep) char *a = NULL, *b = NULL;

        memset(name, 'n', NAME_MAX);
        name[NAME_MAX] = '\0';
        assert_int_equal(view_make(dir->path, &key, "a", &file, 1, &a), 0);
        assert_int_equal(view_make(dir->path, &key, name, &file, 1, &b), 0);
        assert_true(exists(in(a, "x")));
        assert_true(exists(in(b, "x")));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(links_lead_to_objects, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(a_whole_view_stays, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(damage_is_mended, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(names_are_plain, unit_dir_setup, unit_dir_teardown),
                cmocka_unit_test_setup_teardown(nets_of_one_key_stand_side_by_side, unit_dir_setup,
                                                unit_dir_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
