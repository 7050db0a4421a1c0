/*
 * Matrix products with a constant: one pixel, all of whose features are channels.
 *
 *      [reshape +] matmul (+ activation) + fix  ->  conv2d-fix [1,1,1,N] (+ reshape-fix)
 *      matmul of many rows; inner-product       ->  the same with a kernel of 1; the same
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
#include <string.h>

#define MATMUL_KERNEL_MAX 16        /* of a convolution of the engines */
#define MATMUL_SIZE_MAX   (1 << 24) /* more than fits into their banks */

typedef struct Matmul {
        const Op *weights;
        int64_t n, k, rows; /* [rows, k] times [n, k] transposed */
        bool turned;        /* the weights are [k, n] */
} Matmul;

/* inner-product: everything from an axis on is one row, weights are an argument */
static bool matmul_init_inner(const Op *core, Matmul *m) {
        const Arg *weights = op_arg(core, "weights");
        const Tensor *in = &op_input(core, 0)->tensor;
        int32_t axis = -1;

        (void) attrs_int32(&core->attrs, "axis", &axis);
        if (axis < 0)
                axis += (int32_t) in->n_dims;
        if (!weights || weights->n_ops != 1 || weights->ops[0]->tensor.n_dims < 1 || axis < 1 ||
            (size_t) axis >= in->n_dims)
                return false;
        for (size_t i = 0; i < (size_t) axis; i++)
                if (in->dims[i] != 1)
                        return false;
        m->weights = weights->ops[0];
        m->n = m->weights->tensor.dims[0];
        m->k = (int64_t) tensor_elements(in);
        m->rows = 1;
        return true;
}

static bool matmul_init_factors(const Op *core, Matmul *m) {
        const Op *a = op_input(core, 0), *b = op_input(core, 1);
        bool transpose_a = false, transpose_b = false;
        size_t n;

        (void) attrs_bool(&core->attrs, "transpose_a", &transpose_a);
        (void) attrs_bool(&core->attrs, "transpose_b", &transpose_b);
        if (!b || op_input(core, 2) || a->tensor.n_dims < 2 || a->tensor.n_dims > 4 ||
            b->tensor.n_dims != 2 || transpose_a)
                return false;
        n = a->tensor.n_dims;
        m->weights = b;
        m->turned = !transpose_b;
        m->n = b->tensor.dims[m->turned ? 1 : 0];
        m->k = b->tensor.dims[m->turned ? 0 : 1];
        if (m->k < 1 || a->tensor.dims[n - 1] != m->k)
                return false;
        m->rows = (int64_t) tensor_elements(&a->tensor) / m->k;
        return true;
}

/* as many numbers as the sizes say, the last dimension being that of the weights */
static bool matmul_fits(const Op *core, const Matmul *m) {
        const Tensor *out = &core->tensor, *weights = &m->weights->tensor;

        return m->n >= 1 && m->k >= 1 && m->rows >= 1 && m->k <= MATMUL_SIZE_MAX &&
               out->n_dims >= 2 && out->n_dims <= 4 && out->dims[out->n_dims - 1] == m->n &&
               tensor_elements(out) == (uint64_t) m->n * (uint64_t) m->rows &&
               tensor_elements(weights) == (uint64_t) m->n * (uint64_t) m->k;
}

static int matmul_init(Lowering *l, const Op *core, Matmul *ret, bool *ret_fits) {
        bool inner = strcmp(core->type, "inner-product") == 0;
        Matmul m = { 0 };

        if (!op_input(core, 0) ||
            !(inner ? matmul_init_inner(core, &m) : matmul_init_factors(core, &m)) ||
            !matmul_fits(core, &m))
                return lowering_refuse(l, core,
                                       "it is no linear layer, rows of K numbers times [N,K] or "
                                       "[K,N], or its operands do not fit");
        if (core->tensor.dims[0] != 1)
                return lowering_refuse(l, core, "it has %d rows, not one", core->tensor.dims[0]);
        *ret = m;
        *ret_fits = true;
        return 0;
}

/* [1, 1, 1, K] of what has another shape */
static int matmul_flatten(Lowering *l, const Op *from, const Matmul *m, Op *input, Op **ret) {
        const int32_t dims[4] = { 1, 1, 1, (int32_t) m->k };
        const char *name;
        int r;

        r = lowering_name(l, &name, "%s_reshaped", from->tensor.name);
        if (r < 0)
                return r;
        return lowering_add_reshape(l, name, name, input, dims, 4, ret);
}

/* The input as an image that a kernel can cover; many rows as an image of as many pixels. */
static int matmul_input(Lowering *l, const Op *core, const Matmul *m, Op **ret) {
        const Op *from = lowering_before_reshape(l, op_input(core, 0));
        Op *input;
        int r;

        *ret = NULL;
        if (m->rows > 1)
                return lowering_wide(l, op_input(core, 0), core, ret);
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

/* of weights [K,N]: element (n, h, w, c) is (the number of the place, n) */
static LowerPick matmul_pick(const Matmul *m, const int32_t dims[4]) {
        LowerPick pick = { .strides = { 1, 0, 0, m->n } };

        memcpy(pick.dims, dims, sizeof(pick.dims));
        pick.strides[2] = pick.strides[3] * dims[3];
        pick.strides[1] = pick.strides[2] * dims[2];
        return pick;
}

static int matmul_operands(Lowering *l, const Match *match, const Matmul *m, Op *input,
                           const int32_t *kernel, LowerOperands *ret) {
        const int32_t dims[4] = { (int32_t) m->n, kernel[1], kernel[0], input->tensor.dims[3] };
        const LowerPick pick = matmul_pick(m, dims);
        const LowerConst weights = { .op = m->weights,
                                     .suffix = "(reshaped)",
                                     .dims = dims,
                                     .n_dims = 4,
                                     .pick = m->turned ? &pick : NULL };

        return lowering_operands(l, match, input, &weights, ret);
}

int lower_matmul(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        int32_t kernel[2] = { 1, 1 };
        LowerOperands operands = { 0 };
        Matmul m = { 0 };
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
        if (tensor_elements(&input->tensor) != (uint64_t) (m.rows * m.k)) /* a reshape lies */
                return lowering_refuse(l, core, "its operands do not fit");
        for (size_t i = 0; m.rows == 1 && i < 2; i++)
                kernel[i] = input->tensor.dims[2 - i];
        r = matmul_operands(l, match, &m, input, kernel, &operands);
        if (r < 0 || !operands.complete)
                return r;
        r = lowering_name(l, &name, "%s(TransferMatMulToConv2d)", core->name);
        if (r == 0)
                r = lowering_add_layer(l, name, "conv2d-fix", &operands, &op);
        if (r == 0)
                r = lowering_set_plain(l, op, match, kernel);
        if (r == 0)
                r = graph_set_int32(l->target, &op->attrs, "group", 1);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}
