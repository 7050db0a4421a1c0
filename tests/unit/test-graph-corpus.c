/*
 * Every real model is read, written and read again; nothing that counts may get lost on the way.
 * The oracle is the canonical digest, which is computed from the bytes without the graph.
 */

#include "unit.h"

#include "base/cleanup.h"
#include "tests/support/corpus.h"
#include "xmodel/canon.h"
#include "xmodel/classify.h"
#include "xmodel/graph.h"

#define OUTPUT_MAX ((size_t) 64 << 20)

static Digest canonical_digest(Slice bytes) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        Digest digest;

        assert_int_equal(walk_new(&walk, bytes, NULL), 0);
        assert_int_equal(canon_digest(walk, NULL, CANON_CANONICAL, &digest), 0);
        return digest;
}

static void assert_same_model(Slice a, Slice b) {
        Digest of_a = canonical_digest(a), of_b = canonical_digest(b);

        assert_true(digest_equal(&of_a, &of_b));
}

static Graph *read_file(const char *name, Slice bytes) {
        Problem problem = { "" };
        Graph *graph = NULL;
        int r;

        r = graph_read(&graph, bytes, &problem);
        if (r < 0)
                fail_msg("%s: %s", name, problem.text);
        return graph;
}

static void goes_through_unharmed(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(bytes_cleanup) Bytes first = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(bytes_cleanup) Bytes second = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(bytes_cleanup) Bytes shuffled = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL, *again = NULL;

        graph = read_file(name, bytes_slice(content));
        assert_int_equal(graph_write(graph, true, &first, NULL), 0);
        assert_same_model(bytes_slice(content), bytes_slice(&first));

        again = read_file(name, bytes_slice(&first));
        assert_int_equal(graph_write(again, true, &second, NULL), 0);
        assert_true(slice_equal(bytes_slice(&first), bytes_slice(&second)));

        assert_int_equal(graph_write_shuffled(graph, 1, &shuffled, NULL), 0);
        assert_false(slice_equal(bytes_slice(&first), bytes_slice(&shuffled)));
        assert_same_model(bytes_slice(content), bytes_slice(&shuffled));
}

static void quantized_models_go_through(void **state) {
        assert_int_equal(corpus_each("quantized", goes_through_unharmed, NULL), 4);
}

static void compiled_models_go_through(void **state) {
        assert_int_equal(corpus_each("compiled", goes_through_unharmed, NULL), 19);
}

static void is_verified(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = read_file(name, bytes_slice(content));
        Problem problem = { "" };

        if (graph_verify(graph, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
}

/* the vendor's library has loaded all of them, so we must not find fault with any */
static void all_models_pass_verification(void **state) {
        assert_int_equal(corpus_each("quantized", is_verified, NULL), 4);
        assert_int_equal(corpus_each("compiled", is_verified, NULL), 19);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(quantized_models_go_through),
                cmocka_unit_test(compiled_models_go_through),
                cmocka_unit_test(all_models_pass_verification),
        };

        if (!corpus_present())
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
