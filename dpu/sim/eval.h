#pragma once

/*
 * Eval: what the families of ops have in common
 *
 * Each eval_NOUN.c defines functions of the type EvalFn; the table in evaluator.c names them by op
 * type. A function reads its inputs and attributes through the call, checks what it depends on
 * (files may say anything), and writes its output through a Sink, which applies the fused
 * activation and rounds where the output is fixed-point. So one function serves conv2d and
 * conv2d-fix alike: the second is the first with a sink that rounds.
 */

#include "base/problem.h"
#include "dpu/sim/round.h"
#include "dpu/sim/values.h"
#include "xmodel/graph.h"

typedef struct EvalCall {
        const Op *op;
        const Values *all; /* by index of op */
        Values *out;       /* zeroed, in its final storage and shape */
        unsigned n_threads;
        double *work_left; /* multiplications that the run may still spend */
        Problem *problem;
} EvalCall;

typedef int (*EvalFn)(const EvalCall *call);

/* --- inputs --------------------------------------------------------------------------------- */

size_t eval_n_inputs(const EvalCall *call); /* of the argument "input" */
const Values *eval_input(const EvalCall *call, size_t index);
const Values *eval_arg(const EvalCall *call, const char *name); /* NULL if there is none */

/* Sets "TEXT" as the problem and returns -EINVAL; the evaluator adds op and type. */
int eval_refuse(const EvalCall *call, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Before @n multiplications: files may ask for any number. -E2BIG with the problem when the run's
 * are spent. What an op does once for each element is bounded by memory and need not ask. */
int eval_spend(const EvalCall *call, double n);

/* --- attributes ------------------------------------------------------------------------------ */

/* Exactly @n values; @ret is as it was where the attribute is absent. -EINVAL: another number of
 * them, or another kind. */
int eval_int32s(const EvalCall *call, const char *name, size_t n, int32_t *ret);
int eval_float(const EvalCall *call, const char *name, double *ret); /* -EINVAL: there is none */

/* The attribute `axis` for a shape of @n_dims dimensions, negative ones from the end. */
int eval_axis(const EvalCall *call, size_t n_dims, size_t *ret);

/* The lines of elements along that axis of the only input: line i begins at line_first() and has @n
 * elements, @stride apart. */
typedef struct Lines {
        const Values *input;
        size_t n, stride;
        size_t n_lines;
} Lines;

int eval_lines(const EvalCall *call, Lines *ret);

static inline size_t line_first(const Lines *lines, size_t line) {
        return line / lines->stride * lines->stride * lines->n + line % lines->stride;
}

/* --- activations ------------------------------------------------------------------------------- */

typedef double (*ActivationFn)(double x, double alpha);

ActivationFn activation_find(const char *op_type); /* NULL if it is none */

/* --- output -------------------------------------------------------------------------------------- */

typedef struct Sink {
        Values *out;
        ActivationFn activation; /* NULL: none */
        double alpha;
        bool rounds;
        Rounding rounding;
        double scale, step; /* 2^fix_point, 2^-fix_point */
        double min, max;    /* of the fixed-point number */
} Sink;

/* What the op, its attributes and its output's storage say. -EINVAL: an activation or a way of
 * rounding that we do not know. */
int sink_init(Sink *sink, const EvalCall *call);

/* Elements @at to @at + @n - 1 of the output, which may come in any order and from several
 * threads. @numbers is changed. */
void sink_put(const Sink *sink, size_t at, double *numbers, size_t n);

/* --- the functions of the table -------------------------------------------------------------------- */

int eval_const(const EvalCall *call); /* eval_const.c */
int eval_copy(const EvalCall *call);  /* eval_shape.c: reshape, fix, upload ... */
int eval_transpose(const EvalCall *call);
int eval_concat(const EvalCall *call);
int eval_stack(const EvalCall *call);
int eval_slice(const EvalCall *call);
int eval_pad(const EvalCall *call);
int eval_shuffle(const EvalCall *call);
int eval_activation(const EvalCall *call); /* eval_activation.c */
int eval_prelu(const EvalCall *call);
int eval_hard_sigmoid_fix(const EvalCall *call);
int eval_softmax(const EvalCall *call);
int eval_elementwise(const EvalCall *call); /* eval_elementwise.c */
int eval_normalize(const EvalCall *call);   /* eval_normalize.c: scale, batchnorm ... */
int eval_reduce(const EvalCall *call);      /* eval_reduce.c */
int eval_argmax(const EvalCall *call);
int eval_resize(const EvalCall *call); /* eval_resize.c */
int eval_downsample(const EvalCall *call);
int eval_conv(const EvalCall *call);      /* eval_conv.c */
int eval_matmul(const EvalCall *call);    /* eval_matmul.c */
int eval_depthwise(const EvalCall *call); /* eval_depthwise.c */
int eval_pool(const EvalCall *call);      /* eval_pool.c */
