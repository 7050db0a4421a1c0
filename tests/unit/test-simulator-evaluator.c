/*
 * The simulator against the evaluator, which shares no code with it: real compiled programs, every
 * bit by bit. Also tensors inside the network, as far as they are captured. Each model gets random
 * numbers and one of the other input patterns; with DPUCC_LONG in the environment all of them.
 */

#include "unit.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/pattern.h"
#include "dpu/sim/simulator.h"
#include "tests/support/corpus.h"

#define OUTPUT_MAX ((size_t) 64 << 20)

typedef struct Tally {
        bool every_pattern;
        size_t models, programs, outputs, inside, inside_different, uncaptured;
} Tally;

static const Values *values_of(const Evaluator *evaluator, const Op *op) {
        const Values *values = evaluator_values(evaluator, op);

        assert_non_null(values);
        assert_int_equal(values->storage, VALUES_FIXED);
        return values;
}

static void feed(Simulator *s, const Program *program, const Evaluator *evaluator) {
        for (size_t i = 0; i < program->n_inputs; i++) {
                const Values *values = values_of(evaluator, program->inputs[i].outside);
                Problem problem = { "" };

                if (simulator_write(s, program->inputs[i].tensor,
                                    slice_of(values->fixed, values->n), &problem) < 0)
                        fail_msg("%s", problem.text);
        }
}

static void compare_outputs(const char *name, const Simulator *s, const Program *program,
                            const Evaluator *evaluator, Tally *tally) {
        for (size_t i = 0; i < program->n_outputs; i++) {
                _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
                const ProgramTensor *tensor = program->outputs[i].tensor;
                const Values *values = values_of(evaluator, tensor->op);

                assert_int_equal(simulator_read(s, tensor, &bytes), 0);
                assert_int_equal(bytes.size, values->n);
                for (size_t k = 0; k < bytes.size; k++)
                        if ((int8_t) bytes.data[k] != values->fixed[k])
                                fail_msg("%s: %s: element %zu is %d, by definition %d", name,
                                         tensor->op->tensor.name, k, (int8_t) bytes.data[k],
                                         values->fixed[k]);
                tally->outputs++;
        }
}

static void compare_inside(const char *name, const Simulator *s, const Program *program,
                           const Evaluator *evaluator, Tally *tally) {
        for (size_t i = 0; i < program->n_tensors; i++) {
                const ProgramTensor *tensor = &program->tensors[i];
                Slice captured;

                if (program->regions[tensor->reg_id].role == PROGRAM_CONST ||
                    strcmp(tensor->op->type, "upload") == 0)
                        continue;
                if (simulator_captured(s, tensor, &captured) < 0) {
                        tally->uncaptured++;
                        continue;
                }
                tally->inside++;
                if (memcmp(captured.data, values_of(evaluator, tensor->op)->fixed, captured.size) !=
                    0) {
                        tally->inside_different++;
                        print_message("%s: inside, %s differs\n", name, tensor->op->tensor.name);
                }
        }
}

static void try_pattern(const char *name, const Graph *graph, Evaluator *evaluator,
                        Pattern pattern) {
        Problem problem = { "" };

        for (size_t i = 0; i < graph->n_ops; i++) {
                Values values;
                int32_t fix_point = EVALUATOR_GRID;

                if (!evaluator_is_input(graph->ops[i])) {
                        evaluator_keep(evaluator, graph->ops[i]);
                        continue;
                }
                assert_int_equal(evaluator_blank(evaluator, graph->ops[i], &values, NULL), 0);
                pattern_fill(pattern, 1, slice_of_string(graph->ops[i]->name), fix_point, &values);
                evaluator_set(evaluator, graph->ops[i], &values);
        }
        if (evaluator_run(evaluator, NULL, NULL, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
}

static void try_program(const char *name, const Program *program, const Evaluator *evaluator,
                        Tally *tally) {
        _cleanup_(simulator_freep) Simulator *s = NULL;
        Problem problem = { "" };

        if (simulator_new(&s, program, NULL, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
        assert_int_equal(simulator_capture(s), 0);
        feed(s, program, evaluator);
        if (simulator_run(s, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
        compare_inside(name, s, program, evaluator, tally);
        compare_outputs(name, s, program, evaluator, tally);
        tally->programs++;
}

static bool has_program(const Graph *graph) {
        for (size_t i = 0; i < graph->root->n_children; i++) {
                _cleanup_(program_cleanup) Program program = {};

                if (program_is_dpu(graph->root->children[i]) &&
                    program_load(graph->root->children[i], &program, NULL) == 0)
                        return true;
        }
        return false;
}

static bool is_its_turn(const Tally *tally, Pattern pattern) {
        size_t others = PATTERN_COUNT - 1; /* all but the first, PATTERN_RANDOM */

        return tally->every_pattern || pattern == PATTERN_RANDOM ||
               (size_t) pattern == 1 + tally->models % others;
}

static void visit(const char *name, const Bytes *content, void *userdata) {
        const EvaluatorOptions options = { .substitute = true };
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL; /* borrows the graph: goes first */
        Tally *tally = userdata;

        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        if (!has_program(graph))
                return;
        graph_count_consumers(graph);
        assert_int_equal(evaluator_new(&evaluator, graph, &options), 0);
        tally->models++;
        for (int pattern = 0; pattern < PATTERN_COUNT; pattern++) {
                if (!is_its_turn(tally, (Pattern) pattern))
                        continue;
                try_pattern(name, graph, evaluator, (Pattern) pattern);
                for (size_t i = 0; i < graph->root->n_children; i++) {
                        _cleanup_(program_cleanup) Program program = {};

                        if (program_is_dpu(graph->root->children[i]) &&
                            program_load(graph->root->children[i], &program, NULL) == 0)
                                try_program(name, &program, evaluator, tally);
                }
        }
}

static void programs_compute_what_their_graphs_say(void **state) {
        Tally tally = { .every_pattern = getenv("DPUCC_LONG") != NULL };
        size_t patterns = tally.every_pattern ? PATTERN_COUNT : 2;

        assert_int_equal(corpus_each("compiled", visit, &tally), 19);
        print_message("%zu runs, %zu outputs equal; %zu tensors inside, %zu of them different; "
                      "%zu not captured\n",
                      tally.programs, tally.outputs, tally.inside, tally.inside_different,
                      tally.uncaptured);
        assert_int_equal(tally.programs, 17 * patterns);
        assert_int_equal(tally.outputs, 25 * patterns);
        assert_int_equal(tally.inside_different, 0);
        assert_true(tally.inside >= 129 * patterns);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(programs_compute_what_their_graphs_say),
        };

        if (!corpus_present())
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
