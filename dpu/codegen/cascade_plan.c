/*
 * How large the maps are, and how the work is cut.
 *
 * A map needs room for the rounds that its reader's windows reach over, and one more, so that the
 * next rows can come while those are read; between two stages of the same engine nothing would
 * happen at once anyway. Only where that does not fit, or leaves no column, do with less. What room
 * is left goes to the maps, such that LOAD and SAVE can be further apart from what computes.
 *
 * A stage alone has more ways: chunks of output channels whose weights stay while all rows pass, or
 * all channels with weights that pass for every round; stripes of columns. What is loaded for each
 * is counted, and the least is taken.
 */

#include "dpu/codegen/cascade.h"

#include <errno.h>

#define CASCADE_TRANSFER 20u /* words that one more LOAD or SAVE counts for, in choosing */
#define CASCADE_AHEAD    3u  /* rounds that a map has beyond what is needed, at most */

/* --- shape ----------------------------------------------------------------------------------- */

const Map *cascade_input(const CascadeSpec *spec, const CascadeMaps *maps, unsigned i, unsigned k) {
        if (cascade_is_loaded(spec, i, k))
                return &maps->in[i][k];
        return i > 0 ? &maps->out[i - 1] : spec->in;
}

/* Groups of images take turns, stage by stage. */
static Space cascade_space(const CascadeSpec *spec, unsigned i) {
        bool second = (i % 2 == 1) != (spec->in && spec->in->space == SPACE_IMAGES_1);

        return second ? SPACE_IMAGES_1 : SPACE_IMAGES_0;
}

static void cascade_shape_stage(const CascadeSpec *spec, const CascadePlan *plan, unsigned i,
                                uint32_t groups, CascadeMaps *maps) {
        const Stage *stage = spec->stages[i].stage;
        const Axis *y = &stage->w.y;
        uint32_t all = spec->n == 1 && spec->keep_layout == 0 ? groups : stage->out_groups;
        uint32_t layout = i + 1 < spec->n ? spec->stages[i + 1].stage->w.y.stride : 1;

        if (i + 1 == spec->n && spec->keep_layout > 0)
                layout = spec->keep_layout;
        maps->out[i] = (Map){ .space = cascade_space(spec, i + 1),
                              .words = all,
                              .column = maps->column[i],
                              .columns = maps->columns[i],
                              .layout = layout,
                              .kept = layout,
                              .slots = plan->slots_out[i] };
        maps->out[i].slot_words = map_round_words(&maps->out[i]);
        layout = i == 0 ? plan->layout : y->stride;
        for (unsigned k = 0; k < stage->n_inputs; k++) {
                maps->in[i][k] = (Map){
                        .space = cascade_space(spec, i),
                        .words = stage->engine == STAGE_ALU && spec->n == 1 ? groups
                                                                            : stage->in_groups,
                        .column = maps->x[i].first,
                        .columns = maps->x[i].n,
                        .layout = layout,
                        .kept = machine_least(layout, y->kernel),
                        .origin = -y->pad,
                        .end = axis_span(y, 0, 1).first,
                        .slots = plan->slots_in[i][k],
                };
                maps->in[i][k].slot_words = map_round_words(&maps->in[i][k]);
        }
}

void cascade_shape(const CascadeSpec *spec, const CascadePlan *plan, uint32_t column,
                   uint32_t groups, CascadeMaps *ret) {
        uint32_t last = spec->n - 1;
        const Stage *stage = spec->stages[last].stage;

        *ret = (CascadeMaps){};
        ret->column[last] = column;
        ret->columns[last] = machine_least(plan->columns, stage->w.x.out - column);
        for (unsigned i = spec->n; i-- > 0;) {
                stage = spec->stages[i].stage;
                ret->x[i] = axis_span(&stage->w.x, ret->column[i], ret->columns[i]);
                if (i > 0) {
                        ret->column[i - 1] = ret->x[i].first;
                        ret->columns[i - 1] = ret->x[i].n;
                }
                cascade_shape_stage(spec, plan, i, groups, ret);
        }
}

uint32_t cascade_rows(const CascadeSpec *spec, const CascadePlan *plan, const Machine *machine,
                      const CascadeMaps *maps, unsigned i, uint32_t row) {
        const Stage *stage = spec->stages[i].stage;
        Map in = *cascade_input(spec, maps, i, spec->stages[i].linked);

        if (plan->restart)
                in.origin = cascade_window(stage, row);
        return stage_rows(stage, machine, &in, &maps->out[i], row);
}

/* --- rounds ---------------------------------------------------------------------------------- */

/* What the maps of stage @i must hold, whatever their columns. */
typedef struct CascadeNeed {
        uint32_t rounds, all; /* that the windows of one instruction see; of all rows */
        uint32_t blocks;      /* instructions, or flocks of them */
} CascadeNeed;

/* false: some row cannot be made */
static bool cascade_need(const CascadeSpec *spec, const CascadePlan *plan, const Machine *machine,
                         const CascadeMaps *maps, unsigned i, CascadeNeed *ret) {
        const Stage *stage = spec->stages[i].stage;
        Map in = *cascade_input(spec, maps, i, spec->stages[i].linked);
        CascadeNeed need = {};

        need.all = (uint32_t) (map_round(&in, machine, (int32_t) cascade_limit(stage) - 1) + 1);
        for (uint32_t row = 0; row < stage->w.y.out; need.blocks++) {
                uint32_t rows = cascade_rows(spec, plan, machine, maps, i, row), rounds;
                Span y;

                if (rows == 0)
                        return false;
                if (plan->restart)
                        in.origin = cascade_window(stage, row);
                y = axis_span(&stage->w.y, row, rows);
                rounds = (uint32_t) (map_round(&in, machine, (int32_t) (y.first + y.n) - 1) -
                                     map_round(&in, machine, (int32_t) y.first)) +
                         1;
                if (plan->restart)
                        rounds = (uint32_t) map_round(&in, machine, (int32_t) (y.first + y.n) - 1) +
                                 1;
                if (rounds > need.rounds)
                        need.rounds = rounds;
                row += rows;
        }
        if (plan->restart)
                need.all = UINT32_MAX;
        *ret = need;
        return true;
}

/* --- fitting --------------------------------------------------------------------------------- */

/* How generous it is: all maps have a round ahead; the output has not; those between stages that
 * different engines work on have not; those that are loaded have not. */
typedef enum CascadeRoom {
        CASCADE_AMPLE,
        CASCADE_OUTPUT_TIGHT,
        CASCADE_TIGHT,
        CASCADE_ROOMS,
} CascadeRoom;

static uint32_t cascade_slots_between(const CascadeSpec *spec, unsigned i, const CascadeNeed *need,
                                      CascadeRoom room) {
        bool same = spec->stages[i].stage->engine == STAGE_CONV &&
                    spec->stages[i + 1].stage->engine == STAGE_CONV;

        return machine_least(need->all, need->rounds + (room < CASCADE_TIGHT && !same ? 1 : 0));
}

static void cascade_set_slots(const CascadeSpec *spec, const Machine *machine,
                              const CascadeMaps *maps, const CascadeNeed *needs, CascadeRoom room,
                              CascadePlan *plan) {
        for (unsigned i = 0; i < spec->n; i++) {
                const Stage *stage = spec->stages[i].stage;
                uint32_t ahead = room < CASCADE_TIGHT ? needs[i].rounds + 1 : needs[i].rounds;
                uint32_t rounds =
                        (uint32_t) map_round(&maps->out[i], machine, (int32_t) stage->w.y.out - 1) +
                        1;

                if (plan->restart && room < CASCADE_TIGHT)
                        ahead = 2 * needs[i].rounds;
                for (unsigned k = 0; k < stage->n_inputs; k++)
                        plan->slots_in[i][k] =
                                plan->whole ? needs[i].all : machine_least(needs[i].all, ahead);
                if (i + 1 < spec->n)
                        plan->slots_out[i] = cascade_slots_between(spec, i, &needs[i + 1], room);
                else if (spec->keep_layout > 0)
                        plan->slots_out[i] = rounds;
                else
                        plan->slots_out[i] =
                                machine_least(rounds, room < CASCADE_OUTPUT_TIGHT ? 2 : 1);
        }
}

static void cascade_add_words(const Map *map, uint64_t words[2]) {
        words[map->space == SPACE_IMAGES_1] += map_words(map);
}

static bool cascade_row_fits(const Map *map) {
        return map->columns <= MACHINE_COLUMNS && map->words <= MACHINE_COLUMNS;
}

/* words in use of both image groups; false: rows that instructions cannot tell */
static bool cascade_count(const CascadeSpec *spec, const CascadeMaps *maps, uint64_t words[2]) {
        bool fits = true;

        words[0] = words[1] = 0;
        if (spec->in)
                cascade_add_words(spec->in, words);
        for (unsigned i = 0; i < spec->n; i++) {
                for (unsigned k = 0; k < spec->stages[i].stage->n_inputs; k++) {
                        if (!cascade_is_loaded(spec, i, k))
                                continue;
                        cascade_add_words(&maps->in[i][k], words);
                        fits = fits && cascade_row_fits(&maps->in[i][k]);
                }
                cascade_add_words(&maps->out[i], words);
                fits = fits && cascade_row_fits(&maps->out[i]);
        }
        return fits && words[0] <= MACHINE_DEPTH && words[1] <= MACHINE_DEPTH;
}

/* Of all stripes and chunks: the first may have padding where others have columns. */
void cascade_shape_largest(const CascadeSpec *spec, const CascadePlan *plan, CascadeMaps *ret) {
        cascade_shape(spec, plan, 0, plan->groups, ret);
        for (unsigned i = 0; i < spec->n; i++) {
                const Axis *x = &spec->stages[i].stage->w.x;
                uint64_t n = (uint64_t) (ret->columns[i] - 1) * x->stride + x->kernel;

                for (unsigned k = 0; k < spec->stages[i].stage->n_inputs; k++) {
                        Map *in = &ret->in[i][k];

                        in->columns = n < x->in ? (uint32_t) n : x->in;
                        in->slot_words = map_round_words(in);
                }
        }
}

static bool cascade_fits(const CascadeSpec *spec, const CascadePlan *plan, uint32_t columns) {
        CascadePlan tried = *plan;
        CascadeMaps maps;
        uint64_t words[2];

        tried.columns = columns;
        cascade_shape_largest(spec, &tried, &maps);
        return cascade_count(spec, &maps, words);
}

/* the widest stripes that fit, cut evenly; several stages, and maps that stay, are not cut */
static bool cascade_set_columns(const CascadeSpec *spec, CascadePlan *plan) {
        uint32_t all = spec->stages[spec->n - 1].stage->w.x.out, low = 0, high = all;

        if (spec->n > 1 || spec->in || spec->keep_layout > 0 || plan->whole) {
                plan->columns = all;
                return cascade_fits(spec, plan, all);
        }
        while (low < high) {
                uint32_t middle = low + (high - low + 1) / 2;

                if (cascade_fits(spec, plan, middle))
                        low = middle;
                else
                        high = middle - 1;
        }
        if (low == 0)
                return false;
        plan->columns = machine_ceil(all, machine_ceil(all, low));
        return true;
}

/* A slot more for each map in turn, as long as there is room. */
static void cascade_grow(const CascadeSpec *spec, const CascadeNeed *needs, CascadePlan *plan) {
        if (plan->restart || plan->whole)
                return;
        for (uint32_t more = 1; more < CASCADE_AHEAD; more++) {
                CascadePlan larger = *plan;

                for (unsigned i = 0; i < spec->n; i++)
                        for (unsigned k = 0; k < STAGE_INPUTS_MAX; k++)
                                larger.slots_in[i][k] =
                                        machine_least(needs[i].all, plan->slots_in[i][k] + 1);
                if (spec->keep_layout == 0)
                        larger.slots_out[spec->n - 1]++;
                if (!cascade_fits(spec, &larger, plan->columns))
                        return;
                *plan = larger;
        }
}

/* --- choosing -------------------------------------------------------------------------------- */

typedef struct CascadeSearch {
        const CascadeSpec *spec;
        const Machine *machine;
        CascadeNeed needs[CASCADE_STAGES_MAX];
        CascadePlan plan; /* the one that is tried */
        uint64_t best;
        CascadePlan chosen;
} CascadeSearch;

/* words that are loaded, in all; of what several stages load there is no choice */
static uint64_t cascade_cost(const CascadeSearch *search) {
        const CascadeSpec *spec = search->spec;
        const CascadePlan *plan = &search->plan;
        const Stage *stage = spec->stages[0].stage;
        uint64_t across = machine_ceil(stage->w.x.out, plan->columns);
        uint64_t chunks = machine_ceil(stage->out_groups, plan->groups);
        uint64_t columns = (uint64_t) (plan->columns - 1) * stage->w.x.stride + stage->w.x.kernel;
        uint64_t words = stage->engine == STAGE_ALU ? plan->groups : stage->in_groups;
        uint64_t rows = cascade_limit(stage), passes = plan->resident ? 1 : across;
        uint64_t image = 0, weights = 0;

        if (plan->restart)
                rows = (uint64_t) search->needs[0].blocks * stage->w.y.kernel +
                       (uint64_t) stage->w.y.out * stage->w.y.stride;
        if (!plan->resident)
                passes *= search->needs[0].blocks;
        if (!spec->in)
                image = (plan->whole ? 1 : chunks) * across * rows *
                        (CASCADE_TRANSFER + columns * words);
        if (stage->engine == STAGE_CONV)
                weights = passes * stage->out_groups * search->machine->lanes *
                          (CASCADE_TRANSFER + stage->words);
        return image + weights + chunks * across * stage->w.y.out * CASCADE_TRANSFER;
}

static void cascade_try(CascadeSearch *search, CascadeRoom room) {
        CascadePlan *plan = &search->plan;
        CascadeMaps maps;

        plan->columns = search->spec->stages[search->spec->n - 1].stage->w.x.out;
        cascade_shape(search->spec, plan, 0, plan->groups, &maps);
        cascade_set_slots(search->spec, search->machine, &maps, search->needs, room, plan);
        if (!cascade_set_columns(search->spec, plan) || cascade_cost(search) >= search->best)
                return;
        search->best = cascade_cost(search);
        search->chosen = *plan;
}

/* chunks of CONV: of half the weights' banks, so that the next can be loaded; of all; none */
static void cascade_try_conv(CascadeSearch *search, CascadeRoom room) {
        const Stage *stage = search->spec->stages[0].stage;
        const uint32_t candidates[] = { stage->out_groups, MACHINE_DEPTH / stage->words,
                                        MACHINE_HALF / stage->words, 1 };

        for (size_t i = 0; i < 4; i++) {
                CascadePlan *plan = &search->plan;

                plan->groups = machine_least(candidates[i], stage->out_groups);
                if (plan->groups == 0)
                        continue;
                plan->resident = (uint64_t) plan->groups * stage->words <= MACHINE_DEPTH;
                plan->whole = false;
                cascade_try(search, room);
                plan->whole =
                        plan->groups < stage->out_groups && !plan->restart && !search->spec->in;
                if (plan->whole)
                        cascade_try(search, room);
        }
}

static void cascade_try_alu(CascadeSearch *search, CascadeRoom room) {
        const Stage *stage = search->spec->stages[0].stage;
        bool cut = !search->spec->in && search->spec->keep_layout == 0;

        search->plan.resident = true;
        for (uint32_t parts = 1; parts <= (cut ? stage->out_groups : 1); parts *= 2) {
                uint64_t groups = machine_ceil(stage->out_groups, parts);

                if (groups > MACHINE_GROUPS_MAX ||
                    (stage_has_weights(stage) && groups * stage->words > MACHINE_DEPTH))
                        continue;
                search->plan.groups = (uint32_t) groups;
                cascade_try(search, room);
        }
}

/* All weights, and all biases, at once. */
static bool cascade_holds_weights(const CascadeSpec *spec) {
        uint64_t conv = 0, depthwise = 0, bias = 0;

        for (unsigned i = 0; i < spec->n; i++) {
                const Stage *stage = spec->stages[i].stage;
                uint64_t words = (uint64_t) stage->out_groups * stage->words;

                if (stage->engine != STAGE_CONV && stage->out_groups > MACHINE_GROUPS_MAX)
                        return false;
                bias += stage_has_bias(stage) ? stage->out_groups : 0;
                if (stage_has_weights(stage) && stage->engine == STAGE_CONV)
                        conv += words;
                else if (stage_has_weights(stage))
                        depthwise += words;
        }
        return conv <= MACHINE_DEPTH && depthwise <= MACHINE_DEPTH && bias <= MACHINE_DEPTH;
}

static void cascade_try_room(CascadeSearch *search, CascadeRoom room) {
        const CascadeSpec *spec = search->spec;
        const Stage *first = spec->stages[0].stage;

        if (spec->n == 1 && first->engine == STAGE_CONV) {
                cascade_try_conv(search, room);
                return;
        }
        if (spec->n == 1 && first->engine == STAGE_ALU) {
                cascade_try_alu(search, room);
                return;
        }
        if (!cascade_holds_weights(spec))
                return;
        search->plan.resident = true;
        search->plan.groups = spec->stages[spec->n - 1].stage->out_groups;
        cascade_try(search, room);
}

/* --- rows ------------------------------------------------------------------------------------ */

static bool cascade_set_needs(CascadeSearch *search) {
        const CascadeSpec *spec = search->spec;
        CascadeMaps maps;

        search->plan.columns = spec->stages[spec->n - 1].stage->w.x.out;
        search->plan.groups = 1;
        cascade_shape(spec, &search->plan, 0, 1, &maps);
        for (unsigned i = 0; i < spec->n; i++) {
                if (maps.out[i].layout > stage_layout_max(spec->stages[i].stage, search->machine) ||
                    !cascade_need(spec, &search->plan, search->machine, &maps, i,
                                  &search->needs[i]))
                        return false;
        }
        return true;
}

/* Rows are loaded once, where windows reach over no more banks than start addresses can say. Tall
 * ones do; with a map that begins anew for each block of rows it may be less, and with taller row
 * groups, too, one row at a time. */
static bool cascade_set_layout(CascadeSearch *search) {
        const CascadeSpec *spec = search->spec;
        const Axis *y = &spec->stages[0].stage->w.y;
        uint32_t most = MACHINE_WRAPS_MAX * search->machine->pixels, blocks;
        CascadePlan *plan = &search->plan;

        plan->layout = y->stride;
        if (spec->in || spec->n > 1)
                return cascade_set_needs(search);
        blocks = cascade_set_needs(search) ? search->needs[0].blocks : UINT32_MAX;
        plan->restart = true;
        if ((y->kernel - 1) / y->stride >= most && spec->stages[0].stage->engine == STAGE_ALU)
                plan->layout = machine_ceil(y->kernel, most);
        if (cascade_set_needs(search) && search->needs[0].blocks < blocks)
                return true;
        plan->restart = false;
        plan->layout = y->stride;
        return cascade_set_needs(search);
}

int cascade_plan(const CascadeSpec *spec, const Machine *machine, CascadePlan *ret,
                 Problem *problem) {
        CascadeSearch search = { .spec = spec, .machine = machine, .best = UINT64_MAX };
        const Stage *stage = spec->stages[0].stage;
        /* several stages that stand in each other's way are no gain */
        CascadeRoom end = spec->n > 1 ? CASCADE_TIGHT : CASCADE_ROOMS;

        if (cascade_set_layout(&search))
                for (CascadeRoom room = 0; room < end && search.best == UINT64_MAX; room++)
                        cascade_try_room(&search, room);
        if (search.best == UINT64_MAX)
                return problem_set(problem, -EOPNOTSUPP,
                                   "a window of %ux%ux%u does not fit into the banks",
                                   stage->w.x.kernel, stage->w.y.kernel, stage->w.in.channels);
        cascade_grow(spec, search.needs, &search.chosen);
        *ret = search.chosen;
        return 0;
}
