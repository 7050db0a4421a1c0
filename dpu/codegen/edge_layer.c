/*
 * Layers that cut something off an image or put something around it: strided_slice-fix and pad-fix.
 *
 * Both are copies. A slice is a view of its input. What a padded image has around the input is
 * zeros, which lie in the constant region, or pixels of the input: columns are copied beside it
 * first, then whole rows, corners included, above and below.
 */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/codegen/elew.h"
#include "dpu/codegen/layer.h"
#include "dpu/codegen/places.h"

#define EDGE_DIMS_MAX 8

/* --- slices ---------------------------------------------------------------------------------- */

/* one of height, width, channels */
typedef struct EdgeSlice {
        uint32_t first, step;
} EdgeSlice;

/* where the last three dimensions begin, and in what steps they go on; of those before, one element
 * each is all there is */
static int slice_init(const Layer *layer, EdgeSlice ret[3], Problem *problem) {
        const Tensor *in = &op_input(layer->op, 0)->tensor, *out = &layer->op->tensor;
        int32_t begin[EDGE_DIMS_MAX] = { 0 }, step[EDGE_DIMS_MAX];
        size_t n = in->n_dims;
        int r;

        if (n > EDGE_DIMS_MAX || out->n_dims != n)
                return problem_set(problem, -EOPNOTSUPP, "a slice of %zu dimensions", n);
        for (size_t i = 0; i < n; i++)
                step[i] = 1;
        r = layer_int32s(layer, "begin", n, begin, problem);
        if (r == 0)
                r = layer_int32s(layer, "strides", n, step, problem);
        for (size_t i = 0; i < 3; i++)
                ret[i] = (EdgeSlice){ .step = 1 };
        for (size_t i = 0; r == 0 && i < n; i++) {
                int64_t first = begin[i] < 0 ? (int64_t) begin[i] + in->dims[i] : begin[i];

                if (first < 0 || step[i] < 1 ||
                    first + ((int64_t) out->dims[i] - 1) * step[i] >= in->dims[i])
                        return problem_set(problem, -EOPNOTSUPP,
                                           "a slice that goes backwards, or out of its input");
                if (i + 3 >= n)
                        ret[i + 3 - n] = (EdgeSlice){ (uint32_t) first, (uint32_t) step[i] };
        }
        return r;
}

int slice_layer(const Layer *layer, Machine *machine, Problem *problem) {
        const View *out = &layer->output;
        EdgeSlice slices[3];
        View in;
        int r;

        r = slice_init(layer, slices, problem);
        if (r < 0)
                return r;
        if (slices[2].step != 1)
                return problem_set(problem, -EOPNOTSUPP, "every %u channels: only neighbours",
                                   slices[2].step);
        in = view_rows(layer->inputs[0], slices[0].first, slices[0].step, out->height);
        in = view_columns(in, slices[1].first, slices[1].step, out->width);
        return elew_copy(view_channels(in, slices[2].first, out->channels), *out, machine, problem);
}

/* --- padding --------------------------------------------------------------------------------- */

typedef enum PadMode {
        PAD_CONSTANT,
        PAD_SYMMETRIC, /* the pixel at the border again */
        PAD_REFLECT,   /* without it */
        PAD_EDGE,      /* only it */
} PadMode;

typedef struct Padding {
        const Layer *layer;
        Machine *machine;
        Problem *problem;
        PadMode mode;
        uint32_t top, left;
        View in, out;
} Padding;

static int padding_mode(const Layer *layer, PadMode *ret, Problem *problem) {
        static const char *const modes[] = { "CONSTANT", "SYMMETRIC", "REFLECT", "EDGE" };
        const char *mode = attrs_string(&layer->op->attrs, "mode");
        const Attr *constants = attrs_find(&layer->op->attrs, "constant_values");

        if (constants && constants->n > 0)
                return problem_set(problem, -EOPNOTSUPP, "padding with other numbers than 0");
        for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
                if (mode && strcmp(mode, modes[i]) == 0) {
                        *ret = (PadMode) i;
                        return 0;
                }
        return problem_set(problem, -EOPNOTSUPP, "padding of mode %s", mode ? mode : "(none)");
}

/* how much of the last three dimensions; the output is as large as it says */
static int padding_init(Padding *p) {
        const Tensor *in = &op_input(p->layer->op, 0)->tensor;
        int32_t paddings[2 * EDGE_DIMS_MAX] = { 0 };
        size_t n = in->n_dims;
        int r;

        if (n < 3 || n > EDGE_DIMS_MAX)
                return problem_set(p->problem, -EOPNOTSUPP, "padding of %zu dimensions", n);
        r = padding_mode(p->layer, &p->mode, p->problem);
        if (r == 0)
                r = layer_int32s(p->layer, "paddings", 2 * n, paddings, p->problem);
        for (size_t i = 0; r == 0 && i < 2 * n; i++)
                if (paddings[i] < 0 || (paddings[i] > 0 && (i / 2 + 3 < n || i / 2 == n - 1)))
                        return problem_set(p->problem, -EOPNOTSUPP,
                                           "padding of something else than height and width");
        if (r < 0)
                return r;
        p->top = (uint32_t) paddings[2 * n - 6];
        p->left = (uint32_t) paddings[2 * n - 4];
        if (p->out.height != (uint64_t) p->in.height + p->top + (uint32_t) paddings[2 * n - 5] ||
            p->out.width != (uint64_t) p->in.width + p->left + (uint32_t) paddings[2 * n - 3] ||
            p->out.channels != p->in.channels)
                return problem_set(p->problem, -EOPNOTSUPP, "the shapes do not fit");
        return 0;
}

/* the place of 0 .. @n - 1 that @i, outside of it, has the numbers of; -1: there is none */
static int64_t padding_source(PadMode mode, int64_t i, int64_t n) {
        switch (mode) {
        case PAD_CONSTANT:
                break;
        case PAD_SYMMETRIC:
                return i < 0 ? -1 - i : 2 * n - 1 - i;
        case PAD_REFLECT:
                return i < 0 ? -i : 2 * n - 2 - i;
        case PAD_EDGE:
                return i < 0 ? 0 : n - 1;
        }
        return -1;
}

static int padding_zeros(const Padding *p, View to) {
        const View zeros = { .reg_id = PLACES_CONSTANTS,
                             .address = p->layer->zeros,
                             .pixel_pitch = 1, /* all the same ones */
                             .height = to.height,
                             .width = to.width,
                             .channels = to.channels,
                             .fix_point = to.fix_point };

        return to.height == 0 || to.width == 0 ? 0 : elew_copy(zeros, to, p->machine, p->problem);
}

static int padding_refuse(const Padding *p, uint32_t size) {
        return problem_set(p->problem, -EOPNOTSUPP, "it is padded by more than its size of %u",
                           size);
}

/* columns @from .. @to of the output, beside the input */
static int padding_columns(const Padding *p, uint32_t from, uint32_t to) {
        const View beside = view_rows(p->out, p->top, 1, p->in.height);

        if (p->mode == PAD_CONSTANT)
                return padding_zeros(p, view_columns(beside, from, 1, to - from));
        for (uint32_t x = from; x < to; x++) {
                int64_t source =
                        padding_source(p->mode, (int64_t) x - p->left, (int64_t) p->in.width);
                int r;

                if (source < 0 || source >= p->in.width)
                        return padding_refuse(p, p->in.width);
                r = elew_copy(view_columns(p->in, (uint32_t) source, 1, 1),
                              view_columns(beside, x, 1, 1), p->machine, p->problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* whole rows, of rows that are there already */
static int padding_rows(const Padding *p, uint32_t from, uint32_t to) {
        if (p->mode == PAD_CONSTANT)
                return padding_zeros(p, view_rows(p->out, from, 1, to - from));
        for (uint32_t y = from; y < to; y++) {
                int64_t source =
                        padding_source(p->mode, (int64_t) y - p->top, (int64_t) p->in.height);
                int r;

                if (source < 0 || source >= p->in.height)
                        return padding_refuse(p, p->in.height);
                r = elew_copy(view_rows(p->out, p->top + (uint32_t) source, 1, 1),
                              view_rows(p->out, y, 1, 1), p->machine, p->problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

int pad_layer(const Layer *layer, Machine *machine, Problem *problem) {
        Padding p = { .layer = layer,
                      .machine = machine,
                      .problem = problem,
                      .in = layer->inputs[0],
                      .out = layer->output };
        View inside;
        int r;

        r = padding_init(&p);
        if (r < 0)
                return r;
        inside = view_rows(p.out, p.top, 1, p.in.height);
        inside = view_columns(inside, p.left, 1, p.in.width);
        r = elew_copy(p.in, inside, machine, problem);
        if (r == 0)
                r = padding_columns(&p, 0, p.left);
        if (r == 0)
                r = padding_columns(&p, p.left + p.in.width, p.out.width);
        if (r == 0)
                r = padding_rows(&p, 0, p.top);
        return r < 0 ? r : padding_rows(&p, p.top + p.in.height, p.out.height);
}
