/*
 * The evaluator on hostile graphs: whatever the reader accepts is evaluated or refused with a
 * reason, within bounded memory and work, and twice with the same result
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/pattern.h"

#define FUZZ_BYTES ((uint64_t) 16 << 20)
#define FUZZ_WORK  ((uint64_t) 1 << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int add_hash(const Op *op, Values *values, void *userdata) {
        (void) op;
        *(uint64_t *) userdata = *(uint64_t *) userdata * 31 + values_hash(values);
        return 0;
}

static void set_inputs(Evaluator *evaluator, const Graph *graph) {
        for (size_t i = 0; i < graph->n_ops; i++) {
                _cleanup_(values_cleanup) Values values = { 0 };
                const Op *op = graph->ops[i];

                if (!evaluator_is_input(op) || tensor_elements(&op->tensor) > FUZZ_BYTES / 8 ||
                    evaluator_blank(evaluator, op, &values, NULL) < 0)
                        continue;
                pattern_fill(PATTERN_RANDOM, 1, slice_of_string(op->name), 4, &values);
                evaluator_set(evaluator, op, &values);
        }
}

static int evaluate(const Graph *graph, unsigned n_threads, uint64_t *ret_hash) {
        const EvaluatorOptions options = { .n_threads = n_threads,
                                           .max_bytes = FUZZ_BYTES,
                                           .max_work = FUZZ_WORK,
                                           .substitute = true };
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        Problem problem = { "" };
        int r;

        if (evaluator_new(&evaluator, graph, &options) < 0)
                return -1;
        set_inputs(evaluator, graph);
        *ret_hash = 0;
        r = evaluator_run(evaluator, add_hash, ret_hash, &problem);
        if (r < 0 && r != -ENOMEM && (problem.text[0] == '\0' || strchr(problem.text, '\n')))
                abort();
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        uint64_t first, second;
        int r;

        if (graph_read(&graph, slice_of(data, size), NULL) < 0)
                return 0; /* what graph_verify() would refuse must do no harm either */
        graph_count_consumers(graph);
        r = evaluate(graph, 1, &first);
        if (evaluate(graph, 2, &second) != r || (r == 0 && first != second))
                abort();
        return 0;
}
