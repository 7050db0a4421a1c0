/*
 * Functions of one number, and those of a row of them. The definitions are those of the op
 * definitions (built_in_ops.cpp), the fixed-point hard sigmoid that of cpu_task.
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/eval.h"
#include "dpu/sim/workers.h"

#define ACTIVATION_CHUNK 4096 /* numbers that one item of work has */

static double relu(double x, double alpha) {
        (void) alpha;
        return x > 0 ? x : 0;
}

static double relu6(double x, double alpha) {
        (void) alpha;
        return x > 6 ? 6 : x > 0 ? x : 0;
}

static double leaky_relu(double x, double alpha) {
        return x < 0 ? x * alpha : x;
}

static double elu(double x, double alpha) {
        return x < 0 ? alpha * expm1(x) : x;
}

static double celu(double x, double alpha) {
        return x < 0 ? alpha * expm1(x / alpha) : x;
}

/* the constants of the paper that named it (Klambauer et al., 2017) */
static double selu(double x, double alpha) {
        (void) alpha;
        return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717);
}

static double gelu(double x, double alpha) {
        (void) alpha;
        return x * 0.5 * (1 + erf(x * M_SQRT1_2));
}

static double sigmoid(double x, double alpha) {
        (void) alpha;
        return 1 / (1 + exp(-x));
}

static double swish(double x, double alpha) {
        return x * sigmoid(x, alpha);
}

static double mish(double x, double alpha) {
        (void) alpha;
        return x * tanh(x > 30 ? x : log1p(exp(x)));
}

static double hyperbolic_tangent(double x, double alpha) {
        (void) alpha;
        return tanh(x);
}

static double hard_sigmoid(double x, double alpha) {
        return relu6(x + 3, alpha) / 6;
}

static double hard_swish(double x, double alpha) {
        return x * relu6(x + 3, alpha) / 6;
}

static double hard_tanh(double x, double alpha) {
        (void) alpha;
        return x > 1 ? 1 : x < -1 ? -1 : x;
}

static double exponential(double x, double alpha) {
        (void) alpha;
        return exp(x);
}

static double negative(double x, double alpha) {
        (void) alpha;
        return -x;
}

static const struct {
        const char *op_type;
        ActivationFn fn;
        bool has_alpha;
} activations[] = {
        { "relu", relu, false },
        { "relu6", relu6, false },
        { "leaky-relu", leaky_relu, true },
        { "elu", elu, true },
        { "celu", celu, true },
        { "selu", selu, false },
        { "gelu", gelu, false },
        { "sigmoid", sigmoid, false },
        { "swish", swish, false },
        { "mish", mish, false },
        { "tanh", hyperbolic_tangent, false },
        { "hard-sigmoid", hard_sigmoid, false },
        { "hard-swish", hard_swish, false },
        { "hard-tanh", hard_tanh, false },
        { "exp", exponential, false },
        { "neg", negative, false },
};

ActivationFn activation_find(const char *op_type) {
        for (size_t i = 0; i < ARRAY_SIZE(activations); i++)
                if (strcmp(activations[i].op_type, op_type) == 0)
                        return activations[i].fn;
        return NULL;
}

static bool activation_has_alpha(const char *op_type) {
        for (size_t i = 0; i < ARRAY_SIZE(activations); i++)
                if (strcmp(activations[i].op_type, op_type) == 0)
                        return activations[i].has_alpha;
        return false;
}

/* --- one number at a time -------------------------------------------------------------------- */

typedef struct Activation {
        const Values *input;
        ActivationFn fn;
        double alpha;
        Sink sink;
} Activation;

static int activation_part(size_t begin, size_t end, void *userdata) {
        const Activation *a = userdata;
        double numbers[ACTIVATION_CHUNK];

        for (size_t at = begin * ACTIVATION_CHUNK; begin < end; begin++, at += ACTIVATION_CHUNK) {
                size_t n = a->input->n - at;

                n = n > ACTIVATION_CHUNK ? ACTIVATION_CHUNK : n;
                values_read(a->input, at, n, numbers);
                for (size_t i = 0; i < n; i++)
                        numbers[i] = a->fn(numbers[i], a->alpha);
                sink_put(&a->sink, at, numbers, n);
        }
        return 0;
}

static int activation_run(const EvalCall *call, ActivationFn fn, double alpha) {
        Activation a = { .fn = fn, .alpha = alpha };
        int r;

        if (eval_n_inputs(call) != 1)
                return eval_refuse(call, "it has one input");
        a.input = eval_input(call, 0);
        if (a.input->n != call->out->n)
                return eval_refuse(call, "input and output have different sizes");
        r = sink_init(&a.sink, call);
        if (r < 0)
                return r;
        return workers_run(call->n_threads, (a.input->n + ACTIVATION_CHUNK - 1) / ACTIVATION_CHUNK,
                           activation_part, &a);
}

int eval_activation(const EvalCall *call) {
        double alpha = 1; /* the default of elu and celu */

        if (activation_has_alpha(call->op->type) &&
            (attrs_find(&call->op->attrs, "alpha") || strcmp(call->op->type, "leaky-relu") == 0) &&
            eval_float(call, "alpha", &alpha) < 0)
                return -EINVAL;
        return activation_run(call, activation_find(call->op->type), alpha);
}

/* The DPU's: max(0, q * 2731 + 3 * 2731 * 2^hsigmoid_in) >> shift_hsigmoid, in steps of the
 * output. As a function of the real number x = q * 2^-fp_in that is 2731 * (x + 3) * 2^(fp_in -
 * shift) steps where hsigmoid_in is fp_in; files say both, so both are used as they stand. */
int eval_hard_sigmoid_fix(const EvalCall *call) {
        int32_t hsigmoid_in, shift;
        const Values *input;
        Sink sink;
        int r;

        if (eval_n_inputs(call) != 1 || eval_input(call, 0)->n != call->out->n)
                return eval_refuse(call, "it has one input of the size of the output");
        if (attrs_int32(&call->op->attrs, "hsigmoid_in", &hsigmoid_in) < 0 ||
            attrs_int32(&call->op->attrs, "shift_hsigmoid", &shift) < 0)
                return eval_refuse(call, "no attribute hsigmoid_in or shift_hsigmoid");
        input = eval_input(call, 0);
        if (input->storage != VALUES_FIXED || call->out->storage != VALUES_FIXED)
                return eval_refuse(call, "input and output must be fixed-point");
        if (hsigmoid_in < -32 || hsigmoid_in > 32 || shift < -32 || shift > 64)
                return eval_refuse(call, "hsigmoid_in %d, shift_hsigmoid %d", hsigmoid_in, shift);
        r = sink_init(&sink, call);
        if (r < 0)
                return r;

        for (size_t i = 0; i < input->n; i++) {
                double number = input->fixed[i] * 2731.0 + 3 * 2731 * ldexp(1, hsigmoid_in);

                number = relu(number, 0) * ldexp(1, -shift) * sink.step;
                sink_put(&sink, i, &number, 1);
        }
        return 0;
}

int eval_prelu(const EvalCall *call) {
        const Values *weight = eval_arg(call, "weight");
        _cleanup_(freep) double *row = NULL, *slopes = NULL;
        const Values *input;
        size_t n;
        Sink sink;
        int r;

        if (eval_n_inputs(call) != 1 || !weight || weight->n == 0)
                return eval_refuse(call, "it has one input and a weight");
        input = eval_input(call, 0);
        n = weight->n;
        if (input->n != call->out->n || input->n % n != 0 ||
            (n > 1 && (size_t) input->dims[input->n_dims - 1] != n))
                return eval_refuse(call, "%zu slopes do not fit the channels", n);
        r = sink_init(&sink, call);
        if (r < 0)
                return r;
        row = calloc(n, sizeof(*row));
        slopes = calloc(n, sizeof(*slopes));
        if (!row || !slopes)
                return -ENOMEM;

        values_read(weight, 0, n, slopes);
        for (size_t at = 0; at < input->n; at += n) {
                values_read(input, at, n, row);
                for (size_t i = 0; i < n; i++)
                        row[i] = leaky_relu(row[i], slopes[i]);
                sink_put(&sink, at, row, n);
        }
        return 0;
}

/* --- a row at a time ---------------------------------------------------------------------------- */

static void softmax_row(double *row, size_t n) {
        double highest = row[0], sum = 0;

        for (size_t i = 1; i < n; i++)
                highest = row[i] > highest ? row[i] : highest;
        for (size_t i = 0; i < n; i++) {
                row[i] = exp(row[i] - highest);
                sum += row[i];
        }
        for (size_t i = 0; i < n; i++)
                row[i] /= sum;
}

int eval_softmax(const EvalCall *call) {
        _cleanup_(freep) double *row = NULL;
        Lines lines;
        Sink sink;
        int r;

        r = eval_lines(call, &lines);
        if (r < 0)
                return r;
        if (lines.input->n != call->out->n)
                return eval_refuse(call, "input and output have different sizes");
        r = sink_init(&sink, call);
        if (r < 0)
                return r;
        row = calloc(lines.n, sizeof(*row));
        if (!row)
                return -ENOMEM;

        for (size_t line = 0; line < lines.n_lines; line++) {
                size_t first = line_first(&lines, line);

                for (size_t i = 0; i < lines.n; i++)
                        values_read(lines.input, first + i * lines.stride, 1, &row[i]);
                softmax_row(row, lines.n);
                for (size_t i = 0; i < lines.n; i++)
                        sink_put(&sink, first + i * lines.stride, &row[i], 1);
        }
        return 0;
}
