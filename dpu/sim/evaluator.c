/*
 * The walk over the graph: storage of every tensor, life times, inputs, overrides, substitutes.
 * What the ops compute is in eval_NOUN.c.
 *
 * Ops are in topological order, so one pass over them is enough. A count of the consumers that
 * are still to come frees each value after its last.
 */

#include "dpu/sim/evaluator.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/eval.h"
#include "dpu/sim/pattern.h"
#include "dpu/sim/window.h"
#include "dpu/sim/workers.h"

typedef struct EvalState {
        Values values;
        bool is_set, is_kept;
        size_t n_waiting; /* argument slots still to be served */
} EvalState;

struct Evaluator {
        const Graph *graph; /* borrowed */
        EvaluatorOptions options;
        EvalState *states; /* by index of op */
        Values *all;       /* the same, as EvalCall wants them: borrowed from states */
        uint64_t bytes;    /* of all values */
        double work_left;  /* of the run */
};

/* --- the ops ------------------------------------------------------------------------------- */

typedef enum EvalKind {
        EVAL_COMPUTES, /* real numbers come out, unless the tensor is fixed-point */
        EVAL_MOVES,    /* what comes out went in: fixed-point inputs stay so if they agree */
} EvalKind;

typedef struct EvalEntry {
        const char *op_type;
        EvalFn run;
        EvalKind kind;
} EvalEntry;

static const EvalEntry eval_table[] = {
        { "add", eval_elementwise, EVAL_COMPUTES },
        { "argmax", eval_argmax, EVAL_COMPUTES },
        { "argmax-fix", eval_argmax, EVAL_COMPUTES },
        { "avgpool2d", eval_pool, EVAL_COMPUTES },
        { "batchnorm", eval_normalize, EVAL_COMPUTES },
        { "cast", eval_copy, EVAL_MOVES },
        { "celu", eval_activation, EVAL_COMPUTES },
        { "concat", eval_concat, EVAL_MOVES },
        { "concat-fix", eval_concat, EVAL_MOVES },
        { "const", eval_const, EVAL_COMPUTES },
        { "const-fix", eval_const, EVAL_COMPUTES },
        { "conv1d", eval_conv, EVAL_COMPUTES },
        { "conv2d", eval_conv, EVAL_COMPUTES },
        { "conv2d-fix", eval_conv, EVAL_COMPUTES },
        { "depthwise-conv2d", eval_depthwise, EVAL_COMPUTES },
        { "depthwise-conv2d-fix", eval_depthwise, EVAL_COMPUTES },
        { "depthwise-fix", eval_elementwise, EVAL_COMPUTES },
        { "div", eval_elementwise, EVAL_COMPUTES },
        { "download", eval_copy, EVAL_MOVES },
        { "downsample-fix", eval_downsample, EVAL_MOVES },
        { "eltwise-fix", eval_elementwise, EVAL_COMPUTES },
        { "elu", eval_activation, EVAL_COMPUTES },
        { "exp", eval_activation, EVAL_COMPUTES },
        { "fix", eval_copy, EVAL_COMPUTES },
        { "fix2float", eval_copy, EVAL_MOVES },
        { "flatten", eval_copy, EVAL_MOVES },
        { "float2fix", eval_copy, EVAL_COMPUTES },
        { "gelu", eval_activation, EVAL_COMPUTES },
        { "groupnorm", eval_normalize, EVAL_COMPUTES },
        { "hard-sigmoid", eval_activation, EVAL_COMPUTES },
        { "hard-sigmoid-fix", eval_hard_sigmoid_fix, EVAL_COMPUTES },
        { "hard-swish", eval_activation, EVAL_COMPUTES },
        { "hard-tanh", eval_activation, EVAL_COMPUTES },
        { "identity", eval_copy, EVAL_MOVES },
        { "inner-product", eval_matmul, EVAL_COMPUTES },
        { "instancenorm", eval_normalize, EVAL_COMPUTES },
        { "l2_normalize", eval_normalize, EVAL_COMPUTES },
        { "leaky-relu", eval_activation, EVAL_COMPUTES },
        { "matmul", eval_matmul, EVAL_COMPUTES },
        { "max", eval_elementwise, EVAL_COMPUTES },
        { "maxpool1d", eval_pool, EVAL_MOVES },
        { "maxpool2d", eval_pool, EVAL_MOVES },
        { "min", eval_elementwise, EVAL_COMPUTES },
        { "mish", eval_activation, EVAL_COMPUTES },
        { "mul", eval_elementwise, EVAL_COMPUTES },
        { "neg", eval_activation, EVAL_COMPUTES },
        { "pad", eval_pad, EVAL_COMPUTES },
        { "pad-fix", eval_pad, EVAL_COMPUTES },
        { "pixel-shuffle", eval_shuffle, EVAL_MOVES },
        { "pixel-shuffle-fix", eval_shuffle, EVAL_MOVES },
        { "pool-fix", eval_pool, EVAL_COMPUTES },
        { "prelu", eval_prelu, EVAL_COMPUTES },
        { "reduction_max", eval_reduce, EVAL_MOVES },
        { "reduction_max-fix", eval_reduce, EVAL_MOVES },
        { "reduction_mean", eval_reduce, EVAL_COMPUTES },
        { "reduction_product", eval_reduce, EVAL_COMPUTES },
        { "reduction_sum", eval_reduce, EVAL_COMPUTES },
        { "relu", eval_activation, EVAL_MOVES },
        { "relu6", eval_activation, EVAL_COMPUTES },
        { "reorg", eval_shuffle, EVAL_MOVES },
        { "reorg-fix", eval_shuffle, EVAL_MOVES },
        { "reshape", eval_copy, EVAL_MOVES },
        { "reshape-fix", eval_copy, EVAL_MOVES },
        { "resize", eval_resize, EVAL_COMPUTES },
        { "scale", eval_normalize, EVAL_COMPUTES },
        { "selu", eval_activation, EVAL_COMPUTES },
        { "sigmoid", eval_activation, EVAL_COMPUTES },
        { "softmax", eval_softmax, EVAL_COMPUTES },
        { "squeeze", eval_copy, EVAL_MOVES },
        { "stack", eval_stack, EVAL_MOVES },
        { "strided_slice", eval_slice, EVAL_MOVES },
        { "strided_slice-fix", eval_slice, EVAL_MOVES },
        { "sub", eval_elementwise, EVAL_COMPUTES },
        { "swish", eval_activation, EVAL_COMPUTES },
        { "tanh", eval_activation, EVAL_COMPUTES },
        { "tile-fix", eval_shuffle, EVAL_MOVES },
        { "transpose", eval_transpose, EVAL_MOVES },
        { "transposed-conv2d", eval_conv, EVAL_COMPUTES },
        { "transposed-conv2d-fix", eval_conv, EVAL_COMPUTES },
        { "transposed-depthwise-conv2d", eval_depthwise, EVAL_COMPUTES },
        { "transposed-depthwise-conv2d-fix", eval_depthwise, EVAL_COMPUTES },
        { "upload", eval_copy, EVAL_MOVES },
        { "upsample-fix", eval_resize, EVAL_COMPUTES },
};

static const EvalEntry *eval_find(const char *op_type) {
        for (size_t i = 0; i < ARRAY_SIZE(eval_table); i++)
                if (strcmp(eval_table[i].op_type, op_type) == 0)
                        return &eval_table[i];
        return NULL;
}

bool evaluator_knows(const char *op_type) {
        return eval_find(op_type) != NULL;
}

bool evaluator_is_input(const Op *op) {
        return strcmp(op->type, "data") == 0 || strcmp(op->type, "data-fix") == 0;
}

bool evaluator_is_substituted(const Op *op) {
        return !evaluator_is_input(op) && !evaluator_knows(op->type);
}

/* --- life ------------------------------------------------------------------------------------ */

int evaluator_new(Evaluator **ret, const Graph *graph, const EvaluatorOptions *options) {
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;

        evaluator = calloc(1, sizeof(*evaluator));
        if (!evaluator)
                return -ENOMEM;
        evaluator->graph = graph;
        evaluator->options = *options;
        if (evaluator->options.n_threads == 0)
                evaluator->options.n_threads = workers_default();
        if (evaluator->options.max_bytes == 0)
                evaluator->options.max_bytes = EVALUATOR_BYTES_MAX;
        if (evaluator->options.max_work == 0)
                evaluator->options.max_work = EVALUATOR_WORK_MAX;
        evaluator->states = calloc(graph->n_ops + 1, sizeof(*evaluator->states));
        evaluator->all = calloc(graph->n_ops + 1, sizeof(*evaluator->all));
        if (!evaluator->states || !evaluator->all)
                return -ENOMEM;

        *ret = TAKE_PTR(evaluator);
        return 0;
}

static void evaluator_release(Evaluator *evaluator, size_t index) {
        evaluator->bytes -= values_bytes(&evaluator->states[index].values);
        values_deinit(&evaluator->states[index].values);
        evaluator->all[index] = (Values){ 0 };
}

Evaluator *evaluator_free(Evaluator *evaluator) {
        if (!evaluator)
                return NULL;
        for (size_t i = 0; evaluator->states && i < evaluator->graph->n_ops; i++)
                values_deinit(&evaluator->states[i].values);
        free(evaluator->states);
        free(evaluator->all);
        free(evaluator);
        return NULL;
}

/* Takes @values over as what the op @index puts out. */
static void evaluator_store(Evaluator *evaluator, size_t index, Values *values) {
        evaluator_release(evaluator, index);
        evaluator->bytes += values_bytes(values);
        evaluator->states[index].values = values_take(values);
        evaluator->all[index] = evaluator->states[index].values;
}

void evaluator_set(Evaluator *evaluator, const Op *op, Values *values) {
        evaluator_store(evaluator, op->index, values);
        evaluator->states[op->index].is_set = true;
}

void evaluator_keep(Evaluator *evaluator, const Op *op) {
        evaluator->states[op->index].is_kept = true;
}

const Values *evaluator_values(const Evaluator *evaluator, const Op *op) {
        const Values *values = &evaluator->all[op->index];

        return values->data ? values : NULL;
}

/* --- storage ------------------------------------------------------------------------------- */

/* a `fix` whose numbers fit in int8 */
static bool evaluator_fixes_to_int8(const Op *op, int32_t *ret_fix_point) {
        int32_t fix_point, bit_width;
        bool is_signed;

        if (strcmp(op->type, "fix") != 0 && strcmp(op->type, "float2fix") != 0)
                return false;
        if (attrs_int32(&op->attrs, "fix_point", &fix_point) < 0 ||
            attrs_int32(&op->attrs, "bit_width", &bit_width) < 0 ||
            attrs_bool(&op->attrs, "if_signed", &is_signed) < 0)
                return false;
        if (!is_signed || bit_width < 1 || bit_width > 8 || fix_point < -VALUES_FIX_POINT_MAX ||
            fix_point > VALUES_FIX_POINT_MAX)
                return false;
        *ret_fix_point = fix_point;
        return true;
}

/* all that goes in is fixed-point with the same fix point */
static bool evaluator_inputs_agree(const Evaluator *evaluator, const Op *op,
                                   int32_t *ret_fix_point) {
        const Arg *arg = op_arg(op, "input");

        if (!arg || arg->n_ops == 0)
                return false;
        for (size_t i = 0; i < arg->n_ops; i++) {
                const Values *values = &evaluator->all[arg->ops[i]->index];

                if (values->storage != VALUES_FIXED ||
                    (i > 0 && values->fix_point != *ret_fix_point))
                        return false;
                *ret_fix_point = values->fix_point;
        }
        return true;
}

static uint64_t evaluator_room(const Evaluator *evaluator) {
        uint64_t max = evaluator->options.max_bytes;

        return evaluator->bytes < max ? max - evaluator->bytes : 0;
}

static int evaluator_blank_of(const Evaluator *evaluator, const Op *op, EvalKind kind, Values *ret,
                              Problem *problem) {
        const Tensor *tensor = &op->tensor;
        int32_t fix_point = 0;
        bool fixed;
        int r;

        fixed = values_tensor_is_fixed(tensor, &fix_point);
        if (!fixed && tensor->data_type != DATA_TYPE_FLOAT &&
            attrs_find(&tensor->attrs, "fix_point"))
                return problem_set(problem, -EINVAL, "fixed-point numbers of %d bits",
                                   tensor->bit_width);
        if (!fixed)
                fixed = evaluator_fixes_to_int8(op, &fix_point);
        if (!fixed && kind == EVAL_MOVES)
                fixed = evaluator_inputs_agree(evaluator, op, &fix_point);

        r = values_init(ret, fixed ? VALUES_FIXED : VALUES_REAL, tensor, evaluator_room(evaluator),
                        problem);
        if (r == -EFBIG)
                return problem_set(problem, r, "more than %llu MiB of values",
                                   (unsigned long long) (evaluator->options.max_bytes >> 20));
        if (r < 0)
                return r;
        ret->fix_point = fixed ? fix_point : 0;
        return 0;
}

int evaluator_blank(Evaluator *evaluator, const Op *op, Values *ret, Problem *problem) {
        return evaluator_blank_of(evaluator, op, EVAL_COMPUTES, ret, problem);
}

/* --- substitutes ------------------------------------------------------------------------------ */

int32_t evaluator_grid_behind(const Graph *graph, const Op *op) {
        for (size_t i = op->index + 1; i < graph->n_ops; i++) {
                const Op *next = graph->ops[i];
                const EvalEntry *entry = eval_find(next->type);
                int32_t fix_point;

                if (op_input(next, 0) != op)
                        continue;
                if (evaluator_fixes_to_int8(next, &fix_point))
                        return fix_point;
                if (entry && entry->kind == EVAL_MOVES)
                        op = next; /* later in the order, so the loop ends */
        }
        return EVALUATOR_GRID;
}

static void evaluator_substitute(const Evaluator *evaluator, const Op *op, Values *out) {
        pattern_fill(PATTERN_RANDOM, evaluator->options.seed, slice_of_string(op->name),
                     evaluator_grid_behind(evaluator->graph, op), out);
}

/* --- the run ------------------------------------------------------------------------------------- */

static int evaluator_compute(Evaluator *evaluator, const Op *op, const EvalEntry *entry,
                             Values *out, Problem *problem) {
        const EvalCall call = {
                .op = op,
                .all = evaluator->all,
                .out = out,
                .n_threads = evaluator->options.n_threads,
                .work_left = &evaluator->work_left,
                .problem = problem,
        };
        int r;

        if (!entry) {
                evaluator_substitute(evaluator, op, out);
                return 0;
        }
        r = entry->run(&call);
        if (r != -EINVAL || !evaluator->options.substitute_refused || eval_is_fixed_op(&call))
                return r;
        evaluator_substitute(evaluator, op, out);
        return 0;
}

static int evaluator_run_op(Evaluator *evaluator, const Op *op, Problem *problem) {
        const EvalEntry *entry = eval_find(op->type);
        _cleanup_(values_cleanup) Values out = { 0 };
        int r;

        if (evaluator->states[op->index].is_set)
                return 0;
        if (evaluator_is_input(op))
                return problem_set(problem, -EINVAL, "this input was not given");
        if (!entry && !evaluator->options.substitute)
                return problem_set(problem, -ENOSYS, "there is no definition of this op");

        r = evaluator_blank_of(evaluator, op, entry ? entry->kind : EVAL_COMPUTES, &out, problem);
        if (r < 0)
                return r;
        r = evaluator_compute(evaluator, op, entry, &out, problem);
        if (r < 0)
                return r;
        evaluator_store(evaluator, op->index, &out);
        return 0;
}

/* one of @op's argument slots is served, or nobody waits for it at all */
static void evaluator_release_done(Evaluator *evaluator, const Op *op) {
        EvalState *state = &evaluator->states[op->index];

        if (state->n_waiting == 0 && !state->is_kept && !state->is_set)
                evaluator_release(evaluator, op->index);
}

static void evaluator_release_inputs(Evaluator *evaluator, const Op *op) {
        for (size_t i = 0; i < op->n_args; i++) {
                for (size_t k = 0; k < op->args[i].n_ops; k++) {
                        const Op *input = op->args[i].ops[k];

                        evaluator->states[input->index].n_waiting--;
                        evaluator_release_done(evaluator, input);
                }
        }
}

static void evaluator_begin(Evaluator *evaluator) {
        evaluator->work_left = (double) evaluator->options.max_work;
        for (size_t i = 0; i < evaluator->graph->n_ops; i++) {
                evaluator->states[i].n_waiting = evaluator->graph->ops[i]->n_consumers;
                if (!evaluator->states[i].is_set)
                        evaluator_release(evaluator, i);
        }
}

int evaluator_run(Evaluator *evaluator, EvaluatorEach each, void *userdata, Problem *problem) {
        const Graph *graph = evaluator->graph;
        int r;

        evaluator_begin(evaluator);
        for (size_t i = 0; i < graph->n_ops; i++) {
                const Op *op = graph->ops[i];

                r = evaluator_run_op(evaluator, op, problem);
                if (r < 0)
                        return problem_prefix(problem, r, "%s (%s)", op->name, op->type);
                r = each ? each(op, &evaluator->states[i].values, userdata) : 0;
                if (r < 0)
                        return r;
                evaluator_release_inputs(evaluator, op);
                evaluator_release_done(evaluator, op);
        }
        return 0;
}
