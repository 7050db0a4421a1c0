#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/comparison.h"
#include "dpu/feed.h"
#include "tests/support/fail_alloc.h"

/*   quantized:  X ──> X_fix ──> a = X_fix + X_fix ──> a_fix ──> b = a_fix + a_fix ──> b_fix
 *   compiled:   X (X_fix) ──> a (a_fix) ──> b (b_fix) ──> b_fix_                           */
static Graph *source, *compiled;

static const int32_t dims[] = { 1, 64 };

static Op *add(Graph *graph, const char *name, const char *type, const char *tensor, Op *a, Op *b) {
        Op *op;

        assert_int_equal(graph_add_op(graph, name, type, &op), 0);
        assert_int_equal(graph_set_tensor(graph, op, tensor, DATA_TYPE_FLOAT, 32, dims, 2), 0);
        if (a)
                assert_int_equal(graph_add_arg(graph, op, "input", a), 0);
        if (b)
                assert_int_equal(graph_add_arg(graph, op, "input", b), 0);
        return op;
}

static Op *add_fix(Graph *graph, const char *name, Op *input, int32_t fix_point) {
        Op *op = add(graph, name, "fix", name, input, NULL);

        assert_int_equal(graph_set_int32(graph, &op->attrs, "fix_point", fix_point), 0);
        assert_int_equal(graph_set_int32(graph, &op->attrs, "bit_width", 8), 0);
        assert_int_equal(graph_set_bool(graph, &op->attrs, "if_signed", true), 0);
        assert_int_equal(graph_set_string(graph, &op->attrs, "round_mode", "DPU_ROUND"), 0);
        return op;
}

static Op *add_fixed(const char *name, const char *type, const char *tensor, Op *input,
                     int32_t fix_point) {
        Op *op = add(compiled, name, type, tensor, input, input);

        assert_int_equal(graph_set_tensor(compiled, op, tensor, DATA_TYPE_XINT, 8, dims, 2), 0);
        assert_int_equal(graph_set_int32(compiled, &op->tensor.attrs, "fix_point", fix_point), 0);
        return op;
}

static int setup(void **state) {
        Op *op;

        if (graph_new(&source, "test") < 0 || graph_new(&compiled, "test") < 0)
                return -1;
        op = add_fix(source, "X_fix", add(source, "X", "data", "X", NULL, NULL), 3);
        op = add_fix(source, "a_fix", add(source, "a", "add", "a", op, op), 2);
        (void) add_fix(source, "b_fix", add(source, "b", "add", "b", op, op), 1);
        graph_count_consumers(source);

        op = add_fixed("X", "data-fix", "X_fix", NULL, 3);
        op = add_fixed("a", "eltwise-fix", "a_fix", op, 2);
        op = add_fixed("b", "eltwise-fix", "b_fix", op, 1);
        (void) add(compiled, "b_fix_", "fix2float", "b_fix_", op, NULL);
        graph_count_consumers(compiled);
        return 0;
}

static int teardown(void **state) {
        source = graph_free(source);
        compiled = graph_free(compiled);
        return 0;
}

static int fill(Evaluator *evaluator, const Graph *graph, void *userdata, Problem *problem) {
        return feed_inputs(userdata, evaluator, graph, problem);
}

static int compare(Comparison *ret) {
        const ComparisonOptions options = { .evaluator = { .n_threads = 1, .seed = 1 },
                                            .source_constants = true };
        Feed feed = { .pattern = PATTERN_RANDOM, .seed = 1 };
        Problem problem = { "" };

        return comparison_run(source, compiled, &options, fill, &feed, ret, &problem);
}

static void change(const char *op, const char *attr, const char *value) {
        assert_int_equal(
                graph_set_string(compiled, &graph_find_op(compiled, op)->attrs, attr, value), 0);
}

static void equal_graphs_are_equal(void **state) {
        Comparison comparison;

        assert_int_equal(compare(&comparison), 0);
        assert_int_equal(comparison.n_compared, 3); /* a, b, and b again as the output */
        assert_int_equal(comparison.n_different, 0);
        assert_int_equal(comparison.n_outputs, 1);
        assert_int_equal(comparison.n_outputs_missing, 0);
        assert_int_equal(comparison.n_differences, 0);
        assert_true(comparison.complete);
}

static void names_where_a_difference_begins(void **state) {
        const ComparisonDifference *difference;
        Comparison comparison;

        change("a", "nonlinear", "RELU");
        assert_int_equal(compare(&comparison), 0);
        assert_int_equal(comparison.n_different, 3); /* b and the output follow */
        assert_int_equal(comparison.n_outputs_different, 1);
        assert_int_equal(comparison.n_differences, 1);
        difference = &comparison.differences[0];
        assert_string_equal(difference->op->name, "a");
        assert_string_equal(difference->source_op->name, "a_fix");
        assert_true(difference->got == 0 && difference->expected < 0);
        assert_int_equal(difference->n_elements, 64);
        assert_true(difference->n_different > 10 && difference->n_different < 54);
        assert_true(difference->largest >= -difference->expected * 4);
}

static void finds_one_behind_another(void **state) {
        Comparison comparison;

        change("a", "nonlinear", "RELU");
        change("b", "type", "MUL");
        assert_int_equal(compare(&comparison), 0);
        assert_int_equal(comparison.n_differences, 2);
        assert_string_equal(comparison.differences[0].op->name, "a");
        assert_string_equal(comparison.differences[1].op->name, "b");
}

static void misses_outputs(void **state) {
        Comparison comparison;

        graph_find_op(source, "b_fix")->tensor.name = "other";
        assert_int_equal(compare(&comparison), 0);
        assert_int_equal(comparison.n_outputs, 0);
        assert_int_equal(comparison.n_outputs_missing, 1);
        assert_int_equal(comparison.n_differences, 0);
}

static void says_what_cannot_be_evaluated(void **state) {
        Comparison comparison;

        change("a", "type", "XOR");
        assert_int_equal(compare(&comparison), -EINVAL);
}

static int compare_once(void *userdata) {
        return compare(userdata);
}

static void survives_without_memory(void **state) {
        Comparison comparison;

        change("a", "nonlinear", "RELU");
        assert_true(fail_alloc_sweep(compare_once, &comparison) > 10);
}

#define TEST(_name) cmocka_unit_test_setup_teardown(_name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(equal_graphs_are_equal),        TEST(names_where_a_difference_begins),
                TEST(finds_one_behind_another),      TEST(misses_outputs),
                TEST(says_what_cannot_be_evaluated), TEST(survives_without_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
