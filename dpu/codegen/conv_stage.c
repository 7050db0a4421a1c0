/*
 * The CONV engine: an instruction for each group of output channels, over all input channels.
 */

#include <string.h>

#include "dpu/codegen/stage.h"

/* --- weights --------------------------------------------------------------------------------- */

/* one filter: a LOAD for all of it where its places follow each other, else one for each row */
static int conv_load_filter(const Stage *stage, Machine *machine, uint32_t channel,
                            uint32_t address, Problem *problem) {
        const Window *w = &stage->w;
        View view = { .reg_id = stage->weights.reg_id,
                      .address = w->weights + channel * stage->filter,
                      .row_pitch = w->row_step,
                      .pixel_pitch = w->step,
                      .height = w->y.kernel,
                      .width = w->x.kernel,
                      .channels = w->in.channels };
        BankPlace to = { .space = SPACE_WEIGHTS,
                         .bank = machine->bank_weights + channel % machine->lanes,
                         .address = address,
                         .pitch = stage->in_groups };

        if (w->row_step == w->step * w->x.kernel) {
                view.width *= view.height;
                view.height = 1;
        }
        for (uint32_t h = 0; h < view.height; h++) {
                int r = machine_load(machine, &view, (RowPart){ h, 0, view.width }, to, problem);

                if (r < 0)
                        return r;
                to.address += view.width * stage->in_groups;
        }
        return 0;
}

int conv_stage_weights(const StageRun *run, Machine *machine, uint32_t group, uint32_t address,
                       Problem *problem) {
        uint32_t first = group * machine->lanes;
        uint32_t n = machine_least(machine->lanes, run->stage->w.out.channels - first);

        for (uint32_t o = 0; o < n; o++) {
                int r = conv_load_filter(run->stage, machine, first + o, address, problem);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- instructions ---------------------------------------------------------------------------- */

static int conv_init(const StageRun *run, Machine *machine, uint32_t row, uint32_t rows,
                     Problem *problem) {
        const Stage *stage = run->stage;
        const Axis *y = &stage->w.y;
        const Map *in = run->inputs[0], *out = run->out;
        Instruction i = isa_blank(ISA_CONVINIT);

        i.convinit.jump_read = in->words;
        i.convinit.jump_read_endl = in->kept > 1 ? map_row_words(in) : 1;
        i.convinit.jump_write = out->words;
        i.convinit.jump_write_endl = out->layout > 1 ? map_row_words(out) : 1;
        i.convinit.kernel_h = y->kernel;
        i.convinit.kernel_w = stage->w.x.kernel;
        i.convinit.stride_h = y->stride;
        i.convinit.stride_w = stage->w.x.stride;
        i.convinit.stride_offset_in =
                map_row(in, machine, (int32_t) (row * y->stride) - y->pad).offset;
        i.convinit.stride_out = out->layout;
        i.convinit.stride_offset_out = map_row(out, machine, (int32_t) row).offset;
        i.convinit.valid_pp = rows;
        i.convinit.shift_cut = stage->shifts.cut;
        i.convinit.shift_bias = stage->shifts.bias;
        i.convinit.act_type = stage->activation;
        if (machine->has_convinit &&
            memcmp(&machine->convinit, &i.convinit, sizeof(i.convinit)) == 0)
                return 0;
        machine->convinit = i.convinit;
        machine->has_convinit = true;
        return stream_append(machine->stream, &i, NULL, 0, problem);
}

/* everything but what depends on the output group */
static Instruction conv_instruction(const StageRun *run, const Machine *machine, uint32_t row,
                                    const Span *y) {
        const Stage *stage = run->stage;
        const MapWindow window = stage_window(run, row, y);
        Instruction i = isa_blank(ISA_CONV);
        uint32_t starts[MACHINE_WRAPS_MAX];

        map_starts(run->inputs[0], machine, &window, starts);
        i.conv.bank_id_in = map_row(run->inputs[0], machine, window.row).bank;
        i.conv.bank_addr_in = starts[0];
        i.conv.bank_addr_in_1 = starts[1];
        i.conv.bank_addr_in_2 = starts[2];
        i.conv.bank_addr_in_3 = starts[3];
        i.conv.pad_top = y->before;
        i.conv.pad_left = run->x.before;
        i.conv.pad_bottom = y->last;
        i.conv.pad_right = run->x.last;
        i.conv.channel_group = stage->in_groups;
        i.conv.channel_offset = stage->in_groups * machine->lanes - stage->w.in.channels;
        i.conv.length = run->columns;
        return i;
}

/* The weights of group @g of the chunk, which may have to be loaded first. */
static int conv_weights(StageRun *run, Machine *machine, uint32_t g, uint32_t *ret,
                        Problem *problem) {
        uint32_t words = run->stage->words;

        if (run->resident) {
                int r = stage_need_weights(run, machine, g + 1, problem);

                *ret = run->weights + g * words;
                return r;
        }
        *ret = machine_take(machine, SPACE_WEIGHTS, words);
        return conv_stage_weights(run, machine, run->group + g, *ret, problem);
}

int conv_stage_make(StageRun *run, Machine *machine, uint32_t row, uint32_t rows,
                    Problem *problem) {
        const Span y = axis_span(&run->stage->w.y, row, rows);
        const MapRow to = map_row(run->out, machine, (int32_t) row);
        /* of its row group; which row of it is in stride_offset_out */
        const uint32_t out = map_place(run->out, machine, row).address + MACHINE_DEPTH -
                             to.offset * map_row_words(run->out);
        Instruction i = conv_instruction(run, machine, row, &y);
        Access accesses[2 * MAP_ACCESSES + 2];
        unsigned n = 0;
        int r;

        n += map_access(run->inputs[0], machine, y.first, y.first + y.n - 1, false, accesses);
        n += map_access(run->out, machine, row, row + rows - 1, true, accesses + n);
        for (uint32_t g = 0; g < run->n_groups; g++) {
                uint32_t weights;

                r = conv_weights(run, machine, g, &weights, problem);
                if (r == 0)
                        r = conv_init(run, machine, row, rows, problem);
                if (r < 0)
                        return r;
                i.conv.bank_addr_weights = machine_address(weights);
                i.conv.bank_addr_bias = machine_address(run->bias + g);
                i.conv.bank_id_out = to.bank;
                i.conv.bank_addr_out = machine_address(out + run->group_out + g);
                accesses[n] = (Access){ .space = SPACE_WEIGHTS,
                                        .first = machine_address(weights),
                                        .n = run->stage->words };
                accesses[n + 1] = (Access){ .space = SPACE_BIAS,
                                            .first = machine_address(run->bias + g),
                                            .n = 1 };
                r = stream_append(machine->stream, &i, accesses, n + 2, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}
