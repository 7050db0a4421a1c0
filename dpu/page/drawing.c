#include "dpu/page/drawing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "dpu/compiler/partition.h"
#include "dpu/where.h"

static const struct {
        const char *name, *class;
} sides[SIDES] = {
        [SIDE_DPU] = { "DPU", "dpu" },
        [SIDE_CPU] = { "CPU", "cpu" },
        [SIDE_USER] = { "USER", "user" },
        [SIDE_OTHER] = { "other", "other" },
};

const char *side_name(Side side) {
        return sides[side].name;
}

const char *side_class(Side side) {
        return sides[side].class;
}

Side side_of(const char *device) {
        for (int side = 0; device && side < SIDE_OTHER; side++)
                if (strcmp(device, sides[side].name) == 0)
                        return (Side) side;
        return SIDE_OTHER;
}

/* --- boxes --------------------------------------------------------------------------------- */

/* Everything that it reads is a constant. */
static bool drawing_is_derived(const Drawing *drawing, const Op *op) {
        size_t n = 0;

        for (size_t a = 0; a < op->n_args; a++)
                for (size_t i = 0; i < op->args[a].n_ops; i++, n++)
                        if (drawing->box_of[op->args[a].ops[i]->index] != DRAWING_NONE)
                                return false;
        return n > 0;
}

/* The box that a `fix` is told with; NULL: it is a layer of its own. */
static Box *drawing_fixed(const Drawing *drawing, const Op *op) {
        const Op *input = op_input(op, 0);
        Box *box;

        if (strcmp(op->type, "fix") != 0 || !input || input->n_consumers != 1 ||
            drawing->box_of[input->index] == DRAWING_NONE)
                return NULL;
        box = &drawing->boxes[drawing->box_of[input->index]];
        return box->op == input && box->side == side_of(where_device(op)) ? box : NULL;
}

static void drawing_add_box(Drawing *drawing, const Op *op) {
        Box *fixed = drawing_fixed(drawing, op);

        drawing->box_of[op->index] = DRAWING_NONE;
        if (partition_is_constant(op) || drawing_is_derived(drawing, op))
                return;
        if (fixed) {
                fixed->fix = op;
                drawing->box_of[op->index] = (uint32_t) (fixed - drawing->boxes);
                return;
        }
        drawing->box_of[op->index] = (uint32_t) drawing->n_boxes;
        drawing->boxes[drawing->n_boxes++] = (Box){ .op = op, .side = side_of(where_device(op)) };
        drawing->counts[side_of(where_device(op))]++;
}

static int drawing_add_boxes(Drawing *drawing) {
        const Graph *graph = drawing->graph;

        drawing->boxes = calloc(graph->n_ops + 1, sizeof(*drawing->boxes));
        drawing->box_of = calloc(graph->n_ops + 1, sizeof(*drawing->box_of));
        if (!drawing->boxes || !drawing->box_of)
                return -ENOMEM;
        for (size_t i = 0; i < graph->n_ops; i++)
                drawing_add_box(drawing, graph->ops[i]);
        return 0;
}

/* --- lines --------------------------------------------------------------------------------- */

static int drawing_compare(const void *a, const void *b) {
        const LayoutEdge *x = a, *y = b;

        return (x->from > y->from) - (x->from < y->from);
}

/* Lines into one box, each once. */
static int drawing_add_lines(Drawing *drawing, uint32_t to, size_t *capacity) {
        const Op *op = drawing->boxes[to].op;
        size_t begin = drawing->n_edges, kept = begin;
        int r;

        for (size_t a = 0; a < op->n_args; a++) {
                const Arg *arg = &op->args[a];

                r = array_reserve(&drawing->edges, capacity, drawing->n_edges + arg->n_ops + 1,
                                  sizeof(*drawing->edges));
                if (r < 0)
                        return r;
                for (size_t i = 0; i < arg->n_ops; i++) {
                        uint32_t from = drawing->box_of[arg->ops[i]->index];

                        if (from != DRAWING_NONE)
                                drawing->edges[drawing->n_edges++] = (LayoutEdge){ from, to };
                }
        }
        if (drawing->n_edges == begin)
                return 0;
        qsort(drawing->edges + begin, drawing->n_edges - begin, sizeof(*drawing->edges),
              drawing_compare);
        for (size_t e = begin; e < drawing->n_edges; e++)
                if (e == begin || drawing->edges[e].from != drawing->edges[kept - 1].from)
                        drawing->edges[kept++] = drawing->edges[e];
        drawing->n_edges = kept;
        return 0;
}

static int drawing_lay_out(Drawing *drawing) {
        const LayoutSpec spec = { .n_boxes = drawing->n_boxes,
                                  .edges = drawing->edges,
                                  .n_edges = drawing->n_edges,
                                  .box_width = DRAWING_BOX_WIDTH,
                                  .box_height = DRAWING_BOX_HEIGHT,
                                  .gap_x = 28,
                                  .gap_y = 30,
                                  .lane = 12,
                                  .shape = 160 };
        int r;

        r = layout_run(&spec, &drawing->layout);
        drawing->too_large = r == -EFBIG;
        return drawing->too_large ? 0 : r;
}

int drawing_init(Drawing *ret, const Graph *graph) {
        Drawing drawing = { .graph = graph };
        size_t capacity = 0;
        int r;

        r = drawing_add_boxes(&drawing);
        for (uint32_t i = 0; i < drawing.n_boxes && r == 0; i++)
                r = drawing_add_lines(&drawing, i, &capacity);
        if (r == 0)
                r = drawing_lay_out(&drawing);
        if (r < 0) {
                drawing_deinit(&drawing);
                return r;
        }
        *ret = drawing;
        return 0;
}

void drawing_deinit(Drawing *drawing) {
        free(drawing->boxes);
        free(drawing->edges);
        free(drawing->box_of);
        layout_deinit(&drawing->layout);
        *drawing = (Drawing){ 0 };
}
