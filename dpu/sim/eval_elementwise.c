/*
 * Ops on two or more tensors, element by element, with the usual broadcast: dimensions are matched
 * from the last, and one of size 1 (or none) repeats.
 *
 * The fixed-point forms are the same functions of real numbers: eltwise-fix and depthwise-fix
 * shift their operands to a common fix point, and that changes no number.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/eval.h"
#include "dpu/sim/workers.h"

#define ELEMENTWISE_INPUTS_MAX 16
#define ELEMENTWISE_ROW        4096 /* where all shapes are the same, rows are cut for threads */

typedef double (*ElementwiseFn)(double a, double b);

static double sum(double a, double b) {
        return a + b;
}

static double difference(double a, double b) {
        return a - b;
}

static double product(double a, double b) {
        return a * b;
}

static double quotient(double a, double b) {
        return a / b;
}

static double greater(double a, double b) {
        return a > b ? a : b;
}

static double lesser(double a, double b) {
        return a < b ? a : b;
}

static const struct {
        const char *name; /* of the op, or its attribute `type` */
        ElementwiseFn fn;
} elementwise_functions[] = {
        { "add", sum },     { "sub", difference }, { "mul", product }, { "div", quotient },
        { "max", greater }, { "min", lesser },     { "ADD", sum },     { "MUL", product },
};

static ElementwiseFn elementwise_find(const Op *op) {
        const char *name = attrs_string(&op->attrs, "type");
        int32_t number = 0;

        if (strcmp(op->type, "eltwise-fix") != 0 && strcmp(op->type, "depthwise-fix") != 0)
                name = op->type;
        else if (!name && attrs_int32(&op->attrs, "type", &number) == 0) /* old releases */
                name = number == 0 ? "ADD" : "?";
        else if (!name)
                name = strcmp(op->type, "eltwise-fix") == 0 ? "ADD" : "MUL";
        for (size_t i = 0; i < ARRAY_SIZE(elementwise_functions); i++)
                if (strcmp(elementwise_functions[i].name, name) == 0)
                        return elementwise_functions[i].fn;
        return NULL;
}

typedef struct Operand {
        const Values *values;
        size_t strides[VALUES_DIMS_MAX]; /* for each dimension of the output; 0: repeats */
} Operand;

typedef struct Elementwise {
        ElementwiseFn fn;
        Operand operands[ELEMENTWISE_INPUTS_MAX];
        size_t n_operands;
        size_t dims[VALUES_DIMS_MAX]; /* of the output, after merging */
        size_t n_dims;
        Sink sink;
} Elementwise;

static int operand_init(const EvalCall *call, Operand *operand, const Values *values) {
        size_t n_dims = call->out->n_dims, stride = 1;

        operand->values = values;
        if (values->n_dims > n_dims)
                return eval_refuse(call, "an input has more dimensions than the output");
        for (size_t i = 0; i < values->n_dims; i++) {
                int32_t dim = values->dims[values->n_dims - 1 - i];

                if (dim != 1 && dim != call->out->dims[n_dims - 1 - i])
                        return eval_refuse(call, "the shapes do not fit");
                operand->strides[n_dims - 1 - i] = dim == 1 ? 0 : stride;
                stride *= (size_t) dim;
        }
        return 0;
}

/* All of one shape: one long row, cut into short ones. */
static void elementwise_merge(Elementwise *e, const Values *out) {
        e->n_dims = out->n_dims;
        for (size_t i = 0; i < out->n_dims; i++)
                e->dims[i] = (size_t) out->dims[i];
        for (size_t i = 0; i < e->n_operands; i++)
                if (e->operands[i].values->n != out->n)
                        return;

        e->n_dims = 2;
        e->dims[1] = out->n % ELEMENTWISE_ROW == 0 ? ELEMENTWISE_ROW : out->n;
        e->dims[0] = out->n > 0 ? out->n / e->dims[1] : 0;
        for (size_t i = 0; i < e->n_operands; i++) {
                e->operands[i].strides[0] = e->dims[1];
                e->operands[i].strides[1] = 1;
        }
}

static void operand_read(const Operand *operand, const Elementwise *e, size_t row, double *ret) {
        size_t n = e->dims[e->n_dims - 1], at = 0;

        for (size_t i = e->n_dims - 1; i-- > 0;) {
                at += row % e->dims[i] * operand->strides[i];
                row /= e->dims[i];
        }
        if (operand->strides[e->n_dims - 1] != 0) {
                values_read(operand->values, at, n, ret);
                return;
        }
        values_read(operand->values, at, 1, ret);
        for (size_t i = 1; i < n; i++)
                ret[i] = ret[0];
}

static int elementwise_part(size_t begin, size_t end, void *userdata) {
        const Elementwise *e = userdata;
        size_t n = e->dims[e->n_dims - 1];
        _cleanup_(freep) double *result = calloc(n, sizeof(*result));
        _cleanup_(freep) double *other = calloc(n, sizeof(*other));

        if (!result || !other)
                return -ENOMEM;
        for (size_t row = begin; row < end; row++) {
                operand_read(&e->operands[0], e, row, result);
                for (size_t k = 1; k < e->n_operands; k++) {
                        operand_read(&e->operands[k], e, row, other);
                        for (size_t i = 0; i < n; i++)
                                result[i] = e->fn(result[i], other[i]);
                }
                sink_put(&e->sink, row * n, result, n);
        }
        return 0;
}

int eval_elementwise(const EvalCall *call) {
        Elementwise e = { .fn = elementwise_find(call->op), .n_operands = eval_n_inputs(call) };
        int r;

        if (!e.fn)
                return eval_refuse(call, "type %s has no definition",
                                   attrs_string(&call->op->attrs, "type") ?: "(a number)");
        if (e.n_operands < 1 || e.n_operands > ELEMENTWISE_INPUTS_MAX || call->out->n_dims < 1)
                return eval_refuse(call, "it has 1 to %d inputs", ELEMENTWISE_INPUTS_MAX);
        for (size_t i = 0; i < e.n_operands; i++) {
                r = operand_init(call, &e.operands[i], eval_input(call, i));
                if (r < 0)
                        return r;
        }
        if (call->out->n == 0)
                return 0;
        elementwise_merge(&e, call->out);
        r = sink_init(&e.sink, call);
        if (r < 0)
                return r;
        return workers_run(call->n_threads, call->out->n / e.dims[e.n_dims - 1], elementwise_part,
                           &e);
}
