#include "dpu/page/levels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* --- ranks --------------------------------------------------------------------------------- */

/* Every box as high as those that it reads from allow, but no more than LAYOUT_RANK_MAX side by
 * side. */
static uint32_t levels_push_up(const LayoutSpec *spec, uint32_t *rank, uint32_t *counts) {
        uint32_t n_ranks = 0;
        size_t e = 0;

        /* edges come sorted by the box that they lead to */
        for (size_t i = 0; i < spec->n_boxes; i++) {
                uint32_t at = 0;

                for (; e < spec->n_edges && spec->edges[e].to == i; e++)
                        if (rank[spec->edges[e].from] + 1 > at)
                                at = rank[spec->edges[e].from] + 1;
                while (counts[at] >= LAYOUT_RANK_MAX)
                        at++;
                rank[i] = at;
                counts[at]++;
                if (at + 1 > n_ranks)
                        n_ranks = at + 1;
        }
        return n_ranks;
}

/* Boxes from which more lines go out than come in go down as far as they can: that makes lines
 * shorter. An input that is needed late stands where it is needed. */
static void levels_pull_down(const LayoutSpec *spec, uint32_t *rank, uint32_t *counts,
                             uint32_t *lowest, int32_t *surplus) {
        for (size_t i = 0; i < spec->n_boxes; i++)
                lowest[i] = UINT32_MAX;
        for (size_t e = 0; e < spec->n_edges; e++) {
                surplus[spec->edges[e].from]++;
                surplus[spec->edges[e].to]--;
        }
        /* from the last: what a box leads to has its final rank then */
        for (size_t i = spec->n_boxes, e = spec->n_edges; i-- > 0;) {
                uint32_t at = lowest[i] == UINT32_MAX ? rank[i] : lowest[i] - 1;

                while (at > rank[i] && counts[at] >= LAYOUT_RANK_MAX)
                        at--;
                if (surplus[i] > 0 && at > rank[i]) {
                        counts[rank[i]]--;
                        counts[at]++;
                        rank[i] = at;
                }
                for (; e > 0 && spec->edges[e - 1].to == i; e--)
                        if (rank[i] < lowest[spec->edges[e - 1].from])
                                lowest[spec->edges[e - 1].from] = rank[i];
        }
}

/* closes up where no box is left */
static uint32_t levels_close_up(const LayoutSpec *spec, uint32_t *rank, uint32_t *counts,
                                uint32_t n_ranks) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < n_ranks; i++)
                counts[i] = counts[i] > 0 ? n++ : n;
        for (size_t i = 0; i < spec->n_boxes; i++)
                rank[i] = counts[rank[i]];
        return n;
}

static int levels_rank(Levels *levels, const LayoutSpec *spec) {
        _cleanup_(freep) uint32_t *counts = calloc(spec->n_boxes + 1, sizeof(*counts));
        _cleanup_(freep) uint32_t *lowest = calloc(spec->n_boxes + 1, sizeof(*lowest));
        _cleanup_(freep) int32_t *surplus = calloc(spec->n_boxes + 1, sizeof(*surplus));
        uint32_t n_ranks;

        levels->rank = calloc(spec->n_boxes + LAYOUT_BENDS_MAX, sizeof(*levels->rank));
        if (!counts || !lowest || !surplus || !levels->rank)
                return -ENOMEM;
        n_ranks = levels_push_up(spec, levels->rank, counts);
        levels_pull_down(spec, levels->rank, counts, lowest, surplus);
        levels->n_ranks = levels_close_up(spec, levels->rank, counts, n_ranks);
        return 0;
}

/* --- bends --------------------------------------------------------------------------------- */

/* How many bends each box needs if lines may span @reach ranks, in @ret; the sum is returned. */
static size_t levels_count_bends(const Levels *levels, const LayoutSpec *spec, uint32_t reach,
                                 uint32_t *ret) {
        size_t sum = 0;

        memset(ret, 0, spec->n_boxes * sizeof(*ret));
        for (size_t e = 0; e < spec->n_edges; e++) {
                uint32_t *n = &ret[spec->edges[e].from];
                uint32_t span = levels_span(levels, &spec->edges[e]);

                if (span > reach || span - 1 <= *n)
                        continue;
                sum += span - 1 - *n;
                *n = span - 1;
        }
        return sum;
}

static int levels_bend(Levels *levels, const LayoutSpec *spec) {
        size_t n = spec->n_boxes;

        levels->bends = calloc(spec->n_boxes + 1, sizeof(*levels->bends));
        levels->chain = calloc(spec->n_boxes + 1, sizeof(*levels->chain));
        if (!levels->bends || !levels->chain)
                return -ENOMEM;
        levels->reach = levels->n_ranks;
        while (levels_count_bends(levels, spec, levels->reach, levels->bends) > LAYOUT_BENDS_MAX)
                levels->reach /= 2;
        for (size_t i = 0; i < spec->n_boxes; i++) {
                levels->chain[i] = (uint32_t) n;
                for (uint32_t k = 0; k < levels->bends[i]; k++)
                        levels->rank[n++] = levels->rank[i] + 1 + k;
        }
        levels->n_boxes = spec->n_boxes;
        levels->n = n;
        return 0;
}

/* --- segments ------------------------------------------------------------------------------ */

/* the vertex from which the last segment of a routed line comes */
static uint32_t levels_last_upper(const Levels *levels, const LayoutEdge *edge) {
        uint32_t span = levels_span(levels, edge);

        return span == 1 ? edge->from : levels->chain[edge->from] + span - 2;
}

static int levels_join(Levels *levels, const LayoutSpec *spec) {
        size_t n_bends = levels->n - levels->n_boxes;

        levels->segments = calloc(spec->n_edges + n_bends + 1, sizeof(*levels->segments));
        if (!levels->segments)
                return -ENOMEM;
        for (size_t e = 0; e < spec->n_edges; e++) {
                const LayoutEdge *edge = &spec->edges[e];

                if (levels_is_routed(levels, edge))
                        levels->segments[levels->n_segments++] =
                                (Segment){ levels_last_upper(levels, edge), edge->to };
        }
        for (uint32_t i = 0; i < levels->n_boxes; i++)
                for (uint32_t k = 0; k < levels->bends[i]; k++)
                        levels->segments[levels->n_segments++] =
                                (Segment){ k == 0 ? i : levels->chain[i] + k - 1,
                                           levels->chain[i] + k };
        return 0;
}

/* Lists of segments by one of their ends. */
static int levels_index(const Levels *levels, bool by_lower, uint32_t **ret_first, uint32_t **ret) {
        uint32_t *first = calloc(levels->n + 2, sizeof(*first));
        uint32_t *list = calloc(levels->n_segments + 1, sizeof(*list));

        *ret_first = first;
        *ret = list;
        if (!first || !list)
                return -ENOMEM;
        for (size_t s = 0; s < levels->n_segments; s++)
                first[(by_lower ? levels->segments[s].lower : levels->segments[s].upper) + 2]++;
        for (size_t v = 2; v <= levels->n + 1; v++)
                first[v] += first[v - 1];
        /* first[v + 1] runs from where v begins to where it ends */
        for (size_t s = 0; s < levels->n_segments; s++)
                list[first[(by_lower ? levels->segments[s].lower : levels->segments[s].upper) +
                           1]++] = (uint32_t) s;
        return 0;
}

/* --- order --------------------------------------------------------------------------------- */

void levels_number(Levels *levels, uint32_t rank) {
        const uint32_t *order = levels->order + levels->first[rank];

        for (uint32_t i = 0; i < levels_size(levels, rank); i++)
                levels->at[order[i]] = i;
}

/* as the vertices are numbered, for a beginning */
static int levels_list(Levels *levels) {
        _cleanup_(freep) uint32_t *filled = calloc(levels->n_ranks + 1, sizeof(*filled));

        levels->first = calloc(levels->n_ranks + 2, sizeof(*levels->first));
        levels->order = calloc(levels->n + 1, sizeof(*levels->order));
        levels->at = calloc(levels->n + 1, sizeof(*levels->at));
        if (!filled || !levels->first || !levels->order || !levels->at)
                return -ENOMEM;
        for (size_t v = 0; v < levels->n; v++)
                levels->first[levels->rank[v] + 1]++;
        for (uint32_t i = 0; i < levels->n_ranks; i++)
                levels->first[i + 1] += levels->first[i];
        for (size_t v = 0; v < levels->n; v++) {
                uint32_t rank = levels->rank[v];

                levels->order[levels->first[rank] + filled[rank]++] = (uint32_t) v;
        }
        for (uint32_t i = 0; i < levels->n_ranks; i++)
                levels_number(levels, i);
        return 0;
}

int levels_init(Levels *ret, const LayoutSpec *spec) {
        Levels levels = { .n_boxes = spec->n_boxes };
        int r;

        r = levels_rank(&levels, spec);
        if (r == 0)
                r = levels_bend(&levels, spec);
        if (r == 0)
                r = levels_join(&levels, spec);
        if (r == 0)
                r = levels_index(&levels, true, &levels.above_first, &levels.above);
        if (r == 0)
                r = levels_index(&levels, false, &levels.below_first, &levels.below);
        if (r == 0)
                r = levels_list(&levels);
        if (r < 0) {
                levels_deinit(&levels);
                return r;
        }
        *ret = levels;
        return 0;
}

void levels_deinit(Levels *levels) {
        free(levels->rank);
        free(levels->bends);
        free(levels->chain);
        free(levels->first);
        free(levels->order);
        free(levels->at);
        free(levels->segments);
        free(levels->above_first);
        free(levels->above);
        free(levels->below_first);
        free(levels->below);
        *levels = (Levels){ 0 };
}
