#include "dpu/sim/elew.h"

#include <errno.h>
#include <inttypes.h>

/* elew_type */
typedef enum ElewType {
        ELEW_ADD = 0,
        ELEW_MULTIPLY = 1,
} ElewType;

#define ELEW_SHIFT_RIGHT 0x10 /* shift_write: this bit set, else to the left */
#define ELEW_SHIFT_BITS  0x0f

int elewinit_execute(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaElewinit *f = &instruction->elewinit;

        if (f->bank_id_in >= core->banks.weights)
                return core_refuse(instruction, problem, -EINVAL,
                                   "reads from bank %" PRIu32 ", which holds no feature maps",
                                   f->bank_id_in);
        core->elewinit[f->id] = *f;
        core->has_elewinit[f->id] = true;
        return 0;
}

/* --- checks ---------------------------------------------------------------------------------- */

static int elew_check_rows(const Core *core, const Instruction *instruction, uint32_t bank,
                           uint32_t jump, Problem *problem) {
        uint32_t last = bank % core->banks.pixels + (instruction->elew.valid_pp - 1) * jump;

        if (last < core->banks.pixels)
                return 0;
        return core_refuse(instruction, problem, -EINVAL,
                           "%" PRIu32 " rows from bank %" PRIu32
                           " reach beyond the last bank of the group",
                           instruction->elew.valid_pp, bank);
}

static int elew_check_operand(const Core *core, const Instruction *instruction, uint32_t id,
                              Problem *problem) {
        const IsaElewinit *init = &core->elewinit[id];

        if (!core->has_elewinit[id])
                return core_refuse(instruction, problem, -EINVAL,
                                   "no ELEWINIT for operand %" PRIu32 " before it", id);
        if (instruction->elew.elew_type == ELEW_MULTIPLY && init->shift_read != 0)
                return core_refuse(instruction, problem, -EINVAL,
                                   "a product with shift_read %" PRIu32 ": not seen in programs",
                                   init->shift_read);
        return elew_check_rows(core, instruction, init->bank_id_in, init->jump_bank, problem);
}

static int elew_check(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaElew *f = &instruction->elew;
        int r;

        if (f->elew_type != ELEW_ADD && f->elew_type != ELEW_MULTIPLY)
                return core_refuse(instruction, problem, -EINVAL,
                                   "elew_type is %" PRIu32 "; known are 0 (sum), 1 (product)",
                                   f->elew_type);
        if (f->valid_pp > core->target.alu_pixels)
                return core_refuse(instruction, problem, -EINVAL,
                                   "valid_pp is %" PRIu32 ", %s has %u", f->valid_pp,
                                   core->target.name, core->target.alu_pixels);
        if (f->bank_id_out >= core->banks.weights)
                return core_refuse(instruction, problem, -EINVAL,
                                   "writes to bank %" PRIu32 ", which holds no feature maps",
                                   f->bank_id_out);
        if ((uint64_t) f->length * f->channel_group > BANK_DEPTH)
                return core_refuse(instruction, problem, -EINVAL,
                                   "%" PRIu32 " pixels of %" PRIu32 " words: a bank has %d",
                                   f->length, f->channel_group, BANK_DEPTH);
        r = elew_check_rows(core, instruction, f->bank_id_out, 1, problem);
        for (uint32_t id = 0; r == 0 && id < f->num; id++)
                r = elew_check_operand(core, instruction, id, problem);
        if (r < 0)
                return r;
        return core_spend(
                core, instruction,
                (uint64_t) f->length * f->channel_group * f->valid_pp * f->num * core->banks.lanes,
                problem);
}

/* --- one word -------------------------------------------------------------------------------- */

typedef struct ElewPlace {
        uint32_t row, column, group;
} ElewPlace;

static void elew_operand(Core *core, uint32_t id, const ElewPlace *place, uint32_t fraction,
                         ElewType type, int64_t values[BANK_LANES_MAX]) {
        const IsaElewinit *init = &core->elewinit[id];
        uint32_t bank = init->bank_id_in + place->row * init->jump_bank;
        uint32_t address = init->bank_addr_in + place->column * init->jump_read + place->group;
        const int8_t *word = bank_word(&core->banks, bank, address);

        hazards_read_word(&core->hazards, bank, address);
        for (unsigned lane = 0; lane < core->banks.lanes; lane++) {
                if (type == ELEW_MULTIPLY)
                        values[lane] = id == 0 ? word[lane] : values[lane] * word[lane];
                else
                        values[lane] += word[lane] * (INT64_C(1) << (fraction - init->shift_read));
        }
}

static void elew_word(Core *core, const IsaElew *f, const ElewPlace *place, uint32_t fraction) {
        int64_t values[BANK_LANES_MAX] = { 0 };
        uint32_t bank = f->bank_id_out + place->row;
        uint32_t address = f->bank_addr_out + place->column * f->jump_write + place->group;
        int8_t *to = bank_word(&core->banks, bank, address);
        int shift = (int) (f->shift_write & ELEW_SHIFT_BITS);

        if (!(f->shift_write & ELEW_SHIFT_RIGHT))
                shift = -shift;
        for (uint32_t id = 0; id < f->num; id++)
                elew_operand(core, id, place, fraction, (ElewType) f->elew_type, values);
        hazards_write_word(&core->hazards, bank, address);
        for (unsigned lane = 0; lane < core->banks.lanes; lane++)
                to[lane] =
                        core_finish_sum(values[lane], shift + (int) fraction,
                                        f->act_type ? CORE_ACTIVATION_RELU : CORE_ACTIVATION_NONE);
}

int elew_execute(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaElew *f = &instruction->elew;
        uint32_t fraction = 0; /* bits that the sum has more than its operands */
        int r;

        r = elew_check(core, instruction, problem);
        if (r < 0)
                return r;
        for (uint32_t id = 0; id < f->num; id++)
                if (core->elewinit[id].shift_read > fraction)
                        fraction = core->elewinit[id].shift_read;
        for (uint32_t row = 0; row < f->valid_pp; row++)
                for (uint32_t x = 0; x < f->length; x++)
                        for (uint32_t g = 0; g < f->channel_group; g++) {
                                const ElewPlace place = { row, x, g };

                                elew_word(core, f, &place, fraction);
                        }
        return 0;
}
