/*
 * Sums and products of images, and the hard sigmoid.
 *
 *      add (+ relu) + fix              ->  eltwise-fix ADD, inputs in source order (P25)
 *      mul + fix                       ->  eltwise-fix MUL
 *      mul with [1,1,1,C] + fix        ->  depthwise-fix MUL (191 ops of known programs)
 *      relu, relu6, fix alone          ->  eltwise-fix ADD of one input, where that is on the DPU
 *      leaky-relu, prelu alone         ->  depthwise-conv2d-fix by 1, likewise
 *      hard-sigmoid + mul(c) + fix     ->  hard-sigmoid-fix (P31: hsigmoid_in = fix point of the
 *                                          input, shift_hsigmoid = 14 + that - that of the output)
 *
 * A hard swish is a hard sigmoid and a product, two ops here as there. The `mul` behind the hard
 * sigmoid makes 2731 / 16384 of 1 / 6, which is what the engine multiplies by; it has no upper limit
 * but that of int8, so the output must end below 1 there (its fix point is 7 or more).
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <string.h>

#define HARD_SIGMOID_SIXTH 2731 /* of 2^14 */

/* one number for each channel of the other */
static bool eltwise_is_depthwise(const Op *core) {
        const Op *a = op_input(core, 0), *b = op_input(core, 1);
        const Tensor *small, *large;

        if (strcmp(core->type, "mul") != 0 || !a || !b || op_input(core, 2) ||
            a->tensor.n_dims != 4 || b->tensor.n_dims != 4)
                return false;
        large = tensor_elements(&a->tensor) >= tensor_elements(&b->tensor) ? &a->tensor
                                                                           : &b->tensor;
        small = large == &a->tensor ? &b->tensor : &a->tensor;
        return small->dims[1] == 1 && small->dims[2] == 1 && small->dims[3] == large->dims[3] &&
               (large->dims[1] > 1 || large->dims[2] > 1);
}

/* @ret_complete: all inputs have a fixed form */
static int eltwise_find_inputs(Lowering *l, const Op *core, bool *ret_complete) {
        const Arg *arg = op_arg(core, "input");
        Op *input = NULL;
        int r;

        for (size_t i = 0; arg && i < arg->n_ops; i++) {
                r = lowering_wide(l, arg->ops[i], core, &input);
                if (r < 0 || !input)
                        return r;
        }
        *ret_complete = arg && arg->n_ops >= 2;
        return 0;
}

int lowering_add_inputs(Lowering *l, const Op *core, Op *op) {
        const Arg *arg = op_arg(core, "input");
        Op *input;
        int r;

        for (size_t i = 0; i < arg->n_ops; i++) {
                r = lowering_wide(l, arg->ops[i], core, &input);
                if (r < 0)
                        return r;
                r = graph_add_arg(l->target, op, "input", input);
                if (r < 0)
                        return r;
        }
        return 0;
}

int lower_eltwise(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        bool depthwise = eltwise_is_depthwise(core), complete = false;
        bool add = strcmp(core->type, "add") == 0;
        /* the vendor's depthwise-fix has no activation */
        const LowerTail tail = { .fix_point = match->fix_point,
                                 .relu = depthwise && match->activation };
        Op *op;
        int r;

        if (match->activation && strncmp(match->activation->type, "relu", strlen("relu")) != 0)
                return lowering_refuse(l, core, "the engine has no %s behind it",
                                       match->activation->type);
        r = eltwise_find_inputs(l, core, &complete);
        if (r < 0 || !complete)
                return r;
        r = lowering_add(l, core->name, depthwise ? "depthwise-fix" : "eltwise-fix", &op);
        if (r < 0)
                return r;
        r = lowering_add_inputs(l, core, op);
        if (r == 0)
                r = graph_set_string(l->target, &op->attrs, "type", add ? "ADD" : "MUL");
        if (r == 0 && !depthwise)
                r = graph_set_string(l->target, &op->attrs, "nonlinear",
                                     match->activation ? "RELU" : "NONE");
        return r < 0 ? r : lowering_give_tail(l, match, &tail, op, ret);
}

/* --- alone ----------------------------------------------------------------------------------- */

static int alone_leaky(Lowering *l, const Match *match, Op *input, Op **ret) {
        const Match leaky = { .core = match->core, .activation = match->core };
        const LowerAffine affine = { .name = match->core->name, .factor = 1 };
        Op *op;
        int r;

        r = lowering_add_affine(l, &affine, input, &op);
        if (r == 0)
                r = lowering_set_activation(l, op, &leaky);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

int lower_alone(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core, *from = op_input(core, 0);
        bool is_fix = strcmp(core->type, "fix") == 0;
        const char *name = core->name;
        Op *input, *op;
        int r = 0;

        if (!from || !lowering_value(l, lowering_before_reshape(l, from))->owner ||
            lowering_is_reshape(l, core))
                return 0;
        r = lowering_wide(l, from, core, &input);
        if (r < 0 || !input)
                return r;
        if (strcmp(core->type, "leaky-relu") == 0 || strcmp(core->type, "prelu") == 0)
                return alone_leaky(l, match, input, ret);
        if (is_fix)
                r = lowering_name(l, &name, "%s_FixShifter", core->name);
        if (r == 0)
                r = lowering_add_sum(l, name, input, !is_fix, &op);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

static bool hard_sigmoid_fits(const Match *match) {
        const Op *constant = match->factor ? op_input(match->factor, 1) : NULL;
        double number;

        return constant && lowering_const_number(constant, &number) &&
               number == 6.0 * HARD_SIGMOID_SIXTH / 16384 && match->fix_point >= 7;
}

int lower_hard_sigmoid(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        int32_t fix_point;
        Op *op;
        int r;

        if (!hard_sigmoid_fits(match))
                return lowering_refuse(l, core,
                                       "the engine computes 2731 / 16384 of x + 3, below "
                                       "1; the quantized model does not");
        r = lowering_add_unary(l, match, core->name, "hard-sigmoid-fix", &op);
        if (r < 0 || !op)
                return r;
        fix_point = lowering_fix_point(op_input(op, 0));
        r = graph_set_int32(l->target, &op->attrs, "hsigmoid_in", fix_point);
        if (r == 0)
                r = graph_set_int32(l->target, &op->attrs, "shift_hsigmoid",
                                    14 + fix_point - match->fix_point);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}
