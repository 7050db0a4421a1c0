/*
 * Our programs for the regions of the vendor's compiled models, in the simulator, against the
 * evaluator, which knows nothing of programs: bit by bit, tokens checked.
 */

#include "unit.h"

#include "base/cleanup.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/pattern.h"
#include "dpu/sim/simulator.h"
#include "tests/support/corpus.h"
#include "tests/support/regenerate.h"

#define OUTPUT_MAX ((size_t) 64 << 20)

typedef struct Tally {
        bool large;       /* the one model of 31 GMAC, else all others */
        size_t n_targets; /* of the eight; 0: the model's own */
        size_t patterns;
        bool orders; /* other legal ones, too */
        size_t programs, runs;
} Tally;

/* --- one program ----------------------------------------------------------------------------- */

static const Values *values_of(const Evaluator *evaluator, const Graph *graph, const Op *op) {
        const Values *values = evaluator_values(evaluator, graph_find_op(graph, op->name));

        assert_non_null(values);
        assert_int_equal(values->storage, VALUES_FIXED);
        return values;
}

/* Where it begins. Captures are a guess (capture.h): this is no judgement. */
static void report_inside(const char *what, const Simulator *s, const Program *program,
                          const Evaluator *evaluator, const Graph *graph) {
        for (size_t i = 0; i < program->n_tensors; i++) {
                const ProgramTensor *tensor = &program->tensors[i];
                Slice captured;

                if (program->regions[tensor->reg_id].role == PROGRAM_CONST ||
                    strcmp(tensor->op->type, "upload") == 0 ||
                    simulator_captured(s, tensor, &captured) < 0)
                        continue;
                if (memcmp(captured.data, values_of(evaluator, graph, tensor->op)->fixed,
                           captured.size) != 0)
                        print_message("%s: inside, %s (%s) differs\n", what,
                                      tensor->op->tensor.name, tensor->op->type);
        }
}

static bool compare(const char *what, const Simulator *s, const ProgramTensor *tensor,
                    const Values *values) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);

        assert_int_equal(simulator_read(s, tensor, &bytes), 0);
        assert_int_equal(bytes.size, values->n);
        for (size_t k = 0; k < bytes.size; k++)
                if ((int8_t) bytes.data[k] != values->fixed[k]) {
                        print_message("%s: %s: element %zu is %d, by definition %d\n", what,
                                      tensor->op->tensor.name, k, (int8_t) bytes.data[k],
                                      values->fixed[k]);
                        return false;
                }
        return true;
}

static void try_program(const char *what, const Program *program, const Graph *graph,
                        const Evaluator *evaluator, const SimulatorOptions *options) {
        _cleanup_(simulator_freep) Simulator *s = NULL;
        Problem problem = { "" };

        if (simulator_new(&s, program, options, &problem) < 0)
                fail_msg("%s: %s", what, problem.text);
        assert_int_equal(simulator_capture(s), 0);
        for (size_t i = 0; i < program->n_inputs; i++) {
                const Values *v = values_of(evaluator, graph, program->inputs[i].outside);

                if (simulator_write(s, program->inputs[i].tensor, slice_of(v->fixed, v->n),
                                    &problem) < 0)
                        fail_msg("%s: %s", what, problem.text);
        }
        if (simulator_run(s, &problem) < 0)
                fail_msg("%s: %s", what, problem.text);
        for (size_t i = 0; i < program->n_outputs; i++) {
                if (compare(what, s, program->outputs[i].tensor,
                            values_of(evaluator, graph, program->outputs[i].tensor->op)))
                        continue;
                report_inside(what, s, program, evaluator, graph);
                fail_msg("%s: wrong", what);
        }
}

/* --- one model ------------------------------------------------------------------------------- */

static void try_graph(const char *what, const Graph *ours, const Graph *graph,
                      const Evaluator *evaluator, Tally *tally) {
        static const SimulatorOrder orders[] = { SIMULATOR_ORDER_PROGRAM,
                                                 SIMULATOR_ORDER_EAGER_LOAD,
                                                 SIMULATOR_ORDER_PRIORITY, SIMULATOR_ORDER_RANDOM };

        for (size_t i = 0; i < ours->root->n_children; i++) {
                _cleanup_(program_cleanup) Program program = {};
                Problem problem = { "" };

                if (!program_is_dpu(ours->root->children[i]))
                        continue;
                if (program_load(ours->root->children[i], &program, &problem) < 0)
                        fail_msg("%s: %s", what, problem.text);
                tally->programs++;
                for (size_t k = 0; k < (tally->orders ? ARRAY_SIZE(orders) : 1); k++) {
                        const SimulatorOptions options = { .seed = 7 + k, .order = orders[k] };

                        try_program(what, &program, graph, evaluator, &options);
                        tally->runs++;
                }
        }
}

static void try_target(const char *name, const Bytes *content, const FingerprintInfo *target,
                       const Graph *graph, const Evaluator *evaluator, Tally *tally) {
        _cleanup_(graph_freep) Graph *ours = NULL;
        char what[128];
        Problem problem = { "" };

        (void) snprintf(what, sizeof(what), "%s for %s", name, target->short_name);
        assert_int_equal(graph_read(&ours, bytes_slice(content), NULL), 0);
        if (regenerate_run(ours, target, &problem) < 0)
                fail_msg("%s: refused: %s", what, problem.text);
        if (graph_verify(ours, &problem) < 0)
                fail_msg("%s: %s", what, problem.text);
        try_graph(what, ours, graph, evaluator, tally);
}

static void evaluate(const char *name, const Graph *graph, Evaluator *evaluator, Pattern pattern) {
        Problem problem = { "" };

        for (size_t i = 0; i < graph->n_ops; i++) {
                Values values;

                if (!evaluator_is_input(graph->ops[i])) {
                        evaluator_keep(evaluator, graph->ops[i]);
                        continue;
                }
                assert_int_equal(evaluator_blank(evaluator, graph->ops[i], &values, NULL), 0);
                pattern_fill(pattern, 1, slice_of_string(graph->ops[i]->name), EVALUATOR_GRID,
                             &values);
                evaluator_set(evaluator, graph->ops[i], &values);
        }
        if (evaluator_run(evaluator, NULL, NULL, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
}

static void try_targets(const char *name, const Bytes *content, const Graph *graph,
                        const Evaluator *evaluator, Tally *tally) {
        if (tally->n_targets == 0) {
                uint64_t fingerprint = 0;
                FingerprintInfo own;

                for (size_t i = 0; i < graph->root->n_children; i++)
                        (void) attrs_uint64(&graph->root->children[i]->attrs, "dpu_fingerprint",
                                            &fingerprint);
                assert_int_equal(fingerprint_decode(fingerprint, &own, NULL), 0);
                try_target(name, content, &own, graph, evaluator, tally);
        }
        for (size_t t = 0; t < tally->n_targets; t++) {
                const FingerprintInfo target = regenerate_target(t);

                try_target(name, content, &target, graph, evaluator, tally);
        }
}

static void visit(const char *name, const Bytes *content, void *userdata) {
        const EvaluatorOptions options = { .substitute = true };
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL; /* borrows the graph: goes first */
        Tally *tally = userdata;

        if ((strncmp(name, "voxelnet", 8) == 0) != tally->large)
                return;
        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        if (regenerate_count(graph) == 0)
                return;
        graph_count_consumers(graph);
        assert_int_equal(evaluator_new(&evaluator, graph, &options), 0);
        for (size_t p = 0; p < tally->patterns; p++) {
                evaluate(name, graph, evaluator, (Pattern) p);
                try_targets(name, content, graph, evaluator, tally);
        }
}

#define PROGRAMS 13 /* of the corpus, the large model's not counted */

static void programs_for_their_own_targets_are_right(void **state) {
        Tally tally = { .patterns = PATTERN_COUNT };

        assert_true(corpus_each("compiled", visit, &tally) > 0);
        assert_int_equal(tally.programs, PROGRAMS * PATTERN_COUNT);
}

static void programs_for_all_targets_are_right(void **state) {
        Tally tally = { .patterns = 1, .n_targets = REGENERATE_TARGETS };

        assert_true(corpus_each("compiled", visit, &tally) > 0);
        assert_int_equal(tally.programs, PROGRAMS * REGENERATE_TARGETS);
}

static void other_orders_give_the_same(void **state) {
        Tally tally = { .patterns = 1, .orders = true };

        assert_true(corpus_each("compiled", visit, &tally) > 0);
        assert_int_equal(tally.runs, PROGRAMS * 4);
}

static void the_large_model_is_right(void **state) {
        Tally tally = { .patterns = 1, .large = true };

        assert_true(corpus_each("compiled", visit, &tally) > 0);
        assert_int_equal(tally.programs, 4);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(programs_for_their_own_targets_are_right),
                cmocka_unit_test(programs_for_all_targets_are_right),
                cmocka_unit_test(other_orders_give_the_same),
                cmocka_unit_test(the_large_model_is_right),
        };

        if (!corpus_present())
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
