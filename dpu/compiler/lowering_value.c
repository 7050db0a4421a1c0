/*
 * The forms of a value, and what is between them
 *
 * At the borders of the fixed-point ops stand fix2float (named `<tensor>_<reader>`, or `<tensor>_`
 * where the application reads; S50, P41) and float2fix. A reshape of something fixed is made where
 * it is read, as one reshape-fix past all reshapes before it, so that those that a matmul takes in
 * never appear, nor do the constants that give their shape (P42).
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"

int lowering_refuse(Lowering *l, const Op *op, const char *format, ...) {
        LowerValue *value = lowering_value(l, op);
        char text[PROBLEM_MAX];
        va_list ap;

        if (value->reason)
                return 0;
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        value->reason = arena_string(&l->arena, text, strlen(text));
        return value->reason ? 0 : -ENOMEM;
}

static int value_vtext(Lowering *l, const char **ret, const char *format, va_list arguments)
        __attribute__((format(printf, 3, 0)));
static int value_vtext(Lowering *l, const char **ret, const char *format, va_list arguments) {
        _cleanup_(freep) char *text = NULL;
        int r;

        r = strings_vprintf(&text, format, arguments);
        if (r < 0)
                return r;
        *ret = arena_string(&l->arena, text, strlen(text));
        return *ret ? 0 : -ENOMEM;
}

int lowering_text(Lowering *l, const char **ret, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = value_vtext(l, ret, format, ap);
        va_end(ap);
        return r;
}

/* with a number behind it, if @graph has an op of that name */
static int value_free_name(Lowering *l, const Graph *graph, const char *text, const char **ret) {
        const char *name = text;
        int r = 0;

        for (size_t i = 1; r == 0 && graph_find_op(graph, name); i++)
                r = lowering_text(l, &name, "%s_%zu", text, i);
        if (r == 0)
                *ret = name;
        return r;
}

int lowering_name(Lowering *l, const char **ret, const char *format, ...) {
        const char *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = value_vtext(l, &text, format, ap);
        va_end(ap);
        return r < 0 ? r : value_free_name(l, l->source, text, ret);
}

/* --- what is known of the source ------------------------------------------------------------ */

static bool value_is_type(const Op *op, const char *const *types, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(op->type, types[i]) == 0)
                        return true;
        return false;
}

bool lowering_is_fix(const Op *op, int32_t *ret_fix_point) {
        const char *mode = attrs_string(&op->attrs, "round_mode");
        int32_t bit_width, fix_point;
        bool is_signed;

        if (strcmp(op->type, "fix") != 0 || !mode || strcmp(mode, "DPU_ROUND") != 0 ||
            attrs_int32(&op->attrs, "bit_width", &bit_width) < 0 || bit_width != 8 ||
            attrs_bool(&op->attrs, "if_signed", &is_signed) < 0 || !is_signed ||
            attrs_int32(&op->attrs, "fix_point", &fix_point) < 0)
                return false;
        if (fix_point < -LOWER_FIX_POINT_MAX || fix_point > LOWER_FIX_POINT_MAX)
                return false;
        *ret_fix_point = fix_point;
        return true;
}

static bool value_is_reshape_type(const Op *op) {
        static const char *const types[] = { "reshape", "flatten", "squeeze" };

        return value_is_type(op, types, ARRAY_SIZE(types));
}

/* every number that they put out is one that went in */
static bool value_moves(const Op *op) {
        static const char *const types[] = { "concat", "identity",      "maxpool1d",    "maxpool2d",
                                             "relu",   "reduction_max", "transpose",    "reorg",
                                             "stack",  "strided_slice", "pixel-shuffle" };
        const char *mode = attrs_string(&op->attrs, "mode");

        if (strcmp(op->type, "pad") == 0)
                return lowering_pads_zeros(op);
        if (strcmp(op->type, "resize") == 0)
                return mode && strcmp(mode, "NEAREST") == 0;
        return value_is_reshape_type(op) || value_is_type(op, types, ARRAY_SIZE(types));
}

static void value_find_grid(Lowering *l, const Op *op) {
        LowerValue *value = lowering_value(l, op);
        const Arg *arg = op_arg(op, "input");

        value->has_grid = lowering_is_fix(op, &value->grid);
        if (value->has_grid || !value_moves(op) || !arg || arg->n_ops == 0)
                return;
        value->grid = lowering_value(l, arg->ops[0])->grid;
        value->has_grid = true;
        for (size_t i = 0; i < arg->n_ops; i++) {
                const LowerValue *from = lowering_value(l, arg->ops[i]);

                value->has_grid = value->has_grid && from->has_grid && from->grid == value->grid;
        }
}

static bool value_is_positive(const Lowering *l, const Op *op) {
        static const char *const positive[] = { "relu", "relu6", "hard-sigmoid", "sigmoid",
                                                "softmax" };
        static const char *const keep[] = { "fix", "maxpool2d" };

        if (value_is_type(op, keep, ARRAY_SIZE(keep)) && op_input(op, 0))
                return lowering_value(l, op_input(op, 0))->is_positive;
        return value_is_type(op, positive, ARRAY_SIZE(positive));
}

bool lowering_is_reshape(const Lowering *l, const Op *op) {
        const Op *input = op_input(op, 0);
        int32_t fix_point;

        if (!input || lowering_value(l, op)->owner)
                return false;
        if (lowering_is_fix(op, &fix_point))
                return value_is_reshape_type(input) && lowering_value(l, input)->has_grid &&
                       lowering_value(l, input)->grid == fix_point;
        return value_is_reshape_type(op);
}

/* once for each op: chains may be as long as the graph */
void lowering_find_facts(Lowering *l, const Op *op) {
        LowerValue *value = lowering_value(l, op);

        value_find_grid(l, op);
        value->is_positive = value_is_positive(l, op);
        value->root = lowering_is_reshape(l, op) ? lowering_value(l, op_input(op, 0))->root : op;
}

const Op *lowering_before_reshape(const Lowering *l, const Op *op) {
        return lowering_value(l, op)->root ?: op;
}

int32_t lowering_fix_point(const Op *fixed) {
        int32_t fix_point = 0;

        (void) attrs_int32(&fixed->tensor.attrs, "fix_point", &fix_point);
        return fix_point;
}

/* --- building ------------------------------------------------------------------------------- */

int lowering_add(Lowering *l, const char *name, const char *type, Op **ret) {
        char number[32];
        int r;

        (void) snprintf(number, sizeof(number), "%zu", l->target->n_ops);
        if (l->trial)
                return graph_add_op(l->target, number, type, ret);
        r = value_free_name(l, l->target, name, &name);
        return r < 0 ? r : graph_add_op(l->target, name, type, ret);
}

int lowering_set_grid(Lowering *l, Attrs *attrs, int32_t fix_point) {
        int r;

        r = graph_set_int32(l->target, attrs, "fix_point", fix_point);
        if (r == 0)
                r = graph_set_int32(l->target, attrs, "bit_width", 8);
        if (r == 0)
                r = graph_set_string(l->target, attrs, "round_mode", "DPU_ROUND");
        return r < 0 ? r : graph_set_bool(l->target, attrs, "if_signed", true);
}

int lowering_set_fixed(Lowering *l, Op *op, const char *tensor, int32_t fix_point,
                       const int32_t *dims, size_t n_dims) {
        int r;

        r = graph_set_tensor(l->target, op, tensor, DATA_TYPE_XINT, 8, dims, n_dims);
        return r < 0 ? r : lowering_set_grid(l, &op->tensor.attrs, fix_point);
}

int lowering_copy_attrs(Lowering *l, Attrs *to, const Attrs *from) {
        int r;

        for (size_t i = 0; i < from->n; i++) {
                r = graph_set_attr(l->target, to, from->items[i].name, &from->items[i].value);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* two readers may want the same */
static Op *value_find_reshape(const Lowering *l, const char *name, const Op *input,
                              const int32_t *dims, size_t n_dims) {
        Op *op = graph_find_op(l->target, name);

        if (!op || strcmp(op->type, "reshape-fix") != 0 || op_input(op, 0) != input ||
            op->tensor.n_dims != n_dims ||
            memcmp(op->tensor.dims, dims, n_dims * sizeof(*dims)) != 0)
                return NULL;
        return op;
}

int lowering_add_reshape(Lowering *l, const char *name, const char *tensor, Op *input,
                         const int32_t *dims, size_t n_dims, Op **ret) {
        Op *op = value_find_reshape(l, name, input, dims, n_dims);
        int r;

        if (op) {
                *ret = op;
                return 0;
        }
        r = lowering_add(l, name, "reshape-fix", &op);
        if (r == 0)
                r = graph_add_arg(l->target, op, "input", input);
        if (r == 0)
                r = graph_set_int32s(l->target, &op->attrs, "shape", dims, n_dims);
        if (r == 0)
                r = graph_set_string(l->target, &op->attrs, LOWER_DEVICE_ATTR, "DPU");
        if (r == 0)
                r = lowering_set_fixed(l, op, tensor, lowering_fix_point(input), dims, n_dims);
        if (r < 0)
                return r;
        *ret = op;
        return 0;
}

/* --- the fixed form -------------------------------------------------------------------------- */

int lowering_accept(Lowering *l, const Op *op, Problem *reason) {
        return l->spec->accepts(op, l->spec->userdata, reason);
}

/* Groups for which the engines do not reshape get nothing, in the trial: they are not made then. In
 * the final run only float readers are left who want what is refused. For them it is on the CPU. */
static int value_check_reshape(Lowering *l, Op *made, const Op *reader, Op **ret) {
        Problem reason = { "" };
        int r;

        *ret = made;
        r = lowering_accept(l, made, &reason);
        if (r != -EOPNOTSUPP)
                return r;
        if (!l->trial) {
                (void) attrs_remove(&made->attrs, LOWER_DEVICE_ATTR);
                return graph_set_string(l->target, &made->attrs, LOWER_REASON_ATTR, reason.text);
        }
        *ret = NULL;
        return lowering_refuse(l, reader, "%s", reason.text);
}

static int value_reshape(Lowering *l, const Op *op, const Op *reader, Op *from, Op **ret) {
        const Tensor *shape = &op->tensor;
        int32_t unused;
        bool is_fix = lowering_is_fix(op, &unused);
        const char *name = is_fix ? op_input(op, 0)->name : op->name, *tensor = op->tensor.name;
        Op *made;
        int r = 0;

        if (lowering_value(l, op)->image)
                r = lowering_name(l, &name, "%s_reshaped", from->tensor.name);
        if (r == 0 && !is_fix)
                r = lowering_name(l, &tensor, "%s_fix", op->tensor.name);
        if (r == 0)
                r = lowering_add_reshape(l, name, tensor, from, shape->dims, shape->n_dims, &made);
        return r < 0 ? r : value_check_reshape(l, made, reader, ret);
}

int lowering_image(Lowering *l, const Op *op, const Op *reader, Op **ret) {
        if (lowering_value(l, op)->image) {
                *ret = lowering_value(l, op)->image;
                return 0;
        }
        return lowering_fixed(l, op, reader, ret);
}

int lowering_fixed(Lowering *l, const Op *op, const Op *reader, Op **ret) {
        const LowerConst constant = { .op = op };
        const Op *root = lowering_before_reshape(l, op);
        LowerValue *value = lowering_value(l, op);
        int32_t unused;
        Op *from = NULL;
        int r = 0;

        *ret = value->fixed;
        if (value->fixed)
                return 0;
        if (lowering_is_const(op, &unused)) {
                r = lowering_const(l, &constant, reader, &value->fixed);
                *ret = value->fixed;
                return r;
        }
        from = lowering_value(l, root)->image ?: lowering_value(l, root)->fixed;
        if (!from)
                return lowering_refuse(l, reader, "%s, which it reads, is not quantized",
                                       root->name);
        r = value_reshape(l, op, reader, from, &value->fixed);
        *ret = value->fixed;
        return r;
}

size_t lowering_wide_dims(const Tensor *tensor, int32_t ret[4]) {
        size_t n = tensor->n_dims, more = n == 2 || n == 3 ? 4 - n : 0;

        if (n > 4)
                return n;
        for (size_t i = 0; i < n + more; i++)
                ret[i] = i == 0 ? tensor->dims[0] : i <= more ? 1 : tensor->dims[i - more];
        return n + more;
}

int lowering_wide(Lowering *l, const Op *op, const Op *reader, Op **ret) {
        Op *image = lowering_value(l, op)->image, *from;
        const char *name;
        int32_t dims[4];
        size_t n_dims = lowering_wide_dims(&op->tensor, dims);
        int r;

        *ret = image;
        if (image && image->tensor.n_dims == n_dims &&
            memcmp(image->tensor.dims, dims, n_dims * sizeof(*dims)) == 0)
                return 0;
        r = lowering_fixed(l, op, reader, &from);
        *ret = from;
        if (r < 0 || !from || n_dims == op->tensor.n_dims)
                return r;
        r = lowering_name(l, &name, "%s_input_inserted_reshape", from->name);
        if (r == 0)
                r = lowering_add_reshape(l, name, name, from, dims, n_dims, &from);
        *ret = from;
        return r < 0 ? r : value_check_reshape(l, from, reader, ret);
}

int lowering_add_unary(Lowering *l, const Match *match, const char *name, const char *type,
                       Op **ret) {
        Op *input, *op;
        int r;

        *ret = NULL;
        r = lowering_wide(l, op_input(match->core, 0), match->core, &input);
        if (r < 0 || !input)
                return r;
        r = lowering_add(l, name, type, &op);
        if (r < 0)
                return r;
        r = graph_add_arg(l->target, op, "input", input);
        if (r < 0)
                return r;
        *ret = op;
        return 0;
}

/* --- the real form ------------------------------------------------------------------------------ */

static int value_fix2float(Lowering *l, Op *fixed, const Op *reader, Op **ret) {
        const Tensor *shape = &fixed->tensor;
        const char *name;
        Op *op;
        int r;

        r = lowering_name(l, &name, "%s_%s", shape->name, reader ? reader->name : "");
        if (r < 0)
                return r;
        *ret = graph_find_op(l->target, name);
        if (*ret && op_input(*ret, 0) == fixed) /* a reader may read it twice */
                return 0;
        r = lowering_add(l, name, "fix2float", &op);
        if (r == 0)
                r = graph_add_arg(l->target, op, "input", fixed);
        if (r == 0)
                r = lowering_set_grid(l, &op->attrs, lowering_fix_point(fixed));
        if (r == 0)
                r = graph_set_string(l->target, &op->attrs, LOWER_REASON_ATTR,
                                     "it brings results of the DPU to the CPU");
        if (r == 0)
                r = graph_set_tensor(l->target, op, op->name, DATA_TYPE_FLOAT, 32, shape->dims,
                                     shape->n_dims);
        if (r < 0)
                return r;
        *ret = op;
        return 0;
}

/* A constant that float ops read stays what it was; its name may be a const-fix's already. */
static int value_real_const(Lowering *l, const Op *op) {
        const char *name = op->name;
        int r;

        if (graph_find_op(l->target, name)) {
                r = lowering_name(l, &name, "%s_const", op->name);
                if (r < 0)
                        return r;
        }
        return lowering_copy(l, op, name);
}

int lowering_real(Lowering *l, const Op *op, const Op *reader, Op **ret) {
        LowerValue *value = lowering_value(l, op);
        int32_t unused;
        Op *fixed;
        int r = 0;

        if (!value->real && lowering_is_const(op, &unused)) {
                const Op *from = op_input(op, 0);

                if (!lowering_value(l, from)->real)
                        r = value_real_const(l, from);
                if (r == 0)
                        r = lowering_copy(l, op, op->name);
        } else if (!value->real && strcmp(op->type, "const") == 0) {
                r = value_real_const(l, op);
        }
        if (r < 0)
                return r;
        *ret = value->real;
        if (value->real)
                return 0;
        r = lowering_fixed(l, op, reader ?: op, &fixed);
        if (r < 0)
                return r;
        return fixed ? value_fix2float(l, fixed, reader, ret) : -EINVAL;
}

/* --- ops that stay as they are ------------------------------------------------------------------- */

static int value_copy_args(Lowering *l, const Op *from, Op *op) {
        for (size_t i = 0; i < from->n_args; i++) {
                const Arg *arg = &from->args[i];
                int r;

                r = graph_add_arg(l->target, op, arg->name, NULL); /* it may have no ops */
                for (size_t k = 0; r == 0 && k < arg->n_ops; k++)
                        r = graph_add_arg(l->target, op, arg->name,
                                          lowering_value(l, arg->ops[k])->reading);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* the real forms of all inputs, made before the op that reads them */
static int value_prepare_args(Lowering *l, const Op *from) {
        for (size_t i = 0; i < from->n_args; i++) {
                for (size_t k = 0; k < from->args[i].n_ops; k++) {
                        const Op *input = from->args[i].ops[k];
                        int r;

                        r = lowering_real(l, input, from, &lowering_value(l, input)->reading);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* what the later passes read is what we say, not the source */
static void value_remove_ours(Op *op) {
        (void) attrs_remove(&op->attrs, LOWER_DEVICE_ATTR);
        (void) attrs_remove(&op->attrs, LOWER_REASON_ATTR);
}

/* A concat on the CPU of what the DPU has rounded to the concat's grid already: the `fix` behind it
 * gives what it gave, but before that the numbers are others than in the source. */
static int value_tensor_name(Lowering *l, const Op *from, const char **ret) {
        const Arg *arg = op_arg(from, "input");

        *ret = from->tensor.name;
        for (size_t i = 0; arg && i < arg->n_ops; i++)
                if (lowering_value(l, arg->ops[i])->rounded)
                        return lowering_name(l, ret, "%s_rounded", from->tensor.name);
        return 0;
}

int lowering_copy(Lowering *l, const Op *from, const char *name) {
        LowerValue *value = lowering_value(l, from);
        const Tensor *tensor = &from->tensor;
        const char *tensor_name;
        Op *op;
        int r;

        r = value_prepare_args(l, from);
        if (r == 0)
                r = value_tensor_name(l, from, &tensor_name);
        if (r == 0)
                r = graph_add_op(l->target, name, from->type, &op);
        if (r == 0)
                r = lowering_copy_attrs(l, &op->attrs, &from->attrs);
        if (r == 0)
                r = value_copy_args(l, from, op);
        if (r == 0)
                r = graph_set_tensor(l->target, op, tensor_name, (DataType) tensor->data_type,
                                     tensor->bit_width, tensor->dims, tensor->n_dims);
        if (r == 0)
                r = lowering_copy_attrs(l, &op->tensor.attrs, &tensor->attrs);
        if (r == 0)
                value_remove_ours(op);
        if (r == 0 && value->reason)
                r = graph_set_string(l->target, &op->attrs, LOWER_REASON_ATTR, value->reason);
        if (r < 0)
                return r;
        value->real = op;
        return 0;
}
