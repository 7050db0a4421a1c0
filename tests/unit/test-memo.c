#include "cache_fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "cache/database.h"
#include "cache/memo.h"
#include "cache/recent.h"

#define S CLOCK_NS_PER_S

static int setup(void **state) {
        *state = memory_state();
        return 0;
}

static int teardown(void **state) {
        (void) state_close(*state);
        return 0;
}

/* @ctime as a number with or without a nanosecond clock behind it */
static StatId id_at(int64_t mtime_ns, int64_t ctime_ns) {
        return (StatId){
                .dev = 1, .ino = UINT64_MAX, .size = 3, .mtime_ns = mtime_ns, .ctime_ns = ctime_ns
        };
}

static void young_files_are_racy(void **state) {
        const int64_t fine = 1000 * S + 123, coarse = 1000 * S;
        const StatId a = id_at(fine, fine), b = id_at(coarse, coarse);

        assert_true(memo_is_racy(&a, fine));
        assert_true(memo_is_racy(&a, fine + MEMO_SLACK_FINE_NS));
        assert_false(memo_is_racy(&a, fine + MEMO_SLACK_FINE_NS + 1));
        assert_true(memo_is_racy(&b, coarse + MEMO_SLACK_FINE_NS + 1));
        assert_true(memo_is_racy(&b, coarse + MEMO_SLACK_COARSE_NS));
        assert_false(memo_is_racy(&b, coarse + MEMO_SLACK_COARSE_NS + 1));
}

/* either time may be the younger one: touch -d sets the mtime back, never the ctime */
static void both_times_count(void **state) {
        const StatId a = id_at(5 * S, 1000 * S + 1), b = id_at(1000 * S + 1, 5 * S + 1);

        assert_true(memo_is_racy(&a, 1000 * S + 2));
        assert_true(memo_is_racy(&b, 1000 * S + 2));
        assert_false(memo_is_racy(&a, 1001 * S));
        assert_false(memo_is_racy(&b, 1001 * S));
}

static void remembers_old_files(void **state) {
        const StatId id = id_at(1000 * S + 1, 1000 * S + 1);
        const Digest digest = digest_of("a", 1), other = digest_of("b", 1);
        StatId changed;
        Digest found;

        assert_int_equal(memo_find_file(*state, &id, 2000 * S, &found), MEMO_MISS);
        assert_int_equal(memo_store_file(*state, &id, 1000 * S + 2, &digest), MEMO_RACY);
        assert_int_equal(memo_find_file(*state, &id, 2000 * S, &found), MEMO_MISS);
        assert_int_equal(memo_store_file(*state, &id, 2000 * S, &digest), 0);
        assert_int_equal(memo_find_file(*state, &id, 2000 * S, &found), 0);
        assert_memory_equal(&found, &digest, sizeof(found));

        for (unsigned i = 0; i < 5; i++) { /* any part of the identity */
                changed = id;
                changed.dev += i == 0;
                changed.ino -= i == 1;
                changed.size += i == 2;
                changed.mtime_ns += i == 3;
                changed.ctime_ns += i == 4;
                assert_int_equal(memo_find_file(*state, &changed, 2000 * S, &found), MEMO_MISS);
        }
        assert_int_equal(memo_store_file(*state, &id, 2000 * S, &other), 0);
        assert_int_equal(memo_find_file(*state, &id, 2000 * S, &found), 0);
        assert_memory_equal(&found, &other, sizeof(found));
}

static void distrusts_memos_after_the_clock_was_set_back(void **state) {
        const StatId id = id_at(1000 * S + 1, 1000 * S + 1);
        const Digest digest = digest_of("a", 1);
        Digest found;

        assert_int_equal(memo_store_file(*state, &id, 2000 * S, &digest), 0);
        assert_int_equal(memo_find_file(*state, &id, 900 * S, &found), MEMO_MISS);
        assert_int_equal(memo_find_file(*state, &id, 1000 * S + 1, &found), MEMO_MISS);
        assert_int_equal(memo_find_file(*state, &id, 1001 * S, &found), 0);
}

typedef struct Fixture {
        UnitDir *dir;
        State *state;
} Fixture;

static int setup_dir(void **state) {
        static Fixture f;

        f.state = memory_state();
        *state = &f;
        return unit_dir_setup((void **) &f.dir);
}

static int teardown_dir(void **state) {
        Fixture *f = *state;

        (void) state_close(f->state);
        return unit_dir_teardown((void **) &f->dir);
}

/* An edit of the same size whose mtime is put back, within the same tick: nothing in the stat
 * identity need tell, so the file must be read. */
static void a_racy_edit_is_seen(void **state) {
        Fixture *f = *state;
        const char *path = below(f->dir, "f");
        _cleanup_(closep) int fd = -1;
        Digest first, second;
        struct stat st;
        StatId id;

        write_file(path, "one", 3);
        fd = open(path, O_RDWR | O_CLOEXEC);
        assert_int_equal(memo_digest_fd(f->state, fd, &first, &id), 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(pwrite(fd, "two", 3, 0), 3);
        assert_int_equal(futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }), 0);
        assert_int_equal(memo_digest_fd(f->state, fd, &second, &id), 0);
        assert_false(digest_equal(&first, &second));
        assert_int_equal(id.size, 3);
}

/* a memo that is there is what counts: the file is not read */
static void an_old_file_is_not_read_again(void **state) {
        Fixture *f = *state;
        const Digest memo = digest_of("not the content", 15);
        _cleanup_(closep) int fd = -1;
        Digest found;
        StatId id;

        fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        assert_int_equal(file_stat_id_fd(fd, &id), 0);
        if (memo_is_racy(&id, clock_real_ns())) {
                (void) fprintf(stderr, "skipped: this program was built just now\n");
                skip();
        }
        assert_int_equal(memo_store_file(f->state, &id, clock_real_ns(), &memo), 0);
        assert_int_equal(memo_digest_fd(f->state, fd, &found, &id), 0);
        assert_memory_equal(&found, &memo, sizeof(found));
}

static void remembers_models(void **state) {
        const Digest bytes = digest_of("bytes", 5);
        MemoModel model = {
                .model_class = 4,
                .has_canonical = true,
                .canonical = digest_of("canonical", 9),
                .reason = "it is \"so\"",
        };
        MemoModel found;

        assert_int_equal(memo_find_model(*state, &bytes, 1, &found), MEMO_MISS);
        assert_int_equal(memo_store_model(*state, &bytes, 1, &model), 0);
        assert_int_equal(memo_find_model(*state, &bytes, 2, &found), MEMO_MISS);
        assert_int_equal(memo_find_model(*state, &bytes, 1, &found), 0);
        assert_int_equal(found.model_class, 4);
        assert_true(found.has_canonical);
        assert_false(found.has_map_sorted);
        assert_memory_equal(&found.canonical, &model.canonical, sizeof(Digest));
        assert_string_equal(found.reason, model.reason);

        model.reason[0] = '\0'; /* nothing to say, and a later walker */
        model.has_map_sorted = true;
        assert_int_equal(memo_store_model(*state, &bytes, 2, &model), 0);
        assert_int_equal(memo_find_model(*state, &bytes, 1, &found), MEMO_MISS);
        assert_int_equal(memo_find_model(*state, &bytes, 2, &found), 0);
        assert_true(found.has_map_sorted);
        assert_string_equal(found.reason, "");
}

static void remembers_what_was_verified(void **state) {
        const Digest object = digest_of("o", 1), other = digest_of("p", 1);
        StatId id = id_at(1, 2);

        assert_int_equal(memo_find_verified(*state, &object, &id), MEMO_MISS);
        assert_int_equal(memo_store_verified(*state, &object, &id), 0);
        assert_int_equal(memo_find_verified(*state, &object, &id), 0);
        assert_int_equal(memo_find_verified(*state, &other, &id), MEMO_MISS);
        id.ctime_ns++;
        assert_int_equal(memo_find_verified(*state, &object, &id), MEMO_MISS);
        id.ctime_ns--;
        assert_int_equal(memo_forget_verified(*state), 0);
        assert_int_equal(memo_find_verified(*state, &object, &id), MEMO_MISS);

        /* of another boot */
        assert_int_equal(memo_store_verified(*state, &object, &id), 0);
        assert_int_equal(database_run(state_database(*state), NULL, NULL,
                                      "UPDATE verified SET boot = 'x'", ""),
                         0);
        assert_int_equal(memo_find_verified(*state, &object, &id), MEMO_MISS);
}

/* what was found a moment ago needs no database, and is as racy as ever */
static void recalls_sources(void **state) {
        const StatId id = id_at(1000 * S + 1, 1000 * S + 1);
        const Digest bytes = digest_of("a", 1);
        const MemoModel model = {
                .model_class = 3,
                .has_canonical = true,
                .has_map_sorted = true,
                .canonical = digest_of("b", 1),
                .map_sorted = digest_of("c", 1),
                .reason = "quantized",
        };
        MemoModel found, plain = model;
        Digest digest;

        assert_int_equal(memo_recall(*state, &id, 2000 * S, 7, &digest, &found), MEMO_MISS);
        assert_int_equal(memo_store_file(*state, &id, 2000 * S, &bytes), 0);
        assert_int_equal(memo_store_model(*state, &bytes, 7, &model), 0);
        assert_int_equal(memo_recall(*state, &id, 2000 * S, 7, &digest, &found), 0);
        assert_memory_equal(&digest, &bytes, sizeof(bytes));
        assert_int_equal(found.model_class, 3);
        assert_memory_equal(&found.canonical, &model.canonical, sizeof(Digest));
        assert_memory_equal(&found.map_sorted, &model.map_sorted, sizeof(Digest));
        assert_string_equal(found.reason, "quantized");
        assert_int_equal(memo_recall(*state, &id, 2000 * S, 8, &digest, &found), MEMO_MISS);
        assert_int_equal(memo_recall(*state, &id, 1000 * S + 2, 7, &digest, &found), MEMO_MISS);

        /* from the database into memory */
        recent_forget(state_recent_files(*state));
        recent_forget(state_recent_models(*state));
        assert_int_equal(memo_recall(*state, &id, 2000 * S, 7, &digest, &found), MEMO_MISS);
        assert_int_equal(memo_find_file(*state, &id, 2000 * S, &digest), 0);
        assert_int_equal(memo_find_model(*state, &bytes, 7, &found), 0);
        assert_int_equal(memo_recall(*state, &id, 2000 * S, 7, &digest, &found), 0);

        /* what is no source is not kept there */
        plain.has_canonical = false;
        assert_int_equal(memo_store_model(*state, &bytes, 9, &plain), 0);
        assert_int_equal(memo_recall(*state, &id, 2000 * S, 9, &digest, &found), MEMO_MISS);
}

static int take_count(const DatabaseRow *row, void *userdata) {
        int64_t *ret = userdata;

        *ret = database_int(row, 0);
        return 0;
}

static void drops_the_oldest(void **state) {
        const Digest digest = digest_of("a", 1);
        Database *database = state_database(*state);
        int64_t n = 0;
        Digest found;
        StatId id;

        for (uint64_t i = 0; i < 20; i++) {
                id = id_at(1, 1);
                id.ino = i % 15; /* some twice: renewed */
                assert_int_equal(memo_store_file(*state, &id, 2000 * S, &digest), 0);
        }
        assert_int_equal(state_trim(*state, "file_memo", 7), 0);
        assert_int_equal(
                database_run(database, take_count, &n, "SELECT count(*) FROM file_memo", ""), 0);
        assert_int_equal(n, 7);
        recent_forget(state_recent_files(*state));
        for (uint64_t i = 0; i < 15; i++) {
                id.ino = i; /* 13, 14 and then again 0 to 4 were the last */
                assert_int_equal(memo_find_file(*state, &id, 2000 * S, &found),
                                 i < 5 || i > 12 ? 0 : MEMO_MISS);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(young_files_are_racy),
                cmocka_unit_test(both_times_count),
                cmocka_unit_test_setup_teardown(remembers_old_files, setup, teardown),
                cmocka_unit_test_setup_teardown(distrusts_memos_after_the_clock_was_set_back, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_racy_edit_is_seen, setup_dir, teardown_dir),
                cmocka_unit_test_setup_teardown(an_old_file_is_not_read_again, setup_dir,
                                                teardown_dir),
                cmocka_unit_test_setup_teardown(remembers_models, setup, teardown),
                cmocka_unit_test_setup_teardown(remembers_what_was_verified, setup, teardown),
                cmocka_unit_test_setup_teardown(recalls_sources, setup, teardown),
                cmocka_unit_test_setup_teardown(drops_the_oldest, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
