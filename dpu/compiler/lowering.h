#pragma once

/*
 * Lowering: one run of the pass over one graph; what its rules share
 *
 * A *group* is what one fixed-point op replaces: a core op (conv2d, add, ...), perhaps a `mul`
 * with a constant or an activation behind it, and the `fix` that ends it. Where a concat takes
 * an input that has no `fix`, the concat's `fix` ends the group. Each lower_NOUN.c has rules for
 * some types of core op; a rule looks at a Match and builds the fixed-point op, or says why not.
 *
 * Every value of the source has up to two forms: *fixed* (int8 with a fix point) and *real*
 * (float32). lowering_value.c gives either, and puts fix2float and float2fix between them.
 *
 * A run is made twice. The trial finds out which groups the engines take, on a graph that is
 * thrown away; the final one knows, before it begins, in which forms each value is wanted. What a
 * trial finds depends only on what comes before an op, so both runs decide alike.
 *
 * All pointers are borrowed from the source or from the target graph.
 */

#include "base/arena.h"
#include "dpu/compiler/lower_spec.h"

#define LOWER_FIX_POINT_MAX 64

/* of one op of the source, by its index */
typedef struct LowerValue {
        Op *fixed; /* what holds its value as int8, in its shape; NULL: none yet */
        Op *image; /* the same numbers as an image of four dimensions, where they differ */
        Op *real;
        Op *reading;      /* its real form for the op that is being copied */
        const Op *reader; /* its only reader; NULL: none, or several */
        const Op *owner;  /* the core of the group that it is in; NULL: none */
        bool has_grid;    /* all its numbers are multiples of 2^-grid that fit in int8 */
        int32_t grid;
        bool wants_fixed, wants_real;
        const char *reason; /* why it is not on the DPU; in the arena of the lowering */
} LowerValue;

typedef struct Lowering {
        const Graph *source;
        Graph *target;
        const LowerSpec *spec;
        Problem *problem;
        LowerValue *values;
        Arena arena; /* of reasons, which outlive the trial's graph */
        bool trial;
        size_t n_inserted; /* names that we make up are counted */
} Lowering;

static inline LowerValue *lowering_value(const Lowering *l, const Op *op) {
        return &l->values[op->index];
}

/* --- matches ------------------------------------------------------------------------------- */

typedef struct Match {
        const Op *core;
        const Op *factor;     /* `mul` with a constant behind the core; NULL: none */
        const Op *activation; /* relu, relu6, leaky-relu; NULL: none */
        const Op *end;        /* last op of the group */
        const char *tensor;   /* name of what the fixed-point op puts out */
        int32_t fix_point;    /* of that */
} Match;

/* The rules. They give NULL, and note the reason, where they do not apply. -ENOMEM, -EEXIST. */
int lower_conv(Lowering *l, const Match *match, Op **ret); /* lower_conv.c */
int lower_scale(Lowering *l, const Match *match, Op **ret);
int lower_matmul(Lowering *l, const Match *match, Op **ret); /* lower_matmul.c */
int lower_pool(Lowering *l, const Match *match, Op **ret);   /* lower_pool.c */
int lower_reduce(Lowering *l, const Match *match, Op **ret);
int lower_eltwise(Lowering *l, const Match *match, Op **ret); /* lower_eltwise.c */
int lower_hard_sigmoid(Lowering *l, const Match *match, Op **ret);
int lower_concat(Lowering *l, const Match *match, Op **ret); /* lower_shape.c */
int lower_resize(Lowering *l, const Match *match, Op **ret);

/* Why a rule does not apply: kept for the op, which stays as it is. 0 or -ENOMEM. The first
 * reason counts. */
int lowering_refuse(Lowering *l, const Op *op, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* --- values -------------------------------------------------------------------------------- */

bool lowering_is_fix(const Op *op, int32_t *ret_fix_point); /* 8 bits, signed, DPU_ROUND */

/* Finds has_grid and grid of @op, whose inputs have theirs. */
void lowering_find_grid(Lowering *l, const Op *op);

/* The fixed form of @op's value, made if need be; NULL in @ret: it has none, and the reason is
 * noted for @reader. -ENOMEM. */
int lowering_fixed(Lowering *l, const Op *op, const Op *reader, Op **ret);

/* The same in any shape of four dimensions that has the numbers in this order, if there is one. */
int lowering_image(Lowering *l, const Op *op, const Op *reader, Op **ret);

/* The real form of @op's value for @reader, NULL for the application. -ENOMEM, -EEXIST. */
int lowering_real(Lowering *l, const Op *op, const Op *reader, Op **ret);

/* Copies an op that stays as it is, with its reason, after the real forms of what it reads. It
 * becomes its own real form. -ENOMEM, -EEXIST. */
int lowering_copy(Lowering *l, const Op *from, const char *name);

int lowering_accept(Lowering *l, const Op *op, Problem *reason); /* as LowerAccepts */

/* Ops that change the shape, or nothing, and what their numbers come from: past all of them. */
bool lowering_is_reshape(const Lowering *l, const Op *op);
const Op *lowering_before_reshape(const Lowering *l, const Op *op);

/* --- building ------------------------------------------------------------------------------ */

/* A new op with a name (made unique in a trial) and an int8 tensor. */
int lowering_add(Lowering *l, const char *name, const char *type, Op **ret);
int lowering_set_fixed(Lowering *l, Op *op, const char *tensor, int32_t fix_point,
                       const int32_t *dims, size_t n_dims);
/* The last step of a rule: @op has the fixed-point tensor that stands for @match's, and is its
 * result, *ret. */
int lowering_give(Lowering *l, const Match *match, Op *op, Op **ret);
int lowering_set_grid(Lowering *l, Attrs *attrs, int32_t fix_point); /* as `fix` has them */
int lowering_name(Lowering *l, const char **ret, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
int lowering_copy_attrs(Lowering *l, Attrs *to, const Attrs *from);

/* An int8 constant of the numbers of @op, a `fix` of a `const`. */
typedef struct LowerConst {
        const Op *op;
        const char *suffix; /* of the name, where the shape is another; NULL: none */
        const int32_t *dims;
        size_t n_dims; /* 0: as they are */
        int32_t shift; /* arithmetic shift to the right */
} LowerConst;

/* The operands of a layer with weights; the bias, of core's argument "bias", is pre-shifted. Not
 * complete: something is no quantized constant, which is noted. */
typedef struct LowerOperands {
        Op *input, *weights, *bias;
        bool complete;
} LowerOperands;

int lowering_operands(Lowering *l, const Match *match, Op *input, const LowerConst *weights,
                      LowerOperands *ret);
int lowering_add_layer(Lowering *l, const char *name, const char *type,
                       const LowerOperands *operands, Op **ret);

/* An op that reads the core's first input alone; NULL in @ret: that has no fixed form. */
int lowering_add_unary(Lowering *l, const Match *match, const char *name, const char *type,
                       Op **ret);
int lowering_add_inputs(Lowering *l, const Op *core, Op *op); /* all are known to be fixed */
int lowering_add_reshape(Lowering *l, const char *name, const char *tensor, Op *input,
                         const int32_t *dims, size_t n_dims, Op **ret);

/* stride and pad of @op, from the source's attributes and shapes */
int lowering_set_window(Lowering *l, Op *op, const Match *match);

/* of a layer that sees each place once: no stride, padding or dilation; and its activation */
int lowering_set_plain(Lowering *l, Op *op, const Match *match, const int32_t *kernel);

/* What all layers with weights have: nonlinear, and -128 for what no vendor program of this family
 * ever used (P09, P10, P17). */
int lowering_set_activation(Lowering *l, Op *op, const Match *match);
bool lowering_takes_activation(const Op *activation);

bool lowering_is_const(const Op *op, int32_t *ret_fix_point);

/* NULL in @ret: it is no such constant, noted for @reader. -ENOMEM, -EEXIST. */
int lowering_const(Lowering *l, const LowerConst *spec, const Op *reader, Op **ret);

/* Does the shift of @spec take nothing away but zeros? False for what is no constant, too. */
bool lowering_const_is_whole(const LowerConst *spec);

/* The only number of a constant, or all of them equal. */
bool lowering_const_number(const Op *op, double *ret);

int32_t lowering_fix_point(const Op *fixed);
