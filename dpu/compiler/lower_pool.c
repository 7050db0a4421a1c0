/*
 * Pooling, and reductions that are pooling.
 *
 *      maxpool2d [+ fix]                     ->  pool-fix MAX
 *      avgpool2d [+ mul by a constant] + fix ->  pool-fix AVG
 *      reduction_max, reduction_mean         ->  the same, with a kernel as long as the axis (P23)
 *
 * The op is named like its tensor, as in releases 3.x (P21). Stride and padding follow the rules of
 * convolutions (P12, P14).
 *
 * The engines average with a factor N / 2^M instead of a division, and the quantizer exports the
 * quotient of the two as a `mul` behind avgpool2d (CifarResNet20: 8x8 needs none, so it is 1). So a
 * pool is the engines' only if both together are that factor. N and M: Xilinx/Vitis-AI
 * src/vai_library/cpu_task/ops/pool-fix.
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"

typedef struct PoolFactor {
        int32_t kernel; /* of a square */
        int32_t n, m;
} PoolFactor;

static const PoolFactor pool_factors[] = {
        { 3, 7, 6 }, { 5, 10, 8 }, { 6, 7, 8 }, { 7, 21, 10 }, { 14, 21, 12 },
};

/* What the engines multiply a sum over kernel[0] x kernel[1] places by: from the table, else the
 * closest N / 2^M with 2^M < 128 * area, the smallest M of equals. */
static double pool_engine_factor(const int32_t *kernel) {
        double area = (double) kernel[0] * kernel[1], best = 1;

        for (size_t i = 0; i < ARRAY_SIZE(pool_factors); i++)
                if (kernel[0] == pool_factors[i].kernel && kernel[1] == pool_factors[i].kernel)
                        return ldexp(pool_factors[i].n, -pool_factors[i].m);
        for (double power = 1; power < 128 * area; power *= 2) {
                double factor = round(power / area) / power;

                if (fabs(factor - 1 / area) < fabs(best - 1 / area))
                        best = factor;
        }
        return best;
}

/* Is the mean over the kernel, times the constant behind it, what the engines compute? */
static bool pool_mean_is_exact(const Match *match, const int32_t *kernel) {
        double area = (double) kernel[0] * kernel[1], factor = 1;
        const Op *constant = match->factor ? op_input(match->factor, 1) : NULL;
        int32_t unused;

        if (constant && lowering_is_const(constant, &unused))
                constant = op_input(constant, 0);
        if (constant && !lowering_const_number(constant, &factor))
                return false;
        return factor == (double) (float) (pool_engine_factor(kernel) * area);
}

typedef struct Pool {
        const char *type;
        int32_t kernel[2], stride[2], pad[4];
} Pool;

static int pool_add(Lowering *l, const Match *match, const Pool *pool, bool has_window, Op **ret) {
        Op *op;
        int r;

        r = lowering_add_unary(l, match, match->tensor, "pool-fix", &op);
        if (r < 0 || !op)
                return r;
        r = graph_set_int32s(l->target, &op->attrs, "kernel", pool->kernel, 2);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "stride", pool->stride, 2);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "pad", pool->pad, 4);
        if (r == 0)
                r = graph_set_string(l->target, &op->attrs, "type", pool->type);
        if (r == 0 && has_window)
                r = lowering_set_window(l, op, match);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

int lower_pool(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        const Attr *kernel = attrs_find(&core->attrs, "kernel");
        Pool pool = { .type = strcmp(core->type, "maxpool2d") == 0 ? "MAX" : "AVG" };
        bool counts = true, is_max = pool.type[0] == 'M';

        if (!kernel || kernel->kind != ATTR_INT32_VEC || kernel->n != 2 ||
            core->tensor.n_dims != 4 || op_input(core, 0)->tensor.n_dims != 4)
                return lowering_refuse(l, core, "it does not pool images");
        memcpy(pool.kernel, kernel->int32s, sizeof(pool.kernel));
        (void) attrs_bool(&core->attrs, "count_include_pad", &counts);
        if (!is_max && !counts)
                return lowering_refuse(l, core, "the engines count padding when they average");
        if (!is_max && !pool_mean_is_exact(match, pool.kernel))
                return lowering_refuse(l, core,
                                       "the engines average %dx%d with another factor than the "
                                       "quantized model",
                                       pool.kernel[0], pool.kernel[1]);
        if (is_max && match->factor)
                return lowering_refuse(l, core, "it is scaled");
        return pool_add(l, match, &pool, true, ret);
}

int lower_reduce(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core, *input = op_input(core, 0);
        const Attr *axes = attrs_find(&core->attrs, "axis");
        Pool pool = { .type = strcmp(core->type, "reduction_max") == 0 ? "MAX" : "AVG",
                      .kernel = { 1, 1 },
                      .stride = { 1, 1 } };
        bool fits = axes && axes->kind == ATTR_INT32_VEC && axes->n >= 1 && axes->n <= 2 &&
                    input->tensor.n_dims == 4 && core->tensor.n_dims == 4;

        for (size_t i = 0; fits && i < axes->n; i++) {
                int32_t axis = axes->int32s[i] < 0 ? axes->int32s[i] + 4 : axes->int32s[i];

                fits = axis == 1 || axis == 2;
                if (fits)
                        pool.kernel[2 - axis] = input->tensor.dims[axis];
        }
        if (!fits)
                return lowering_refuse(l, core, "it does not reduce height or width of images");
        if (pool.type[0] == 'A' && !pool_mean_is_exact(match, pool.kernel))
                return lowering_refuse(l, core,
                                       "the engines average %dx%d with another factor than the "
                                       "quantized model",
                                       pool.kernel[0], pool.kernel[1]);
        return pool_add(l, match, &pool, false, ret);
}
