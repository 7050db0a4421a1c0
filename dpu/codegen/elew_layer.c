/*
 * Layers that need no more than the element-wise engine, or not even that: sums and products,
 * concatenations, reshapes, nearest neighbours, every n-th pixel.
 *
 * Much of it may be done already: placement lets producers write into their slice of a
 * concatenation, and a reshape have the bytes of what it reshapes. Only what lies elsewhere is
 * copied.
 */

#include <errno.h>
#include <string.h>

#include "dpu/codegen/elew.h"
#include "dpu/codegen/stage.h"

#define ELEW_SCALE_MAX 16u

/* all but the sizes */
static int elew_layer_work(const Layer *layer, const Machine *machine, ElewWork *ret,
                           Problem *problem) {
        const char *type = attrs_string(&layer->op->attrs, "type");
        const char *nonlinear = attrs_string(&layer->op->attrs, "nonlinear");
        ElewWork work = { .inputs = layer->inputs,
                          .n_inputs = layer->n_inputs,
                          .out = layer->output,
                          .scale_y = 1,
                          .scale_x = 1 };
        int32_t number = 0;

        if (!type && attrs_int32(&layer->op->attrs, "type", &number) == 0 && number != 0)
                return problem_set(problem, -EOPNOTSUPP, "operation number %d", number);
        if (type && strcmp(type, "MUL") == 0)
                work.kind = ELEW_PRODUCT;
        else if (type && strcmp(type, "ADD") != 0)
                return problem_set(problem, -EOPNOTSUPP, "operation %s", type);
        if (nonlinear && strcmp(nonlinear, "RELU") == 0)
                work.relu = true;
        else if (nonlinear && strcmp(nonlinear, "NONE") != 0 && *nonlinear)
                return problem_set(problem, -EOPNOTSUPP, "activation %s", nonlinear);
        if (work.kind == ELEW_PRODUCT && !(machine->target->features & DPU_ELTWISE_MULT))
                return problem_set(problem, -EOPNOTSUPP, "%s has no products",
                                   machine->target->name);
        *ret = work;
        return 0;
}

int elew_layer(const Layer *layer, Machine *machine, Problem *problem) {
        ElewWork work;
        int r;

        r = elew_layer_work(layer, machine, &work, problem);
        return r < 0 ? r : elew_run(&work, machine, problem);
}

int elew_layer_stages(const Layer *layer, Machine *machine, StageFn fn, void *userdata,
                      Problem *problem) {
        const View *out = &layer->output;
        Stage stage = { .engine = STAGE_ELEW,
                        .n_inputs = (unsigned) layer->n_inputs,
                        .w = { .in = layer->inputs[0], .out = *out },
                        .in_groups = machine_groups(machine, out->channels),
                        .out_groups = machine_groups(machine, out->channels) };
        ElewWork work;
        int r;

        r = elew_layer_work(layer, machine, &work, problem);
        if (r == 0)
                r = elew_check(&work, problem);
        if (r == 0)
                r = elew_shifts(&work, stage.shift_read, &stage.shift_write, problem);
        if (r < 0)
                return r;
        memcpy(stage.inputs, layer->inputs, layer->n_inputs * sizeof(*layer->inputs));
        stage.w.y = (Axis){ .kernel = 1, .stride = 1, .in = out->height, .out = out->height };
        stage.w.x = (Axis){ .kernel = 1, .stride = 1, .in = out->width, .out = out->width };
        stage.activation = work.relu;
        stage.product = work.kind == ELEW_PRODUCT;
        return fn(&stage, machine, userdata, problem);
}

/* --- concatenation --------------------------------------------------------------------------- */

/* which direction of an image the axis is: 0 down, 1 across, 2 channels; -1: none */
static int concat_direction(const Layer *layer) {
        int32_t n_dims = (int32_t) layer->op->tensor.n_dims, axis = -1;

        (void) attrs_int32(&layer->op->attrs, "axis", &axis);
        if (axis < 0)
                axis += n_dims;
        if (axis < 0 || axis >= n_dims || n_dims - axis > 3)
                return -1;
        return 3 - (n_dims - axis);
}

static View concat_slice(const View *out, int direction, uint32_t first, const View *in) {
        if (direction == 0)
                return view_rows(*out, first, 1, in->height);
        if (direction == 1)
                return view_columns(*out, first, 1, in->width);
        return view_channels(*out, first, in->channels);
}

int concat_layer(const Layer *layer, Machine *machine, Problem *problem) {
        int direction = concat_direction(layer);
        uint64_t at = 0;
        const uint32_t sizes[] = { layer->output.height, layer->output.width,
                                   layer->output.channels };

        if (direction < 0)
                return problem_set(problem, -EOPNOTSUPP, "an axis that is none of an image");
        for (size_t i = 0; i < layer->n_inputs; i++) {
                const View *in = &layer->inputs[i];
                const uint32_t own[] = { in->height, in->width, in->channels };
                View slice;
                int r;

                if (at + own[direction] > sizes[direction])
                        return problem_set(problem, -EOPNOTSUPP, "the shapes do not fit");
                slice = concat_slice(&layer->output, direction, (uint32_t) at, in);
                at += own[direction];
                if (in->reg_id == slice.reg_id && in->address == slice.address &&
                    in->pixel_pitch == slice.pixel_pitch)
                        continue; /* it was written there */
                r = elew_copy(*in, slice, machine, problem);
                if (r < 0)
                        return r;
        }
        if (at != sizes[direction])
                return problem_set(problem, -EOPNOTSUPP, "the shapes do not fit");
        return 0;
}

/* --- other places ---------------------------------------------------------------------------- */

int reshape_layer(const Layer *layer, Machine *machine, Problem *problem) {
        View in = layer->inputs[0], out = layer->output;

        if ((uint64_t) in.height * in.width * in.channels !=
            (uint64_t) out.height * out.width * out.channels)
                return problem_set(problem, -EOPNOTSUPP, "the shapes do not fit");
        if (!view_is_dense(&in) || !view_is_dense(&out))
                return problem_set(problem, -EOPNOTSUPP, "it has gaps in memory");
        if (in.reg_id == out.reg_id && in.address == out.address && in.fix_point == out.fix_point)
                return 0; /* nothing to do: the same bytes */
        out.height = in.height;
        out.width = in.width;
        out.channels = in.channels;
        out.row_pitch = in.row_pitch;
        out.pixel_pitch = in.pixel_pitch;
        return elew_copy(in, out, machine, problem);
}

int upsample_layer(const Layer *layer, Machine *machine, Problem *problem) {
        const char *mode = attrs_string(&layer->op->attrs, "mode");
        const View *in = &layer->inputs[0];
        ElewWork work = { .inputs = in, .n_inputs = 1, .out = layer->output };
        bool align_corners = false;

        (void) attrs_bool(&layer->op->attrs, "align_corners", &align_corners);
        if (!mode || strcmp(mode, "NEAREST") != 0 || align_corners)
                return problem_set(problem, -EOPNOTSUPP, "only nearest neighbours: not %s%s",
                                   mode ? mode : "(none)",
                                   align_corners ? ", aligned corners" : "");
        work.scale_y = work.out.height / in->height;
        work.scale_x = work.out.width / in->width;
        if (work.scale_y < 1 || work.scale_x < 1 || work.scale_y > ELEW_SCALE_MAX ||
            work.scale_x > ELEW_SCALE_MAX)
                return problem_set(problem, -EOPNOTSUPP, "scale %ux%u; it does 1 to %u",
                                   work.scale_x, work.scale_y, ELEW_SCALE_MAX);
        return elew_run(&work, machine, problem);
}

/* Every n-th pixel, which is what the vendor's engines do, too. */
int downsample_layer(const Layer *layer, Machine *machine, Problem *problem) {
        const Attr *scale = attrs_find(&layer->op->attrs, "scale");
        const View *in = &layer->inputs[0], *out = &layer->output;
        uint32_t x, y;

        if (!scale || scale->kind != ATTR_FLOAT_VEC || scale->n != 2 || !(scale->floats[0] >= 1) ||
            !(scale->floats[1] >= 1) || scale->floats[0] > 256 || scale->floats[1] > 256)
                return problem_set(problem, -EOPNOTSUPP, "attribute scale is not two numbers");
        x = (uint32_t) scale->floats[0];
        y = (uint32_t) scale->floats[1];
        if ((float) x != scale->floats[0] || (float) y != scale->floats[1] ||
            (uint64_t) (out->width - 1) * x >= in->width ||
            (uint64_t) (out->height - 1) * y >= in->height)
                return problem_set(problem, -EOPNOTSUPP, "the scale leads between pixels, or out");
        return elew_copy(view_columns(view_rows(*in, 0, y, out->height), 0, x, out->width), *out,
                         machine, problem);
}

/* Pixels of s * s times the channels become s * s pixels, or the other way round; the channels of
 * the small image are numbered (row, column, channel). */
int tile_layer(const Layer *layer, Machine *machine, Problem *problem) {
        const View *in = &layer->inputs[0], *out = &layer->output;
        bool to_large = false;
        const View *small, *large;
        int32_t scale = 0;

        (void) attrs_int32(&layer->op->attrs, "stride", &scale);
        (void) attrs_bool(&layer->op->attrs, "reverse", &to_large);
        small = to_large ? in : out;
        large = to_large ? out : in;
        if (scale < 1 || scale > (int32_t) ELEW_SCALE_MAX ||
            large->height != (uint64_t) small->height * (uint32_t) scale ||
            large->width != (uint64_t) small->width * (uint32_t) scale ||
            small->channels != (uint64_t) large->channels * (uint32_t) (scale * scale))
                return problem_set(problem, -EOPNOTSUPP, "stride %d, or the shapes do not fit",
                                   scale);
        for (uint32_t i = 0; i < (uint32_t) (scale * scale); i++) {
                uint32_t step = (uint32_t) scale;
                View part = view_channels(*small, i * large->channels, large->channels);
                View spread = view_columns(view_rows(*large, i / step, step, small->height),
                                           i % step, step, small->width);
                int r = to_large ? elew_copy(part, spread, machine, problem)
                                 : elew_copy(spread, part, machine, problem);

                if (r < 0)
                        return r;
        }
        return 0;
}
