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
        const Op *root;   /* what it is a reshape of, past all others; else itself */
        const Op *owner;  /* the core of the group that it is in; NULL: none */
        bool has_grid;    /* all its numbers are multiples of 2^-grid that fit in int8 */
        int32_t grid;
        bool is_positive; /* nothing of it is below zero */
        bool wants_fixed, wants_real;
        bool rounded;       /* its group has the grid of the concat that reads it */
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
int lower_batchnorm(Lowering *l, const Match *match, Op **ret);
int lower_matmul(Lowering *l, const Match *match, Op **ret); /* lower_matmul.c */
int lower_pool(Lowering *l, const Match *match, Op **ret);   /* lower_pool.c */
int lower_reduce(Lowering *l, const Match *match, Op **ret);
int lower_eltwise(Lowering *l, const Match *match, Op **ret); /* lower_eltwise.c */
int lower_alone(Lowering *l, const Match *match, Op **ret);
int lower_hard_sigmoid(Lowering *l, const Match *match, Op **ret);
int lower_concat(Lowering *l, const Match *match, Op **ret); /* lower_shape.c */
int lower_shuffle(Lowering *l, const Match *match, Op **ret);
int lower_slice(Lowering *l, const Match *match, Op **ret);
int lower_pad(Lowering *l, const Match *match, Op **ret);
int lower_resize(Lowering *l, const Match *match, Op **ret); /* lower_resize.c */

/* Why a rule does not apply: kept for the op, which stays as it is. 0 or -ENOMEM. The first
 * reason counts. */
int lowering_refuse(Lowering *l, const Op *op, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* --- values -------------------------------------------------------------------------------- */

bool lowering_is_fix(const Op *op, int32_t *ret_fix_point); /* 8 bits, signed, DPU_ROUND */

/* Finds has_grid, grid, is_positive and root of @op, whose inputs have theirs. */
void lowering_find_facts(Lowering *l, const Op *op);

/* The fixed form of @op's value, made if need be; NULL in @ret: it has none, and the reason is
 * noted for @reader. -ENOMEM. */
int lowering_fixed(Lowering *l, const Op *op, const Op *reader, Op **ret);

/* The same as an image: what has fewer dimensions gets more of size 1 behind the batch. */
int lowering_wide(Lowering *l, const Op *op, const Op *reader, Op **ret);

/* the dimensions of that, or the tensor's own where no image can be made of it; how many */
size_t lowering_wide_dims(const Tensor *tensor, int32_t ret[4]);

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

/* --- windows: lower_window.c --------------------------------------------------------------- */

/* Of a convolution or a pool; index 0 is x. What has one dimension has height 1. */
typedef struct LowerWindow {
        int32_t kernel[2], stride[2], dilation[2];
        int32_t pad[4]; /* left, right, top, bottom */
        int32_t in[2], out[2];
        /* places of the kernel that the source does not have: around and between its own */
        int32_t before[2], behind[2], gaps[2];
        bool transposed;
} LowerWindow;

/* As the fixed-point op has it, zeros in front included. False: no image goes in or comes out. */
bool lowering_window(const Lowering *l, const Op *core, LowerWindow *ret);

/* Adds places of zero weight until no window sees padding only. */
void lowering_window_extend(LowerWindow *w);

/* kernel, stride and pad */
int lowering_set_window(Lowering *l, Op *op, const LowerWindow *w);

/* What @core reads, past a `pad` that becomes its padding; @ret_sides: left, right, top, bottom of
 * that, or zeros. */
const Op *lowering_before_pad(const Lowering *l, const Op *core, int32_t *ret_sides);
bool lowering_pads_zeros(const Op *pad); /* or copies: nothing that is on no grid */
bool lowering_pad_is_taken(const Lowering *l, const Op *pad);

/* --- building ------------------------------------------------------------------------------ */

/* A new op with a name, or one like it that is free, and an int8 tensor. */
int lowering_add(Lowering *l, const char *name, const char *type, Op **ret);
int lowering_set_fixed(Lowering *l, Op *op, const char *tensor, int32_t fix_point,
                       const int32_t *dims, size_t n_dims);
/* The last step of a rule: @op puts out what @match does, and *ret with it. Where the engine cannot
 * cut at 6, or do what @tail says, further ops do; *ret stays NULL if one of them is not accepted. */
typedef struct LowerTail {
        int32_t fix_point; /* that @op has */
        bool relu;         /* is still to be done */
} LowerTail;

int lowering_give(Lowering *l, const Match *match, Op *op, Op **ret);
int lowering_give_tail(Lowering *l, const Match *match, const LowerTail *tail, Op *op, Op **ret);

/* Is relu6 a relu and something more, as 6 is less than the greatest number? */
bool lowering_is_cut(const Match *match);

/* An op in the middle of several that stand for one group: accepted like the last one, else it is
 * noted for @match and *ret_good is false. */
int lowering_middle(Lowering *l, const Match *match, Op *op, bool *ret_good);
int lowering_set_grid(Lowering *l, Attrs *attrs, int32_t fix_point); /* as `fix` has them */
int lowering_text(Lowering *l, const char **ret, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* A name of ours: a number comes behind one that the source has, where it is another's. Names that
 * the source gave are used as they are. */
int lowering_name(Lowering *l, const char **ret, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
int lowering_copy_attrs(Lowering *l, Attrs *to, const Attrs *from);

/* An int8 constant of the numbers of @op, a `fix` of a `const`. */
typedef struct LowerPick {
        int32_t dims[4], begin[4]; /* of the source, in the order of the result's dimensions */
        int32_t gaps[4];           /* places between its elements, which are 0 */
        int64_t strides[4];        /* of that, in elements */
} LowerPick;

typedef struct LowerConst {
        const Op *op;
        const char *suffix; /* of the name, where the shape is another; NULL: none */
        const int32_t *dims;
        size_t n_dims; /* 0: as they are */
        int32_t shift; /* arithmetic shift to the right */
        /* Element i of a dimension is (i + begin) / (gaps + 1) of the source, or 0. NULL: all as they
         * are. */
        const LowerPick *pick;
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

/* of a layer that sees each place once: no stride, padding or dilation; and its activation */
int lowering_set_plain(Lowering *l, Op *op, const Match *match, const int32_t *kernel);

/* What all layers with weights have: nonlinear, and -128 for what no vendor program of this family
 * ever used (P09, P10, P17). */
int lowering_set_activation(Lowering *l, Op *op, const Match *match);
bool lowering_takes_activation(const Op *activation);

bool lowering_is_const(const Op *op, int32_t *ret_fix_point);

/* NULL in @ret: it is no such constant, noted for @reader. -ENOMEM, -EEXIST. */
int lowering_const(Lowering *l, const LowerConst *spec, const Op *reader, Op **ret);

/* A constant that the source does not have. */
typedef struct LowerNumbers {
        const char *name;
        int32_t fix_point;
        const int32_t *dims;
        size_t n_dims;
        const int8_t *data;
} LowerNumbers;

int lowering_add_numbers(Lowering *l, const LowerNumbers *numbers, Op **ret);

double lowering_quantize(double x, int32_t fix_point); /* an int8 number */

/* The whole of a constant in float32; false: it is none. */
bool lowering_const_floats(const Op *op, Slice *ret);

/* a sum of one input: another fix point, and relu */
int lowering_add_sum(Lowering *l, const char *name, Op *input, bool relu, Op **ret);

/* A layer of one factor for all channels, and one summand that has the fix point of the result. */
typedef struct LowerAffine {
        const char *name;
        int8_t factor;
        int8_t summand;
} LowerAffine;

int lowering_add_affine(Lowering *l, const LowerAffine *affine, Op *input, Op **ret);

/* Does the shift of @spec take nothing away but zeros? False for what is no constant, too. */
bool lowering_const_is_whole(const LowerConst *spec);

/* The only number of a constant, or all of them equal. */
bool lowering_const_number(const Op *op, double *ret);

int32_t lowering_fix_point(const Op *fixed);
