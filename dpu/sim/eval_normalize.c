/*
 * Ops that scale and shift along channels, by given numbers (scale, batchnorm) or by the
 * statistics of what they scale (instancenorm, groupnorm, l2_normalize).
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/eval.h"

/* out = input * factors[c] + offsets[c] for channel c of one axis */
typedef struct Affine {
        Lines lines;               /* across channels */
        double *factors, *offsets; /* owned */
} Affine;

static void affine_deinit(Affine *affine) {
        free(affine->factors);
        free(affine->offsets);
}

static int affine_init(Affine *affine, const EvalCall *call) {
        int r;

        r = eval_lines(call, &affine->lines);
        if (r < 0)
                return r;
        if (affine->lines.input->n != call->out->n)
                return eval_refuse(call, "the shapes do not fit");
        affine->factors = calloc(affine->lines.n, sizeof(double));
        affine->offsets = calloc(affine->lines.n, sizeof(double));
        return affine->factors && affine->offsets ? 0 : -ENOMEM;
}

/* an argument with one number for each channel, or one for all */
static int normalize_read(const EvalCall *call, const char *name, size_t n, double *ret) {
        const Values *values = eval_arg(call, name);

        if (!values || (values->n != n && values->n != 1))
                return eval_refuse(call, "%s does not fit %zu channels", name, n);
        values_read(values, 0, values->n, ret);
        for (size_t i = values->n; i < n; i++)
                ret[i] = ret[0];
        return 0;
}

static int affine_run(const Affine *affine, const EvalCall *call) {
        const Values *input = affine->lines.input;
        Sink sink;
        int r;

        r = sink_init(&sink, call);
        if (r < 0)
                return r;
        for (size_t at = 0; at < input->n; at++) {
                size_t channel = at / affine->lines.stride % affine->lines.n;
                double number;

                values_read(input, at, 1, &number);
                number = number * affine->factors[channel] + affine->offsets[channel];
                sink_put(&sink, at, &number, 1);
        }
        return 0;
}

static int normalize_scale(const EvalCall *call, Affine *affine) {
        int r;

        r = normalize_read(call, "scale", affine->lines.n, affine->factors);
        if (r < 0 || !eval_arg(call, "bias"))
                return r;
        return normalize_read(call, "bias", affine->lines.n, affine->offsets);
}

/* (x - mean) / sqrt(variance + epsilon) * gamma + beta */
static int normalize_batch(const EvalCall *call, Affine *affine) {
        size_t n = affine->lines.n;
        _cleanup_(freep) double *means = calloc(n + 1, sizeof(*means));
        _cleanup_(freep) double *variances = calloc(n + 1, sizeof(*variances));
        double epsilon;

        if (!means || !variances)
                return -ENOMEM;
        if (eval_float(call, "epsilon", &epsilon) < 0 ||
            normalize_read(call, "gamma", n, affine->factors) < 0 ||
            normalize_read(call, "beta", n, affine->offsets) < 0 ||
            normalize_read(call, "moving_mean", n, means) < 0 ||
            normalize_read(call, "moving_var", n, variances) < 0)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                affine->factors[i] /= sqrt(variances[i] + epsilon);
                affine->offsets[i] -= means[i] * affine->factors[i];
        }
        return 0;
}

static int normalize_affine(const EvalCall *call) {
        _cleanup_(affine_deinit) Affine affine = { 0 };
        int r;

        r = affine_init(&affine, call);
        if (r < 0)
                return r;
        r = strcmp(call->op->type, "scale") == 0 ? normalize_scale(call, &affine)
                                                 : normalize_batch(call, &affine);
        if (r < 0)
                return r;
        return affine_run(&affine, call);
}

/* --- by their own statistics ------------------------------------------------------------------ */

typedef struct Groups {
        const Values *input;
        size_t n_pixels, n_channels; /* of one image */
        size_t n_members;            /* channels of one group */
        double epsilon;
        double *factors, *offsets; /* owned, by channel */
        Sink sink;
} Groups;

static void groups_deinit(Groups *groups) {
        free(groups->factors);
        free(groups->offsets);
}

static int groups_init(Groups *groups, const EvalCall *call) {
        int32_t n_groups = 0;
        bool affine = true;
        const Values *input;

        if (eval_n_inputs(call) != 1 || eval_input(call, 0)->n_dims < 2 ||
            eval_input(call, 0)->n != call->out->n || call->out->n == 0)
                return eval_refuse(call, "it has one input of the size of the output");
        input = groups->input = eval_input(call, 0);
        groups->n_channels = (size_t) input->dims[input->n_dims - 1];
        groups->n_pixels = input->n / (size_t) input->dims[0] / groups->n_channels;
        groups->n_members = 1;
        if (strcmp(call->op->type, "groupnorm") == 0) {
                (void) attrs_int32(&call->op->attrs, "num_groups", &n_groups);
                if (n_groups < 1 || groups->n_channels % (size_t) n_groups != 0)
                        return eval_refuse(call, "%d groups", n_groups);
                groups->n_members = groups->n_channels / (size_t) n_groups;
        }
        if (eval_float(call, "eps", &groups->epsilon) < 0)
                return -EINVAL;
        groups->factors = calloc(groups->n_channels, sizeof(double));
        groups->offsets = calloc(groups->n_channels, sizeof(double));
        if (!groups->factors || !groups->offsets)
                return -ENOMEM;
        for (size_t i = 0; i < groups->n_channels; i++)
                groups->factors[i] = 1;
        (void) attrs_bool(&call->op->attrs, "affine", &affine);
        if (affine && eval_arg(call, "weight") &&
            normalize_read(call, "weight", groups->n_channels, groups->factors) < 0)
                return -EINVAL;
        if (affine && eval_arg(call, "bias") &&
            normalize_read(call, "bias", groups->n_channels, groups->offsets) < 0)
                return -EINVAL;
        return sink_init(&groups->sink, call);
}

/* sum of (x - @center)^@power over the group of channels from @channel on */
static double groups_moment(const Groups *groups, size_t image, size_t channel, double center,
                            int power) {
        double sum = 0, number;

        for (size_t p = 0; p < groups->n_pixels; p++) {
                for (size_t c = 0; c < groups->n_members; c++) {
                        values_read(groups->input, image + p * groups->n_channels + channel + c, 1,
                                    &number);
                        number -= center;
                        sum += power == 2 ? number * number : number;
                }
        }
        return sum / (double) (groups->n_pixels * groups->n_members);
}

static void groups_run(const Groups *groups, size_t image, size_t channel) {
        double mean = groups_moment(groups, image, channel, 0, 1);
        double variance = groups_moment(groups, image, channel, mean, 2);
        double factor = 1 / sqrt(variance + groups->epsilon);

        for (size_t p = 0; p < groups->n_pixels; p++) {
                for (size_t c = channel; c < channel + groups->n_members; c++) {
                        size_t at = image + p * groups->n_channels + c;
                        double number;

                        values_read(groups->input, at, 1, &number);
                        number = (number - mean) * factor * groups->factors[c] + groups->offsets[c];
                        sink_put(&groups->sink, at, &number, 1);
                }
        }
}

static int normalize_groups(const EvalCall *call) {
        _cleanup_(groups_deinit) Groups groups = { 0 };
        size_t image;
        int r;

        r = groups_init(&groups, call);
        if (r < 0)
                return r;
        image = groups.n_pixels * groups.n_channels;
        for (size_t at = 0; at < groups.input->n; at += image)
                for (size_t c = 0; c < groups.n_channels; c += groups.n_members)
                        groups_run(&groups, at, c);
        return 0;
}

/* x / sqrt(max(sum of squares, epsilon)) along the last axis, the only one that is met */
static int normalize_l2(const EvalCall *call) {
        const Attr *axes = attrs_find(&call->op->attrs, "axis");
        _cleanup_(freep) double *row = NULL;
        double epsilon = 1e-12;
        const Values *input;
        size_t n;
        Sink sink;
        int r;

        if (eval_n_inputs(call) != 1 || eval_input(call, 0)->n != call->out->n)
                return eval_refuse(call, "it has one input of the size of the output");
        input = eval_input(call, 0);
        if (!axes || axes->kind != ATTR_INT32_VEC || axes->n != 1 ||
            (axes->int32s[0] != -1 && axes->int32s[0] != (int32_t) input->n_dims - 1))
                return eval_refuse(call, "only the last axis has a definition");
        if (attrs_find(&call->op->attrs, "epsilon") && eval_float(call, "epsilon", &epsilon) < 0)
                return -EINVAL;
        r = sink_init(&sink, call);
        if (r < 0)
                return r;
        n = (size_t) input->dims[input->n_dims - 1];
        row = calloc(n + 1, sizeof(*row));
        if (!row)
                return -ENOMEM;

        for (size_t at = 0; at < input->n; at += n) {
                double sum = 0;

                values_read(input, at, n, row);
                for (size_t i = 0; i < n; i++)
                        sum += row[i] * row[i];
                for (size_t i = 0; i < n; i++)
                        row[i] /= sqrt(sum > epsilon ? sum : epsilon);
                sink_put(&sink, at, row, n);
        }
        return 0;
}

int eval_normalize(const EvalCall *call) {
        if (strcmp(call->op->type, "l2_normalize") == 0)
                return normalize_l2(call);
        if (strcmp(call->op->type, "scale") == 0 || strcmp(call->op->type, "batchnorm") == 0)
                return normalize_affine(call);
        return normalize_groups(call);
}
