/*
 * The whole way: quantized models lowered, cut into parts, given borders and programs for each of
 * the eight sizes; the programs in the simulator against the evaluator, bit by bit. (That the
 * lowered graph is the quantized one, test-lower-models.c shows.)
 */

#include "unit.h"

#include "base/cleanup.h"
#include "dpu/compiler/compiler.h"
#include "dpu/models/network.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/pattern.h"
#include "dpu/sim/simulator.h"
#include "tests/support/corpus.h"
#include "tests/support/regenerate.h"

#define OUTPUT_MAX ((size_t) 64 << 20)

static Compilation *compile(const char *what, const Graph *source, const FingerprintInfo *target) {
        const CompilerSpec spec = { .source = source,
                                    .fingerprint = target->fingerprint,
                                    .compiler = "test",
                                    .last = COMPILER_EMIT };
        Problem problem = { "" };
        Compilation *c = NULL;

        if (compiler_run(&spec, &c, &problem) != 0 || graph_verify(c->graph, &problem) < 0)
                fail_msg("%s: %s", what, problem.text);
        return c;
}

static Evaluator *evaluate(const char *what, const Graph *graph, Pattern pattern) {
        const EvaluatorOptions options = { .substitute = true };
        Evaluator *evaluator;
        Problem problem = { "" };

        assert_int_equal(evaluator_new(&evaluator, graph, &options), 0);
        for (size_t i = 0; i < graph->n_ops; i++) {
                Values values;

                if (!evaluator_is_input(graph->ops[i])) {
                        evaluator_keep(evaluator, graph->ops[i]);
                        continue;
                }
                assert_int_equal(evaluator_blank(evaluator, graph->ops[i], &values, NULL), 0);
                pattern_fill(pattern, 3, slice_of_string(graph->ops[i]->name), EVALUATOR_GRID,
                             &values);
                evaluator_set(evaluator, graph->ops[i], &values);
        }
        if (evaluator_run(evaluator, NULL, NULL, &problem) < 0)
                fail_msg("%s: %s", what, problem.text);
        return evaluator;
}

static void check_program(const char *what, const Program *program, const Evaluator *evaluator) {
        _cleanup_(simulator_freep) Simulator *s = NULL;
        Problem problem = { "" };

        assert_int_equal(simulator_new(&s, program, NULL, &problem), 0);
        for (size_t i = 0; i < program->n_inputs; i++) {
                const Values *v = evaluator_values(evaluator, program->inputs[i].outside);

                assert_int_equal(simulator_write(s, program->inputs[i].tensor,
                                                 slice_of(v->fixed, v->n), &problem),
                                 0);
        }
        if (simulator_run(s, &problem) < 0)
                fail_msg("%s: %s", what, problem.text);
        for (size_t i = 0; i < program->n_outputs; i++) {
                _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
                const ProgramTensor *tensor = program->outputs[i].tensor;
                const Values *v = evaluator_values(evaluator, tensor->op);

                assert_int_equal(simulator_read(s, tensor, &bytes), 0);
                assert_int_equal(bytes.size, v->n);
                if (memcmp(bytes.data, v->fixed, v->n) != 0)
                        fail_msg("%s: %s differs", what, tensor->op->name);
        }
}

static void check(const char *name, const Graph *source, bool all_patterns, size_t n_parts) {
        for (size_t t = 0; t < REGENERATE_TARGETS; t++) {
                const FingerprintInfo target = regenerate_target(t);
                _cleanup_(compilation_freep) Compilation *c = NULL;
                const Graph *graph;
                char what[128];

                (void) snprintf(what, sizeof(what), "%s for %s", name, target.short_name);
                c = compile(what, source, &target);
                graph = c->graph;
                assert_int_equal(regenerate_count(graph), n_parts);
                for (size_t p = 0; p < (all_patterns ? PATTERN_COUNT : 1); p++) {
                        _cleanup_(evaluator_freep) Evaluator *evaluator =
                                evaluate(what, graph, (Pattern) p);

                        for (size_t i = 0; i < graph->root->n_children; i++) {
                                _cleanup_(program_cleanup) Program program = {};

                                if (!program_is_dpu(graph->root->children[i]))
                                        continue;
                                assert_int_equal(
                                        program_load(graph->root->children[i], &program, NULL), 0);
                                check_program(what, &program, evaluator);
                        }
                }
        }
}

static void check_network(const char *name, int32_t size) {
        const NetworkOptions options = { .seed = 4, .size = size, .change_weight = UINT64_MAX };
        _cleanup_(graph_freep) Graph *source = NULL;

        assert_int_equal(network_make(network_find(name), &options, &source, NULL), 0);
        check(name, source, true, 1);
}

static void networks_of_mkmodel(void **state) {
        check_network("lenet", 0);
        check_network("unet", 64);
}

static void visit(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *source = NULL;

        if (strcmp(name, "cifar-resnet20.xmodel") != 0 && strcmp(name, "mnist-cnn.xmodel") != 0)
                return;
        assert_int_equal(graph_read(&source, bytes_slice(content), NULL), 0);
        graph_count_consumers(source);
        check(name, source, false, 1);
}

static void models_of_the_corpus(void **state) {
        if (!corpus_present())
                skip();
        assert_true(corpus_each("quantized", visit, NULL) > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(networks_of_mkmodel),
                cmocka_unit_test(models_of_the_corpus),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
