/*
 * Images of another size. An output place o is looked up at o * in / out (align_corners:
 * o * (in - 1) / (out - 1); half_pixel_centers: (o + 0.5) * in / out - 0.5); see
 * Xilinx/Vitis-AI src/vai_library/cpu_task/ops/upsample-fix. That code computes places and weights
 * in float32, we in float64: both are roundings of the same ratios.
 *
 * downsample-fix is what the DPU makes of scaling down by whole numbers, bilinear or not: it takes
 * every n-th pixel (.../cpu_task/ops/downsample-fix).
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/eval.h"
#include "dpu/sim/workers.h"

/* where one output place looks: between two input places */
typedef struct Spot {
        size_t lower, upper;
        double weight; /* of upper */
} Spot;

typedef struct Resize {
        const Values *input;
        size_t height, width, channels; /* of the input */
        size_t out_height, out_width;
        Spot *x, *y; /* owned */
        Sink sink;
} Resize;

static void resize_deinit(Resize *resize) {
        free(resize->x);
        free(resize->y);
}

typedef struct ResizeRule {
        bool nearest, align_corners, half_pixel_centers;
} ResizeRule;

static Spot spot_at(const ResizeRule *rule, size_t o, size_t out, size_t in) {
        double scale = rule->align_corners && out > 1 ? (double) (in - 1) / (double) (out - 1)
                                                      : (double) in / (double) out;
        double place = (double) o * scale, last = (double) (in - 1);
        Spot spot = { 0 };

        if (rule->nearest) {
                if (rule->half_pixel_centers) /* the pixel that holds the centre */
                        place = ((double) o + 0.5) * scale;
                place = rule->align_corners ? round(place) : floor(place + ROUND_SLACK);
                spot.lower = spot.upper = (size_t) (place > last ? last : place);
                return spot;
        }
        if (rule->half_pixel_centers)
                place = ((double) o + 0.5) * scale - 0.5;
        place = place < 0 ? 0 : place > last ? last : place;
        spot.lower = (size_t) place;
        spot.upper = (size_t) ceil(place);
        spot.weight = place - (double) spot.lower;
        return spot;
}

static int resize_rule(const EvalCall *call, ResizeRule *rule) {
        const char *mode = attrs_string(&call->op->attrs, "mode");

        if (!mode || (strcmp(mode, "NEAREST") != 0 && strcmp(mode, "BILINEAR") != 0))
                return eval_refuse(call, "mode %s has no definition", mode ? mode : "(none)");
        *rule = (ResizeRule){ .nearest = strcmp(mode, "NEAREST") == 0 };
        (void) attrs_bool(&call->op->attrs, "align_corners", &rule->align_corners);
        (void) attrs_bool(&call->op->attrs, "half_pixel_centers", &rule->half_pixel_centers);
        return 0;
}

static int resize_shape(Resize *resize, const EvalCall *call) {
        const Values *input, *out = call->out;

        if (eval_n_inputs(call) != 1)
                return eval_refuse(call, "it has one input");
        input = eval_input(call, 0);
        if (input->n_dims != 4 || out->n_dims != 4 || input->dims[0] != out->dims[0] ||
            input->dims[3] != out->dims[3] || input->n == 0)
                return eval_refuse(call, "the shapes do not fit");
        resize->input = input;
        resize->height = (size_t) input->dims[1];
        resize->width = (size_t) input->dims[2];
        resize->channels = (size_t) input->dims[3];
        resize->out_height = (size_t) out->dims[1];
        resize->out_width = (size_t) out->dims[2];
        resize->x = calloc(resize->out_width + 1, sizeof(*resize->x));
        resize->y = calloc(resize->out_height + 1, sizeof(*resize->y));
        if (!resize->x || !resize->y)
                return -ENOMEM;
        return sink_init(&resize->sink, call);
}

static void resize_read(const Resize *resize, size_t row, size_t column, double *ret) {
        values_read(resize->input, (row * resize->width + column) * resize->channels,
                    resize->channels, ret);
}

/* @pixel and @scratch have room for the channels */
static void resize_row(const Resize *resize, size_t row, size_t x, double *pixel, double *scratch) {
        const Spot *spot = &resize->x[x];

        resize_read(resize, row, spot->lower, pixel);
        if (spot->weight == 0)
                return;
        resize_read(resize, row, spot->upper, scratch);
        for (size_t c = 0; c < resize->channels; c++)
                pixel[c] += (scratch[c] - pixel[c]) * spot->weight;
}

static int resize_part(size_t begin, size_t end, void *userdata) {
        const Resize *resize = userdata;
        size_t n = resize->channels;
        _cleanup_(freep) double *buffer = calloc(3 * n, sizeof(*buffer));
        double *top = buffer, *bottom = buffer + n, *scratch = buffer + 2 * n;

        if (!buffer)
                return -ENOMEM;
        for (size_t row = begin; row < end; row++) {
                const Spot *spot = &resize->y[row % resize->out_height];
                size_t image = row / resize->out_height * resize->height;

                for (size_t x = 0; x < resize->out_width; x++) {
                        resize_row(resize, image + spot->lower, x, top, scratch);
                        if (spot->weight != 0) {
                                resize_row(resize, image + spot->upper, x, bottom, scratch);
                                for (size_t c = 0; c < n; c++)
                                        top[c] += (bottom[c] - top[c]) * spot->weight;
                        }
                        sink_put(&resize->sink, (row * resize->out_width + x) * n, top, n);
                }
        }
        return 0;
}

static int resize_run(const EvalCall *call, Resize *resize) {
        return workers_run(call->n_threads, (size_t) resize->input->dims[0] * resize->out_height,
                           resize_part, resize);
}

int eval_resize(const EvalCall *call) {
        _cleanup_(resize_deinit) Resize resize = { 0 };
        ResizeRule rule;
        int r;

        r = resize_rule(call, &rule);
        if (r < 0)
                return r;
        r = resize_shape(&resize, call);
        if (r < 0)
                return r;
        for (size_t i = 0; i < resize.out_width; i++)
                resize.x[i] = spot_at(&rule, i, resize.out_width, resize.width);
        for (size_t i = 0; i < resize.out_height; i++)
                resize.y[i] = spot_at(&rule, i, resize.out_height, resize.height);
        return resize_run(call, &resize);
}

int eval_downsample(const EvalCall *call) {
        const Attr *scale = attrs_find(&call->op->attrs, "scale");
        _cleanup_(resize_deinit) Resize resize = { 0 };
        int r;

        if (!scale || scale->kind != ATTR_FLOAT_VEC || scale->n != 2 || !(scale->floats[0] >= 1) ||
            !(scale->floats[1] >= 1))
                return eval_refuse(call, "attribute scale is not two numbers from 1 on");
        r = resize_shape(&resize, call);
        if (r < 0)
                return r;
        for (size_t i = 0; i < resize.out_width; i++)
                resize.x[i].lower = (size_t) ((double) i * scale->floats[0]);
        for (size_t i = 0; i < resize.out_height; i++)
                resize.y[i].lower = (size_t) ((double) i * scale->floats[1]);
        if (resize.x[resize.out_width - 1].lower >= resize.width ||
            resize.y[resize.out_height - 1].lower >= resize.height)
                return eval_refuse(call, "scale leads out of the image");
        return resize_run(call, &resize);
}
