#include "cache_fixture.h"

#include <dirent.h>
#include <fcntl.h>

#include "base/clock.h"
#include "cache/layout.h"
#include "cache/quarantine.h"

#define DAY_NS (24 * 3600 * CLOCK_NS_PER_S)

/* moves a file of @size bytes there, as if it had been found bad under the name @number */
static void take(const UnitDir *dir, unsigned number, off_t size) {
        const Digest digest = digest_of(&number, sizeof(number));
        const char *path = shard_path(dir, LAYOUT_OBJECTS, &digest);
        _cleanup_(freep) char *parent = strndup(path, strlen(path) - LAYOUT_LEAF);
        _cleanup_(closep) int shard = file_make_dirs(AT_FDCWD, parent, 0700), fd = -1;

        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(posix_fallocate(fd, 0, size), 0);
        assert_int_equal(quarantine_take(dir->path, LAYOUT_OBJECTS, &digest, fd), 0);
        assert_false(exists(path));
}

static QuarantineUsage usage(const UnitDir *dir) {
        QuarantineUsage usage;

        assert_int_equal(quarantine_usage(dir->path, &usage), 0);
        return usage;
}

static void holds_what_came_last(void **state) {
        const UnitDir *dir = *state;
        const unsigned n = QUARANTINE_FILES_MAX + 40;
        unsigned n_last = 0;
        struct dirent *entry;
        char hex[DIGEST_HEX];
        Digest last;
        DIR *files;

        assert_int_equal(usage(dir).n_files, 0);
        for (unsigned i = 0; i < n; i++)
                take(dir, i, 10);
        assert_int_equal(usage(dir).n_files, QUARANTINE_FILES_MAX);

        last = digest_of(&(unsigned){ n - 1 }, sizeof(n));
        digest_to_hex(&last, hex);
        files = opendir(below(dir, LAYOUT_QUARANTINE));
        assert_non_null(files);
        while ((entry = readdir(files)))
                n_last += strstr(entry->d_name, hex) != NULL;
        closedir(files);
        assert_int_equal(n_last, 1);
}

static void is_bounded_in_bytes(void **state) {
        const UnitDir *dir = *state;

        take(dir, 1, QUARANTINE_BYTES_MAX / 2);
        take(dir, 2, QUARANTINE_BYTES_MAX / 4);
        assert_int_equal(usage(dir).n_files, 2);
        take(dir, 3, QUARANTINE_BYTES_MAX / 2);
        assert_int_equal(usage(dir).n_files, 2);
        assert_in_range(usage(dir).bytes, QUARANTINE_BYTES_MAX / 2, QUARANTINE_BYTES_MAX);
        take(dir, 4, QUARANTINE_BYTES_MAX + 4096);
        assert_in_range(usage(dir).bytes, 1, QUARANTINE_BYTES_MAX);
}

static void is_bounded_in_time(void **state) {
        const UnitDir *dir = *state;
        const int64_t now = clock_real_ns();

        take(dir, 1, 10);
        assert_int_equal(quarantine_trim(dir->path, now + 29 * DAY_NS), 0);
        assert_int_equal(usage(dir).n_files, 1);
        assert_int_equal(quarantine_trim(dir->path, now + 31 * DAY_NS), 0);
        assert_int_equal(usage(dir).n_files, 0);
}

/* a good object that took the place of the bad one stays */
static void takes_only_what_was_meant(void **state) {
        const UnitDir *dir = *state;
        const Digest digest = digest_of("x", 1);
        const char *path = shard_path(dir, LAYOUT_OBJECTS, &digest);
        _cleanup_(freep) char *parent = strndup(path, strlen(path) - LAYOUT_LEAF);
        _cleanup_(closep) int shard = file_make_dirs(AT_FDCWD, parent, 0700), fd = -1;

        write_file(path, "bad", 3);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        write_file(below(dir, "good"), "x", 1);
        assert_int_equal(rename(below(dir, "good"), path), 0);
        assert_int_equal(quarantine_take(dir->path, LAYOUT_OBJECTS, &digest, fd), 0);
        assert_true(exists(path));
        assert_int_equal(usage(dir).n_files, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(holds_what_came_last, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(is_bounded_in_bytes, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(is_bounded_in_time, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(takes_only_what_was_meant, unit_dir_setup,
                                                unit_dir_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
