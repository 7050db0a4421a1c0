/*
 * Reductions over one or more axes, and argmax. The input is gone through once, in its order; the
 * place that each element adds to follows from its indices.
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/eval.h"

#define REDUCE_CHUNK 1024

typedef enum ReduceKind {
        REDUCE_MAX,
        REDUCE_SUM,
        REDUCE_MEAN,
        REDUCE_PRODUCT,
} ReduceKind;

typedef struct Reduce {
        const Values *input;
        ReduceKind kind;
        bool over[VALUES_DIMS_MAX];
        size_t strides[VALUES_DIMS_MAX]; /* in the output; 0 along what is reduced */
        size_t n_over;                   /* elements that become one */
} Reduce;

static ReduceKind reduce_kind(const char *op_type) {
        if (strncmp(op_type, "reduction_max", strlen("reduction_max")) == 0)
                return REDUCE_MAX;
        if (strcmp(op_type, "reduction_mean") == 0)
                return REDUCE_MEAN;
        return strcmp(op_type, "reduction_product") == 0 ? REDUCE_PRODUCT : REDUCE_SUM;
}

static int reduce_init(Reduce *reduce, const EvalCall *call) {
        const Attr *axes = attrs_find(&call->op->attrs, "axis");
        size_t n = 1;

        if (eval_n_inputs(call) != 1 || !axes || axes->kind != ATTR_INT32_VEC)
                return eval_refuse(call, "it has one input and an attribute axis");
        reduce->input = eval_input(call, 0);
        reduce->kind = reduce_kind(call->op->type);
        for (size_t i = 0; i < axes->n; i++) {
                int32_t axis = axes->int32s[i];

                axis += axis < 0 ? (int32_t) reduce->input->n_dims : 0;
                if (axis < 0 || (size_t) axis >= reduce->input->n_dims)
                        return eval_refuse(call, "axis %d", axes->int32s[i]);
                reduce->over[axis] = true;
        }
        reduce->n_over = 1;
        for (size_t i = reduce->input->n_dims; i-- > 0;) {
                size_t dim = (size_t) reduce->input->dims[i];

                reduce->strides[i] = reduce->over[i] ? 0 : n;
                *(reduce->over[i] ? &reduce->n_over : &n) *= dim;
        }
        if (n != call->out->n || reduce->n_over == 0)
                return eval_refuse(call, "the shapes do not fit");
        return 0;
}

static void reduce_one(ReduceKind kind, double number, double *result) {
        switch (kind) {
        case REDUCE_MAX:
                *result = number > *result ? number : *result;
                break;
        case REDUCE_SUM:
        case REDUCE_MEAN:
                *result += number;
                break;
        case REDUCE_PRODUCT:
                *result *= number;
                break;
        }
}

/* Moves @index to the next element, and @at to where it adds. */
static void reduce_step(const Reduce *reduce, size_t *index, size_t *at) {
        for (size_t i = reduce->input->n_dims; i-- > 0;) {
                *at += reduce->strides[i];
                if (++index[i] < (size_t) reduce->input->dims[i])
                        return;
                *at -= reduce->strides[i] * index[i];
                index[i] = 0;
        }
}

static void reduce_all(const Reduce *reduce, double *results) {
        size_t index[VALUES_DIMS_MAX] = { 0 }, at = 0, n = reduce->input->n;
        double numbers[REDUCE_CHUNK];

        for (size_t done = 0; done < n; done += REDUCE_CHUNK) {
                size_t chunk = n - done < REDUCE_CHUNK ? n - done : REDUCE_CHUNK;

                values_read(reduce->input, done, chunk, numbers);
                for (size_t i = 0; i < chunk; i++) {
                        reduce_one(reduce->kind, numbers[i], &results[at]);
                        reduce_step(reduce, index, &at);
                }
        }
}

int eval_reduce(const EvalCall *call) {
        _cleanup_(freep) double *results = NULL;
        size_t n = call->out->n;
        Reduce reduce = { 0 };
        Sink sink;
        int r;

        r = reduce_init(&reduce, call);
        if (r < 0)
                return r;
        r = sink_init(&sink, call);
        if (r < 0)
                return r;
        results = calloc(n + 1, sizeof(*results));
        if (!results)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                results[i] = reduce.kind == REDUCE_MAX       ? -INFINITY
                             : reduce.kind == REDUCE_PRODUCT ? 1
                                                             : 0;
        reduce_all(&reduce, results);
        for (size_t i = 0; reduce.kind == REDUCE_MEAN && i < n; i++)
                results[i] /= (double) reduce.n_over;
        sink_put(&sink, 0, results, n);
        return 0;
}

/* the first of several that are equal */
int eval_argmax(const EvalCall *call) {
        Lines lines;
        int r;

        r = eval_lines(call, &lines);
        if (r < 0)
                return r;
        if (lines.n_lines != call->out->n || call->out->storage != VALUES_REAL)
                return eval_refuse(call, "the shapes do not fit");

        for (size_t line = 0; line < lines.n_lines; line++) {
                double highest = -INFINITY, number;
                size_t best = 0;

                for (size_t i = 0; i < lines.n; i++) {
                        values_read(lines.input, line_first(&lines, line) + i * lines.stride, 1,
                                    &number);
                        if (number > highest) {
                                highest = number;
                                best = i;
                        }
                }
                call->out->real[line] = (double) best;
        }
        return 0;
}
