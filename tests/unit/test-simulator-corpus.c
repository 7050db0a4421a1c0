/*
 * Real compiled programs in the simulator. Whatever the noise in the banks and the order of the
 * engines, the tokens allowing it, the same comes out; nothing is unordered, guessed or outside
 * its region. (That it is the right thing is for the evaluator to say.)
 */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/random.h"
#include "dpu/sim/simulator.h"
#include "tests/support/corpus.h"

#define OUTPUT_MAX ((size_t) 64 << 20)

static void write_random(Simulator *s, const Program *program, uint64_t seed) {
        Random random = RANDOM_INIT(seed);

        for (size_t i = 0; i < program->n_inputs; i++) {
                const ProgramTensor *tensor = program->inputs[i].tensor;
                _cleanup_(freep) uint8_t *data = malloc(tensor->elements);
                Problem problem = { "" };

                assert_non_null(data);
                for (uint64_t k = 0; k < tensor->elements; k++)
                        data[k] = (uint8_t) random_u64(&random);
                if (simulator_write(s, tensor, slice_of(data, tensor->elements), &problem) < 0)
                        fail_msg("%s", problem.text);
        }
}

static Digest run(const char *name, const Program *program, const SimulatorOptions *options) {
        _cleanup_(bytes_cleanup) Bytes output = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(simulator_freep) Simulator *s = NULL;
        Problem problem = { "" };

        if (simulator_new(&s, program, options, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
        write_random(s, program, 1);
        if (simulator_run(s, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
        for (size_t i = 0; i < program->n_outputs; i++)
                assert_int_equal(simulator_read(s, program->outputs[i].tensor, &output), 0);
        return digest_of(output.data, output.size);
}

static void visit_program(const char *name, const Program *program) {
        const SimulatorOptions first = { .seed = 1 };
        Digest expected = run(name, program, &first);

        for (int order = SIMULATOR_ORDER_PROGRAM; order <= SIMULATOR_ORDER_RANDOM; order++) {
                const SimulatorOptions options = { .seed = 2 + (uint64_t) order,
                                                   .order = (SimulatorOrder) order,
                                                   .threads = 1 + order % 2 };
                Digest found = run(name, program, &options);

                if (!digest_equal(&expected, &found))
                        fail_msg("%s: another result in order %d", name, order);
        }
}

static void visit(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        size_t *programs = userdata;

        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        for (size_t i = 0; i < graph->root->n_children; i++) {
                _cleanup_(program_cleanup) Program program = {};

                if (!program_is_dpu(graph->root->children[i]) ||
                    program_load(graph->root->children[i], &program, NULL) < 0)
                        continue;
                visit_program(name, &program);
                (*programs)++;
        }
}

static void results_depend_on_nothing_but_inputs(void **state) {
        size_t programs = 0;

        assert_int_equal(corpus_each("compiled", visit, &programs), 19);
        assert_int_equal(programs, 17);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(results_depend_on_nothing_but_inputs),
        };

        if (!corpus_present())
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
