#include "dpu/page/straighten.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * One alignment is worked out as if it were always from above and leaning left; for the other
 * three, ranks and places are looked at from the other end (straighten_rank(), straighten_place()).
 * A block is named by its root; next leads around its vertices in a ring.
 */

typedef struct Alignment {
        const Levels *levels;
        const LayoutSpec *spec;
        const bool *barred; /* by segment: crosses a chain of bends */
        bool from_below, to_right;
        uint32_t *root, *next; /* by vertex */
        int32_t *x;            /* by vertex; of roots only until it is done */
} Alignment;

static uint32_t straighten_rank(const Alignment *a, uint32_t i) {
        return a->from_below ? a->levels->n_ranks - 1 - i : i;
}

/* the vertex at place @i of @rank */
static uint32_t straighten_vertex(const Alignment *a, uint32_t rank, uint32_t i) {
        uint32_t n = levels_size(a->levels, rank);

        return a->levels->order[a->levels->first[rank] + (a->to_right ? n - 1 - i : i)];
}

static uint32_t straighten_place(const Alignment *a, uint32_t v) {
        uint32_t n = levels_size(a->levels, a->levels->rank[v]);

        return a->to_right ? n - 1 - a->levels->at[v] : a->levels->at[v];
}

static int32_t straighten_width(const Alignment *a, uint32_t v) {
        return levels_is_bend(a->levels, v) ? 0 : a->spec->box_width;
}

/* between the centres of neighbours */
static int32_t straighten_distance(const Alignment *a, uint32_t v, uint32_t w) {
        bool lines = levels_is_bend(a->levels, v) && levels_is_bend(a->levels, w);

        return (straighten_width(a, v) + straighten_width(a, w)) / 2 +
               (lines ? a->spec->lane : a->spec->gap_x);
}

/* --- what may not be lined up -------------------------------------------------------------- */

static bool straighten_is_inner(const Levels *levels, const Segment *segment) {
        return levels_is_bend(levels, segment->upper) && levels_is_bend(levels, segment->lower);
}

/* the segment between two bends that leads to @v, or NULL */
static const Segment *straighten_inner(const Levels *levels, uint32_t v) {
        for (uint32_t i = levels->above_first[v]; i < levels->above_first[v + 1]; i++)
                if (straighten_is_inner(levels, &levels->segments[levels->above[i]]))
                        return &levels->segments[levels->above[i]];
        return NULL;
}

/* Between inner segments that neighbour each other at places @low and @high of the upper rank,
 * nothing may lead to the vertices from @begin to @end except from there. */
static void straighten_bar_part(const Levels *levels, uint32_t rank, uint32_t begin, uint32_t end,
                                uint32_t low, uint32_t high, bool *barred) {
        for (uint32_t i = begin; i <= end; i++) {
                uint32_t v = levels->order[levels->first[rank] + i];

                for (uint32_t k = levels->above_first[v]; k < levels->above_first[v + 1]; k++) {
                        const Segment *segment = &levels->segments[levels->above[k]];
                        uint32_t at = levels->at[segment->upper];

                        if ((at < low || at > high) && !straighten_is_inner(levels, segment))
                                barred[levels->above[k]] = true;
                }
        }
}

static void straighten_bar_rank(const Levels *levels, uint32_t rank, bool *barred) {
        uint32_t n = levels_size(levels, rank), begin = 0, low = 0;

        for (uint32_t i = 0; i < n; i++) {
                const Segment *inner =
                        straighten_inner(levels, levels->order[levels->first[rank] + i]);
                uint32_t high = levels_size(levels, rank - 1) - 1;

                if (!inner && i + 1 < n)
                        continue;
                if (inner)
                        high = levels->at[inner->upper];
                straighten_bar_part(levels, rank, begin, i, low, high, barred);
                begin = i + 1;
                low = high;
        }
}

/* --- lining up ----------------------------------------------------------------------------- */

static int straighten_compare(const void *a, const void *b) {
        const uint32_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* where a vertex's neighbours stand, ascending, with their segments behind: the number is returned */
static uint32_t straighten_neighbours(const Alignment *a, uint32_t v, uint32_t (*ret)[2]) {
        const Levels *levels = a->levels;
        const uint32_t *first = a->from_below ? levels->below_first : levels->above_first;
        const uint32_t *list = a->from_below ? levels->below : levels->above;
        uint32_t n = 0;

        for (uint32_t i = first[v]; i < first[v + 1]; i++) {
                const Segment *segment = &levels->segments[list[i]];

                ret[n][0] = straighten_place(a, a->from_below ? segment->lower : segment->upper);
                ret[n++][1] = list[i];
        }
        qsort(ret, n, sizeof(*ret), straighten_compare);
        return n;
}

static void straighten_join(const Alignment *a, uint32_t v, uint32_t neighbour) {
        a->next[neighbour] = v;
        a->root[v] = a->root[neighbour];
        a->next[v] = a->root[v];
}

/* Lines up with one of the medians, if nothing to the left of it was lined up further right. */
static void straighten_line_up(const Alignment *a, uint32_t v, uint32_t (*neighbours)[2],
                               uint32_t n, int64_t *limit) {
        for (uint32_t m = (n - 1) / 2; m <= n / 2; m++) {
                const Segment *segment = &a->levels->segments[neighbours[m][1]];

                if (a->next[v] != v)
                        return;
                if (a->barred[neighbours[m][1]] || *limit >= neighbours[m][0])
                        continue;
                straighten_join(a, v, a->from_below ? segment->lower : segment->upper);
                *limit = neighbours[m][0];
        }
}

static int straighten_align(const Alignment *a) {
        size_t most = a->levels->n_segments + 1;
        _cleanup_(freep) uint32_t(*neighbours)[2] = calloc(most, sizeof(*neighbours));

        if (!neighbours)
                return -ENOMEM;
        for (uint32_t v = 0; v < a->levels->n; v++)
                a->root[v] = a->next[v] = v;
        for (uint32_t i = 1; i < a->levels->n_ranks; i++) {
                uint32_t rank = straighten_rank(a, i);
                int64_t limit = -1;

                for (uint32_t k = 0; k < levels_size(a->levels, rank); k++) {
                        uint32_t v = straighten_vertex(a, rank, k);
                        uint32_t n = straighten_neighbours(a, v, neighbours);

                        if (n > 0)
                                straighten_line_up(a, v, neighbours, n, &limit);
                }
        }
        return 0;
}

/* --- side by side -------------------------------------------------------------------------- */

/* the vertex to the left of @v in its rank; false: there is none */
static bool straighten_left(const Alignment *a, uint32_t v, uint32_t *ret) {
        uint32_t place = straighten_place(a, v);

        if (place == 0)
                return false;
        *ret = straighten_vertex(a, a->levels->rank[v], place - 1);
        return true;
}

static bool straighten_right(const Alignment *a, uint32_t v, uint32_t *ret) {
        uint32_t place = straighten_place(a, v);

        if (place + 1 >= levels_size(a->levels, a->levels->rank[v]))
                return false;
        *ret = straighten_vertex(a, a->levels->rank[v], place + 1);
        return true;
}

/* Roots in an order in which each comes behind all that stand to the left of its block. */
static int straighten_sort(const Alignment *a, uint32_t *ret, size_t *ret_n) {
        _cleanup_(freep) uint32_t *waiting = calloc(a->levels->n + 1, sizeof(*waiting));
        size_t n = 0;
        uint32_t side;

        if (!waiting)
                return -ENOMEM;
        for (uint32_t v = 0; v < a->levels->n; v++)
                waiting[a->root[v]] += straighten_left(a, v, &side);
        for (uint32_t v = 0; v < a->levels->n; v++)
                if (a->root[v] == v && waiting[v] == 0)
                        ret[n++] = v;
        for (size_t i = 0; i < n; i++) {
                uint32_t v = ret[i];

                do {
                        if (straighten_right(a, v, &side) && --waiting[a->root[side]] == 0)
                                ret[n++] = a->root[side];
                        v = a->next[v];
                } while (v != ret[i]);
        }
        *ret_n = n;
        return 0;
}

/* as far left as its neighbours there allow */
static void straighten_push_left(const Alignment *a, uint32_t root) {
        uint32_t v = root, left;
        int32_t x = 0;

        do {
                if (straighten_left(a, v, &left)) {
                        int32_t least = a->x[a->root[left]] + straighten_distance(a, left, v);

                        x = least > x ? least : x;
                }
                v = a->next[v];
        } while (v != root);
        a->x[root] = x;
}

/* as far right as its neighbours there allow, if it has any: blocks move together */
static void straighten_pull_right(const Alignment *a, uint32_t root) {
        uint32_t v = root, right;
        int32_t x = INT32_MAX;

        do {
                if (straighten_right(a, v, &right)) {
                        int32_t most = a->x[a->root[right]] - straighten_distance(a, v, right);

                        x = most < x ? most : x;
                }
                v = a->next[v];
        } while (v != root);
        if (x != INT32_MAX && x > a->x[root])
                a->x[root] = x;
}

static int straighten_compact(const Alignment *a) {
        _cleanup_(freep) uint32_t *roots = calloc(a->levels->n + 1, sizeof(*roots));
        size_t n;
        int r;

        if (!roots)
                return -ENOMEM;
        r = straighten_sort(a, roots, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                straighten_push_left(a, roots[i]);
        for (size_t i = n; i-- > 0;)
                straighten_pull_right(a, roots[i]);
        for (uint32_t v = 0; v < a->levels->n; v++)
                if (a->root[v] != v)
                        a->x[v] = a->x[a->root[v]];
        if (a->to_right)
                for (uint32_t v = 0; v < a->levels->n; v++)
                        a->x[v] = -a->x[v];
        return 0;
}

/* --- the four of them ---------------------------------------------------------------------- */

typedef struct Range {
        int32_t low, high;
} Range;

static Range straighten_range(const int32_t *x, size_t n) {
        Range range = { INT32_MAX, INT32_MIN };

        for (size_t v = 0; v < n; v++) {
                range.low = x[v] < range.low ? x[v] : range.low;
                range.high = x[v] > range.high ? x[v] : range.high;
        }
        return range;
}

/* onto the narrowest: those that lean left at its left end, the others at its right end */
static void straighten_match(int32_t *x[4], size_t n) {
        Range ranges[4], narrowest = { 0, INT32_MAX };

        for (int i = 0; i < 4; i++) {
                ranges[i] = straighten_range(x[i], n);
                if (ranges[i].high - ranges[i].low < narrowest.high - narrowest.low)
                        narrowest = ranges[i];
        }
        for (int i = 0; i < 4; i++) {
                int32_t move = i % 2 == 0 ? narrowest.low - ranges[i].low
                                          : narrowest.high - ranges[i].high;

                for (size_t v = 0; v < n; v++)
                        x[i][v] += move;
        }
}

static int32_t straighten_middle(int32_t a, int32_t b, int32_t c, int32_t d) {
        int32_t low_ab = a < b ? a : b, high_ab = a < b ? b : a;
        int32_t low_cd = c < d ? c : d, high_cd = c < d ? d : c;
        int32_t second = low_ab > low_cd ? low_ab : low_cd;
        int32_t third = high_ab < high_cd ? high_ab : high_cd;

        /* rounded down for both signs, so that distances stay what they are */
        return (second + third) >> 1;
}

static int straighten_one(const Levels *levels, const LayoutSpec *spec, const bool *barred, int i,
                          int32_t *ret) {
        _cleanup_(freep) uint32_t *root = calloc(levels->n + 1, sizeof(*root));
        _cleanup_(freep) uint32_t *next = calloc(levels->n + 1, sizeof(*next));
        const Alignment a = { .levels = levels,
                              .spec = spec,
                              .barred = barred,
                              .from_below = i / 2 == 1,
                              .to_right = i % 2 == 1,
                              .root = root,
                              .next = next,
                              .x = ret };
        int r;

        if (!root || !next)
                return -ENOMEM;
        r = straighten_align(&a);
        return r < 0 ? r : straighten_compact(&a);
}

int straighten(const Levels *levels, const LayoutSpec *spec, int32_t *ret) {
        _cleanup_(freep) bool *barred = calloc(levels->n_segments + 1, sizeof(*barred));
        _cleanup_(freep) int32_t *all = calloc(4 * levels->n + 1, sizeof(*all));
        int32_t *x[4];
        int r = 0;

        if (!barred || !all)
                return -ENOMEM;
        for (uint32_t rank = 1; rank < levels->n_ranks; rank++)
                straighten_bar_rank(levels, rank, barred);
        for (int i = 0; i < 4 && r == 0; i++) {
                x[i] = all + (size_t) i * levels->n;
                r = straighten_one(levels, spec, barred, i, x[i]);
        }
        if (r < 0)
                return r;
        straighten_match(x, levels->n);
        for (size_t v = 0; v < levels->n; v++)
                ret[v] = straighten_middle(x[0][v], x[1][v], x[2][v], x[3][v]);
        return 0;
}
