#include "unit.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/random_graph.h"
#include "xmodel/canon.h"

#define N_GRAPHS 100
#define MAX_OPS  20

typedef struct Formed {
        Bytes bytes;
        Digest digest;
} Formed;

static void formed_deinit(Formed *f) {
        bytes_deinit(&f->bytes);
}

static Walk *walk_or_fail(Slice file) {
        Problem problem = {};
        Walk *walk = NULL;
        int r;

        r = walk_new(&walk, file, &problem);
        if (r < 0)
                print_error("%s: %s\n", strerror(-r), problem.text);
        assert_int_equal(r, 0);
        return walk;
}

/* canon_write() to a file and back; its digests must be those of the bytes, and canon_digest()'s */
static Formed form_of(const UnitDir *dir, Slice file, CanonForm form) {
        _cleanup_(walk_freep) Walk *walk = walk_or_fail(file);
        Formed f = { .bytes = BYTES_INIT(WALK_FILE_MAX) };
        Digest digest, of_bytes;
        Sha256 sha256, of_file;
        uint64_t size;
        int fd;

        fd = openat(dir->fd, "form", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(canon_write(walk, NULL, form, fd, &f.digest, &sha256, &size), 0);
        assert_int_equal(file_read_fd(fd, &f.bytes), 0);
        assert_int_equal(f.bytes.size, size);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(digest_fd(fd, NULL, &of_file, NULL, NULL), 0);
        assert_memory_equal(sha256.bytes, of_file.bytes, SHA256_SIZE);
        close(fd);

        of_bytes = digest_of(f.bytes.data, f.bytes.size);
        assert_true(digest_equal(&f.digest, &of_bytes));
        assert_int_equal(canon_digest(walk, NULL, form, &digest), 0);
        assert_true(digest_equal(&f.digest, &digest));
        return f;
}

static Digest digest_of_style(const RandomGraph *g, const NodeStyle *style, CanonForm form) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(walk_freep) Walk *walk = NULL;
        Digest digest;

        node_write(g->root, style, &file);
        walk = walk_or_fail(bytes_slice(&file));
        assert_int_equal(canon_digest(walk, NULL, form, &digest), 0);
        return digest;
}

#define assert_same(a, b)    assert_true(digest_equal(&(a), &(b)))
#define assert_differs(a, b) assert_false(digest_equal(&(a), &(b)))

/* the random graph that a test is at: teardown prints it, and a failure leaves it behind */
static uint64_t current_seed;

static RandomGraph *graph_of(uint64_t seed) {
        current_seed = seed;
        return random_graph_new(seed, MAX_OPS);
}

static int tell_seed(void **state) {
        (void) fprintf(stderr, "last seed: %llu\n", (unsigned long long) current_seed);
        return 0;
}

static int tell_seed_and_clean(void **state) {
        (void) tell_seed(state);
        return unit_dir_teardown(state);
}

static void styles_of_a_graph_have_one_digest(void **state) {
        for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
                _cleanup_(random_graph_freep) RandomGraph *g = graph_of(seed);
                Digest canonical = digest_of_style(g, &(NodeStyle){}, CANON_CANONICAL);
                Digest sorted = digest_of_style(g, &(NodeStyle){}, CANON_MAP_SORTED);

                for (unsigned bits = 1; bits < 32; bits++) {
                        const NodeStyle style = { .seed = seed * 32 + bits,
                                                  .shuffle_maps = bits & 1,
                                                  .shuffle_ops = bits & 2,
                                                  .shuffle_fields = bits & 4,
                                                  .split_lists = bits & 8,
                                                  .omit = bits & 16 };
                        Digest other = digest_of_style(g, &style, CANON_CANONICAL);

                        assert_same(canonical, other);
                        if (style.shuffle_ops)
                                continue;
                        other = digest_of_style(g, &style, CANON_MAP_SORTED);
                        assert_same(sorted, other);
                }
        }
}

static void a_change_of_meaning_changes_both_digests(void **state) {
        unsigned n[_RANDOM_CHANGE_MAX] = {};

        for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
                for (RandomChange change = 0; change < _RANDOM_CHANGE_MAX; change++) {
                        _cleanup_(random_graph_freep) RandomGraph *g = graph_of(seed);
                        Digest before[2], after[2];

                        before[0] = digest_of_style(g, &(NodeStyle){}, CANON_CANONICAL);
                        before[1] = digest_of_style(g, &(NodeStyle){}, CANON_MAP_SORTED);
                        if (!random_graph_change(g, change))
                                continue;
                        after[0] = digest_of_style(g, &(NodeStyle){}, CANON_CANONICAL);
                        after[1] = digest_of_style(g, &(NodeStyle){}, CANON_MAP_SORTED);
                        assert_differs(before[0], after[0]);
                        assert_differs(before[1], after[1]);
                        n[change]++;
                }
        }
        for (RandomChange change = 0; change < _RANDOM_CHANGE_MAX; change++)
                assert_true(n[change] > N_GRAPHS / 20);
}

static void both_forms_are_idempotent(void **state) {
        const UnitDir *dir = *state;

        for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
                const NodeStyle style = { .seed = seed,
                                          .shuffle_maps = true,
                                          .shuffle_ops = true,
                                          .shuffle_fields = true,
                                          .split_lists = true };
                _cleanup_(random_graph_freep) RandomGraph *g = graph_of(seed);
                _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
                _cleanup_(formed_deinit) Formed once = {}, again = {}, sorted = {},
                                                sorted_again = {}, crossed = {};

                node_write(g->root, &style, &file);
                once = form_of(dir, bytes_slice(&file), CANON_CANONICAL);
                again = form_of(dir, bytes_slice(&once.bytes), CANON_CANONICAL);
                assert_same(once.digest, again.digest);
                sorted = form_of(dir, bytes_slice(&file), CANON_MAP_SORTED);
                sorted_again = form_of(dir, bytes_slice(&sorted.bytes), CANON_MAP_SORTED);
                assert_same(sorted.digest, sorted_again.digest);
                crossed = form_of(dir, bytes_slice(&sorted.bytes), CANON_CANONICAL);
                assert_same(once.digest, crossed.digest);
        }
}

static void assert_order(Slice file, const char *const *names, uint32_t n) {
        _cleanup_(walk_freep) Walk *walk = walk_or_fail(file);

        assert_int_equal(walk->n_ops, n);
        for (uint32_t i = 0; i < n; i++)
                assert_true(slice_is(walk->ops[i].name, names[i]));
        assert_int_equal(walk->n_members, n);
        for (uint32_t i = 0; i < n; i++)
                assert_true(slice_is(walk->ops[walk->members[i]].name, names[i]));
}

/* z and b are ready at once, a waits for z, c for b: b before z, then c, then z, then a */
static Node *four_ops(void) {
        Node *graph = node_new(), *root;

        (void) node_op(graph, "z", "data");
        (void) node_arg(node_op(graph, "a", "fix"), "input", "z");
        (void) node_op(graph, "b", "data");
        (void) node_arg(node_op(graph, "c", "fix"), "input", "b");
        root = node_message(graph, 10);
        (void) node_string(root, 3, "z");
        (void) node_string(root, 3, "a");
        (void) node_string(root, 3, "b");
        (void) node_string(root, 3, "c");
        return graph;
}

static void ops_are_ordered_by_arguments_then_names(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(node_freep) Node *graph = four_ops();
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(formed_deinit) Formed canonical = {}, sorted = {};

        node_write(graph, &(NodeStyle){}, &file);
        canonical = form_of(dir, bytes_slice(&file), CANON_CANONICAL);
        assert_order(bytes_slice(&canonical.bytes), (const char *[]){ "b", "c", "z", "a" }, 4);
        sorted = form_of(dir, bytes_slice(&file), CANON_MAP_SORTED);
        assert_order(bytes_slice(&sorted.bytes), (const char *[]){ "z", "a", "b", "c" }, 4);
        assert_differs(canonical.digest, sorted.digest);
}

/* every field of a graph without maps is in canonical order: the forms are the file itself */
static void a_canonical_file_is_passed_on_as_it_is(void **state) {
        const UnitDir *dir = *state;
        static const uint8_t file[] = "\x0a\x01N"                 /* graph_name */
                                      "\x2a\x09\x0a\x01x\x12\x04" /* op_node: x */
                                      "data"
                                      "\x52\x03\x1a\x01x"; /* subg_root: op_name */
        _cleanup_(formed_deinit) Formed f = {};

        f = form_of(dir, slice_of(file, sizeof(file) - 1), CANON_CANONICAL);
        assert_int_equal(f.bytes.size, sizeof(file) - 1);
        assert_memory_equal(f.bytes.data, file, sizeof(file) - 1);
}

static void a_failing_write_is_reported(void **state) {
        _cleanup_(random_graph_freep) RandomGraph *g = random_graph_new(1, MAX_OPS);
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(walk_freep) Walk *walk = NULL;
        Digest digest;
        int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        node_write(g->root, &(NodeStyle){}, &file);
        walk = walk_or_fail(bytes_slice(&file));
        assert_int_equal(canon_write(walk, NULL, CANON_CANONICAL, fd, &digest, NULL, NULL),
                         -ENOSPC);
        close(fd);
}

static int walk_and_digest(void *userdata) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        const Bytes *file = userdata;
        Digest digest;
        int r;

        r = walk_new(&walk, bytes_slice(file), NULL);
        if (r < 0)
                return r;
        return canon_digest(walk, NULL, CANON_CANONICAL, &digest);
}

static void every_allocation_may_fail(void **state) {
        const NodeStyle style = { .seed = 1, .shuffle_maps = true, .shuffle_ops = true };
        _cleanup_(random_graph_freep) RandomGraph *g = random_graph_new(3, 200);
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);

        node_write(g->root, &style, &file);
        assert_true(fail_alloc_sweep(walk_and_digest, &file) > 20);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(styles_of_a_graph_have_one_digest, tell_seed),
                cmocka_unit_test_teardown(a_change_of_meaning_changes_both_digests, tell_seed),
                cmocka_unit_test_setup_teardown(both_forms_are_idempotent, unit_dir_setup,
                                                tell_seed_and_clean),
                cmocka_unit_test_setup_teardown(ops_are_ordered_by_arguments_then_names,
                                                unit_dir_setup, unit_dir_teardown),
                cmocka_unit_test_setup_teardown(a_canonical_file_is_passed_on_as_it_is,
                                                unit_dir_setup, unit_dir_teardown),
                cmocka_unit_test(a_failing_write_is_reported),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
