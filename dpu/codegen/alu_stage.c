/*
 * The ALU: depthwise convolution, pooling, scaling by a vector, hard sigmoid; channel by channel.
 */

#include <string.h>

#include "dpu/codegen/stage.h"

int alu_stage_weights(const StageRun *run, Machine *machine, Problem *problem) {
        const Window *w = &run->stage->w;
        const View whole = { .reg_id = run->stage->weights.reg_id,
                             .address = w->weights,
                             .row_pitch = w->row_step,
                             .pixel_pitch = w->step,
                             .channels = w->in.channels };
        const View view = view_groups(&whole, machine->lanes, run->group, run->n_groups);
        BankPlace to = { .space = SPACE_DEPTHWISE,
                         .bank = machine->bank_depthwise,
                         .address = run->weights,
                         .pitch = run->n_groups };

        for (uint32_t h = 0; h < w->y.kernel; h++) {
                int r = machine_load(machine, &view, (RowPart){ h, 0, w->x.kernel }, to, problem);

                if (r < 0)
                        return r;
                to.address += w->x.kernel * run->n_groups;
        }
        return 0;
}

static int alu_init(const StageRun *run, Machine *machine, uint32_t row, Problem *problem) {
        const Stage *stage = run->stage;
        const Axis *y = &stage->w.y;
        const Map *in = run->inputs[0], *out = run->out;
        Instruction i = isa_blank(ISA_ALUINIT);

        i.aluinit.kernel_w = stage->w.x.kernel;
        i.aluinit.kernel_h = y->kernel;
        i.aluinit.exec_mode = stage->exec;
        i.aluinit.stride_offset_in =
                map_row(in, machine, (int32_t) (row * y->stride) - y->pad).offset;
        i.aluinit.stride_w = stage->w.x.stride;
        i.aluinit.stride_h = in->layout;
        i.aluinit.stride_out = out->layout;
        i.aluinit.length = run->columns;
        i.aluinit.channel_group = run->n_groups;
        i.aluinit.shift_cut = stage->shifts.cut;
        i.aluinit.shift_bias = stage->shifts.bias;
        i.aluinit.act_type = stage->activation;
        i.aluinit.jump_read_endl = in->kept > 1 ? map_row_words(in) : 1;
        i.aluinit.jump_read = in->words;
        i.aluinit.multi_factor = stage->factor;
        i.aluinit.jump_write_endl = out->layout > 1 ? map_row_words(out) : 1;
        i.aluinit.jump_write = out->words;
        i.aluinit.jump_read_weights = stage_has_weights(stage) ? run->n_groups : 0;
        if (machine->has_aluinit && memcmp(&machine->aluinit, &i.aluinit, sizeof(i.aluinit)) == 0)
                return 0;
        machine->aluinit = i.aluinit;
        machine->has_aluinit = true;
        return stream_append(machine->stream, &i, NULL, 0, problem);
}

static Instruction alu_instruction(const StageRun *run, const Machine *machine, uint32_t row,
                                   uint32_t rows, const Span *y) {
        const MapWindow window = stage_window(run, row, y);
        const BankPlace out = map_place(run->out, machine, row);
        Instruction i = isa_blank(ISA_ALU);
        uint32_t starts[MACHINE_WRAPS_MAX];

        map_starts(run->inputs[0], machine, &window, starts);
        i.alu.valid_pp = rows;
        i.alu.bank_id_in = map_row(run->inputs[0], machine, window.row).bank;
        i.alu.bank_addr_in = starts[0];
        i.alu.bank_addr_in_1 = starts[1];
        i.alu.bank_addr_in_2 = starts[2];
        i.alu.bank_addr_in_3 = starts[3];
        i.alu.pad_top = y->before;
        i.alu.pad_left = run->x.before;
        i.alu.pad_bottom = y->last;
        i.alu.pad_right = run->x.last;
        i.alu.bank_addr_weights = machine_address(run->weights);
        i.alu.bank_addr_bias = machine_address(run->bias);
        i.alu.bank_id_out = out.bank;
        i.alu.bank_addr_out = out.address;
        return i;
}

int alu_stage_make(StageRun *run, Machine *machine, uint32_t row, uint32_t rows, Problem *problem) {
        const Stage *stage = run->stage;
        const Span y = axis_span(&stage->w.y, row, rows);
        const Instruction i = alu_instruction(run, machine, row, rows, &y);
        Access accesses[2 * MAP_ACCESSES + 2];
        unsigned n = 0;
        int r;

        r = alu_init(run, machine, row, problem);
        if (r < 0)
                return r;
        n += map_access(run->inputs[0], machine, y.first, y.first + y.n - 1, false, accesses);
        n += map_access(run->out, machine, row, row + rows - 1, true, accesses + n);
        if (stage_has_weights(stage))
                accesses[n++] = (Access){ .space = SPACE_DEPTHWISE,
                                          .first = run->weights,
                                          .n = (uint64_t) stage->words * run->n_groups };
        if (stage_has_bias(stage))
                accesses[n++] =
                        (Access){ .space = SPACE_BIAS, .first = run->bias, .n = run->n_groups };
        return stream_append(machine->stream, &i, accesses, n, problem);
}
