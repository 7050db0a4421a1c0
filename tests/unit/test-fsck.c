#include "cache_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cache/cache.h"
#include "cache/fsck.h"
#include "cache/index.h"
#include "cache/layout.h"
#include "cache/lock.h"
#include "cache/references.h"

#define N_ARTIFACTS 5

/* A cache of N_ARTIFACTS, each of two objects; all share a third. */
typedef struct Fixture {
        UnitDir *dir;
        char root[256];
        State *state;
        Cache *cache;
        Sample samples[N_ARTIFACTS];
        Record *records[N_ARTIFACTS];
        Fsck *fsck;
} Fixture;

static void publish(Fixture *f, unsigned i) {
        char model[32], log[32];
        const CacheFile files[] = {
                { .role = RECORD_ROLE_XMODEL, .fd = -1, .data = slice_of(model, sizeof(model)) },
                { .role = RECORD_ROLE_LOG, .fd = -1, .data = slice_of(log, sizeof(log)) },
                { .role = RECORD_ROLE_META, .fd = -1, .data = slice_of_string("shared") },
        };

        memset(model, 'a' + (int) i, sizeof(model));
        memset(log, 'A' + (int) i, sizeof(log));
        f->records[i] = record_free(f->records[i]);
        assert_int_equal(cache_publish(f->cache, &f->samples[i].record, files, ARRAY_SIZE(files),
                                       &f->records[i]),
                         0);
}

static int setup(void **state) {
        static Fixture f;

        *state = &f;
        f = (Fixture){};
        if (unit_dir_setup((void **) &f.dir) < 0)
                return -1;
        (void) snprintf(f.root, sizeof(f.root), "%s/c", f.dir->path);
        f.state = memory_state();
        assert_int_equal(cache_open(&f.cache, f.root, f.state, CACHE_NORMAL, NULL), 0);
        for (unsigned i = 0; i < N_ARTIFACTS; i++) {
                sample_init(&f.samples[i], i);
                publish(&f, i);
        }
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        f->fsck = fsck_free(f->fsck);
        for (unsigned i = 0; i < N_ARTIFACTS; i++) {
                f->records[i] = record_free(f->records[i]);
                sample_deinit(&f->samples[i]);
        }
        (void) cache_close(f->cache);
        (void) state_close(f->state);
        return unit_dir_teardown((void **) &f->dir);
}

static const Defects *run(Fixture *f, bool repair) {
        int r;

        f->fsck = fsck_free(f->fsck);
        assert_int_equal(cache_fsck(f->cache, repair, &f->fsck), 0);
        do
                r = fsck_step(f->fsck);
        while (r == FSCK_MORE);
        assert_int_equal(r, 0);
        assert_string_equal(fsck_phase(f->fsck), "done");
        return fsck_defects(f->fsck);
}

static void expect_clean(Fixture *f) {
        const Defects *defects = run(f, false);

        for (size_t i = 0; i < defects->n; i++)
                print_message("%s %s: %s\n", defect_text(defects->items[i].kind),
                              defects->items[i].path, defects->items[i].detail);
        assert_int_equal(defects->n_problems + defects->n_leftovers + defects->n_notes, 0);
}

/* Without repair @kind is told of, and nothing changes; with it all of it is mended, and then
 * nothing is left to be told. */
static void expect_mended(Fixture *f, DefectKind kind, uint64_t n) {
        for (unsigned i = 0; i < 2; i++) {
                const Defects *defects = run(f, false);

                assert_int_equal(defects->counts[kind], n);
                assert_int_equal(defects->n_unmended, defects->n_problems);
        }
        assert_int_equal(run(f, true)->counts[kind], n);
        assert_int_equal(fsck_defects(f->fsck)->n_unmended, 0);
        (void) run(f, true); /* what became a leftover by that */
        expect_clean(f);
}

static const char *object_path(const Fixture *f, unsigned artifact, unsigned object) {
        return shard_path(f->dir, "c/objects", &f->records[artifact]->objects[object].digest);
}

static const char *record_path(const Fixture *f, unsigned artifact) {
        return shard_path(f->dir, "c/records", &f->records[artifact]->key);
}

static void overwrite(const char *path, const char *text, off_t at) {
        _cleanup_(closep) int fd = -1;

        assert_int_equal(chmod(path, 0600), 0);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
        assert_int_equal(fchmod(fd, 0444), 0);
}

static bool is_there(Fixture *f, unsigned artifact) {
        _cleanup_(record_freep) Record *record = NULL;

        return cache_lookup(f->cache, &f->records[artifact]->key, &record) == 0;
}

static void sound_is_sound(void **state) {
        Fixture *f = *state;

        expect_clean(f);
        assert_int_equal(fsck_totals(f->fsck).n_records, N_ARTIFACTS);
        assert_int_equal(fsck_totals(f->fsck).n_objects, 2 * N_ARTIFACTS + 1);
        assert_int_equal(fsck_totals(f->fsck).bytes, 2 * 32 * N_ARTIFACTS + strlen("shared"));
        (void) run(f, true);
        expect_clean(f);
}

static void finds_damaged_objects(void **state) {
        Fixture *f = *state;

        overwrite(object_path(f, 1, 0), "x", 7);
        assert_int_equal(truncate(object_path(f, 2, 1), 5), 0);
        (void) run(f, false);
        assert_int_equal(fsck_defects(f->fsck)->counts[DEFECT_RECORD_INCOMPLETE], 2);
        expect_mended(f, DEFECT_OBJECT_DAMAGED, 2);
        assert_int_equal(fsck_totals(f->fsck).quarantine.n_files, 4); /* with their records */
        assert_false(is_there(f, 1));
        assert_true(is_there(f, 0));
        publish(f, 1);
        assert_true(is_there(f, 1));
        expect_clean(f);
}

static void finds_what_is_no_file(void **state) {
        Fixture *f = *state;
        const char *path = object_path(f, 0, 0);

        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("/etc/passwd", path), 0);
        expect_mended(f, DEFECT_OBJECT_DAMAGED, 1);
        assert_int_equal(unlink(record_path(f, 1)), 0);
        assert_int_equal(mkdir(record_path(f, 1), 0700), 0);
        expect_mended(f, DEFECT_RECORD_DAMAGED, 1);
}

static void finds_missing_objects(void **state) {
        Fixture *f = *state;

        assert_int_equal(unlink(object_path(f, 3, 1)), 0);
        expect_mended(f, DEFECT_RECORD_INCOMPLETE, 1);
        assert_int_equal(unlink(object_path(f, 0, 2)), 0); /* the one that all share */
        expect_mended(f, DEFECT_RECORD_INCOMPLETE, N_ARTIFACTS - 1);
}

static void finds_damaged_records(void **state) {
        Fixture *f = *state;

        overwrite(record_path(f, 0), "y", 40);
        assert_int_equal(truncate(record_path(f, 1), 10), 0);
        assert_int_equal(rename(record_path(f, 2), record_path(f, 3)), 0); /* of another key */
        expect_mended(f, DEFECT_RECORD_DAMAGED, 3);
}

/* An object that somebody made with the XXH3 of another: here the record says another SHA-256. */
static void finds_forged_objects(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(RECORD_BYTES_MAX);
        RecordObject objects[3];
        Record record = *f->records[2];

        memcpy(objects, record.objects, sizeof(objects));
        objects[0].sha256.bytes[5] ^= 1;
        record.objects = objects;
        assert_int_equal(record_encode(&record, &bytes), 0);
        assert_int_equal(record_write(f->root, &record.key, bytes_slice(&bytes)), 0);
        expect_mended(f, DEFECT_OBJECT_MISMATCH, 1);
        assert_false(is_there(f, 2));
        assert_false(exists(object_path(f, 2, 0)));
}

static void removes_what_nobody_names(void **state) {
        Fixture *f = *state;

        assert_int_equal(unlink(record_path(f, 4)), 0);
        expect_mended(f, DEFECT_OBJECT_UNUSED, 2);
        assert_false(exists(object_path(f, 4, 0)));
        assert_true(exists(object_path(f, 4, 2))); /* others name it */
}

/* A publisher that has put its objects, and not its record yet. */
static void leaves_alone_what_is_being_published(void **state) {
        Fixture *f = *state;
        _cleanup_(closep) int lock = -1;

        assert_int_equal(unlink(record_path(f, 4)), 0);
        write_file(below(f->dir, "c/objects/.dpucc.0123456789abcdef.tmp"), "t", 1);
        assert_int_equal(lock_store_shared(f->root, false, &lock), 0);
        (void) run(f, true);
        assert_true(exists(object_path(f, 4, 0)));
        assert_int_equal(fsck_defects(f->fsck)->counts[DEFECT_TEMPORARY], 0);
        assert_int_equal(fsck_defects(f->fsck)->n_problems, 0);
        close(lock);
        lock = -1;
        (void) run(f, true);
        assert_false(exists(object_path(f, 4, 0)));
        assert_int_equal(fsck_defects(f->fsck)->counts[DEFECT_TEMPORARY], 1);
        assert_false(exists(below(f->dir, "c/objects/.dpucc.0123456789abcdef.tmp")));
}

static void sets_modes_right(void **state) {
        Fixture *f = *state;
        struct stat st;

        assert_int_equal(chmod(object_path(f, 0, 0), 0666), 0);
        assert_int_equal(chmod(record_path(f, 0), 0644), 0);
        assert_int_equal(chmod(below(f->dir, "c/objects"), 0755), 0);
        assert_int_equal(chmod(below(f->dir, "c"), 0750), 0);
        expect_mended(f, DEFECT_PERMISSIONS, 4);
        assert_int_equal(stat(object_path(f, 0, 0), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0444);
        assert_true(is_there(f, 0));
}

static char *view(Fixture *f, unsigned artifact) {
        const ViewFile files[] = {
                { .name = "u.xmodel", .object = &f->records[artifact]->objects[0].digest },
                { .name = "meta.json", .data = slice_of_string("{}") },
        };
        char *path;

        assert_int_equal(cache_view(f->cache, &f->records[artifact]->key, "u", files,
                                    ARRAY_SIZE(files), &path),
                         0);
        return path;
}

static void removes_views_that_lead_nowhere(void **state) {
        Fixture *f = *state;
        _cleanup_(freep) char *good = view(f, 0), *bad = view(f, 1);

        assert_int_equal(unlink(object_path(f, 1, 0)), 0);
        expect_mended(f, DEFECT_VIEW_BROKEN, 1);
        assert_true(exists(good));
        assert_false(exists(bad));
}

static void removes_views_of_no_record(void **state) {
        Fixture *f = *state;
        _cleanup_(freep) char *old = view(f, 0), *leased = view(f, 1);
        const struct timespec times[] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

        assert_int_equal(unlink(record_path(f, 0)), 0);
        assert_int_equal(unlink(record_path(f, 1)), 0);
        assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
        (void) run(f, false);
        assert_int_equal(fsck_defects(f->fsck)->counts[DEFECT_VIEW_UNUSED], 1);
        (void) run(f, true);
        assert_false(exists(old));
        assert_true(exists(leased));
}

static void tells_of_strangers(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(100);
        static const char *const strangers[] = { "c/notes.txt", "c/objects/readme", "c/records/x" };
        char path[512];

        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
                write_file(below(f->dir, strangers[i]), "mine", 4);
        (void) snprintf(path, sizeof(path), "%s~", object_path(f, 0, 0));
        write_file(path, "mine", 4);
        (void) run(f, true);
        assert_int_equal(fsck_defects(f->fsck)->counts[DEFECT_FOREIGN], 4);
        assert_int_equal(fsck_defects(f->fsck)->n_problems, 0);
        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
                assert_true(exists(below(f->dir, strangers[i])));
        assert_true(exists(path));
}

/* With room for four references at a time it goes through the records again and again, and comes
 * to the same. */
static void needs_no_memory_for_all(void **state) {
        Fixture *f = *state;
        Index *index;
        int r;

        assert_int_equal(unlink(object_path(f, 3, 1)), 0);
        overwrite(object_path(f, 1, 0), "x", 7);
        assert_int_equal(unlink(record_path(f, 4)), 0);
        assert_int_equal(index_open(&index, NULL, NULL), 0);
        assert_int_equal(fsck_new(&f->fsck, f->root, index, false, 4), 0);
        do
                r = fsck_step(f->fsck);
        while (r == FSCK_MORE);
        assert_int_equal(r, 0);
        assert_int_equal(fsck_defects(f->fsck)->counts[DEFECT_RECORD_INCOMPLETE], 2);
        assert_int_equal(fsck_defects(f->fsck)->counts[DEFECT_OBJECT_DAMAGED], 1);
        assert_int_equal(fsck_defects(f->fsck)->counts[DEFECT_OBJECT_UNUSED], 2);
        assert_int_equal(fsck_totals(f->fsck).n_records, N_ARTIFACTS - 1);
        assert_int_equal(fsck_totals(f->fsck).n_objects, 2 * N_ARTIFACTS);
        f->fsck = fsck_free(f->fsck);
        (void) index_close(index);
}

static void references_keep_to_their_range(void **state) {
        References references = {};
        size_t n_found = 0, n;

        (void) state;
        for (unsigned first = 0; first <= UINT8_MAX; first = references.last + 1) {
                references_begin(&references, first, 10);
                for (unsigned i = 0; i < 1000; i++) {
                        RecordObject object = { .digest = digest_of(&i, sizeof(i)) };
                        const Record record = { .objects = &object, .n_objects = 1 };

                        assert_int_equal(references_add(&references, &record), 0);
                        assert_true(references.n <= 10 || references.first == references.last);
                }
                references_sort(&references);
                for (unsigned i = 0; i < 1000; i++) {
                        Digest object = digest_of(&i, sizeof(i));

                        n_found += references_find(&references, &object, &n) != NULL;
                }
        }
        assert_int_equal(n_found, 1000);
        references_deinit(&references);
}

/* An index that was made anew knows nothing of what a later version's record names. */
static void spares_what_a_later_version_may_name(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(RECORD_BYTES_MAX);
        const Defects *defects;
        Digest checksum;

        assert_int_equal(file_read(AT_FDCWD, record_path(f, 2), &file), 0);
        file.data[8] = RECORD_VERSION + 1;
        checksum = digest_of(file.data, file.size - DIGEST_SIZE);
        memcpy(file.data + file.size - DIGEST_SIZE, checksum.bytes, DIGEST_SIZE);
        assert_int_equal(unlink(record_path(f, 2)), 0);
        write_file(record_path(f, 2), file.data, file.size);
        assert_int_equal(chmod(record_path(f, 2), 0444), 0);
        assert_int_equal(
                index_remove(cache_index(f->cache), &f->records[2]->key, false, NULL, NULL), 0);
        defects = run(f, true);
        assert_int_equal(defects->counts[DEFECT_RECORD_NEWER], 1);
        assert_true(exists(object_path(f, 2, 0)) && exists(object_path(f, 2, 1)));
}

static void refuses_what_the_mode_forbids(void **state) {
        Fixture *f = *state;
        _cleanup_(cache_closep) Cache *cache = NULL;

        assert_int_equal(cache_open(&cache, f->root, f->state, CACHE_READ_ONLY, NULL), 0);
        assert_int_equal(cache_fsck(cache, true, &f->fsck), -EROFS);
        assert_int_equal(cache_fsck(cache, false, &f->fsck), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(sound_is_sound),
                TEST(finds_damaged_objects),
                TEST(finds_what_is_no_file),
                TEST(finds_missing_objects),
                TEST(finds_damaged_records),
                TEST(finds_forged_objects),
                TEST(removes_what_nobody_names),
                TEST(leaves_alone_what_is_being_published),
                TEST(sets_modes_right),
                TEST(removes_views_that_lead_nowhere),
                TEST(removes_views_of_no_record),
                TEST(tells_of_strangers),
                TEST(needs_no_memory_for_all),
                TEST(references_keep_to_their_range),
                TEST(spares_what_a_later_version_may_name),
                TEST(refuses_what_the_mode_forbids),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
