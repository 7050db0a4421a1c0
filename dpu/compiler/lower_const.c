/*
 * Constants: a `const` of float32 and the `fix` behind it become one const-fix with int8 numbers:
 * q = floor(w * 2^fp + 0.5), saturated, in the order of the source (reference pairs of the
 * vendor's compiler, all of them byte by byte). The op keeps the name of the `const`, the tensor
 * that of the `fix`.
 *
 * A bias that is finer than what the engines add is shifted to the right, rounding down; its fix
 * point stays as it was (same pairs). The bits that this drops are below half a step of the sums of
 * products, and results are rounded at whole numbers of such halves: the sum is above one with them
 * if it is without. Only leaky-relu can tell, which multiplies before anything is rounded; there a
 * bias must lose nothing but zeros (lower_conv.c).
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <math.h>
#include <string.h>

bool lowering_is_const(const Op *op, int32_t *ret_fix_point) {
        const Op *input = op_input(op, 0);

        return lowering_is_fix(op, ret_fix_point) && input && strcmp(input->type, "const") == 0;
}

bool lowering_const_floats(const Op *op, Slice *ret) {
        const Tensor *tensor = &op->tensor;

        /* of another type, or not as many as the shape says: nobody can tell */
        return strcmp(op->type, "const") == 0 && tensor->data_type == DATA_TYPE_FLOAT &&
               tensor->bit_width == 32 && attrs_bytes(&op->attrs, "data", ret) == 0 &&
               ret->size == tensor_elements(tensor) * sizeof(float);
}

static float const_float(Slice data, size_t i) {
        float x;

        memcpy(&x, data.data + i * sizeof(x), sizeof(x));
        return x;
}

bool lowering_const_number(const Op *op, double *ret) {
        Slice data;

        if (!lowering_const_floats(op, &data) || data.size == 0)
                return false;
        for (size_t i = 1; i < data.size / sizeof(float); i++)
                if (const_float(data, i) != const_float(data, 0))
                        return false;
        *ret = (double) const_float(data, 0);
        return true;
}

/* From float32 to int8. Factors are powers of two whose exponents are within some hundreds, so
 * nothing is lost by multiplying. */
typedef struct ConstGrid {
        double scale; /* 2^fix_point */
        double step;  /* 2^-shift */
} ConstGrid;

static ConstGrid const_grid(const LowerConst *spec, int32_t fix_point) {
        return (ConstGrid){ .scale = ldexp(1, fix_point), .step = ldexp(1, -spec->shift) };
}

static double const_quantize(double x, double scale) {
        double q = floor(x * scale + 0.5);

        if (!(q >= INT8_MIN))
                q = isnan(q) ? 0 : INT8_MIN;
        return q > INT8_MAX ? INT8_MAX : q;
}

double lowering_quantize(double x, int32_t fix_point) {
        return const_quantize(x, ldexp(1, fix_point));
}

bool lowering_const_is_whole(const LowerConst *spec) {
        int32_t fix_point;
        ConstGrid grid;
        Slice floats;

        if (!lowering_is_const(spec->op, &fix_point) ||
            !lowering_const_floats(op_input(spec->op, 0), &floats))
                return false;
        grid = const_grid(spec, fix_point);
        for (size_t i = 0; i < floats.size / sizeof(float); i++) {
                double q = const_quantize((double) const_float(floats, i), grid.scale) * grid.step;

                if (q != floor(q))
                        return false;
        }
        return true;
}

static int8_t const_element(const ConstGrid *grid, Slice floats, size_t i) {
        return (int8_t) floor(const_quantize((double) const_float(floats, i), grid->scale) *
                              grid->step);
}

/* element @i of the result; spec->dims has four dimensions */
static int8_t const_picked(const LowerConst *spec, const ConstGrid *grid, Slice floats, size_t i) {
        const LowerPick *pick = spec->pick;
        int64_t at = 0;

        for (size_t k = 4; k-- > 0;) {
                int64_t place = (int64_t) (i % (size_t) spec->dims[k]) + pick->begin[k];

                i /= (size_t) spec->dims[k];
                if (place < 0 || place % (pick->gaps[k] + 1) != 0 ||
                    place / (pick->gaps[k] + 1) >= pick->dims[k])
                        return 0;
                at += place / (pick->gaps[k] + 1) * pick->strides[k];
        }
        return const_element(grid, floats, (size_t) at);
}

static int const_set_data(Lowering *l, Op *op, const LowerConst *spec, Slice floats,
                          int32_t fix_point) {
        const ConstGrid grid = const_grid(spec, fix_point);
        size_t n = (size_t) tensor_elements(&op->tensor);
        int8_t *data = arena_alloc(&l->target->arena, n);

        if (!data)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                data[i] = spec->pick ? const_picked(spec, &grid, floats, i)
                                     : const_element(&grid, floats, i);
        return attrs_lend_bytes(&op->attrs, &l->target->arena, "data", slice_of(data, n));
}

static int const_add(Lowering *l, const LowerConst *spec, const char *name, const char *tensor,
                     Op **ret) {
        const Tensor *shape = &spec->op->tensor;
        const int32_t *dims = spec->n_dims > 0 ? spec->dims : shape->dims;
        size_t n_dims = spec->n_dims > 0 ? spec->n_dims : shape->n_dims;
        int32_t fix_point = 0;
        Slice floats;
        Op *op;
        int r;

        (void) lowering_is_const(spec->op, &fix_point);
        (void) lowering_const_floats(op_input(spec->op, 0), &floats);
        r = lowering_add(l, name, "const-fix", &op);
        if (r < 0)
                return r;
        r = lowering_set_fixed(l, op, tensor, fix_point, dims, n_dims);
        if (r < 0)
                return r;
        r = graph_set_int32s(l->target, &op->attrs, "shape", dims, n_dims);
        if (r < 0)
                return r;
        r = graph_set_string(l->target, &op->attrs, "data_type", "XINT8");
        if (r == 0 && !l->trial)
                r = const_set_data(l, op, spec, floats, fix_point);
        if (r < 0)
                return r;

        *ret = op;
        return 0;
}

/* Readers share a constant. One that wants other bytes or another shape than the others gets its
 * own, with its name behind it. */
static bool const_is_special(const LowerConst *spec) {
        return (spec->suffix || spec->shift > 0) && spec->op->n_consumers > 1;
}

/* The shapes of a `const`, of the `fix` behind it and of what the reader makes of both are each what
 * the file says: no element may be read that is not there. */
static bool const_fits(const LowerConst *spec, Slice floats) {
        const LowerPick *pick = spec->pick;
        uint64_t n = floats.size / sizeof(float), wanted = 1;
        int64_t last = 0;

        if (tensor_elements(&spec->op->tensor) != n)
                return false;
        for (size_t k = 0; pick && k < 4; k++) {
                if (pick->dims[k] < 1)
                        return false;
                last += (pick->dims[k] - 1) * pick->strides[k];
        }
        if (pick)
                return (uint64_t) last < n;
        for (size_t i = 0; i < spec->n_dims; i++)
                if (spec->dims[i] < 1 ||
                    __builtin_mul_overflow(wanted, (uint64_t) spec->dims[i], &wanted))
                        return false;
        return spec->n_dims == 0 || wanted == n;
}

int lowering_const(Lowering *l, const LowerConst *spec, const Op *reader, Op **ret) {
        const Op *from = op_input(spec->op, 0);
        const char *name = from ? from->name : NULL, *tensor = spec->op->tensor.name;
        int32_t fix_point;
        Slice floats;
        Op *known;
        int r = 0;

        *ret = NULL;
        if (!lowering_is_const(spec->op, &fix_point))
                return lowering_refuse(l, reader, "%s is no quantized constant", spec->op->name);
        if (!lowering_const_floats(from, &floats))
                return lowering_refuse(l, reader, "%s does not hold float32 numbers", from->name);
        if (!const_fits(spec, floats))
                return lowering_refuse(l, reader, "%s has not as many numbers as its readers want",
                                       from->name);

        if (spec->suffix)
                r = lowering_name(l, &name, "%s%s", name, spec->suffix);
        if (r == 0 && const_is_special(spec))
                r = lowering_name(l, &name, "%s_%s", name, reader->name);
        if (r == 0 && spec->suffix)
                r = lowering_name(l, &tensor, "%s_inserted_fix_%zu", name, l->n_inserted++);
        if (r < 0)
                return r;
        known = l->trial ? NULL : graph_find_op(l->target, name);
        if (known && strcmp(known->type, "const-fix") == 0 &&
            strcmp(known->tensor.name, tensor) == 0) {
                *ret = known;
                return 0;
        }
        if (known) /* another fix of the same constant */
                r = lowering_name(l, &name, "%s_%s", name, reader->name);
        return r < 0 ? r : const_add(l, spec, name, tensor, ret);
}

int lowering_add_numbers(Lowering *l, const LowerNumbers *numbers, Op **ret) {
        size_t n;
        Op *op;
        int r;

        r = lowering_add(l, numbers->name, "const-fix", &op);
        if (r == 0)
                r = lowering_set_fixed(l, op, numbers->name, numbers->fix_point, numbers->dims,
                                       numbers->n_dims);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "shape", numbers->dims,
                                     numbers->n_dims);
        if (r == 0)
                r = graph_set_string(l->target, &op->attrs, "data_type", "XINT8");
        if (r < 0)
                return r;
        n = (size_t) tensor_elements(&op->tensor);
        if (!l->trial)
                r = graph_set_bytes(l->target, &op->attrs, "data", slice_of(numbers->data, n));
        if (r < 0)
                return r;
        *ret = op;
        return 0;
}
