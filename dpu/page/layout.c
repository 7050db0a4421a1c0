#include "dpu/page/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/page/crossings.h"
#include "dpu/page/fold.h"
#include "dpu/page/levels.h"
#include "dpu/page/straighten.h"

/* what the parts found out */
typedef struct Plan {
        const LayoutSpec *spec;
        Levels levels;
        int32_t *x; /* centres, by vertex */
        Fold fold;
        size_t steps; /* of all lines so far, from rank to rank */
} Plan;

static void plan_deinit(Plan *plan) {
        levels_deinit(&plan->levels);
        fold_deinit(&plan->fold);
        free(plan->x);
}

static int layout_check(const LayoutSpec *spec) {
        if (spec->n_boxes > LAYOUT_BOXES_MAX || spec->n_edges > LAYOUT_EDGES_MAX)
                return -EFBIG;
        for (size_t e = 0; e < spec->n_edges; e++)
                if (spec->edges[e].from >= spec->edges[e].to ||
                    spec->edges[e].to >= spec->n_boxes ||
                    (e > 0 && spec->edges[e].to < spec->edges[e - 1].to))
                        return -EINVAL;
        return 0;
}

static int layout_plan(Plan *plan, size_t *ret_crossings) {
        int r;

        r = levels_init(&plan->levels, plan->spec);
        if (r < 0)
                return r;
        r = crossings_reduce(&plan->levels);
        if (r == 0)
                r = crossings_count(&plan->levels, ret_crossings);
        if (r < 0)
                return r;
        plan->x = calloc(plan->levels.n + 1, sizeof(*plan->x));
        if (!plan->x)
                return -ENOMEM;
        r = straighten(&plan->levels, plan->spec, plan->x);
        return r < 0 ? r : fold_run(&plan->levels, plan->spec, plan->x, &plan->fold);
}

static uint32_t plan_column(const Plan *plan, uint32_t vertex) {
        return plan->fold.column[plan->levels.rank[vertex]];
}

static int32_t plan_centre(const Plan *plan, uint32_t vertex) {
        return plan->x[vertex] + plan->fold.columns[plan_column(plan, vertex)].x;
}

static int32_t plan_top(const Plan *plan, uint32_t vertex) {
        return fold_rank_top(&plan->fold, plan->spec, plan->levels.rank[vertex]);
}

static int layout_place_boxes(const Plan *plan, Layout *layout) {
        layout->boxes = calloc(plan->spec->n_boxes + 1, sizeof(*layout->boxes));
        if (!layout->boxes)
                return -ENOMEM;
        for (uint32_t i = 0; i < plan->spec->n_boxes; i++)
                layout->boxes[i] = (LayoutBox){
                        .x = plan_centre(plan, i) - plan->spec->box_width / 2,
                        .y = plan_top(plan, i),
                        .rank = plan->levels.rank[i],
                        .column = plan_column(plan, i),
                };
        return 0;
}

/* --- lines --------------------------------------------------------------------------------- */

/* Points of one line on one upright are one line. */
static void layout_add(Layout *layout, LayoutRoute *route, int32_t x, int32_t y, LayoutStep step) {
        LayoutPoint *last = &layout->points[layout->n_points];

        if (step == LAYOUT_CURVE && last[-1].x == x)
                step = LAYOUT_LINE;
        if (step == LAYOUT_LINE && last[-1].step == LAYOUT_LINE && last[-1].x == x) {
                last[-1].y = y;
                return;
        }
        *last = (LayoutPoint){ x, y, step };
        layout->n_points++;
        route->n++;
}

/* From a vertex of a last rank up to the top of the next column. */
static void layout_fold_over(const Plan *plan, Layout *layout, LayoutRoute *route, uint32_t upper,
                             uint32_t lower) {
        const Fold *fold = &plan->fold;
        uint32_t column = plan_column(plan, upper), lane = fold->lane[upper];
        int32_t below = fold_lane_below(fold, plan->spec, column, lane);
        int32_t between = fold_lane_between(fold, plan->spec, column, lane);
        int32_t above = fold_lane_above(fold, plan->spec, lane);

        layout_add(layout, route, plan_centre(plan, upper), below, LAYOUT_CORNER);
        layout_add(layout, route, between, below, LAYOUT_CORNER);
        layout_add(layout, route, between, above, LAYOUT_CORNER);
        layout_add(layout, route, plan_centre(plan, lower), above, LAYOUT_CORNER);
        layout_add(layout, route, plan_centre(plan, lower), plan_top(plan, lower), LAYOUT_LINE);
}

static void layout_descend(const Plan *plan, Layout *layout, LayoutRoute *route, uint32_t upper,
                           uint32_t lower) {
        if (plan_column(plan, upper) != plan_column(plan, lower))
                layout_fold_over(plan, layout, route, upper, lower);
        else
                layout_add(layout, route, plan_centre(plan, lower), plan_top(plan, lower),
                           LAYOUT_CURVE);
        /* past the boxes of the rank */
        if (levels_is_bend(&plan->levels, lower))
                layout_add(layout, route, plan_centre(plan, lower),
                           plan_top(plan, lower) + plan->spec->box_height, LAYOUT_LINE);
}

static void layout_route(Plan *plan, Layout *layout, const LayoutEdge *edge, LayoutRoute *route) {
        uint32_t span = levels_span(&plan->levels, edge), at = edge->from;

        layout_add(layout, route, plan_centre(plan, at),
                   plan_top(plan, at) + plan->spec->box_height, LAYOUT_START);
        plan->steps += span;
        if (!levels_is_routed(&plan->levels, edge) || plan->steps > LAYOUT_STEPS_MAX ||
            layout->n_points + 8 * (size_t) span > LAYOUT_POINTS_MAX) {
                layout_add(layout, route, plan_centre(plan, edge->to), plan_top(plan, edge->to),
                           LAYOUT_JUMP);
                return;
        }
        for (uint32_t i = 0; i + 1 < span; i++) {
                uint32_t bend = plan->levels.chain[edge->from] + i;

                layout_descend(plan, layout, route, at, bend);
                at = bend;
        }
        layout_descend(plan, layout, route, at, edge->to);
}

static int layout_draw_lines(Plan *plan, Layout *layout) {
        const LayoutSpec *spec = plan->spec;

        layout->routes = calloc(spec->n_edges + 1, sizeof(*layout->routes));
        layout->points = calloc(LAYOUT_POINTS_MAX + 2 * spec->n_edges + 8, sizeof(*layout->points));
        if (!layout->routes || !layout->points)
                return -ENOMEM;
        for (size_t e = 0; e < spec->n_edges; e++) {
                layout->routes[e].first = layout->n_points;
                layout_route(plan, layout, &spec->edges[e], &layout->routes[e]);
        }
        return 0;
}

int layout_run(const LayoutSpec *spec, Layout *ret) {
        _cleanup_(plan_deinit) Plan plan = { .spec = spec };
        Layout layout = { 0 };
        int r;

        r = layout_check(spec);
        if (r == 0 && spec->n_boxes == 0)
                *ret = layout;
        if (r < 0 || spec->n_boxes == 0)
                return r;
        r = layout_plan(&plan, &layout.n_crossings);
        if (r == 0)
                r = layout_place_boxes(&plan, &layout);
        if (r == 0)
                r = layout_draw_lines(&plan, &layout);
        if (r < 0) {
                layout_deinit(&layout);
                return r;
        }
        layout.width = plan.fold.width;
        layout.height = plan.fold.height;
        layout.n_ranks = plan.levels.n_ranks;
        layout.n_columns = plan.fold.n_columns;
        *ret = layout;
        return 0;
}

void layout_deinit(Layout *layout) {
        free(layout->boxes);
        free(layout->routes);
        free(layout->points);
        *layout = (Layout){ 0 };
}
