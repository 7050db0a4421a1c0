#include "dpu/execution.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/simulator.h"

#define EXECUTION_OUTPUT_MAX ((size_t) 1 << 30) /* bytes of one output */

/* the program and the output that an op of the graph makes, if it makes one */
typedef struct ExecutionPlace {
        size_t program;              /* index */
        const ProgramTensor *output; /* NULL: none */
} ExecutionPlace;

struct Execution {
        const Program *programs; /* borrowed */
        size_t n_programs;
        Evaluator *evaluator; /* borrowed */
        uint64_t seed;
        ExecutionPlace *places; /* by index of op */
        Simulator **simulators; /* by index of program; NULL: it has not run */
        Problem *problem;       /* of the run */
};

static void execution_place(Execution *execution, size_t index) {
        const Program *program = &execution->programs[index];

        for (size_t i = 0; i < program->n_inputs; i++)
                evaluator_keep(execution->evaluator, program->inputs[i].tensor->op);
        for (size_t i = 0; i < program->n_outputs; i++) {
                const ProgramPort *port = &program->outputs[i];

                execution->places[port->inside->index] =
                        (ExecutionPlace){ .program = index, .output = port->tensor };
        }
}

int execution_new(Execution **ret, const Program *programs, size_t n_programs, const Graph *graph,
                  Evaluator *evaluator, uint64_t seed) {
        _cleanup_(execution_freep) Execution *execution = NULL;

        execution = calloc(1, sizeof(*execution));
        if (!execution)
                return -ENOMEM;
        execution->programs = programs;
        execution->n_programs = n_programs;
        execution->evaluator = evaluator;
        execution->seed = seed;
        execution->places = calloc(graph->n_ops + 1, sizeof(*execution->places));
        execution->simulators = calloc(n_programs + 1, sizeof(*execution->simulators));
        if (!execution->places || !execution->simulators)
                return -ENOMEM;
        for (size_t i = 0; i < n_programs; i++)
                execution_place(execution, i);

        *ret = TAKE_PTR(execution);
        return 0;
}

Execution *execution_free(Execution *execution) {
        if (!execution)
                return NULL;
        for (size_t i = 0; execution->simulators && i < execution->n_programs; i++)
                (void) simulator_free(execution->simulators[i]);
        free(execution->simulators);
        free(execution->places);
        free(execution);
        return NULL;
}

static int execution_write_inputs(const Execution *execution, const Program *program,
                                  Simulator *simulator) {
        for (size_t i = 0; i < program->n_inputs; i++) {
                const ProgramTensor *tensor = program->inputs[i].tensor;
                const Values *values = evaluator_values(execution->evaluator, tensor->op);
                int r;

                if (!values || values->storage != VALUES_FIXED)
                        return problem_set(execution->problem, -EINVAL,
                                           "%s: an input that is not int8", tensor->op->name);
                r = simulator_write(simulator, tensor, slice_of(values->fixed, values->n),
                                    execution->problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Runs the program; what it needs came before its first output in the order of the graph. */
static int execution_simulate(Execution *execution, size_t index) {
        const SimulatorOptions options = { .seed = execution->seed };
        const Program *program = &execution->programs[index];
        _cleanup_(simulator_freep) Simulator *simulator = NULL;
        int r;

        r = simulator_new(&simulator, program, &options, execution->problem);
        if (r < 0)
                return r;
        r = execution_write_inputs(execution, program, simulator);
        if (r < 0)
                return r;
        r = simulator_run(simulator, execution->problem);
        if (r < 0)
                return problem_prefix(execution->problem, r, "%s", program->subgraph->name);
        execution->simulators[index] = TAKE_PTR(simulator);
        return 0;
}

static int execution_each(const Op *op, Values *values, void *userdata) {
        Execution *execution = userdata;
        const ExecutionPlace *place = &execution->places[op->index];
        _cleanup_(bytes_cleanup) Bytes elements = BYTES_INIT(EXECUTION_OUTPUT_MAX);
        int r;

        if (!place->output)
                return 0;
        if (!execution->simulators[place->program]) {
                r = execution_simulate(execution, place->program);
                if (r < 0)
                        return r;
        }
        r = simulator_read(execution->simulators[place->program], place->output, &elements);
        if (r < 0)
                return r;
        if (values->storage != VALUES_FIXED || values->n != elements.size)
                return problem_set(execution->problem, -EINVAL, "%s: an output that is not int8",
                                   op->name);
        memcpy(values->fixed, elements.data, elements.size);
        return 0;
}

int execution_run(Execution *execution, Problem *problem) {
        execution->problem = problem;
        for (size_t i = 0; i < execution->n_programs; i++)
                execution->simulators[i] = simulator_free(execution->simulators[i]);
        return evaluator_run(execution->evaluator, execution_each, execution, problem);
}
