#include "unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/random.h"
#include "tests/support/corpus.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/random_graph.h"
#include "xmodel/canon.h"
#include "xmodel/classify.h"

/*
 * The judge of a Skeleton is the file as a whole, in memory: class, reason and digests must be the
 * same, whatever the grain and however the file was cut or spoiled.
 */

#define N_GRAPHS 60
#define MAX_OPS  20

static const size_t grains[] = { 1, 3, 16, 100, 4096, SKELETON_GRAIN };

static int file_of(Slice bytes) {
        int fd = memfd_create("model", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, bytes.data, bytes.size), 0);
        return fd;
}

static Skeleton skeleton_of(int fd, size_t grain, Digest *ret_bytes) {
        const SkeletonSpec spec = { .fd = fd, .grain = grain };
        Skeleton s = {};

        assert_int_equal(skeleton_read(&s, &spec, ret_bytes), 0);
        return s;
}

static int gather(void *userdata, const void *data, size_t n) {
        assert_int_equal(bytes_append(userdata, data, n), 0);
        return 0;
}

static int count(void *userdata, const void *data, size_t n) {
        *(size_t *) userdata += n;
        return 0;
}

/* a skeleton's memory is the file's where it has no holes, and skeleton_each() is all of it */
static void assert_is_file(const Skeleton *s, Slice bytes) {
        _cleanup_(bytes_cleanup) Bytes all = BYTES_INIT(WALK_FILE_MAX);
        size_t at = 0;

        assert_int_equal(s->file.size, bytes.size);
        for (size_t i = 0; i <= s->n_holes; i++) {
                size_t end = i < s->n_holes ? (size_t) (s->holes[i].place.data - s->file.data)
                                            : bytes.size;

                assert_true(at <= end);
                assert_memory_equal(s->file.data + at, bytes.data + at, end - at);
                at = i < s->n_holes ? end + s->holes[i].place.size : end;
        }
        assert_int_equal(skeleton_each(s, s->file, gather, &all), 0);
        assert_true(slice_equal(bytes_slice(&all), bytes));
}

/* nobody may look into the holes: they are filled with something that would be noticed */
static void spoil_holes(const Skeleton *s) {
        for (size_t i = 0; i < s->n_holes; i++)
                memset((void *) s->holes[i].place.data, 0xff, s->holes[i].place.size);
}

static void assert_same_forms(const Skeleton *s, const Walk *walk, const Walk *judge) {
        for (CanonForm form = CANON_CANONICAL; form <= CANON_MAP_SORTED; form++) {
                Digest expected, found;

                assert_int_equal(canon_digest(judge, NULL, form, &expected), 0);
                assert_int_equal(canon_digest(walk, s, form, &found), 0);
                assert_true(digest_equal(&expected, &found));
        }
}

/* returns the number of holes */
static size_t assert_same(Slice bytes, size_t grain) {
        _cleanup_(closep) int fd = file_of(bytes);
        _cleanup_(walk_freep) Walk *walk = NULL, *judge = NULL;
        Problem reason = {}, expected_reason = {};
        XmodelClass class, expected;
        Digest digest, whole = digest_of(bytes.data, bytes.size);
        _cleanup_(skeleton_deinit) Skeleton s = skeleton_of(fd, grain, &digest);

        assert_true(digest_equal(&digest, &whole));
        assert_is_file(&s, bytes);
        spoil_holes(&s);
        assert_int_equal(classify(bytes, &expected, &judge, &expected_reason), 0);
        assert_int_equal(classify(s.file, &class, &walk, &reason), 0);
        assert_int_equal(class, expected);
        assert_string_equal(reason.text, expected_reason.text);
        if (walk)
                assert_same_forms(&s, walk, judge);
        return s.n_holes;
}

static Bytes written(uint64_t seed) {
        _cleanup_(random_graph_freep) RandomGraph *g = random_graph_new(seed, MAX_OPS);
        const NodeStyle style = { .seed = seed,
                                  .shuffle_maps = seed & 1,
                                  .shuffle_ops = seed & 2,
                                  .shuffle_fields = seed & 4,
                                  .split_lists = seed & 8 };
        Bytes bytes = BYTES_INIT(WALK_FILE_MAX);

        node_write(g->root, &style, &bytes);
        return bytes;
}

static void a_random_graph_is_what_it_is_as_a_whole(void **state) {
        size_t n_holes = 0;

        for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
                _cleanup_(bytes_cleanup) Bytes bytes = written(seed);

                for (size_t i = 0; i < ARRAY_SIZE(grains); i++)
                        n_holes += assert_same(bytes_slice(&bytes), grains[i]);
        }
        assert_true(n_holes > N_GRAPHS);
}

static void a_file_that_was_cut_is_refused_in_the_same_words(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = written(7);

        for (size_t n = 0; n < bytes.size; n += 1 + bytes.size / 400)
                (void) assert_same(slice_of(bytes.data, n), n % 7 + 1);
}

static void a_file_with_a_wrong_byte_is_refused_in_the_same_words(void **state) {
        Random random = RANDOM_INIT(11);

        for (unsigned i = 0; i < 400; i++) {
                _cleanup_(bytes_cleanup) Bytes bytes = written(i % 5 + 1);

                bytes.data[random_below(&random, bytes.size)] = (uint8_t) random_u64(&random);
                (void) assert_same(bytes_slice(&bytes), i % 9 + 1);
        }
}

static void check_model(const char *name, const Bytes *content, void *userdata) {
        if (strlen(name) < 7 || strcmp(name + strlen(name) - 7, ".xmodel") != 0)
                return;
        *(size_t *) userdata += assert_same(bytes_slice(content), SKELETON_GRAIN) > 0;
        (void) assert_same(bytes_slice(content), 512);
}

static void a_real_model_is_what_it_is_as_a_whole(void **state) {
        size_t with_holes = 0;

        if (!corpus_present())
                skip();
        assert_true(corpus_each("quantized", check_model, &with_holes) > 0);
        assert_true(corpus_each("compiled", check_model, &with_holes) > 0);
        assert_true(with_holes > 5);
}

/* a graph with one weight of 200 kB behind a few bytes */
static Bytes heavy(void) {
        _cleanup_(node_freep) Node *graph = node_new();
        Bytes bytes = BYTES_INIT(WALK_FILE_MAX);
        uint8_t weight[200 * 1000];
        Node *op;

        memset(weight, 'w', sizeof(weight));
        op = node_op(graph, "weight", "const");
        node_bytes(node_message(node_attr(op, 3, "data"), 12), 1, weight, sizeof(weight));
        (void) node_op(graph, "other", "data");
        node_write(graph, &(NodeStyle){}, &bytes);
        return bytes;
}

static void a_weight_takes_no_memory(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = heavy();
        _cleanup_(closep) int fd = file_of(bytes_slice(&bytes));
        _cleanup_(skeleton_deinit) Skeleton s = skeleton_of(fd, SKELETON_GRAIN, NULL);
        const uint8_t *at;

        assert_int_equal(s.n_holes, 1);
        assert_true(s.holes[0].place.size > 200 * 1000 - 2 * SKELETON_GRAIN);
        at = s.holes[0].place.data;
        for (size_t i = 0; i < s.holes[0].place.size; i++)
                assert_int_equal(at[i], 0);
}

static void other_bytes_in_a_hole_are_noticed(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = heavy();
        _cleanup_(closep) int fd = file_of(bytes_slice(&bytes));
        _cleanup_(walk_freep) Walk *walk = NULL;
        Digest digest;
        _cleanup_(skeleton_deinit) Skeleton s = skeleton_of(fd, SKELETON_GRAIN, &digest);
        size_t n = 0;

        assert_int_equal(walk_new(&walk, s.file, NULL), 0);
        assert_int_equal(canon_digest(walk, &s, CANON_CANONICAL, &digest), 0);
        assert_int_equal(pwrite(fd, "x", 1, 150 * 1000), 1);
        assert_int_equal(canon_digest(walk, &s, CANON_CANONICAL, &digest), -ESTALE);

        /* what is in memory is the old file's and stays so */
        assert_int_equal(pwrite(fd, "w", 1, 150 * 1000), 1);
        assert_int_equal(pwrite(fd, "x", 1, 0), 1);
        assert_int_equal(skeleton_each(&s, slice_of(s.file.data, 100), count, &n), 0);
        assert_int_equal(n, 100);
        assert_int_equal(canon_digest(walk, &s, CANON_CANONICAL, &digest), 0);
}

static void a_file_that_shrinks_is_stale(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = heavy();
        _cleanup_(closep) int fd = file_of(bytes_slice(&bytes));
        _cleanup_(skeleton_deinit) Skeleton s = skeleton_of(fd, SKELETON_GRAIN, NULL);
        size_t n = 0;

        assert_int_equal(ftruncate(fd, 100 * 1000), 0);
        assert_int_equal(skeleton_each(&s, s.file, count, &n), -ESTALE);
}

typedef struct Patience {
        int fd;
        unsigned left;
} Patience;

static bool is_patient(const void *userdata) {
        Patience *patience = (Patience *) userdata;

        return patience->left-- > 0;
}

static bool cuts_the_file(const void *userdata) {
        const Patience *patience = userdata;

        assert_int_equal(ftruncate(patience->fd, 1000), 0);
        return true;
}

static void reading_ends_when_it_is_cancelled_or_the_file_cut(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = heavy();
        _cleanup_(closep) int fd = file_of(bytes_slice(&bytes));
        Patience patience = { .fd = fd };
        SkeletonSpec spec = {
                .fd = fd, .grain = SKELETON_GRAIN, .go_on = is_patient, .userdata = &patience
        };
        Skeleton s = { .n_holes = 77 };
        Digest digest;

        for (unsigned n = 0; n < 4; n++) {
                patience.left = n;
                assert_int_equal(skeleton_read(&s, &spec, &digest), -ECANCELED);
        }
        spec.go_on = cuts_the_file;
        assert_int_equal(skeleton_read(&s, &spec, &digest), -ESTALE);
        assert_int_equal(s.n_holes, 77);
}

static int read_once(void *userdata) {
        const SkeletonSpec spec = { .fd = *(int *) userdata, .grain = SKELETON_GRAIN };
        _cleanup_(skeleton_deinit) Skeleton s = {};
        Digest digest;
        size_t n = 0;
        int r;

        r = skeleton_read(&s, &spec, &digest);
        return r < 0 ? r : skeleton_each(&s, s.file, count, &n);
}

static void every_failing_allocation_is_an_error(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = heavy();
        _cleanup_(closep) int fd = file_of(bytes_slice(&bytes));

        assert_true(fail_alloc_sweep(read_once, &fd) > 5);
}

static void an_empty_file_and_a_huge_one(void **state) {
        _cleanup_(closep) int fd = file_of(slice_of("", 0));
        const SkeletonSpec spec = { .fd = fd, .grain = SKELETON_GRAIN };
        _cleanup_(skeleton_deinit) Skeleton s = skeleton_of(fd, SKELETON_GRAIN, NULL);
        Skeleton other = {};
        size_t n = 0;

        assert_int_equal(s.file.size, 0);
        assert_int_equal(skeleton_each(&s, s.file, count, &n), 0);
        assert_int_equal(n, 0);
        assert_int_equal(ftruncate(fd, (off_t) WALK_FILE_MAX + 1), 0);
        assert_int_equal(skeleton_read(&other, &spec, NULL), -EFBIG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_random_graph_is_what_it_is_as_a_whole),
                cmocka_unit_test(a_file_that_was_cut_is_refused_in_the_same_words),
                cmocka_unit_test(a_file_with_a_wrong_byte_is_refused_in_the_same_words),
                cmocka_unit_test(a_real_model_is_what_it_is_as_a_whole),
                cmocka_unit_test(a_weight_takes_no_memory),
                cmocka_unit_test(other_bytes_in_a_hole_are_noticed),
                cmocka_unit_test(a_file_that_shrinks_is_stale),
                cmocka_unit_test(reading_ends_when_it_is_cancelled_or_the_file_cut),
                cmocka_unit_test(every_failing_allocation_is_an_error),
                cmocka_unit_test(an_empty_file_and_a_huge_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
