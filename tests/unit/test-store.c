#include "cache_fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "cache/store.h"

typedef struct Fixture {
        UnitDir *dir;
        State *state;
        Store *store;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        *state = &f;
        if (unit_dir_setup((void **) &f.dir) < 0)
                return -1;
        f.state = memory_state();
        return store_new(&f.store, f.dir->path, f.state);
}

static int teardown(void **state) {
        Fixture *f = *state;

        (void) store_free(f->store);
        (void) state_close(f->state);
        return unit_dir_teardown((void **) &f->dir);
}

static StoreObject put(Fixture *f, const char *content) {
        const StoreSource source = { .fd = -1, .data = slice_of_string(content) };
        StoreObject object;

        assert_int_equal(store_put(f->store, &source, 1, &object), 0);
        return object;
}

static int get(Fixture *f, const StoreObject *object) {
        _cleanup_(closep) int fd = -1;

        return store_get(f->store, &object->digest, object->size, &fd);
}

static StoreCounters counters(Fixture *f) {
        StoreCounters c;

        store_counters(f->store, &c);
        return c;
}

/* the digests of "abc": xxHash's and RFC 1321's and FIPS 180's own examples */
static void names_objects_by_content(void **state) {
        Fixture *f = *state;
        StoreObject object = put(f, "abc");
        char hex[SHA256_HEX];

        digest_to_hex(&object.digest, hex);
        assert_string_equal(hex, "06b05ab6733a618578af5f94892f3950");
        md5_to_hex(&object.md5, hex);
        assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
        sha256_to_hex(&object.sha256, hex);
        assert_string_equal(hex,
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_int_equal(object.size, 3);
        assert_true(exists(below(f->dir, "objects/06/b05ab6733a618578af5f94892f3950")));
}

static void keeps_what_is_there(void **state) {
        Fixture *f = *state;
        StoreObject object = put(f, "abc");
        const char *path = shard_path(f->dir, "objects", &object.digest);
        struct stat before, after;

        assert_int_equal(stat(path, &before), 0);
        (void) put(f, "abc");
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(counters(f).written, 1);
        assert_int_equal(counters(f).bytes_written, 3);
        assert_int_equal(counters(f).deduplicated, 1);
}

static void modes_do_not_depend_on_the_umask(void **state) {
        Fixture *f = *state;
        mode_t saved = umask(077);
        const StoreSource source = { .fd = -1, .data = slice_of("x", 1) };
        struct stat st;
        StoreObject object;
        int r;

        r = store_put(f->store, &source, 1, &object);
        (void) umask(saved);
        assert_int_equal(r, 0);
        assert_int_equal(stat(shard_path(f->dir, "objects", &object.digest), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0444);
}

static void stores_the_empty_object(void **state) {
        Fixture *f = *state;
        StoreObject object = put(f, "");

        assert_int_equal(object.size, 0);
        assert_int_equal(get(f, &object), 0);
}

/* A record that names another size does not mean this object; the object is not to blame. */
static void another_size_is_a_miss(void **state) {
        Fixture *f = *state;
        StoreObject object = put(f, "abc");

        object.size = 4;
        assert_int_equal(get(f, &object), STORE_MISS);
        object.size = 3;
        assert_int_equal(get(f, &object), 0);
        assert_int_equal(counters(f).quarantined, 0);
}

static void verifies_what_changed_its_identity(void **state) {
        Fixture *f = *state;
        StoreObject object = put(f, "abc");
        const char *path = shard_path(f->dir, "objects", &object.digest);

        assert_int_equal(get(f, &object), 0);
        assert_int_equal(counters(f).verified, 0);
        assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
        assert_int_equal(get(f, &object), 0);
        assert_int_equal(get(f, &object), 0);
        assert_int_equal(counters(f).verified, 1);
        store_forget_verified(f->store);
        assert_int_equal(get(f, &object), 0);
        assert_int_equal(counters(f).verified, 2);
}

/* every bit of it, with the times put back: the ctime still tells */
static void finds_every_flipped_bit(void **state) {
        Fixture *f = *state;
        const char content[] = "0123456789";

        for (size_t bit = 0; bit < 8 * strlen(content); bit++) {
                StoreObject object = put(f, content);
                const char *path = shard_path(f->dir, "objects", &object.digest);
                char damaged[sizeof(content)];
                struct stat st;

                memcpy(damaged, content, sizeof(damaged));
                damaged[bit / 8] ^= (char) (1 << bit % 8);
                assert_int_equal(stat(path, &st), 0);
                assert_int_equal(unlink(path), 0);
                write_file(path, damaged, strlen(content));
                assert_int_equal(
                        utimensat(AT_FDCWD, path, (struct timespec[]){ st.st_atim, st.st_mtim }, 0),
                        0);
                assert_int_equal(get(f, &object), STORE_MISS);
                assert_false(exists(path));
        }
        assert_int_equal(counters(f).quarantined, 8 * strlen(content));
}

static void keeps_damage_for_inspection(void **state) {
        Fixture *f = *state;
        StoreObject object = put(f, "abc");
        const char *path = shard_path(f->dir, "objects", &object.digest);
        _cleanup_(closep) int fd = -1;

        assert_int_equal(unlink(path), 0);
        write_file(path, "abd", 3);
        assert_int_equal(get(f, &object), STORE_MISS);
        fd = open(below(f->dir, "quarantine"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(unlinkat(f->dir->fd, "quarantine", AT_REMOVEDIR), -1);
        assert_int_equal(errno, ENOTEMPTY);
}

/* Two of one content and one that is there, in one batch: an artifact may be like that. */
static void puts_several_at_once(void **state) {
        Fixture *f = *state;
        const StoreSource sources[] = {
                { .fd = -1, .data = slice_of_string("same") },
                { .fd = -1, .data = slice_of_string("known") },
                { .fd = -1, .data = slice_of_string("same") },
                { .fd = -1, .data = slice_of_string("") },
        };
        StoreObject objects[ARRAY_SIZE(sources)], known = put(f, "known");

        assert_int_equal(store_put(f->store, sources, ARRAY_SIZE(sources), objects), 0);
        assert_true(digest_equal(&objects[0].digest, &objects[2].digest));
        assert_true(digest_equal(&objects[1].digest, &known.digest));
        for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
                assert_int_equal(get(f, &objects[i]), 0);
        assert_int_equal(counters(f).written, 3);
        assert_int_equal(counters(f).deduplicated, 2);
        assert_int_equal(store_put(f->store, sources, STORE_SOURCES_MAX + 1, objects), -EINVAL);
}

/* What is there under the name of what is put, and is not it, makes room. */
static void putting_heals(void **state) {
        Fixture *f = *state;
        StoreObject object = put(f, "abc");
        const char *path = shard_path(f->dir, "objects", &object.digest);

        assert_int_equal(unlink(path), 0);
        write_file(path, "abd", 3);
        (void) put(f, "abc");
        assert_int_equal(get(f, &object), 0);
        assert_int_equal(counters(f).quarantined, 1);
        assert_int_equal(counters(f).written, 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(names_objects_by_content, setup, teardown),
                cmocka_unit_test_setup_teardown(keeps_what_is_there, setup, teardown),
                cmocka_unit_test_setup_teardown(modes_do_not_depend_on_the_umask, setup, teardown),
                cmocka_unit_test_setup_teardown(stores_the_empty_object, setup, teardown),
                cmocka_unit_test_setup_teardown(another_size_is_a_miss, setup, teardown),
                cmocka_unit_test_setup_teardown(verifies_what_changed_its_identity, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(finds_every_flipped_bit, setup, teardown),
                cmocka_unit_test_setup_teardown(keeps_damage_for_inspection, setup, teardown),
                cmocka_unit_test_setup_teardown(puts_several_at_once, setup, teardown),
                cmocka_unit_test_setup_teardown(putting_heals, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
