#include "dpu/page/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define FOLD_COLUMNS_MAX 64
#define FOLD_RANKS_MIN   9  /* of a column: shorter ones are hard to follow */
#define FOLD_LANES_MAX   32 /* beyond, lines share a lane */

/* --- where to cut -------------------------------------------------------------------------- */

/* How many vertices of each rank lead on to the next one. */
static void fold_count(const Levels *levels, uint32_t *ret) {
        for (uint32_t rank = 0; rank < levels->n_ranks; rank++)
                for (uint32_t i = levels->first[rank]; i < levels->first[rank + 1]; i++) {
                        uint32_t v = levels->order[i];

                        ret[rank] += levels->below_first[v + 1] > levels->below_first[v];
                }
}

/* The last rank of a column that should end at @wanted: near it, where the fewest lines pass. */
static uint32_t fold_cut(const uint32_t *passing, uint32_t wanted, uint32_t slack) {
        uint32_t best = wanted;

        for (uint32_t away = 1; away <= slack; away++) {
                if (passing[wanted - away] < passing[best])
                        best = wanted - away;
                if (passing[wanted + away] < passing[best])
                        best = wanted + away;
        }
        return best;
}

static void fold_cut_all(const Levels *levels, const uint32_t *passing, uint32_t n, Fold *fold) {
        uint32_t slack = levels->n_ranks / n / 6;

        fold->n_columns = n;
        for (uint32_t i = 0; i < n; i++) {
                Column *column = &fold->columns[i];

                *column = (Column){ .begin = i > 0 ? fold->columns[i - 1].end : 0,
                                    .end = levels->n_ranks };
                if (i + 1 < n)
                        column->end =
                                1 + fold_cut(passing, (i + 1) * levels->n_ranks / n - 1, slack);
                for (uint32_t rank = column->begin; rank < column->end; rank++)
                        fold->column[rank] = i;
        }
}

/* --- lanes --------------------------------------------------------------------------------- */

/* From the right, which is where they go: the rightmost turns first. */
static uint32_t fold_lanes(const Levels *levels, uint32_t rank, uint32_t *lane) {
        uint32_t n = 0;

        for (uint32_t i = levels->first[rank + 1]; i-- > levels->first[rank];) {
                uint32_t v = levels->order[i];

                if (levels->below_first[v + 1] == levels->below_first[v])
                        continue;
                lane[v] = n < FOLD_LANES_MAX ? n : FOLD_LANES_MAX - 1;
                n = n < FOLD_LANES_MAX ? n + 1 : n;
        }
        return n;
}

static void fold_lanes_all(const Levels *levels, Fold *fold) {
        for (uint32_t i = 0; i + 1 < fold->n_columns; i++) {
                Column *column = &fold->columns[i];

                column->n_lanes_out = fold_lanes(levels, column->end - 1, fold->lane);
                fold->columns[i + 1].n_lanes_in = column->n_lanes_out;
        }
}

/* --- measures ------------------------------------------------------------------------------ */

static int32_t fold_lanes_width(const LayoutSpec *spec, uint32_t n) {
        return n > 0 ? spec->gap_x + (int32_t) (n - 1) * spec->lane : 0;
}

static int32_t fold_head(const Fold *fold, const LayoutSpec *spec) {
        uint32_t most = 0;

        for (uint32_t i = 0; i < fold->n_columns; i++)
                if (fold->columns[i].n_lanes_in > most)
                        most = fold->columns[i].n_lanes_in;
        return fold_lanes_width(spec, most);
}

static int32_t fold_pitch(const LayoutSpec *spec) {
        return spec->box_height + spec->gap_y;
}

int32_t fold_rank_top(const Fold *fold, const LayoutSpec *spec, uint32_t rank) {
        const Column *column = &fold->columns[fold->column[rank]];

        return fold->head + (int32_t) (rank - column->begin) * fold_pitch(spec);
}

int32_t fold_lane_below(const Fold *fold, const LayoutSpec *spec, uint32_t column, uint32_t lane) {
        return fold_rank_top(fold, spec, fold->columns[column].end - 1) + spec->box_height +
               spec->gap_x / 2 + (int32_t) lane * spec->lane;
}

int32_t fold_lane_between(const Fold *fold, const LayoutSpec *spec, uint32_t column,
                          uint32_t lane) {
        return fold->columns[column].gutter + (int32_t) lane * spec->lane;
}

int32_t fold_lane_above(const Fold *fold, const LayoutSpec *spec, uint32_t lane) {
        return fold->head - spec->gap_x / 2 - (int32_t) lane * spec->lane;
}

static void fold_extent(const Levels *levels, const LayoutSpec *spec, const int32_t *x,
                        const Column *column, int32_t *ret_low, int32_t *ret_high) {
        int32_t low = INT32_MAX, high = INT32_MIN;

        for (uint32_t i = levels->first[column->begin]; i < levels->first[column->end]; i++) {
                uint32_t v = levels->order[i];
                int32_t half = levels_is_bend(levels, v) ? 0 : spec->box_width / 2;

                low = x[v] - half < low ? x[v] - half : low;
                high = x[v] + half > high ? x[v] + half : high;
        }
        *ret_low = low;
        *ret_high = high;
}

static void fold_measure(const Levels *levels, const LayoutSpec *spec, const int32_t *x,
                         Fold *fold) {
        int32_t at = 0, height = 0;

        fold->head = fold_head(fold, spec);
        for (uint32_t i = 0; i < fold->n_columns; i++) {
                Column *column = &fold->columns[i];
                int32_t low, high, bottom;

                fold_extent(levels, spec, x, column, &low, &high);
                column->x = at - low;
                column->gutter = at + high - low + spec->gap_x;
                at = column->gutter + fold_lanes_width(spec, column->n_lanes_out);
                bottom = fold_rank_top(fold, spec, column->end - 1) + spec->box_height +
                         fold_lanes_width(spec, column->n_lanes_out);
                height = bottom > height ? bottom : height;
                fold->width = column->gutter - spec->gap_x;
        }
        fold->height = height;
}

/* How far from the shape that is wanted, in percent, where twice as wide is as bad as twice as
 * high. */
static int64_t fold_badness(const Fold *fold, const LayoutSpec *spec) {
        int64_t width = 100 * (int64_t) fold->width, height = (int64_t) spec->shape * fold->height;

        return width > height ? width * 100 / (height + 1) : height * 100 / (width + 1);
}

static void fold_into(const Levels *levels, const LayoutSpec *spec, const int32_t *x,
                      const uint32_t *passing, uint32_t n, Fold *fold) {
        fold_cut_all(levels, passing, n, fold);
        fold_lanes_all(levels, fold);
        fold_measure(levels, spec, x, fold);
}

static int fold_alloc(const Levels *levels, Fold *ret) {
        ret->columns = calloc(FOLD_COLUMNS_MAX, sizeof(*ret->columns));
        ret->column = calloc(levels->n_ranks + 1, sizeof(*ret->column));
        ret->lane = calloc(levels->n + 1, sizeof(*ret->lane));
        return ret->columns && ret->column && ret->lane ? 0 : -ENOMEM;
}

int fold_run(const Levels *levels, const LayoutSpec *spec, const int32_t *x, Fold *ret) {
        _cleanup_(freep) uint32_t *passing = calloc(levels->n_ranks + 1, sizeof(*passing));
        uint32_t best = 1, most = levels->n_ranks / FOLD_RANKS_MIN;
        int64_t badness = INT64_MAX;
        Fold fold = { 0 };
        int r;

        r = fold_alloc(levels, &fold);
        if (!passing || r < 0) {
                fold_deinit(&fold);
                return -ENOMEM;
        }
        fold_count(levels, passing);
        for (uint32_t n = 1; n <= FOLD_COLUMNS_MAX && (n == 1 || n <= most); n++) {
                fold_into(levels, spec, x, passing, n, &fold);
                if (fold_badness(&fold, spec) < badness) {
                        badness = fold_badness(&fold, spec);
                        best = n;
                }
        }
        fold_into(levels, spec, x, passing, best, &fold);
        *ret = fold;
        return 0;
}

void fold_deinit(Fold *fold) {
        free(fold->columns);
        free(fold->column);
        free(fold->lane);
        *fold = (Fold){ 0 };
}
