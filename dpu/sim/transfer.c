#include "dpu/sim/transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SAVE_PORTS 2 /* hp_id */

static uint32_t transfer_words(const Core *core, uint32_t channel) {
        return (channel + core->banks.lanes - 1) / core->banks.lanes;
}

static int transfer_refuse_memory(const Core *core, const Instruction *instruction, unsigned reg_id,
                                  uint64_t address, uint64_t n, Problem *problem) {
        const MemoryRegion *region = &core->memory.regions[reg_id];

        if (!region->data)
                return core_refuse(instruction, problem, -EINVAL, "there is no region REG_%u",
                                   reg_id);
        if (instruction->kind == ISA_SAVE && !region->owned)
                return core_refuse(instruction, problem, -EINVAL,
                                   "REG_%u is constant and cannot be written", reg_id);
        return core_refuse(instruction, problem, -EINVAL,
                           "bytes %" PRIu64 " to %" PRIu64 " of REG_%u, which has %" PRIu64,
                           address, address + n - 1, reg_id, region->size);
}

static int transfer_check(Core *core, const Instruction *instruction, uint32_t length,
                          uint32_t channel, Problem *problem) {
        uint64_t words = (uint64_t) length * transfer_words(core, channel);

        if (words > BANK_DEPTH)
                return core_refuse(instruction, problem, -EINVAL,
                                   "%" PRIu32 " pixels of %" PRIu32 " bytes are %" PRIu64
                                   " words; a bank has %d",
                                   length, channel, words, BANK_DEPTH);
        return core_spend(core, instruction, words * core->banks.lanes, problem);
}

/* --- LOAD ------------------------------------------------------------------------------------ */

/* the bytes of a pixel that come from memory; those before and behind them are 0 */
typedef struct LoadSpan {
        uint32_t first, end;
} LoadSpan;

static LoadSpan load_span(const Core *core, const IsaLoad *f, uint32_t pixel) {
        LoadSpan span = { 0, f->channel };
        uint64_t skipped = (uint64_t) pixel * f->jump_read;
        uint32_t padded = f->length - 1 - f->pad_idx; /* the first with padding at its end */

        if (f->pad_start > skipped)
                span.first = (uint32_t) (f->pad_start - skipped);
        if (f->pad_end > 0 && pixel >= padded) {
                uint64_t kept = transfer_words(core, f->channel) * core->banks.lanes;
                uint64_t missing = f->pad_end + (uint64_t) (pixel - padded) * f->jump_read;

                kept = kept > missing ? kept - missing : 0;
                if (kept < span.end)
                        span.end = (uint32_t) kept;
        }
        if (span.first > span.end)
                span.first = span.end;
        return span;
}

static int load_check(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaLoad *f = &instruction->load;

        if (f->bank_id >= core->banks.n)
                return core_refuse(instruction, problem, -EINVAL, "bank %" PRIu32 " of %u",
                                   f->bank_id, core->banks.n);
        if (f->pad_idx >= f->length || (f->pad_idx > 0 && f->pad_end == 0))
                return core_refuse(instruction, problem, -EINVAL,
                                   "pad_idx is %" PRIu32 " with length %" PRIu32
                                   " and pad_end %" PRIu32,
                                   f->pad_idx, f->length, f->pad_end);
        if (f->pad_start + f->pad_end > 0 && !(core->target.features & DPU_CHANNEL_AUGMENTATION))
                return core_refuse(instruction, problem, -EINVAL,
                                   "pads, which %s, without channel augmentation, cannot",
                                   core->target.name);
        return transfer_check(core, instruction, f->length, f->channel, problem);
}

static void load_pixel(Core *core, const IsaLoad *f, uint32_t pixel, LoadSpan span,
                       uint8_t *buffer) {
        uint64_t address = f->ddr_addr + (uint64_t) pixel * f->jump_read;
        uint32_t words = transfer_words(core, f->channel), lanes = core->banks.lanes;
        uint64_t noise[2] = { random_u64(&core->random), random_u64(&core->random) };

        memset(buffer, 0, f->channel);
        memcpy(buffer + f->channel, noise, (size_t) words * lanes - f->channel);
        if (span.end > span.first) {
                hazards_read_bytes(&core->hazards, f->reg_id, address + span.first,
                                   span.end - span.first);
                memcpy(buffer + span.first,
                       core->memory.regions[f->reg_id].data + address + span.first,
                       span.end - span.first);
        }
        for (uint32_t w = 0; w < words; w++) {
                uint32_t word = f->bank_addr + pixel * f->jump_write + w;

                hazards_write_word(&core->hazards, f->bank_id, word);
                memcpy(bank_word(&core->banks, f->bank_id, word), buffer + w * lanes, lanes);
        }
}

int load_execute(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaLoad *f = &instruction->load;
        uint8_t buffer[BANK_DEPTH * BANK_LANES_MAX];
        int r;

        r = load_check(core, instruction, problem);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < f->length; i++) {
                LoadSpan span = load_span(core, f, i);
                uint64_t from = f->ddr_addr + (uint64_t) i * f->jump_read + span.first;

                if (span.end > span.first &&
                    !memory_has(&core->memory, f->reg_id, from, span.end - span.first, false))
                        return transfer_refuse_memory(core, instruction, f->reg_id, from,
                                                      span.end - span.first, problem);
        }
        for (uint32_t i = 0; i < f->length; i++)
                load_pixel(core, f, i, load_span(core, f, i), buffer);
        return 0;
}

/* --- SAVE ------------------------------------------------------------------------------------ */

static int save_check(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaSave *f = &instruction->save;

        if (f->bank_id >= core->banks.weights)
                return core_refuse(instruction, problem, -EINVAL,
                                   "reads from bank %" PRIu32 ", which holds no feature maps",
                                   f->bank_id);
        if (f->hp_id >= SAVE_PORTS)
                return core_refuse(instruction, problem, -EINVAL, "port %" PRIu32 " of %d",
                                   f->hp_id, SAVE_PORTS);
        return transfer_check(core, instruction, f->length, f->channel, problem);
}

static void save_pixel(Core *core, const IsaSave *f, uint32_t pixel) {
        uint64_t address = f->ddr_addr + (uint64_t) pixel * f->jump_write;
        uint8_t *to = core->memory.regions[f->reg_id].owned + address;
        uint32_t lanes = core->banks.lanes, left = f->channel;

        hazards_write_bytes(&core->hazards, f->reg_id, address, f->channel);
        for (uint32_t w = 0; left > 0; w++) {
                uint32_t word = f->bank_addr + pixel * f->jump_read + w;
                uint32_t n = left < lanes ? left : lanes;

                hazards_read_word(&core->hazards, f->bank_id, word);
                memcpy(to, bank_word(&core->banks, f->bank_id, word), n);
                to += n;
                left -= n;
        }
}

int save_execute(Core *core, const Instruction *instruction, Problem *problem) {
        const IsaSave *f = &instruction->save;
        int r;

        r = save_check(core, instruction, problem);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < f->length; i++) {
                uint64_t to = f->ddr_addr + (uint64_t) i * f->jump_write;

                if (!memory_has(&core->memory, f->reg_id, to, f->channel, true))
                        return transfer_refuse_memory(core, instruction, f->reg_id, to, f->channel,
                                                      problem);
        }
        for (uint32_t i = 0; i < f->length; i++)
                save_pixel(core, f, i);
        return 0;
}
