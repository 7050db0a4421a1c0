/*
 * Matrix products with a constant: one pixel, all of whose features are channels.
 *
 *      [reshape +] matmul (+ activation) + fix  ->  conv2d-fix [1,1,1,N] (+ reshape-fix)
 *
 * The reshape in front goes: the kernel is as large as the image behind it, and as exported weights
 * [N, K] are in the order of the image (height, width, channels) their bytes stay where they are
 * (P20, P38; CifarResNet20, where the kernel is 1x1 after pooling, and others). Only where the image
 * is larger than a kernel may be, the reshape stays and gives [1, 1, 1, K]. The vendor does this in
 * another way where K comes from outside the DPU: it picks a height and width (784 becomes
 * [1,4,14,14]), by a rule that nobody here knows.
 *
 * What reads the result as the matrix that it was gets it through a reshape-fix "..._reshaped"
 * (lowering_value.c), a further matmul does not need that.
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>

#define MATMUL_KERNEL_MAX 16 /* of a convolution of the engines */

typedef struct Matmul {
        const Op *weights;
        int32_t n, k; /* [1, k] times [n, k] transposed */
} Matmul;

static int matmul_init(Lowering *l, const Op *core, Matmul *ret, bool *ret_fits) {
        const Op *a = op_input(core, 0), *b = op_input(core, 1);
        bool transpose_a = false, transpose_b = false;

        (void) attrs_bool(&core->attrs, "transpose_a", &transpose_a);
        (void) attrs_bool(&core->attrs, "transpose_b", &transpose_b);
        if (!a || !b || a->tensor.n_dims != 2 || b->tensor.n_dims != 2 || transpose_a ||
            !transpose_b)
                return lowering_refuse(l, core,
                                       "it is no linear layer: [1,K] times [N,K] "
                                       "transposed");
        if (a->tensor.dims[0] != 1)
                return lowering_refuse(l, core, "it has %d rows, not one", a->tensor.dims[0]);
        if (a->tensor.dims[1] != b->tensor.dims[1] || b->tensor.dims[1] < 1)
                return lowering_refuse(l, core, "its operands do not fit");
        *ret = (Matmul){ .weights = b, .n = b->tensor.dims[0], .k = b->tensor.dims[1] };
        *ret_fits = true;
        return 0;
}

/* [1, 1, 1, K] of what has another shape */
static int matmul_flatten(Lowering *l, const Op *from, const Matmul *m, Op *input, Op **ret) {
        const int32_t dims[4] = { 1, 1, 1, m->k };
        const char *name;
        int r;

        r = lowering_name(l, &name, "%s_reshaped", from->tensor.name);
        if (r < 0)
                return r;
        return lowering_add_reshape(l, name, name, input, dims, 4, ret);
}

/* The input as an image that a kernel can cover. */
static int matmul_input(Lowering *l, const Op *core, const Matmul *m, Op **ret) {
        const Op *from = lowering_before_reshape(l, op_input(core, 0));
        Op *input;
        int r;

        *ret = NULL;
        r = lowering_image(l, from, core, &input);
        if (r < 0 || !input)
                return r;
        if (input->tensor.n_dims == 4 && input->tensor.dims[0] == 1 &&
            input->tensor.dims[1] <= MATMUL_KERNEL_MAX &&
            input->tensor.dims[2] <= MATMUL_KERNEL_MAX) {
                *ret = input;
                return 0;
        }
        return matmul_flatten(l, from, m, input, ret);
}

static int matmul_finish(Lowering *l, const Match *match, const Op *input, const Matmul *m,
                         Op *op) {
        const int32_t kernel[2] = { input->tensor.dims[2], input->tensor.dims[1] };
        const int32_t dims[4] = { 1, 1, 1, m->n };
        const char *tensor;
        int r;

        r = lowering_set_plain(l, op, match, kernel);
        if (r == 0)
                r = graph_set_int32(l->target, &op->attrs, "group", 1);
        if (r == 0)
                r = lowering_name(l, &tensor, "%s(TransferMatMulToConv2d)_inserted_fix_%zu",
                                  match->activation ? match->activation->name : match->core->name,
                                  l->n_inserted++);
        if (r < 0)
                return r;
        return lowering_set_fixed(l, op, tensor, match->fix_point, dims, 4);
}

int lower_matmul(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        LowerOperands operands = { 0 };
        LowerConst weights;
        Matmul m = { 0 };
        int32_t dims[4];
        const char *name;
        bool fits = false;
        Op *input, *op;
        int r;

        r = matmul_init(l, core, &m, &fits);
        if (r < 0 || !fits)
                return r;
        r = matmul_input(l, core, &m, &input);
        if (r < 0 || !input)
                return r;
        for (size_t i = 0; i < 4; i++)
                dims[i] = i == 0 ? m.n : input->tensor.dims[i];
        weights =
                (LowerConst){ .op = m.weights, .suffix = "(reshaped)", .dims = dims, .n_dims = 4 };
        r = lowering_operands(l, match, input, &weights, &operands);
        if (r < 0 || !operands.complete)
                return r;
        r = lowering_name(l, &name, "%s(TransferMatMulToConv2d)", core->name);
        if (r < 0)
                return r;
        r = lowering_add_layer(l, name, "conv2d-fix", &operands, &op);
        if (r < 0)
                return r;
        r = matmul_finish(l, match, input, &m, op);
        if (r < 0)
                return r;
        *ret = op;
        return 0;
}
