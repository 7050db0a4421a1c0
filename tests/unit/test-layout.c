#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/page/layout.h"
#include "tests/support/fail_alloc.h"

#define WIDTH  100
#define HEIGHT 40
#define GAP_X  20
#define GAP_Y  24

typedef struct Trial {
        LayoutSpec spec;
        LayoutEdge *edges;
        Layout layout;
} Trial;

static void trial_deinit(Trial *trial) {
        layout_deinit(&trial->layout);
        free(trial->edges);
}

static Trial trial_of(size_t n_boxes, size_t most_edges) {
        Trial trial = { .edges = calloc(most_edges + 1, sizeof(LayoutEdge)) };

        assert_non_null(trial.edges);
        trial.spec = (LayoutSpec){ .n_boxes = n_boxes,
                                   .edges = trial.edges,
                                   .box_width = WIDTH,
                                   .box_height = HEIGHT,
                                   .gap_x = GAP_X,
                                   .gap_y = GAP_Y,
                                   .lane = 8,
                                   .shape = 160 };
        return trial;
}

static void add(Trial *trial, uint32_t from, uint32_t to) {
        trial->edges[trial->spec.n_edges++] = (LayoutEdge){ from, to };
}

/* --- what holds of every layout ------------------------------------------------------------ */

static int by_place(const void *a, const void *b) {
        const LayoutBox *x = a, *y = b;

        if (x->y != y->y)
                return x->y < y->y ? -1 : 1;
        return (x->x > y->x) - (x->x < y->x);
}

/* All tops are those of rows, so two boxes can only meet in one row. */
static void boxes_do_not_meet(const Trial *trial) {
        size_t n = trial->spec.n_boxes;
        _cleanup_(freep) LayoutBox *boxes = calloc(n + 1, sizeof(*boxes));

        assert_non_null(boxes);
        memcpy(boxes, trial->layout.boxes, n * sizeof(*boxes));
        qsort(boxes, n, sizeof(*boxes), by_place);
        for (size_t i = 1; i < n; i++) {
                if (boxes[i].y == boxes[i - 1].y)
                        assert_true(boxes[i].x >= boxes[i - 1].x + WIDTH + GAP_X);
                else
                        assert_true(boxes[i].y >= boxes[i - 1].y + HEIGHT + GAP_Y);
        }
        for (size_t i = 0; i < n; i++) {
                assert_true(boxes[i].x >= 0 && boxes[i].x + WIDTH <= trial->layout.width);
                assert_true(boxes[i].y >= 0 && boxes[i].y + HEIGHT <= trial->layout.height);
        }
}

static void line_leads_there(const Trial *trial, size_t e) {
        const LayoutRoute *route = &trial->layout.routes[e];
        const LayoutPoint *points = trial->layout.points + route->first;
        const LayoutBox *from = &trial->layout.boxes[trial->edges[e].from];
        const LayoutBox *to = &trial->layout.boxes[trial->edges[e].to];

        assert_true(route->n >= 2);
        assert_int_equal(points[0].step, LAYOUT_START);
        assert_int_equal(points[0].x, from->x + WIDTH / 2);
        assert_int_equal(points[0].y, from->y + HEIGHT);
        assert_int_equal(points[route->n - 1].x, to->x + WIDTH / 2);
        assert_int_equal(points[route->n - 1].y, to->y);
        assert_true(from->rank < to->rank);
}

/* downwards all the way, but for corners between columns, which are right angles */
static void line_goes_down(const Trial *trial, size_t e) {
        const LayoutRoute *route = &trial->layout.routes[e];

        for (size_t i = 1; i < route->n; i++) {
                const LayoutPoint *a = &trial->layout.points[route->first + i - 1], *b = a + 1;

                assert_true(b->x >= 0 && b->x <= trial->layout.width);
                assert_true(b->y >= 0 && b->y <= trial->layout.height);
                switch (b->step) {
                case LAYOUT_START:
                        fail();
                        break;
                case LAYOUT_LINE:
                        assert_int_equal(a->x, b->x);
                        assert_true(b->y > a->y);
                        break;
                case LAYOUT_CURVE:
                        /* between two rows, where nothing is in its way */
                        assert_int_equal(b->y - a->y, GAP_Y);
                        break;
                case LAYOUT_CORNER:
                        assert_true(a->x == b->x || a->y == b->y);
                        break;
                case LAYOUT_JUMP:
                        break;
                }
        }
}

static void line_passes_between(const Trial *trial, size_t e) {
        const LayoutRoute *route = &trial->layout.routes[e];

        for (size_t i = 1; i < route->n; i++) {
                const LayoutPoint *a = &trial->layout.points[route->first + i - 1], *b = a + 1;
                int32_t top = a->y < b->y ? a->y : b->y, bottom = a->y + b->y - top;
                int32_t left = a->x < b->x ? a->x : b->x, right = a->x + b->x - left;

                for (size_t k = 0; k < trial->spec.n_boxes && b->step != LAYOUT_JUMP; k++) {
                        const LayoutBox *box = &trial->layout.boxes[k];

                        if (bottom > box->y && top < box->y + HEIGHT && right >= box->x &&
                            left <= box->x + WIDTH)
                                fail_msg("line %zu runs through box %zu", e, k);
                }
        }
}

static void check(Trial *trial) {
        Layout again;

        assert_int_equal(layout_run(&trial->spec, &trial->layout), 0);
        boxes_do_not_meet(trial);
        for (size_t e = 0; e < trial->spec.n_edges; e++) {
                line_leads_there(trial, e);
                line_goes_down(trial, e);
                if (trial->spec.n_boxes * trial->layout.n_points < 300000)
                        line_passes_between(trial, e);
        }
        assert_true(trial->layout.n_points <= LAYOUT_POINTS_MAX + 2 * trial->spec.n_edges);

        assert_int_equal(layout_run(&trial->spec, &again), 0);
        assert_int_equal(again.n_points, trial->layout.n_points);
        assert_memory_equal(again.boxes, trial->layout.boxes,
                            trial->spec.n_boxes * sizeof(*again.boxes));
        assert_memory_equal(again.points, trial->layout.points,
                            again.n_points * sizeof(*again.points));
        layout_deinit(&again);
}

/* --- drawings ------------------------------------------------------------------------------ */

static void a_chain_stands_upright(void **state) {
        _cleanup_(trial_deinit) Trial trial = trial_of(6, 5);

        for (uint32_t i = 0; i < 5; i++)
                add(&trial, i, i + 1);
        check(&trial);
        assert_int_equal(trial.layout.n_columns, 1);
        assert_int_equal(trial.layout.n_ranks, 6);
        assert_int_equal(trial.layout.width, WIDTH);
        assert_int_equal(trial.layout.height, 6 * HEIGHT + 5 * GAP_Y);
}

static void a_long_chain_is_folded(void **state) {
        _cleanup_(trial_deinit) Trial trial = trial_of(800, 799);

        for (uint32_t i = 0; i < 799; i++)
                add(&trial, i, i + 1);
        check(&trial);
        assert_true(trial.layout.n_columns > 10);
        assert_true(trial.layout.width > trial.layout.height);
        assert_true(trial.layout.width < 3 * trial.layout.height);
}

static void crossings_are_taken_away(void **state) {
        _cleanup_(trial_deinit) Trial trial = trial_of(8, 8);

        /* two chains, written so that they cross in each row */
        add(&trial, 1, 2);
        add(&trial, 0, 3);
        add(&trial, 3, 4);
        add(&trial, 2, 5);
        add(&trial, 5, 6);
        add(&trial, 4, 7);
        check(&trial);
        assert_int_equal(trial.layout.n_crossings, 0);
}

/* down and up, with a line across at each level */
static void a_unet_has_no_crossings(void **state) {
        enum { LEVELS = 5, DOWN = 2 * LEVELS, N = 4 * LEVELS + 1 };
        _cleanup_(trial_deinit) Trial trial = trial_of(N, 2 * N);

        for (uint32_t i = 1; i < N; i++) {
                uint32_t up = i - DOWN;

                /* boxes 11, 13, ... read what boxes 8, 6 ... left */
                if (i > DOWN && up % 2 == 1)
                        add(&trial, DOWN - up - 1, i);
                add(&trial, i - 1, i);
        }
        check(&trial);
        assert_int_equal(trial.layout.n_crossings, 0);
}

static void a_line_past_other_boxes_is_straight(void **state) {
        _cleanup_(trial_deinit) Trial trial = trial_of(6, 6);

        for (uint32_t i = 1; i < 6; i++) {
                if (i == 5)
                        add(&trial, 0, 5);
                add(&trial, i - 1, i);
        }
        check(&trial);
        /* one curve out, one upright, one curve back */
        assert_int_equal(trial.layout.routes[4].n, 4);
}

static void inputs_stand_where_they_are_needed(void **state) {
        _cleanup_(trial_deinit) Trial trial = trial_of(6, 5);

        add(&trial, 0, 2);
        add(&trial, 2, 3);
        add(&trial, 3, 4);
        add(&trial, 1, 5);
        add(&trial, 4, 5);
        check(&trial);
        assert_int_equal(trial.layout.boxes[1].rank, 3);
}

static void nothing_is_a_drawing_too(void **state) {
        _cleanup_(trial_deinit) Trial trial = trial_of(0, 0);

        assert_int_equal(layout_run(&trial.spec, &trial.layout), 0);
        assert_int_equal(trial.layout.n_points, 0);
        assert_int_equal(trial.layout.width, 0);
}

/* --- whatever comes ------------------------------------------------------------------------ */

static void random_graphs(void **state) {
        for (uint64_t seed = 0; seed < 60; seed++) {
                Random random = RANDOM_INIT(seed);
                uint32_t n = 2 + (uint32_t) random_below(&random, 120);
                uint32_t near = 1 + (uint32_t) random_below(&random, n);
                _cleanup_(trial_deinit) Trial trial = trial_of(n, 4 * (size_t) n);

                for (uint32_t to = 1; to < n; to++) {
                        uint32_t degree = (uint32_t) random_below(&random, 4);
                        uint32_t from = to > near ? to - near : 0;

                        for (; degree > 0 && from < to; degree--) {
                                from += (uint32_t) random_below(&random, to - from);
                                add(&trial, from++, to);
                        }
                }
                check(&trial);
        }
}

static void many_boxes_side_by_side(void **state) {
        _cleanup_(trial_deinit) Trial trial = trial_of(5000, 5000);

        for (uint32_t i = 1; i < 2500; i++)
                add(&trial, 0, i);
        for (uint32_t i = 2500; i < 5000; i++)
                add(&trial, i - 2400, i);
        check(&trial);
        assert_true(trial.layout.width < 200000);
}

/* each box is read by the next one and by one far away */
static void many_long_lines(void **state) {
        enum { N = 5000 };
        _cleanup_(trial_deinit) Trial trial = trial_of(N, 2 * N);

        for (uint32_t i = 1; i < N; i++) {
                if (i > N / 2)
                        add(&trial, i - N / 2, i);
                add(&trial, i - 1, i);
        }
        check(&trial);
        assert_int_equal(trial.layout.n_ranks, N);
}

/* one box that is read by all, at every distance */
static void one_box_for_all(void **state) {
        enum { N = 5000 };
        _cleanup_(trial_deinit) Trial trial = trial_of(N, 2 * N);

        for (uint32_t i = 1; i < N; i++) {
                add(&trial, 0, i);
                if (i > 1)
                        add(&trial, i - 1, i);
        }
        check(&trial);
}

static void what_is_no_drawing_is_refused(void **state) {
        _cleanup_(trial_deinit) Trial trial = trial_of(3, 2);
        Layout layout;

        add(&trial, 1, 1);
        assert_int_equal(layout_run(&trial.spec, &layout), -EINVAL);
        trial.edges[0] = (LayoutEdge){ 2, 1 };
        assert_int_equal(layout_run(&trial.spec, &layout), -EINVAL);
        trial.edges[0] = (LayoutEdge){ 1, 3 };
        assert_int_equal(layout_run(&trial.spec, &layout), -EINVAL);
        trial.edges[0] = (LayoutEdge){ 0, 2 };
        add(&trial, 0, 1);
        assert_int_equal(layout_run(&trial.spec, &layout), -EINVAL);
        trial.spec.n_boxes = LAYOUT_BOXES_MAX + 1;
        assert_int_equal(layout_run(&trial.spec, &layout), -EFBIG);
}

static int run_folded(void *userdata) {
        Layout layout;
        int r = layout_run(userdata, &layout);

        if (r == 0)
                layout_deinit(&layout);
        return r;
}

static void every_allocation_may_fail(void **state) {
        _cleanup_(trial_deinit) Trial trial = trial_of(40, 80);

        for (uint32_t i = 1; i < 40; i++) {
                if (i > 7)
                        add(&trial, i - 7, i);
                add(&trial, i - 1, i);
        }
        assert_true(fail_alloc_sweep(run_folded, &trial.spec) > 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_chain_stands_upright),
                cmocka_unit_test(a_long_chain_is_folded),
                cmocka_unit_test(crossings_are_taken_away),
                cmocka_unit_test(a_unet_has_no_crossings),
                cmocka_unit_test(a_line_past_other_boxes_is_straight),
                cmocka_unit_test(inputs_stand_where_they_are_needed),
                cmocka_unit_test(nothing_is_a_drawing_too),
                cmocka_unit_test(random_graphs),
                cmocka_unit_test(many_boxes_side_by_side),
                cmocka_unit_test(many_long_lines),
                cmocka_unit_test(one_box_for_all),
                cmocka_unit_test(what_is_no_drawing_is_refused),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
