#include "unit.h"

#include "base/cleanup.h"
#include "dpu/origin.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/sample_graph.h"

static void cuts_piece_by_piece(void **state) {
        static const char *const steps[] = {
                "fc/a_1(TransferMatMulToConv2d)_inserted_fix_1_reshaped_download_0",
                "fc/a_1(TransferMatMulToConv2d)_inserted_fix_1_reshaped",
                "fc/a_1(TransferMatMulToConv2d)_inserted_fix_1",
                "fc/a_1(TransferMatMulToConv2d)_inserted",
                "fc/a_1",
        };
        char name[128];

        (void) snprintf(name, sizeof(name), "%s", steps[0]);
        for (size_t i = 1; i < ARRAY_SIZE(steps); i++) {
                assert_true(origin_cut(name));
                assert_string_equal(name, steps[i]);
        }
        assert_false(origin_cut(name));
        assert_string_equal(name, "fc/a_1");
}

static void cuts_what_compilers_append(void **state) {
        static const char *const rows[][2] = {
                { "a_fix_", "a_fix" }, { "a_fix", "a" },      { "a_", "a" },
                { "a_i12", "a" },      { "a_upload_3", "a" }, { "a_transfered_b_1", "a" },
                { "a_fix_b", "a" },    { "a(x)(y)", "a(x)" },
        };
        char name[64];

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                (void) snprintf(name, sizeof(name), "%s", rows[i][0]);
                assert_true(origin_cut(name));
                assert_string_equal(name, rows[i][1]);
        }
}

/* Names that only look like it, and what would leave nothing. */
static void leaves_other_names_alone(void **state) {
        static const char *const rows[] = { "", "_", "a", "_fix", "(a)", "a_in", "a_i", "a_i1b" };
        char name[64];

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                (void) snprintf(name, sizeof(name), "%s", rows[i]);
                assert_false(origin_cut(name));
                assert_string_equal(name, rows[i]);
        }
}

static void finds_the_layer(void **state) {
        static const struct {
                const char *name;
                const char *found; /* NULL: none */
        } rows[] = {
                { "conv", "conv" },
                { "conv_fix", "conv" },
                { "conv_fix_softmax", "conv" },
                { "conv(Transfer)_reshaped_download_0", "conv" },
                { "softmax", "softmax" },
                { "softmax2", NULL },
                { "convolution_fix", NULL },
        };
        _cleanup_(graph_freep) Graph *graph = sample_graph_quantized();

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const Op *op;

                assert_int_equal(origin_find(graph, rows[i].name, &op), 0);
                assert_int_equal(op == NULL, rows[i].found == NULL);
                if (op)
                        assert_string_equal(origin_layer(op)->name, rows[i].found);
        }
}

static int run_find(void *userdata) {
        const Op *op;

        return origin_find(userdata, "conv_fix_softmax", &op);
}

static void every_allocation_may_fail(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_quantized();

        assert_int_equal(fail_alloc_sweep(run_find, graph), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(cuts_piece_by_piece),
                cmocka_unit_test(cuts_what_compilers_append),
                cmocka_unit_test(leaves_other_names_alone),
                cmocka_unit_test(finds_the_layer),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
