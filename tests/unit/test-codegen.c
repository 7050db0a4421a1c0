/*
 * Regions, places, and what is accepted: small graphs made by hand.
 */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/codegen/attach.h"
#include "dpu/codegen/axis.h"
#include "tests/support/fail_alloc.h"

#define B1024 UINT64_C(0x0101000056010402)

static FingerprintInfo target_of(uint64_t fingerprint) {
        FingerprintInfo info;

        assert_int_equal(fingerprint_decode(fingerprint, &info, NULL), 0);
        return info;
}

static Op *add_op(Graph *g, const char *name, const char *type, int32_t h, int32_t w, int32_t c,
                  Op *input) {
        const int32_t dims[] = { 1, h, w, c };
        Op *op;

        assert_int_equal(graph_add_op(g, name, type, &op), 0);
        assert_int_equal(graph_set_tensor(g, op, name, DATA_TYPE_XINT, 8, dims, 4), 0);
        assert_int_equal(graph_set_int32(g, &op->tensor.attrs, "fix_point", 5), 0);
        if (input)
                assert_int_equal(graph_add_arg(g, op, "input", input), 0);
        return op;
}

static void set_pair(Graph *g, Op *op, const char *name, int32_t a, int32_t b) {
        const int32_t pair[] = { a, b };

        assert_int_equal(graph_set_int32s(g, &op->attrs, name, pair, 2), 0);
}

/* a convolution that keeps the size: kernel @k, padded */
static Op *add_conv(Graph *g, const char *name, int32_t h, int32_t w, int32_t ic, int32_t oc,
                    int32_t k, Op *input) {
        const int32_t filters[] = { oc, k, k, ic };
        const int32_t pad[] = { k / 2, k - 1 - k / 2, k / 2, k - 1 - k / 2 };
        size_t n = (size_t) oc * (size_t) k * (size_t) k * (size_t) ic;
        _cleanup_(freep) uint8_t *zeros = calloc(n, 1);
        char weights_name[64];
        Op *weights, *conv;

        assert_non_null(zeros);
        (void) snprintf(weights_name, sizeof(weights_name), "%s_w", name);
        weights = add_op(g, weights_name, "const-fix", 1, 1, 1, NULL);
        assert_int_equal(graph_set_tensor(g, weights, weights_name, DATA_TYPE_XINT, 8, filters, 4),
                         0);
        assert_int_equal(graph_set_int32(g, &weights->tensor.attrs, "fix_point", 6), 0);
        assert_int_equal(graph_set_bytes(g, &weights->attrs, "data", slice_of(zeros, n)), 0);
        conv = add_op(g, name, "conv2d-fix", h, w, oc, input);
        assert_int_equal(graph_add_arg(g, conv, "weights", weights), 0);
        set_pair(g, conv, "kernel", k, k);
        set_pair(g, conv, "stride", 1, 1);
        assert_int_equal(graph_set_int32s(g, &conv->attrs, "pad", pad, 4), 0);
        return conv;
}

/* --- what is accepted ------------------------------------------------------------------------ */

static bool accepts_conv(int32_t ic, int32_t oc, int32_t k, int32_t stride) {
        const FingerprintInfo target = target_of(B1024);
        _cleanup_(graph_freep) Graph *g = NULL;
        Problem reason = { "" };
        Op *conv;
        int r;

        assert_int_equal(graph_new(&g, "g"), 0);
        conv = add_conv(g, "c", 32, 32, ic, oc, k, add_op(g, "i", "upload", 32, 32, ic, NULL));
        if (stride != 1) {
                int32_t size = (32 - 1) / stride + 1;
                const int32_t dims[] = { 1, size, size, oc };

                set_pair(g, conv, "stride", stride, stride);
                assert_int_equal(graph_set_tensor(g, conv, "c", DATA_TYPE_XINT, 8, dims, 4), 0);
                assert_int_equal(graph_set_int32(g, &conv->tensor.attrs, "fix_point", 5), 0);
        }
        r = codegen_accepts(conv, &target, &reason);
        assert_true(r == 0 || (r == -EOPNOTSUPP && reason.text[0] != '\0'));
        return r == 0;
}

static void limits_are_where_they_are(void **state) {
        assert_true(accepts_conv(1816, 1, 3, 1)); /* 9 * 227 words */
        assert_false(accepts_conv(1817, 1, 3, 1));
        assert_true(accepts_conv(64, 1, 16, 1)); /* 256 * 8 words: all there are */
        assert_false(accepts_conv(65, 1, 16, 1));
        assert_true(accepts_conv(2048, 8, 1, 1));
        assert_false(accepts_conv(2049, 8, 1, 1));
        assert_false(accepts_conv(8, 8, 17, 1));
        assert_true(accepts_conv(8, 8, 3, 8));
        assert_false(accepts_conv(8, 8, 3, 9));
}

static void other_ops_are_refused_by_name(void **state) {
        const FingerprintInfo target = target_of(B1024);
        _cleanup_(graph_freep) Graph *g = NULL;
        Problem reason = { "" };
        Op *op;

        assert_int_equal(graph_new(&g, "g"), 0);
        op = add_op(g, "s", "softmax", 1, 1, 10, add_op(g, "i", "upload", 1, 1, 10, NULL));
        assert_int_equal(codegen_accepts(op, &target, &reason), -EOPNOTSUPP);
        assert_non_null(strstr(reason.text, "softmax"));
}

/* --- regions and places ---------------------------------------------------------------------- */

/*   i -> a -> b ->\
 *        a -------> concat -> d -> download, and the concat of i, which came in, is a copy */
static Graph *make_region(void) {
        Graph *g;
        Op *i, *a, *b, *concat, *d;

        assert_int_equal(graph_new(&g, "g"), 0);
        i = add_op(g, "i", "upload", 8, 8, 8, NULL);
        a = add_conv(g, "a", 8, 8, 8, 16, 3, i);
        b = add_conv(g, "b", 8, 8, 16, 24, 1, a);
        concat = add_op(g, "k", "concat-fix", 8, 8, 48, b);
        assert_int_equal(graph_add_arg(g, concat, "input", a), 0);
        assert_int_equal(graph_add_arg(g, concat, "input", i), 0);
        assert_int_equal(graph_set_int32(g, &concat->attrs, "axis", 3), 0);
        d = add_conv(g, "d", 8, 8, 48, 10, 3, concat);
        (void) add_op(g, "d_download_0", "download", 8, 8, 10, d);
        graph_count_consumers(g);
        return g;
}

static int run(Graph *g, Codegen *ret, Problem *problem) {
        const FingerprintInfo target = target_of(B1024);

        return codegen_run((const Op *const *) g->ops, g->n_ops, &target, ret, problem);
}

static const RegionTensor *tensor_of(const Codegen *codegen, const Graph *g, const char *name) {
        return region_tensor(&codegen->region, graph_find_op(g, name));
}

static void concatenated_tensors_are_slices(void **state) {
        _cleanup_(graph_freep) Graph *g = make_region();
        _cleanup_(codegen_cleanup) Codegen codegen = {};
        const RegionTensor *k, *a, *b;

        assert_int_equal(run(g, &codegen, NULL), 0);
        k = tensor_of(&codegen, g, "k");
        a = tensor_of(&codegen, g, "a");
        b = tensor_of(&codegen, g, "b");
        assert_true(a->slice && b->slice);
        assert_false(tensor_of(&codegen, g, "i")->slice);
        assert_int_equal(b->view.address, k->view.address);
        assert_int_equal(a->view.address, k->view.address + 24);
        assert_int_equal(a->view.pixel_pitch, 48);
        assert_int_equal(a->view.reg_id, PLACES_WORKSPACE);
        assert_int_equal(tensor_of(&codegen, g, "i")->view.reg_id, PLACES_INPUTS);
        assert_int_equal(tensor_of(&codegen, g, "d")->view.reg_id, PLACES_OUTPUTS);
        assert_int_equal(k->first, graph_find_op(g, "a")->index);
}

static void what_lives_at_once_lies_apart(void **state) {
        _cleanup_(graph_freep) Graph *g = NULL;
        _cleanup_(codegen_cleanup) Codegen codegen = {};
        Op *last;
        char name[16];

        assert_int_equal(graph_new(&g, "g"), 0);
        last = add_op(g, "i", "upload", 8, 8, 8, NULL);
        for (int i = 0; i < 20; i++) {
                Op *next;

                (void) snprintf(name, sizeof(name), "c%d", i);
                next = add_conv(g, name, 8, 8, 8, 8, 1, last);
                if (i % 3 == 2) {
                        (void) snprintf(name, sizeof(name), "e%d", i);
                        last = add_op(g, name, "eltwise-fix", 8, 8, 8, last);
                        assert_int_equal(graph_add_arg(g, last, "input", next), 0);
                } else
                        last = next;
        }
        (void) add_op(g, "o_download_0", "download", 8, 8, 8, last);
        graph_count_consumers(g);
        assert_int_equal(run(g, &codegen, NULL), 0);
        for (size_t i = 0; i < codegen.region.n; i++)
                for (size_t k = 0; k < i; k++) {
                        const RegionTensor *a = &codegen.region.tensors[i];
                        const RegionTensor *b = &codegen.region.tensors[k];

                        if (a->view.reg_id != PLACES_WORKSPACE ||
                            a->view.reg_id != b->view.reg_id || a->root != i || b->root != k ||
                            a->first > b->last || b->first > a->last)
                                continue;
                        assert_true(a->view.address + a->bytes <= b->view.address ||
                                    b->view.address + b->bytes <= a->view.address);
                }
        /* and memory is used again */
        assert_true(codegen.places.sizes[PLACES_WORKSPACE] <= 4 * 8 * 8 * 8);
}

static void what_is_not_there_is_named(void **state) {
        _cleanup_(graph_freep) Graph *g = make_region();
        _cleanup_(codegen_cleanup) Codegen codegen = {};
        const FingerprintInfo target = target_of(B1024);
        Problem problem = { "" };

        assert_int_equal(codegen_run((const Op *const *) g->ops + 1, g->n_ops - 1, &target,
                                     &codegen, &problem),
                         -EINVAL);
        assert_non_null(strstr(problem.text, "a reads i"));
}

static void equal_regions_give_equal_bytes(void **state) {
        _cleanup_(graph_freep) Graph *g = make_region(), *h = make_region();
        _cleanup_(codegen_cleanup) Codegen a = {}, b = {};

        assert_int_equal(run(g, &a, NULL), 0);
        assert_int_equal(run(h, &b, NULL), 0);
        assert_true(slice_equal(bytes_slice(&a.code), bytes_slice(&b.code)));
        assert_true(
                slice_equal(bytes_slice(&a.places.constants), bytes_slice(&b.places.constants)));
}

static void allocations_may_fail(void **state) {
        const FingerprintInfo target = target_of(B1024);
        bool reached = true;

        for (long n = 0; reached; n++) {
                _cleanup_(graph_freep) Graph *g = make_region();
                Codegen codegen = {};
                Subgraph *subgraph;
                int r;

                assert_int_equal(graph_add_subgraph(g, g->root, "s", &subgraph), 0);
                fail_alloc_arm(n);
                r = run(g, &codegen, NULL);
                if (r == 0)
                        r = attach_run(&codegen, &target, g, subgraph, NULL);
                reached = fail_alloc_disarm();
                codegen_deinit(&codegen);
                assert_int_equal(r, reached ? -ENOMEM : 0);
        }
}

/* --- axes ------------------------------------------------------------------------------------ */

/* Every pair of output and input that a dilated convolution has is in exactly one phase. */
static void phases_are_the_whole(void **state) {
        for (uint32_t stride = 1; stride <= 4; stride++)
                for (uint32_t dilation = 1; dilation <= 5; dilation++) {
                        const Axis axis = {
                                .kernel = 3, .stride = stride, .pad = 2, .in = 40, .out = 8
                        };
                        bool seen[8] = { false };

                        for (uint32_t i = 0; i < axis_phases_dilated(&axis, dilation); i++) {
                                Phase p = axis_phase_dilated(&axis, dilation, i);

                                for (uint32_t o = 0; o < p.axis.out; o++) {
                                        uint32_t whole = p.out_first + o * p.out_step;
                                        int64_t first = (int64_t) o * p.axis.stride - p.axis.pad;

                                        assert_false(seen[whole]);
                                        seen[whole] = true;
                                        assert_int_equal(p.in_first + first * p.in_step,
                                                         (int64_t) whole * stride - 2);
                                }
                        }
                        for (size_t o = 0; o < 8; o++)
                                assert_true(seen[o]);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(limits_are_where_they_are),
                cmocka_unit_test(other_ops_are_refused_by_name),
                cmocka_unit_test(concatenated_tensors_are_slices),
                cmocka_unit_test(what_lives_at_once_lies_apart),
                cmocka_unit_test(what_is_not_there_is_named),
                cmocka_unit_test(equal_regions_give_equal_bytes),
                cmocka_unit_test(allocations_may_fail),
                cmocka_unit_test(phases_are_the_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
