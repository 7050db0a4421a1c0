/*
 * Pooling, and reductions that are pooling.
 *
 *      maxpool2d, maxpool1d [+ fix]          ->  pool-fix MAX
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
        const char *type, *suffix; /* suffix: of the name; NULL: that of the tensor */
        LowerWindow window;
} Pool;

/* Only an average shifts to the right; a maximum keeps its fix point, and a sum follows. */
static LowerTail pool_tail(const Match *match, const Pool *pool, const Op *input) {
        LowerTail tail = { .fix_point = match->fix_point, .relu = match->activation };

        if (pool->type[0] == 'M' && lowering_fix_point(input) > match->fix_point)
                tail.fix_point = lowering_fix_point(input);
        return tail;
}

/* An op is named like its tensor (P21), if that has a name and no other one behind it has it. */
static int pool_name(Lowering *l, const Match *match, const Pool *pool, bool is_last,
                     const char **ret) {
        if (pool->suffix)
                return lowering_name(l, ret, "%s%s", match->core->name, pool->suffix);
        *ret = is_last && match->tensor[0] ? match->tensor : match->core->name;
        return 0;
}

static int pool_add(Lowering *l, const Match *match, const Pool *pool, Op **ret) {
        const Op *core = match->core;
        const char *name;
        int32_t sides[4];
        LowerTail tail;
        Op *input, *op;
        int r;

        if (match->activation && strncmp(match->activation->type, "relu", strlen("relu")) != 0)
                return lowering_refuse(l, core, "the engine has no %s behind it",
                                       match->activation->type);
        r = lowering_wide(l, lowering_before_pad(l, core, sides), core, &input);
        if (r < 0 || !input)
                return r;
        tail = pool_tail(match, pool, input);
        r = pool_name(l, match, pool, !tail.relu && tail.fix_point == match->fix_point, &name);
        if (r == 0)
                r = lowering_add(l, name, "pool-fix", &op);
        if (r == 0)
                r = graph_add_arg(l->target, op, "input", input);
        if (r == 0)
                r = lowering_set_window(l, op, &pool->window);
        if (r == 0)
                r = graph_set_string(l->target, &op->attrs, "type", pool->type);
        return r < 0 ? r : lowering_give_tail(l, match, &tail, op, ret);
}

static int pool_check_mean(Lowering *l, const Match *match, const int32_t *kernel, bool *ret_fits) {
        *ret_fits = pool_mean_is_exact(match, kernel);
        if (*ret_fits)
                return 0;
        return lowering_refuse(l, match->core,
                               "the engines average %dx%d with another factor than the quantized "
                               "model",
                               kernel[0], kernel[1]);
}

/* Does a window reach beyond the padding that the source has? With CEIL it may. */
static bool pool_reaches_beyond(const Lowering *l, const Op *core, const LowerWindow *w) {
        const Attr *pad = attrs_find(&core->attrs, "pad");
        const char *mode = attrs_string(&core->attrs, "pad_mode");
        bool has_pad = pad && pad->kind == ATTR_INT32_VEC && pad->n == 4;
        int32_t sides[4];

        if (mode && strcmp(mode, "SAME") == 0) /* pads what is missing */
                return false;
        if (mode && strcmp(mode, "VALID") == 0)
                has_pad = false;
        (void) lowering_before_pad(l, core, sides);
        for (size_t i = 1; i < 4; i += 2)
                if (w->pad[i] > (int64_t) sides[i] + (has_pad ? pad->int32s[i] : 0))
                        return true;
        return false;
}

/* The engines divide by all places of the kernel, whatever they see there. */
static bool pool_counts_all(const Lowering *l, const Op *core, const LowerWindow *w) {
        bool padding = true, beyond = true;

        (void) attrs_bool(&core->attrs, "count_include_pad", &padding);
        (void) attrs_bool(&core->attrs, "count_include_invalid", &beyond);
        return padding && (beyond || !pool_reaches_beyond(l, core, w));
}

int lower_pool(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        bool is_max = strncmp(core->type, "maxpool", strlen("maxpool")) == 0;
        Pool pool = { .type = is_max ? "MAX" : "AVG" };
        bool fits = true;
        int r = 0;

        if (strcmp(core->type, "maxpool1d") == 0)
                pool.suffix = "_transfered_MaxPool2d_inserted_fix";
        if (core->tensor.n_dims != (pool.suffix ? 3 : 4) || !lowering_window(l, core, &pool.window))
                return lowering_refuse(l, core, "it does not pool images");
        if (!is_max && !pool_counts_all(l, core, &pool.window))
                return lowering_refuse(
                        l, core,
                        "the engines count padding, and what is beyond, when they average");
        if (is_max && match->factor)
                return lowering_refuse(l, core, "it is scaled");
        if (!is_max)
                r = pool_check_mean(l, match, pool.window.kernel, &fits);
        return r < 0 || !fits ? r : pool_add(l, match, &pool, ret);
}

/* a kernel as long as the axes; false: they are others than height and width */
static bool reduce_window(const Op *core, LowerWindow *w) {
        const Tensor *in = &op_input(core, 0)->tensor;
        const Attr *axes = attrs_find(&core->attrs, "axis");
        int32_t n = (int32_t) in->n_dims; /* of an image, or a row of pixels */

        if (!axes || axes->kind != ATTR_INT32_VEC || axes->n < 1 || axes->n > 2 ||
            (n != 3 && n != 4) || core->tensor.n_dims != in->n_dims)
                return false;
        for (size_t i = 0; i < axes->n; i++) {
                int32_t axis = axes->int32s[i] < 0 ? axes->int32s[i] + n : axes->int32s[i];

                if (axis < 1 || axis > n - 2)
                        return false;
                w->kernel[n - 2 - axis] = in->dims[axis];
        }
        return true;
}

int lower_reduce(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        Pool pool = { .type = strcmp(core->type, "reduction_max") == 0 ? "MAX" : "AVG",
                      .window = { .kernel = { 1, 1 }, .stride = { 1, 1 } } };
        bool fits = true;
        int r = 0;

        if (!reduce_window(core, &pool.window))
                return lowering_refuse(l, core, "it does not reduce height or width of images");
        if (pool.type[0] == 'A')
                r = pool_check_mean(l, match, pool.window.kernel, &fits);
        return r < 0 || !fits ? r : pool_add(l, match, &pool, ret);
}
