/*
 * Numbers survive in the made-up networks: evaluated with inputs as their makers expect them, no
 * layer's fix leaves most of its range unused, and few values are at the ends of it.
 */

#include "unit.h"

#include <math.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/models/network.h"
#include "dpu/sim/evaluator.h"

typedef struct Health {
        size_t n_fixes, n_ill;
} Health;

static int examine(const Op *op, Values *values, void *userdata) {
        Health *health = userdata;
        size_t n_saturated = 0;
        int largest = 0;

        if (strcmp(op->type, "fix") != 0 || strcmp(op_input(op, 0)->type, "const") == 0 ||
            values->n < 64)
                return 0;
        assert_int_equal(values->storage, VALUES_FIXED);
        for (size_t i = 0; i < values->n; i++) {
                n_saturated += values->fixed[i] == INT8_MAX || values->fixed[i] == INT8_MIN;
                largest = abs(values->fixed[i]) > largest ? abs(values->fixed[i]) : largest;
        }
        health->n_fixes++;
        if (n_saturated * 20 <= values->n && largest >= 16)
                return 0;
        print_message("%s: %zu of %zu values saturated, the largest is %d steps\n", op->name,
                      n_saturated, values->n, largest);
        health->n_ill++;
        return 0;
}

/* a mean square of one */
static void set_inputs(Evaluator *evaluator, const Graph *graph) {
        Random random = RANDOM_INIT(5);

        for (size_t i = 0; i < graph->n_ops; i++) {
                Values values;

                if (!evaluator_is_input(graph->ops[i]))
                        continue;
                assert_int_equal(evaluator_blank(evaluator, graph->ops[i], &values, NULL), 0);
                for (size_t k = 0; k < values.n; k++)
                        values.real[k] = (double) random_bell(&random, 32768) / 18919;
                evaluator_set(evaluator, graph->ops[i], &values);
        }
}

static void check(const char *name, int32_t size) {
        const NetworkOptions options = { .seed = 1, .size = size, .change_weight = UINT64_MAX };
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        Problem problem = { "" };
        Health health = { 0 };

        assert_int_equal(network_make(network_find(name), &options, &graph, &problem), 0);
        assert_int_equal(evaluator_new(&evaluator, graph, &(EvaluatorOptions){ 0 }), 0);
        set_inputs(evaluator, graph);
        assert_int_equal(evaluator_run(evaluator, examine, &health, &problem), 0);
        assert_true(health.n_fixes > 20);
        assert_int_equal(health.n_ill, 0);
}

static void resnets(void **state) {
        check("resnet18", 96);
        check("resnet50", 64);
}

static void mobilenetv2(void **state) {
        check("mobilenetv2", 96);
}

static void yolov5n(void **state) {
        check("yolov5n", 160);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(resnets),
                cmocka_unit_test(mobilenetv2),
                cmocka_unit_test(yolov5n),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
