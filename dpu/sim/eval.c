#include "dpu/sim/eval.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* --- inputs --------------------------------------------------------------------------------- */

size_t eval_n_inputs(const EvalCall *call) {
        const Arg *arg = op_arg(call->op, "input");

        return arg ? arg->n_ops : 0;
}

const Values *eval_input(const EvalCall *call, size_t index) {
        return &call->all[op_arg(call->op, "input")->ops[index]->index];
}

const Values *eval_arg(const EvalCall *call, const char *name) {
        const Arg *arg = op_arg(call->op, name);

        return arg && arg->n_ops > 0 ? &call->all[arg->ops[0]->index] : NULL;
}

int eval_refuse(const EvalCall *call, const char *format, ...) {
        char text[PROBLEM_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        return problem_set(call->problem, -EINVAL, "%s", text);
}

int eval_spend(const EvalCall *call, double n) {
        *call->work_left -= n;
        if (*call->work_left >= 0)
                return 0;
        return problem_set(call->problem, -E2BIG, "more multiplications than a run may have");
}

/* --- attributes ------------------------------------------------------------------------------ */

int eval_int32s(const EvalCall *call, const char *name, size_t n, int32_t *ret) {
        const Attr *attr = attrs_find(&call->op->attrs, name);

        if (!attr)
                return 0;
        if (attr->kind != ATTR_INT32_VEC || attr->n != n)
                return eval_refuse(call, "attribute %s is not %zu integers", name, n);
        if (n > 0)
                memcpy(ret, attr->int32s, n * sizeof(*ret));
        return 0;
}

int eval_float(const EvalCall *call, const char *name, double *ret) {
        const Attr *attr = attrs_find(&call->op->attrs, name);

        if (attr && attr->kind == ATTR_FLOAT)
                *ret = attr->float32;
        else if (attr && attr->kind == ATTR_DOUBLE)
                *ret = attr->float64;
        else
                return eval_refuse(call, "no attribute %s", name);
        return 0;
}

int eval_axis(const EvalCall *call, size_t n_dims, size_t *ret) {
        int32_t axis = -1;

        (void) attrs_int32(&call->op->attrs, "axis", &axis);
        if (axis < 0)
                axis += (int32_t) n_dims;
        if (axis < 0 || (size_t) axis >= n_dims)
                return eval_refuse(call, "axis %d of %zu dimensions", axis, n_dims);
        *ret = (size_t) axis;
        return 0;
}

int eval_lines(const EvalCall *call, Lines *ret) {
        Lines lines = { .stride = 1 };
        size_t axis;
        int r;

        if (eval_n_inputs(call) != 1)
                return eval_refuse(call, "it has one input");
        lines.input = eval_input(call, 0);
        r = eval_axis(call, lines.input->n_dims, &axis);
        if (r < 0)
                return r;
        lines.n = (size_t) lines.input->dims[axis];
        for (size_t i = axis + 1; i < lines.input->n_dims; i++)
                lines.stride *= (size_t) lines.input->dims[i];
        if (lines.input->n == 0)
                return eval_refuse(call, "its input is empty");
        lines.n_lines = lines.input->n / lines.n;

        *ret = lines;
        return 0;
}

/* --- output -------------------------------------------------------------------------------------- */

/* the names and, in files of old releases, numbers of `nonlinear` */
static const struct {
        const char *name, *op_type;
} sink_nonlinears[] = {
        { "NONE", NULL },     { "RELU", "relu" },
        { "PRELU", "prelu" }, { "LEAKYRELU", "leaky-relu" },
        { "RELU6", "relu6" },
};

static const char *sink_nonlinear_name(const Op *op) {
        const char *name = attrs_string(&op->attrs, "nonlinear");
        int32_t number = 0;

        if (name)
                return name[0] ? name : "NONE";
        (void) attrs_int32(&op->attrs, "nonlinear", &number);
        if (number < 0 || (size_t) number >= ARRAY_SIZE(sink_nonlinears))
                return "?";
        return sink_nonlinears[number].name;
}

/* The slope of LEAKYRELU is 26/256 on every DPU; files of old releases do not say it. */
static int sink_init_activation(Sink *sink, const EvalCall *call) {
        const char *name = sink_nonlinear_name(call->op);
        const Attr *alpha = attrs_find(&call->op->attrs, "LEAKYRELU_alpha");

        sink->alpha = alpha && alpha->kind == ATTR_FLOAT ? (double) alpha->float32 : 26.0 / 256;
        for (size_t i = 0; i < ARRAY_SIZE(sink_nonlinears); i++) {
                const char *op_type = sink_nonlinears[i].op_type;

                if (strcmp(sink_nonlinears[i].name, name) != 0)
                        continue;
                sink->activation = op_type ? activation_find(op_type) : NULL;
                if (!op_type || sink->activation)
                        return 0;
        }
        return eval_refuse(call, "nonlinear %s has no definition", name);
}

static int sink_init_rounding(Sink *sink, const EvalCall *call) {
        static const char *const names[] = {
                [ROUND_DPU] = "DPU_ROUND",
                [ROUND_STD] = "STD_ROUND",
                [ROUND_PY3] = "PY3_ROUND",
        };
        const char *name = attrs_string(&call->op->attrs, "round_mode");

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (name && strcmp(names[i], name) == 0) {
                        sink->rounding = (Rounding) i;
                        return 0;
                }
        }
        return eval_refuse(call, "round_mode %s has no definition", name ? name : "(none)");
}

static void sink_set_grid(Sink *sink, int32_t fix_point, int32_t bit_width, bool is_signed) {
        sink->rounds = true;
        sink->scale = ldexp(1, fix_point);
        sink->step = ldexp(1, -fix_point);
        sink->min = is_signed ? -ldexp(1, bit_width - 1) : 0;
        sink->max = ldexp(1, is_signed ? bit_width - 1 : bit_width) - 1;
}

/* ops that say in attributes of their own how they round */
static int sink_init_fix(Sink *sink, const EvalCall *call) {
        const Attrs *attrs = &call->op->attrs;
        int32_t fix_point, bit_width;
        bool is_signed;

        if (attrs_int32(attrs, "fix_point", &fix_point) < 0 ||
            attrs_int32(attrs, "bit_width", &bit_width) < 0 ||
            attrs_bool(attrs, "if_signed", &is_signed) < 0)
                return eval_refuse(call, "fix_point, bit_width or if_signed is missing");
        if (bit_width < 1 || bit_width > 32 || fix_point < -VALUES_FIX_POINT_MAX ||
            fix_point > VALUES_FIX_POINT_MAX)
                return eval_refuse(call, "fix_point %d with %d bits", fix_point, bit_width);
        sink_set_grid(sink, fix_point, bit_width, is_signed);
        return sink_init_rounding(sink, call);
}

int sink_init(Sink *sink, const EvalCall *call) {
        Sink s = { .out = call->out, .rounding = ROUND_DPU };
        int r = 0;

        if (strcmp(call->op->type, "fix") == 0 || strcmp(call->op->type, "float2fix") == 0)
                r = sink_init_fix(&s, call);
        else if (call->out->storage == VALUES_FIXED)
                sink_set_grid(&s, call->out->fix_point, 8, true);
        if (r < 0)
                return r;
        r = sink_init_activation(&s, call);
        if (r < 0)
                return r;

        *sink = s;
        return 0;
}

void sink_put(const Sink *sink, size_t at, double *numbers, size_t n) {
        if (sink->activation)
                for (size_t i = 0; i < n; i++)
                        numbers[i] = sink->activation(numbers[i], sink->alpha);
        if (sink->rounds)
                for (size_t i = 0; i < n; i++)
                        numbers[i] =
                                round_saturate(round_by(sink->rounding, numbers[i] * sink->scale),
                                               sink->min, sink->max);
        if (sink->out->storage == VALUES_FIXED)
                for (size_t i = 0; i < n; i++)
                        sink->out->fixed[at + i] = (int8_t) numbers[i];
        else
                for (size_t i = 0; i < n; i++)
                        sink->out->real[at + i] =
                                sink->rounds ? numbers[i] * sink->step : numbers[i];
}
