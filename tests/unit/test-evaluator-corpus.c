/*
 * Real quantized models, evaluated: what each puts out for seeded inputs never changes. The values
 * are from this evaluator, at a time when the vendor's compiled forms of these models were equal to
 * it (`dpucc verify`), except where docs/EVALUATOR.md says otherwise.
 */

#include "unit.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "dpu/feed.h"
#include "dpu/ports.h"
#include "dpu/sim/evaluator.h"
#include "tests/support/corpus.h"

static const struct {
        const char *name;
        uint64_t hash; /* of all outputs, random inputs of seed 1 */
} golden[] = {
        { "cifar-resnet20.xmodel", UINT64_C(0x62b63fb1041786be) },
        { "mnist-cnn.xmodel", UINT64_C(0xb93f85241e6ee756) },
        { "voxelnet.xmodel", UINT64_C(0xbc82c5eaa90830fe) },
        { "zerodce.xmodel", UINT64_C(0x007e54e607d12956) },
};

static uint64_t evaluate(const Graph *graph, const char *name) {
        const EvaluatorOptions options = { .substitute = true, .seed = 1 };
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        _cleanup_(ports_deinit) Ports ports = { 0 };
        Feed feed = { .pattern = PATTERN_RANDOM, .seed = 1 };
        Problem problem = { "" };
        uint64_t hash = 0;

        assert_int_equal(ports_init(&ports, graph), 0);
        assert_int_equal(evaluator_new(&evaluator, graph, &options), 0);
        assert_int_equal(feed_inputs(&feed, evaluator, graph, NULL), 0);
        for (size_t i = 0; i < ports.n_outputs; i++)
                evaluator_keep(evaluator, ports.outputs[i].op);
        if (evaluator_run(evaluator, NULL, NULL, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
        for (size_t i = 0; i < ports.n_outputs; i++)
                hash = hash * 31 + values_hash(evaluator_values(evaluator, ports.outputs[i].op));
        return hash;
}

static void is_as_ever(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        uint64_t hash;

        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        graph_count_consumers(graph);
        hash = evaluate(graph, name);
        for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
                if (strcmp(golden[i].name, name) != 0)
                        continue;
                if (golden[i].hash != hash)
                        fail_msg("%s: 0x%016" PRIx64, name, hash);
                return;
        }
        fail_msg("%s: no golden value; it is 0x%016" PRIx64, name, hash);
}

static void quantized_models_put_out_what_they_did(void **state) {
        assert_int_equal(corpus_each("quantized", is_as_ever, NULL), ARRAY_SIZE(golden));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(quantized_models_put_out_what_they_did),
        };

        if (!corpus_present())
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
