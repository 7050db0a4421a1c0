#include "dpu/codegen/elew.h"

#include <errno.h>

#define ELEW_PIXEL_MAX   4096u /* bytes of one SAVE's pixel */
#define ELEW_SHIFT_MAX   15
#define ELEW_SHIFT_RIGHT 0x10u /* shift_write: to the right, else to the left */

typedef struct ElewRun {
        const ElewWork *work;
        Machine *machine;
        Problem *problem;
        bool direct; /* nothing to compute */
        uint32_t shift_read[ELEW_INPUTS_MAX], shift_write;
        uint32_t rows, columns, groups; /* of a tile */
} ElewRun;

typedef struct ElewTile {
        uint32_t row, rows, column, columns;
        uint32_t first_channel, channels, groups;
        uint32_t in[ELEW_INPUTS_MAX], out;
} ElewTile;

/* --- shifts ---------------------------------------------------------------------------------- */

/* A sum is made at the coarsest fix point, with the bits of the finer ones kept. */
int elew_shifts(const ElewWork *work, uint32_t read[ELEW_INPUTS_MAX], uint32_t *ret_write,
                Problem *problem) {
        int32_t from = work->inputs[0].fix_point, shift;

        for (size_t i = 1; i < work->n_inputs; i++) {
                int32_t fix_point = work->inputs[i].fix_point;

                if (work->kind == ELEW_PRODUCT)
                        from += fix_point;
                else if (fix_point < from)
                        from = fix_point;
        }
        for (size_t i = 0; i < work->n_inputs && work->kind == ELEW_SUM; i++) {
                shift = work->inputs[i].fix_point - from;
                if (shift > ELEW_SHIFT_MAX)
                        return problem_set(problem, -EOPNOTSUPP,
                                           "an operand is shifted by %d bits; the engine does %d",
                                           shift, ELEW_SHIFT_MAX);
                read[i] = (uint32_t) shift;
        }
        shift = from - work->out.fix_point;
        if (shift > ELEW_SHIFT_MAX || -shift > ELEW_SHIFT_MAX)
                return problem_set(problem, -EOPNOTSUPP,
                                   "the result is shifted by %d bits; the engine does %d", shift,
                                   ELEW_SHIFT_MAX);
        *ret_write = shift > 0 ? ELEW_SHIFT_RIGHT | (uint32_t) shift : (uint32_t) -shift;
        return 0;
}

/* --- tiles ----------------------------------------------------------------------------------- */

static int elew_load(const ElewRun *run, const ElewTile *tile) {
        for (size_t k = 0; k < run->work->n_inputs; k++) {
                const View view =
                        view_channels(run->work->inputs[k], tile->first_channel, tile->channels);

                for (uint32_t i = 0; i < tile->rows; i++) {
                        const BankPlace to = {
                                .space = SPACE_IMAGES_0,
                                .bank = machine_image_bank(run->machine, SPACE_IMAGES_0, i),
                                .address = tile->in[k],
                                .pitch = tile->groups,
                        };
                        int r = machine_load(
                                run->machine, &view,
                                (RowPart){ tile->row + i, tile->column, tile->columns }, to,
                                run->problem);

                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int elew_init(const ElewRun *run, const ElewTile *tile, uint32_t row) {
        for (uint32_t k = 0; k < run->work->n_inputs; k++) {
                Instruction i = isa_blank(ISA_ELEWINIT);
                int r;

                i.elewinit.bank_id_in = machine_image_bank(run->machine, SPACE_IMAGES_0, row);
                i.elewinit.bank_addr_in = machine_address(tile->in[k]);
                i.elewinit.id = k;
                i.elewinit.jump_read = tile->groups;
                i.elewinit.shift_read = run->shift_read[k];
                r = stream_append(run->machine->stream, &i, NULL, 0, run->problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int elew_compute(const ElewRun *run, const ElewTile *tile, uint32_t row) {
        uint64_t words = (uint64_t) tile->columns * tile->groups;
        Access accesses[ELEW_INPUTS_MAX + 1] = {
                { .space = SPACE_IMAGES_1, .writes = true, .first = tile->out, .n = words }
        };
        unsigned n = (unsigned) run->work->n_inputs;
        Instruction i = isa_blank(ISA_ELEW);

        for (unsigned k = 0; k < n; k++)
                accesses[k + 1] =
                        (Access){ .space = SPACE_IMAGES_0, .first = tile->in[k], .n = words };
        i.elew.length = tile->columns;
        i.elew.act_type = run->work->relu;
        i.elew.elew_type = run->work->kind == ELEW_PRODUCT;
        i.elew.bank_id_out = machine_image_bank(run->machine, SPACE_IMAGES_1, row);
        i.elew.bank_addr_out = machine_address(tile->out);
        i.elew.num = n;
        i.elew.valid_pp = machine_least(run->machine->alu_pixels, tile->rows - row);
        i.elew.jump_write = tile->groups;
        i.elew.shift_write = run->shift_write;
        i.elew.channel_group = tile->groups;
        return stream_append(run->machine->stream, &i, accesses, n + 1, run->problem);
}

/* one row, as often as the scale says */
static int elew_save_row(const ElewRun *run, const ElewTile *tile, const View *view, BankPlace from,
                         uint32_t row) {
        const ElewWork *work = run->work;

        for (uint32_t y = 0; y < work->scale_y; y++)
                for (uint32_t x = 0; x < work->scale_x; x++) {
                        View to =
                                view_columns(*view, x, work->scale_x, view->width / work->scale_x);
                        int r = machine_save(
                                run->machine, &to,
                                (RowPart){ row * work->scale_y + y, tile->column, tile->columns },
                                from, run->problem);

                        if (r < 0)
                                return r;
                }
        return 0;
}

static int elew_save(const ElewRun *run, const ElewTile *tile) {
        const View view = view_channels(run->work->out, tile->first_channel, tile->channels);
        Space space = run->direct ? SPACE_IMAGES_0 : SPACE_IMAGES_1;

        for (uint32_t i = 0; i < tile->rows; i++) {
                const BankPlace from = { .space = space,
                                         .bank = machine_image_bank(run->machine, space, i),
                                         .address = run->direct ? tile->in[0] : tile->out,
                                         .pitch = tile->groups };
                int r = elew_save_row(run, tile, &view, from, tile->row + i);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int elew_tile(const ElewRun *run, ElewTile *tile) {
        uint32_t words = tile->columns * tile->groups;
        int r;

        for (size_t k = 0; k < run->work->n_inputs; k++)
                tile->in[k] = machine_take(run->machine, SPACE_IMAGES_0, words);
        if (!run->direct)
                tile->out = machine_take(run->machine, SPACE_IMAGES_1, words);
        r = elew_load(run, tile);
        for (uint32_t row = 0; row < tile->rows && r == 0 && !run->direct;
             row += run->machine->alu_pixels) {
                r = elew_init(run, tile, row);
                if (r == 0)
                        r = elew_compute(run, tile, row);
        }
        return r < 0 ? r : elew_save(run, tile);
}

static int elew_channels(const ElewRun *run, ElewTile *tile) {
        const View *in = &run->work->inputs[0];
        int r = 0;

        for (uint32_t y = 0; y < in->height && r == 0; y += run->rows)
                for (uint32_t x = 0; x < in->width && r == 0; x += run->columns) {
                        tile->row = y;
                        tile->rows = machine_least(run->rows, in->height - y);
                        tile->column = x;
                        tile->columns = machine_least(run->columns, in->width - x);
                        r = elew_tile(run, tile);
                }
        return r;
}

int elew_check(const ElewWork *work, Problem *problem) {
        const View *first = &work->inputs[0];

        if (work->n_inputs < 1 || work->n_inputs > ELEW_INPUTS_MAX)
                return problem_set(problem, -EOPNOTSUPP, "%zu inputs; the engine has up to %d",
                                   work->n_inputs, ELEW_INPUTS_MAX);
        for (size_t i = 1; i < work->n_inputs; i++)
                if (work->inputs[i].height != first->height ||
                    work->inputs[i].width != first->width ||
                    work->inputs[i].channels != first->channels)
                        return problem_set(problem, -EOPNOTSUPP, "inputs of different shapes");
        if ((uint64_t) first->height * work->scale_y != work->out.height ||
            (uint64_t) first->width * work->scale_x != work->out.width ||
            first->channels != work->out.channels)
                return problem_set(problem, -EOPNOTSUPP, "the shapes do not fit");
        return 0;
}

/* --- packing --------------------------------------------------------------------------------- */

/* @rows rows at a time as one, cut into pixels of full words, or into one pixel */
static View elew_packed(View view, uint32_t lanes, uint32_t rows) {
        view.height /= rows;
        view.row_pitch *= rows;
        view.channels = (uint32_t) (view.row_pitch % lanes ? view.row_pitch : lanes);
        view.width = (uint32_t) (view.row_pitch / view.channels);
        view.pixel_pitch = view.channels;
        return view;
}

/* how many rows are one, such that transfers are long and no bank is without work */
static uint32_t elew_rows_packed(const ElewWork *work, const Machine *machine) {
        uint64_t most = (uint64_t) MACHINE_HALF / work->n_inputs * machine->lanes;
        uint32_t rows = 1;

        while (work->out.row_pitch % machine->lanes == 0 &&
               2 * rows * work->out.row_pitch <= most && work->out.height % (2 * rows) == 0 &&
               work->out.height / (2 * rows) >= machine->pixels)
                rows *= 2;
        return rows;
}

/* Element by element, it does not matter where a pixel ends. Images of a few channels leave most
 * lanes of a word idle; where they lie without gaps, rows are cut at words instead. False: they are
 * as good as they can be, or cannot be cut. */
static bool elew_pack(const ElewWork *work, const Machine *machine, View inputs[ELEW_INPUTS_MAX],
                      ElewWork *ret) {
        uint64_t row = work->out.row_pitch;
        uint32_t lanes = machine->lanes, groups = machine_groups(machine, work->out.channels);
        uint32_t rows = elew_rows_packed(work, machine);

        if (work->scale_y != 1 || work->scale_x != 1 || !view_is_dense(&work->out))
                return false;
        for (size_t i = 0; i < work->n_inputs; i++)
                if (!view_is_dense(&work->inputs[i]))
                        return false;
        if ((row + lanes - 1) / lanes >= (uint64_t) work->out.width * groups ||
            (row % lanes != 0 && row > ELEW_PIXEL_MAX))
                return false;
        *ret = *work;
        for (size_t i = 0; i < work->n_inputs; i++)
                inputs[i] = elew_packed(work->inputs[i], lanes, rows);
        ret->inputs = inputs;
        ret->out = elew_packed(work->out, lanes, rows);
        return true;
}

/* --- all ------------------------------------------------------------------------------------- */

/* Half of a bank, shared by the inputs, is one tile. */
static void elew_plan(ElewRun *run) {
        const View *in = &run->work->inputs[0];
        uint32_t words = MACHINE_HALF / (uint32_t) run->work->n_inputs;
        uint32_t groups = machine_groups(run->machine, in->channels);

        run->rows = run->machine->pixels;
        run->groups = machine_least(groups, machine_least(words, MACHINE_GROUPS_MAX));
        run->columns = machine_least(words / run->groups, in->width);
        run->columns = machine_ceil(in->width, machine_ceil(in->width, run->columns));
}

int elew_run(const ElewWork *work, Machine *machine, Problem *problem) {
        ElewRun run = { .work = work, .machine = machine, .problem = problem };
        View inputs[ELEW_INPUTS_MAX];
        ElewWork packed;
        uint32_t step;
        int r;

        r = elew_check(work, problem);
        if (r < 0)
                return r;
        if (elew_pack(work, machine, inputs, &packed))
                run.work = work = &packed;
        run.direct = work->n_inputs == 1 && !work->relu &&
                     work->inputs[0].fix_point == work->out.fix_point;
        r = elew_shifts(run.work, run.shift_read, &run.shift_write, problem);
        if (r < 0)
                return r;
        elew_plan(&run);
        step = run.groups * machine->lanes;
        for (uint32_t c = 0; c < work->out.channels && r == 0; c += step) {
                ElewTile tile = { .first_channel = c,
                                  .channels = machine_least(step, work->out.channels - c) };

                tile.groups = machine_groups(machine, tile.channels);
                r = elew_channels(&run, &tile);
        }
        return r;
}

int elew_copy(View in, View out, Machine *machine, Problem *problem) {
        const ElewWork work = {
                .inputs = &in, .n_inputs = 1, .out = out, .scale_y = 1, .scale_x = 1
        };

        return elew_run(&work, machine, problem);
}
