#include "dpu/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/simulator.h"

#define TRIAL_OUTPUT_MAX ((size_t) 1 << 30) /* bytes of one output */

/* one program under trial */
typedef struct TrialRun {
        const Program *program;
        const Evaluator *evaluator; /* has run; keeps the tensors of the program */
        const TrialOptions *options;
        TrialProgram *result;
} TrialRun;

/* --- what is expected ------------------------------------------------------------------------ */

static bool trial_is_constant(const ProgramTensor *tensor) {
        return strcmp(tensor->op->type, "const-fix") == 0;
}

static void trial_keep(Evaluator *evaluator, const Program *program) {
        for (size_t i = 0; i < program->n_tensors; i++)
                if (!trial_is_constant(&program->tensors[i]))
                        evaluator_keep(evaluator, program->tensors[i].op);
        for (size_t i = 0; i < program->n_inputs; i++)
                evaluator_keep(evaluator, program->inputs[i].tensor->op);
        for (size_t i = 0; i < program->n_outputs; i++)
                evaluator_keep(evaluator, program->outputs[i].tensor->op);
}

/* The elements that @tensor should have; empty if the evaluator has them in another form. */
static Slice trial_expected(const TrialRun *run, const ProgramTensor *tensor) {
        const Values *values = evaluator_values(run->evaluator, tensor->op);

        if (!values || values->storage != VALUES_FIXED || values->n != tensor->elements)
                return slice_of(NULL, 0);
        return slice_of(values->fixed, values->n);
}

/* --- one run ------------------------------------------------------------------------------------ */

static int trial_write_inputs(const TrialRun *run, Simulator *simulator, Problem *problem) {
        const Program *program = run->program;
        int r;

        for (size_t i = 0; i < program->n_inputs; i++) {
                const ProgramTensor *tensor = program->inputs[i].tensor;
                Slice elements = trial_expected(run, tensor);

                if (!elements.data)
                        return problem_set(problem, -EINVAL, "%s: an input that is not int8",
                                           tensor->op->tensor.name);
                r = simulator_write(simulator, tensor, elements, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* notes where @got and @expected part, unless something before did */
static bool trial_differs(TrialRun *run, const ProgramTensor *tensor, Slice got, Slice expected) {
        TrialProgram *result = run->result;
        size_t i = 0;

        if (slice_equal(got, expected))
                return false;
        if (result->first)
                return true;
        while (i < got.size && i < expected.size && got.data[i] == expected.data[i])
                i++;
        result->first = tensor->op;
        result->index = i;
        result->got = i < got.size ? (int8_t) got.data[i] : 0;
        result->expected = i < expected.size ? (int8_t) expected.data[i] : 0;
        return true;
}

static int trial_check_outputs(TrialRun *run, const Simulator *simulator) {
        const Program *program = run->program;
        int r;

        for (size_t i = 0; i < program->n_outputs; i++) {
                const ProgramTensor *tensor = program->outputs[i].tensor;
                _cleanup_(bytes_cleanup) Bytes got = BYTES_INIT(TRIAL_OUTPUT_MAX);

                r = simulator_read(simulator, tensor, &got);
                if (r < 0)
                        return r;
                run->result->n_outputs++;
                run->result->n_outputs_wrong +=
                        trial_differs(run, tensor, bytes_slice(&got), trial_expected(run, tensor));
        }
        return 0;
}

/* Inside, memory is used again and again; what could be captured is told apart from the rest. It
 * says where a difference begins, the outputs say whether there is one. */
static void trial_check_inside(TrialRun *run, const Simulator *simulator) {
        const Program *program = run->program;

        for (size_t i = 0; i < program->n_tensors; i++) {
                const ProgramTensor *tensor = &program->tensors[i];
                Slice got, expected = trial_expected(run, tensor);

                if (trial_is_constant(tensor) || strcmp(tensor->op->type, "upload") == 0 ||
                    !expected.data || simulator_captured(simulator, tensor, &got) < 0)
                        continue;
                run->result->n_inside++;
                run->result->n_inside_different += trial_differs(run, tensor, got, expected);
        }
}

/* errors that are the program's fault */
static bool trial_is_stop(int error) {
        return error == -EBADMSG || error == -EINVAL || error == -EDEADLK || error == -EBUSY ||
               error == -E2BIG;
}

static int trial_one(TrialRun *run, const SimulatorOptions *options, Problem *problem) {
        _cleanup_(simulator_freep) Simulator *simulator = NULL;
        int r;

        run->result->n_outputs = run->result->n_outputs_wrong = 0;
        run->result->n_inside = run->result->n_inside_different = 0;
        r = simulator_new(&simulator, run->program, options, problem);
        if (r < 0)
                return r;
        r = trial_write_inputs(run, simulator, problem);
        if (r < 0)
                return r;
        r = simulator_capture(simulator);
        if (r < 0)
                return r;
        r = simulator_run(simulator, &run->result->stopped);
        if (r < 0 && !trial_is_stop(r))
                return r;
        run->result->n_runs++;
        trial_check_inside(run, simulator);
        return r < 0 ? 0 : trial_check_outputs(run, simulator);
}

/* --- all orders --------------------------------------------------------------------------------- */

static bool trial_is_right(const TrialProgram *result) {
        return result->n_outputs_wrong == 0 && result->stopped.text[0] == '\0';
}

/* the first is the program's own; then loads early and saves late; then by priority and at random */
static SimulatorOrder trial_order(size_t i) {
        if (i <= 1)
                return i == 0 ? SIMULATOR_ORDER_PROGRAM : SIMULATOR_ORDER_EAGER_LOAD;
        return i % 2 == 0 ? SIMULATOR_ORDER_RANDOM : SIMULATOR_ORDER_PRIORITY;
}

static int trial_program(TrialRun *run, Problem *problem) {
        for (size_t i = 0; i <= run->options->n_orders; i++) {
                const SimulatorOptions options = {
                        .seed = run->options->seed + i,
                        .order = trial_order(i),
                        .threads = run->options->evaluator.n_threads,
                };
                int r = trial_one(run, &options, problem);

                if (r < 0)
                        return problem_prefix(problem, r, "%s", run->program->subgraph->name);
                if (!trial_is_right(run->result))
                        return 0;
                run->result->first = NULL; /* captures may err, outputs do not */
        }
        return 0;
}

static int trial_evaluate(const Graph *graph, const Program *programs, size_t n_programs,
                          Feed *feed, const TrialOptions *options, Evaluator **ret,
                          Problem *problem) {
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        int r;

        r = evaluator_new(&evaluator, graph, &options->evaluator);
        if (r < 0)
                return r;
        r = feed_inputs(feed, evaluator, graph, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_programs; i++)
                trial_keep(evaluator, &programs[i]);
        r = evaluator_run(evaluator, NULL, NULL, problem);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(evaluator);
        return 0;
}

int trial_run(const Graph *graph, const Program *programs, size_t n_programs, Feed *feed,
              const TrialOptions *options, Trial *ret, Problem *problem) {
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        Trial trial = { .n_programs = n_programs, .right = true };
        int r;

        r = trial_evaluate(graph, programs, n_programs, feed, options, &evaluator, problem);
        if (r < 0)
                return r;
        trial.programs = calloc(n_programs + 1, sizeof(*trial.programs));
        if (!trial.programs)
                return -ENOMEM;
        for (size_t i = 0; i < n_programs; i++) {
                TrialRun run = { .program = &programs[i],
                                 .evaluator = evaluator,
                                 .options = options,
                                 .result = &trial.programs[i] };

                trial.programs[i].subgraph = programs[i].subgraph;
                r = trial_program(&run, problem);
                if (r < 0) {
                        trial_deinit(&trial);
                        return r;
                }
                trial.right = trial.right && trial_is_right(&trial.programs[i]);
        }

        *ret = trial;
        return 0;
}

void trial_deinit(Trial *trial) {
        free(trial->programs);
        *trial = (Trial){ 0 };
}
