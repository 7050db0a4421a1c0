#include "dpu/page/crossings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define CROSSINGS_SWEEPS   24
#define CROSSINGS_PATIENCE 6            /* sweeps that bring nothing, before it is given up */
#define CROSSINGS_WORK     (size_t) 4e6 /* segments looked at in all sweeps */
#define CROSSINGS_SWAPS    8            /* passes of changing places */
#define CROSSINGS_DEGREE   32           /* of vertices that change places */
#define CROSSINGS_SCALE    1024

/* --- counting ------------------------------------------------------------------------------ */

/* a tree of sums (Fenwick, 1994): how many lower ends lie right of a place */
static void crossings_add(uint32_t *tree, uint32_t n, uint32_t at) {
        for (uint32_t i = at + 1; i <= n; i += i & -i)
                tree[i]++;
}

static uint32_t crossings_up_to(const uint32_t *tree, uint32_t at) {
        uint32_t sum = 0;

        for (uint32_t i = at + 1; i > 0; i -= i & -i)
                sum += tree[i];
        return sum;
}

/* between a rank and the next one */
static size_t crossings_below(const Levels *levels, uint32_t rank, uint32_t *tree) {
        uint32_t n = levels_size(levels, rank + 1), seen = 0;
        size_t crossings = 0;

        memset(tree, 0, (n + 1) * sizeof(*tree));
        for (uint32_t i = levels->first[rank]; i < levels->first[rank + 1]; i++) {
                uint32_t v = levels->order[i];
                const uint32_t *begin = levels->below + levels->below_first[v];
                uint32_t degree = levels->below_first[v + 1] - levels->below_first[v];

                for (uint32_t k = 0; k < degree; k++)
                        crossings +=
                                seen -
                                crossings_up_to(tree, levels->at[levels->segments[begin[k]].lower]);
                for (uint32_t k = 0; k < degree; k++)
                        crossings_add(tree, n, levels->at[levels->segments[begin[k]].lower]);
                seen += degree;
        }
        return crossings;
}

int crossings_count(const Levels *levels, size_t *ret) {
        _cleanup_(freep) uint32_t *tree = calloc(levels->n + 2, sizeof(*tree));
        size_t sum = 0;

        if (!tree)
                return -ENOMEM;
        for (uint32_t rank = 0; rank + 1 < levels->n_ranks; rank++)
                sum += crossings_below(levels, rank, tree);
        *ret = sum;
        return 0;
}

/* --- sweeps -------------------------------------------------------------------------------- */

typedef struct Standing {
        int64_t wish; /* the mean place of its neighbours, in CROSSINGS_SCALE-ths */
        uint32_t at, vertex;
} Standing;

static int standing_compare(const void *a, const void *b) {
        const Standing *x = a, *y = b;

        if (x->wish != y->wish)
                return x->wish < y->wish ? -1 : 1;
        return (x->at > y->at) - (x->at < y->at);
}

static int64_t crossings_wish(const Levels *levels, uint32_t v, bool downwards) {
        const uint32_t *first = downwards ? levels->above_first : levels->below_first;
        const uint32_t *list = downwards ? levels->above : levels->below;
        int64_t sum = 0, n = (int64_t) first[v + 1] - first[v];

        if (n == 0)
                return (int64_t) levels->at[v] * CROSSINGS_SCALE;
        for (uint32_t i = first[v]; i < first[v + 1]; i++) {
                const Segment *segment = &levels->segments[list[i]];

                sum += levels->at[downwards ? segment->upper : segment->lower];
        }
        return sum * CROSSINGS_SCALE / n;
}

static void crossings_sort(Levels *levels, uint32_t rank, bool downwards, Standing *standings) {
        uint32_t n = levels_size(levels, rank);
        uint32_t *order = levels->order + levels->first[rank];

        for (uint32_t i = 0; i < n; i++)
                standings[i] =
                        (Standing){ crossings_wish(levels, order[i], downwards), i, order[i] };
        qsort(standings, n, sizeof(*standings), standing_compare);
        for (uint32_t i = 0; i < n; i++)
                order[i] = standings[i].vertex;
        levels_number(levels, rank);
}

static void crossings_sweep(Levels *levels, bool downwards, Standing *standings) {
        for (uint32_t i = 0; i < levels->n_ranks; i++)
                crossings_sort(levels, downwards ? i : levels->n_ranks - 1 - i, downwards,
                               standings);
}

static void crossings_restore(Levels *levels, const uint32_t *order) {
        memcpy(levels->order, order, levels->n * sizeof(*order));
        for (uint32_t i = 0; i < levels->n_ranks; i++)
                levels_number(levels, i);
}

static int crossings_sweeps(Levels *levels, Standing *standings, uint32_t *best_order) {
        size_t best, found, work = 0;
        int r;

        r = crossings_count(levels, &best);
        memcpy(best_order, levels->order, levels->n * sizeof(*best_order));
        for (int i = 0, idle = 0; r == 0 && best > 0 && i < CROSSINGS_SWEEPS &&
                                  idle < CROSSINGS_PATIENCE && work < CROSSINGS_WORK;
             i++, idle++, work += levels->n_segments + levels->n) {
                crossings_sweep(levels, i % 2 == 0, standings);
                r = crossings_count(levels, &found);
                if (r == 0 && found < best) {
                        best = found;
                        idle = 0;
                        memcpy(best_order, levels->order, levels->n * sizeof(*best_order));
                }
        }
        crossings_restore(levels, best_order);
        return r;
}

/* --- changing places ----------------------------------------------------------------------- */

/* Crossings of the segments of @left with those of @right, which stands to the right of it. */
static int64_t crossings_between(const Levels *levels, uint32_t left, uint32_t right, bool above) {
        const uint32_t *first = above ? levels->above_first : levels->below_first;
        const uint32_t *list = above ? levels->above : levels->below;
        int64_t n = 0;

        for (uint32_t i = first[left]; i < first[left + 1]; i++)
                for (uint32_t k = first[right]; k < first[right + 1]; k++) {
                        const Segment *a = &levels->segments[list[i]];
                        const Segment *b = &levels->segments[list[k]];

                        n += levels->at[above ? a->upper : a->lower] >
                             levels->at[above ? b->upper : b->lower];
                }
        return n;
}

static bool crossings_is_light(const Levels *levels, uint32_t v) {
        return levels->above_first[v + 1] - levels->above_first[v] <= CROSSINGS_DEGREE &&
               levels->below_first[v + 1] - levels->below_first[v] <= CROSSINGS_DEGREE;
}

static bool crossings_better_swapped(const Levels *levels, uint32_t a, uint32_t b) {
        if (!crossings_is_light(levels, a) || !crossings_is_light(levels, b))
                return false;
        return crossings_between(levels, a, b, true) + crossings_between(levels, a, b, false) >
               crossings_between(levels, b, a, true) + crossings_between(levels, b, a, false);
}

static bool crossings_swap_rank(Levels *levels, uint32_t rank) {
        uint32_t *order = levels->order + levels->first[rank];
        bool swapped = false;

        for (uint32_t i = 0; i + 1 < levels_size(levels, rank); i++) {
                uint32_t a = order[i], b = order[i + 1];

                if (!crossings_better_swapped(levels, a, b))
                        continue;
                order[i] = b;
                order[i + 1] = a;
                levels->at[a] = i + 1;
                levels->at[b] = i;
                swapped = true;
        }
        return swapped;
}

static void crossings_swap(Levels *levels) {
        bool swapped = true;

        for (int pass = 0; swapped && pass < CROSSINGS_SWAPS; pass++) {
                swapped = false;
                for (uint32_t rank = 0; rank < levels->n_ranks; rank++)
                        swapped |= crossings_swap_rank(levels, rank);
        }
}

int crossings_reduce(Levels *levels) {
        _cleanup_(freep) Standing *standings = calloc(levels->n + 1, sizeof(*standings));
        _cleanup_(freep) uint32_t *order = calloc(levels->n + 1, sizeof(*order));
        int r;

        if (!standings || !order)
                return -ENOMEM;
        r = crossings_sweeps(levels, standings, order);
        if (r == 0)
                crossings_swap(levels);
        return r;
}
