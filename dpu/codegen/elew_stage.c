/*
 * The element-wise engine behind another layer: sums and products of what that leaves on the chip
 * and what is loaded. Rows of all operands lie in the same banks.
 */

#include "dpu/codegen/stage.h"

static int elew_stage_init(const StageRun *run, Machine *machine, uint32_t row, Problem *problem) {
        for (uint32_t k = 0; k < run->stage->n_inputs; k++) {
                const BankPlace from = map_place(run->inputs[k], machine, row);
                Instruction i = isa_blank(ISA_ELEWINIT);
                int r;

                i.elewinit.bank_id_in = from.bank;
                i.elewinit.bank_addr_in = from.address;
                i.elewinit.id = k;
                i.elewinit.jump_read = from.pitch;
                i.elewinit.shift_read = run->stage->shift_read[k];
                r = stream_append(machine->stream, &i, NULL, 0, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

int elew_stage_make(StageRun *run, Machine *machine, uint32_t row, uint32_t rows,
                    Problem *problem) {
        const Stage *stage = run->stage;
        const BankPlace out = map_place(run->out, machine, row);
        Access accesses[(STAGE_INPUTS_MAX + 1) * MAP_ACCESSES];
        Instruction i = isa_blank(ISA_ELEW);
        unsigned n;
        int r;

        r = elew_stage_init(run, machine, row, problem);
        if (r < 0)
                return r;
        n = map_access(run->out, machine, row, row + rows - 1, true, accesses);
        for (unsigned k = 0; k < stage->n_inputs; k++)
                n += map_access(run->inputs[k], machine, row, row + rows - 1, false, accesses + n);
        i.elew.length = run->columns;
        i.elew.act_type = stage->activation;
        i.elew.elew_type = stage->product;
        i.elew.bank_id_out = out.bank;
        i.elew.bank_addr_out = out.address;
        i.elew.num = stage->n_inputs;
        i.elew.valid_pp = rows;
        i.elew.jump_write = out.pitch;
        i.elew.shift_write = stage->shift_write;
        i.elew.channel_group = stage->in_groups;
        return stream_append(machine->stream, &i, accesses, n, problem);
}
