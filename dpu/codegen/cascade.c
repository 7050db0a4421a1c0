#include "dpu/codegen/cascade.h"

#include <errno.h>

typedef struct CascadeRun {
        const CascadeSpec *spec;
        const CascadePlan *plan;
        Machine *machine;
        Problem *problem;
        CascadeMaps maps;
        StageRun stages[CASCADE_STAGES_MAX];
} CascadeRun;

/* --- inputs ---------------------------------------------------------------------------------- */

static int cascade_load_rows(CascadeRun *run, unsigned i, unsigned k, uint32_t end) {
        const StageRun *stage = &run->stages[i];
        Map *map = &run->maps.in[i][k];
        View view = stage->stage->inputs[k];

        if (stage->stage->engine == STAGE_ALU)
                view = view_groups(&view, run->machine->lanes, stage->group, stage->n_groups);
        for (; map->end < end; map->end++) {
                int r;

                if (!map_keeps(map, map->end))
                        continue;
                r = machine_load(run->machine, &view,
                                 (RowPart){ map->end, map->column, map->columns },
                                 map_place(map, run->machine, map->end), run->problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Windows have whole rounds of rows loaded for them: who reads a part of a round would hold up
 * those who load the rest of it, as the tokens see it. */
static int cascade_load(CascadeRun *run, unsigned i, unsigned k, uint32_t row, const Span *y) {
        const Stage *stage = run->stages[i].stage;
        Map *map = &run->maps.in[i][k];
        uint32_t end = y->first + y->n;

        if (run->plan->restart)
                map_restart(map, run->machine, cascade_window(stage, row), y->first);
        else if (stage->engine != STAGE_ELEW)
                end = machine_least(map_round_end(map, run->machine, end - 1),
                                    cascade_limit(stage));
        return cascade_load_rows(run, i, k, end);
}

/* --- rows ------------------------------------------------------------------------------------ */

static int cascade_save(const CascadeRun *run, unsigned i, uint32_t first, uint32_t end) {
        const StageRun *stage = &run->stages[i];
        const View view = view_groups(&stage->stage->w.out, run->machine->lanes, stage->group,
                                      stage->n_groups);

        for (uint32_t row = first; row < end; row++) {
                BankPlace from = map_place(stage->out, run->machine, row);
                int r;

                from.address += stage->group_out;
                r = machine_save(run->machine, &view,
                                 (RowPart){ row, stage->column, stage->columns }, from,
                                 run->problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int cascade_round(CascadeRun *run, unsigned i);

/* What one instruction of stage @i needs for its rows from @row on. No deeper than there are
 * stages. */
static int cascade_need(CascadeRun *run, unsigned i, uint32_t row, uint32_t rows) {
        const StageRun *stage = &run->stages[i];
        const Span y = axis_span(&stage->stage->w.y, row, rows);
        int r = 0;

        if (i > 0)
                while (run->maps.out[i - 1].end < y.first + y.n) {
                        r = cascade_round(run, i - 1);
                        if (r < 0)
                                return r;
                }
        for (unsigned k = 0; k < stage->stage->n_inputs && r == 0; k++)
                if (cascade_is_loaded(run->spec, i, k))
                        r = cascade_load(run, i, k, row, &y);
        return r;
}

/* the next round of rows of stage @i's output */
static int cascade_round(CascadeRun *run, unsigned i) {
        StageRun *stage = &run->stages[i];
        Map *out = stage->out;
        uint32_t first = out->end;
        uint32_t end =
                machine_least(map_round_end(out, run->machine, first), stage->stage->w.y.out);

        while (out->end < end) {
                uint32_t rows =
                        cascade_rows(run->spec, run->plan, run->machine, &run->maps, i, out->end);
                int r;

                if (rows == 0)
                        return problem_set(run->problem, -EINVAL, "no rows from %u on", out->end);
                r = cascade_need(run, i, out->end, rows);
                if (r == 0)
                        r = stage_make(stage, run->machine, out->end, rows, run->problem);
                if (r < 0)
                        return r;
                out->end += rows;
        }
        return run->spec->stages[i].saved ? cascade_save(run, i, first, end) : 0;
}

/* --- stripes and chunks ---------------------------------------------------------------------- */

/* Words for all maps. The output comes last, so that nothing else of this cascade lies behind it
 * in the ring if it stays. */
static void cascade_take(CascadeRun *run) {
        const CascadeSpec *spec = run->spec;

        cascade_shape_largest(spec, run->plan, &run->maps);
        for (unsigned i = 0; i < spec->n; i++) {
                Map *out = &run->maps.out[i];

                for (unsigned k = 0; k < spec->stages[i].stage->n_inputs; k++) {
                        Map *in = &run->maps.in[i][k];

                        if (cascade_is_loaded(spec, i, k))
                                in->address = machine_take(run->machine, in->space, map_words(in));
                }
                out->address = machine_take(run->machine, out->space, map_words(out));
        }
}

/* The next stripe, or chunk, goes on in the slots where the last one ended: so its first rows need
 * not wait for what is still read. */
static void cascade_continue(const Machine *machine, const Map *before, Map *map) {
        Map ended = *before;

        map_restart(&ended, machine, 0, 0);
        map->address = before->address;
        map->slot_words = before->slot_words;
        map->turn = ended.turn;
}

static void cascade_place(CascadeRun *run, const CascadeMaps *before, bool again) {
        const CascadeSpec *spec = run->spec;
        Map *out = run->maps.out;

        for (unsigned i = 0; i < spec->n; i++) {
                for (unsigned k = 0; k < spec->stages[i].stage->n_inputs; k++) {
                        if (again && run->plan->whole)
                                run->maps.in[i][k] = before->in[i][k];
                        else
                                cascade_continue(run->machine, &before->in[i][k],
                                                 &run->maps.in[i][k]);
                }
                cascade_continue(run->machine, &before->out[i], &out[i]);
                if (i + 1 == spec->n && spec->keep_layout > 0)
                        out[i].turn = 0;
        }
}

static void cascade_connect(CascadeRun *run) {
        const CascadeSpec *spec = run->spec;

        for (unsigned i = 0; i < spec->n; i++) {
                StageRun *stage = &run->stages[i];

                for (unsigned k = 0; k < spec->stages[i].stage->n_inputs; k++)
                        stage->inputs[k] = cascade_input(spec, &run->maps, i, k);
                stage->out = &run->maps.out[i];
                stage->x = run->maps.x[i];
                stage->column = run->maps.column[i];
                stage->columns = run->maps.columns[i];
        }
}

static int cascade_stripe(CascadeRun *run, uint32_t column, bool again) {
        unsigned last = run->spec->n - 1;
        const CascadeMaps before = run->maps;
        int r = 0;

        cascade_shape(run->spec, run->plan, column, run->stages[0].n_groups, &run->maps);
        cascade_place(run, &before, again);
        cascade_connect(run);
        while (run->maps.out[last].end < run->spec->stages[last].stage->w.y.out && r == 0)
                r = cascade_round(run, last);
        /* rows that only others need */
        for (unsigned i = 0; i < last; i++)
                while (r == 0 && run->spec->stages[i].saved &&
                       run->maps.out[i].end < run->spec->stages[i].stage->w.y.out)
                        r = cascade_round(run, i);
        return r;
}

/* of the output, from group @group on; cascades of several stages have one chunk */
static void cascade_begin_chunk(CascadeRun *run, uint32_t group, uint32_t n_groups) {
        for (unsigned i = 0; i < run->spec->n; i++) {
                const Stage *stage = run->spec->stages[i].stage;

                run->stages[i] = (StageRun){
                        .stage = stage,
                        .group = group,
                        .n_groups = run->spec->n > 1 ? stage->out_groups : n_groups,
                        .group_out = run->spec->keep_layout > 0 ? group : 0,
                        .resident = run->plan->resident,
                };
        }
}

/* While the layer before is at its end, its successor's weights can come; its images cannot. */
static int cascade_load_weights(CascadeRun *run) {
        int r = 0;

        for (unsigned i = 0; i < run->spec->n && r == 0; i++) {
                StageRun *stage = &run->stages[i];

                r = stage_need_bias(stage, run->machine, run->problem);
                if (r == 0)
                        r = stage_need_weights(stage, run->machine, stage->n_groups, run->problem);
        }
        return r;
}

int cascade_run(const CascadeSpec *spec, const CascadePlan *plan, Machine *machine, Map *kept,
                Problem *problem) {
        CascadeRun run = { .spec = spec, .plan = plan, .machine = machine, .problem = problem };
        const Stage *last = spec->stages[spec->n - 1].stage;
        bool first = machine->stream->n == 0;
        int r = 0;

        cascade_take(&run);
        for (uint32_t g = 0; g < last->out_groups && r == 0; g += plan->groups) {
                cascade_begin_chunk(&run, g, machine_least(plan->groups, last->out_groups - g));
                /* the inputs of a program, and of all chunks but the first, are there already */
                if (!first && g == 0)
                        r = cascade_load_weights(&run);
                for (uint32_t x = 0; x < last->w.x.out && r == 0; x += plan->columns)
                        r = cascade_stripe(&run, x, g > 0);
        }
        if (kept)
                *kept = run.maps.out[spec->n - 1];
        return r;
}

void cascade_add(CascadeSpec *spec, Stage *stage, unsigned linked, bool saved,
                 const Machine *machine) {
        if (spec->n == 0 && !spec->in && stage->engine == STAGE_CONV)
                conv_stage_augment(stage, machine);
        spec->stages[spec->n++] =
                (CascadeStage){ .stage = stage, .linked = linked, .saved = saved };
}

int cascade_run_one(const Stage *stage, Machine *machine, Problem *problem) {
        Stage own = *stage;
        CascadeSpec spec = {};
        CascadePlan plan;
        int r;

        cascade_add(&spec, &own, 0, true, machine);
        r = cascade_plan(&spec, machine, &plan, problem);
        return r < 0 ? r : cascade_run(&spec, &plan, machine, NULL, problem);
}
