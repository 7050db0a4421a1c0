/*
 * Tails: what a group needs behind its layer, where the layer's engine cannot do it.
 *
 *      relu of what has no relu   ->  eltwise-fix ADD of one input, RELU
 *      another fix point          ->  the same
 *      relu6 that cuts            ->  two depthwise-conv2d-fix with a kernel of 1: + c, - c
 *
 * Rounding, relu, the maximum and saturation are all monotonous, so that it does not matter which
 * comes first. No engine is known to cut at 6; where 6 is less than the greatest int8 number at the
 * fix point, adding the difference saturates just there, and taking it off again leaves 6.
 *
 * Sums of one input are in 22 programs of release 2.0, which calls them `_FixShifter`.
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"

/* 6 on the grid of the result, rounded as the result is */
static double tail_six(const Match *match) {
        return floor(ldexp(6, match->fix_point) + 0.5);
}

bool lowering_is_cut(const Match *match) {
        return match->activation && strcmp(match->activation->type, "relu6") == 0 &&
               tail_six(match) < INT8_MAX;
}

int lowering_middle(Lowering *l, const Match *match, Op *op, bool *ret_good) {
        Problem reason = { "" };
        int r = l->trial ? lowering_accept(l, op, &reason) : 0;

        *ret_good = r == 0;
        if (r == -EOPNOTSUPP)
                return lowering_refuse(l, match->core, "%s", reason.text);
        if (r < 0)
                return r;
        return graph_set_string(l->target, &op->attrs, LOWER_DEVICE_ATTR, "DPU");
}

/* --- one more layer -------------------------------------------------------------------------- */

static int tail_fill(Lowering *l, const char *name, int32_t fix_point, int8_t number,
                     int32_t channels, bool is_bias, Op **ret) {
        const int32_t dims[4] = { 1, 1, 1, channels };
        int8_t *data = l->trial ? NULL : arena_alloc(&l->arena, (size_t) channels);
        const LowerNumbers numbers = { .name = name,
                                       .fix_point = fix_point,
                                       .dims = is_bias ? dims + 3 : dims,
                                       .n_dims = is_bias ? 1 : 4,
                                       .data = data };

        if (!data && !l->trial)
                return -ENOMEM;
        if (data)
                memset(data, (uint8_t) number, (size_t) channels);
        return lowering_add_numbers(l, &numbers, ret);
}

int lowering_add_affine(Lowering *l, const LowerAffine *affine, Op *input, Op **ret) {
        const Match none = { 0 };
        const int32_t kernel[2] = { 1, 1 };
        size_t n = input->tensor.n_dims;
        int32_t channels = n > 0 ? input->tensor.dims[n - 1] : 0;
        LowerOperands operands = { .input = input };
        const char *weights, *bias;
        int r;

        r = lowering_name(l, &weights, "%s_weights", affine->name);
        if (r == 0)
                r = lowering_name(l, &bias, "%s_bias", affine->name);
        if (r == 0)
                r = tail_fill(l, weights, 0, affine->factor, channels, false, &operands.weights);
        if (r == 0)
                r = tail_fill(l, bias, lowering_fix_point(input), affine->summand, channels, true,
                              &operands.bias);
        if (r == 0)
                r = lowering_add_layer(l, affine->name, "depthwise-conv2d-fix", &operands, ret);
        return r < 0 ? r : lowering_set_plain(l, *ret, &none, kernel);
}

int lowering_add_sum(Lowering *l, const char *name, Op *input, bool relu, Op **ret) {
        int r;

        r = lowering_add(l, name, "eltwise-fix", ret);
        if (r == 0)
                r = graph_add_arg(l->target, *ret, "input", input);
        if (r == 0)
                r = graph_set_string(l->target, &(*ret)->attrs, "type", "ADD");
        return r < 0 ? r
                     : graph_set_string(l->target, &(*ret)->attrs, "nonlinear",
                                        relu ? "RELU" : "NONE");
}

/* --- groups ---------------------------------------------------------------------------------- */

typedef struct Tail {
        Lowering *l;
        const Match *match;
        Op *op; /* the last one so far; NULL: it was not accepted */
        int32_t dims[4];
        size_t n_dims;
} Tail;

/* the tensor of the last one so far, which is not the last of all */
static int tail_close(Tail *tail, int32_t fix_point) {
        const char *name;
        bool good = false;
        int r;

        r = lowering_name(tail->l, &name, "%s_inserted_fix_%zu", tail->op->name,
                          tail->l->n_inserted++);
        if (r == 0)
                r = lowering_set_fixed(tail->l, tail->op, name, fix_point, tail->dims,
                                       tail->n_dims);
        if (r == 0)
                r = lowering_middle(tail->l, tail->match, tail->op, &good);
        if (r < 0 || good)
                return r;
        tail->op = NULL;
        return 0;
}

static int tail_add_sum(Tail *tail, const LowerTail *what) {
        const char *name;
        int r;

        r = tail_close(tail, what->fix_point);
        if (r < 0 || !tail->op)
                return r;
        r = lowering_name(tail->l, &name, "%s_%s", tail->match->core->name,
                          what->relu ? "relu" : "FixShifter");
        return r < 0 ? r : lowering_add_sum(tail->l, name, tail->op, what->relu, &tail->op);
}

static int tail_add_cut(Tail *tail) {
        int8_t rest = (int8_t) (INT8_MAX - tail_six(tail->match));
        LowerAffine affine = { .factor = 1 };
        int r = 0;

        for (size_t i = 0; r == 0 && i < 2 && tail->op; i++) {
                r = tail_close(tail, tail->match->fix_point);
                if (r < 0 || !tail->op)
                        return r;
                affine.summand = i == 0 ? rest : (int8_t) -rest;
                r = lowering_name(tail->l, &affine.name, "%s_%s", tail->match->core->name,
                                  i == 0 ? "cut_above" : "cut");
                if (r == 0)
                        r = lowering_add_affine(tail->l, &affine, tail->op, &tail->op);
        }
        return r;
}

/* The name of the match's tensor is for the shape of the source only. Any other is made of the last
 * op of the source, and what the name of this one has more than that of the first (P08). */
static int tail_finish(Tail *tail) {
        const Match *match = tail->match;
        const Op *last = match->activation ?: match->core;
        const char *name = match->tensor, *more = "";
        size_t n = strlen(match->core->name);
        int r = 0;

        if (strncmp(tail->op->name, match->core->name, n) == 0)
                more = tail->op->name + n;
        if (tail->n_dims != match->core->tensor.n_dims)
                r = lowering_name(tail->l, &name, "%s%s_inserted_fix_%zu", last->name, more,
                                  tail->l->n_inserted++);
        return r < 0 ? r
                     : lowering_set_fixed(tail->l, tail->op, name, match->fix_point, tail->dims,
                                          tail->n_dims);
}

int lowering_give_tail(Lowering *l, const Match *match, const LowerTail *what, Op *op, Op **ret) {
        Tail tail = { .l = l, .match = match, .op = op };
        int r = 0;

        tail.n_dims = lowering_wide_dims(&match->core->tensor, tail.dims);
        if (what->relu || what->fix_point != match->fix_point)
                r = tail_add_sum(&tail, what);
        if (r == 0 && tail.op && lowering_is_cut(match))
                r = tail_add_cut(&tail);
        if (r == 0 && tail.op)
                r = tail_finish(&tail);
        if (r < 0)
                return r;
        *ret = tail.op;
        return 0;
}

int lowering_give(Lowering *l, const Match *match, Op *op, Op **ret) {
        const LowerTail none = { .fix_point = match->fix_point };

        return lowering_give_tail(l, match, &none, op, ret);
}
