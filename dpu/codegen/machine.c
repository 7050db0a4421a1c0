#include "dpu/codegen/machine.h"

#include <errno.h>

int machine_init(Machine *machine, const FingerprintInfo *target, Stream *stream,
                 Problem *problem) {
        if (target->family != DPU_CZDX8G || target->isa != 1 || !target->decoded ||
            target->image_banks < 2 || target->alu_pixels < 1 ||
            target->input_channels != target->output_channels)
                return problem_set(problem, -ENOTSUP, "no code is generated for %s", target->name);
        *machine = (Machine){ .target = target,
                              .lanes = target->input_channels,
                              .pixels = target->pixels,
                              .alu_pixels = target->alu_pixels,
                              .stream = stream };
        machine->bank_weights = target->image_banks * target->pixels;
        machine->bank_depthwise = machine->bank_weights + target->output_channels;
        machine->bank_bias = machine->bank_depthwise + 1;
        return 0;
}

uint32_t machine_take(Machine *machine, Space space, uint32_t words) {
        uint32_t at = machine->heads[space];

        machine->heads[space] = machine_address(at + words);
        return at;
}

/* --- transfers ------------------------------------------------------------------------------- */

static Access machine_bank_access(const Machine *machine, const View *view, RowPart part,
                                  BankPlace place, bool writes) {
        return (Access){ .space = place.space,
                         .writes = writes,
                         .first = place.address,
                         .n = (uint64_t) (part.n - 1) * place.pitch +
                              machine_groups(machine, view->channels) };
}

static Access machine_memory_access(const View *view, RowPart part, bool writes) {
        return (Access){ .space = SPACE_MEMORY + view->reg_id,
                         .writes = writes,
                         .first = view_at(view, part.row, part.column),
                         .n = (uint64_t) (part.n - 1) * view->pixel_pitch + view->channels };
}

static int machine_check_pitch(const View *view, uint32_t n, Problem *problem) {
        if (n > 1 && view->pixel_pitch > MACHINE_PITCH_MAX)
                return problem_set(problem, -EOPNOTSUPP,
                                   "pixels are %llu bytes apart; transfers reach over %u",
                                   (unsigned long long) view->pixel_pitch, MACHINE_PITCH_MAX);
        return 0;
}

/* What of the pixels is outside of their image's row: see LOAD in docs/ISA.md. */
static void machine_set_pads(const Machine *machine, const View *view, RowPart part, IsaLoad *f) {
        uint64_t at = part.column * view->pixel_pitch, last = at + view->channels;
        uint32_t idle = machine_groups(machine, view->channels) * machine->lanes - view->channels;
        uint32_t inside = 0; /* pixels that do not reach beyond the end */

        if (view->end == 0)
                return;
        if (view->begin > at)
                f->pad_start = (uint32_t) (view->begin - at);
        if (last + (part.n - 1) * view->pixel_pitch <= view->end)
                return;
        if (last <= view->end)
                inside = (uint32_t) ((view->end - last) / view->pixel_pitch + 1);
        f->pad_idx = part.n - 1 - inside;
        f->pad_end = idle + (uint32_t) (last + inside * view->pixel_pitch - view->end);
}

int machine_load(Machine *machine, const View *view, RowPart part, BankPlace to, Problem *problem) {
        const Access accesses[] = { machine_bank_access(machine, view, part, to, true),
                                    machine_memory_access(view, part, false) };
        Instruction i = isa_blank(ISA_LOAD);
        int r;

        r = machine_check_pitch(view, part.n, problem);
        if (r < 0)
                return r;
        i.load.bank_addr = machine_address(to.address);
        i.load.bank_id = to.bank;
        i.load.jump_write = part.n > 1 ? to.pitch : 1;
        i.load.jump_read = part.n > 1 ? (uint32_t) view->pixel_pitch : 1;
        i.load.length = part.n;
        i.load.channel = view->channels;
        i.load.reg_id = view->reg_id;
        i.load.ddr_addr = (uint32_t) view_at(view, part.row, part.column);
        machine_set_pads(machine, view, part, &i.load);
        return stream_append(machine->stream, &i, accesses, 2, problem);
}

/* Every second SAVE goes out on the other port, beside the one before it. */
int machine_save(Machine *machine, const View *view, RowPart part, BankPlace from,
                 Problem *problem) {
        const Access accesses[] = { machine_bank_access(machine, view, part, from, false),
                                    machine_memory_access(view, part, true) };
        Stream *stream = machine->stream;
        Instruction i = isa_blank(ISA_SAVE);
        int r;

        r = machine_check_pitch(view, part.n, problem);
        if (r < 0)
                return r;
        i.save.bank_addr = machine_address(from.address);
        i.save.bank_id = from.bank;
        i.save.jump_read = part.n > 1 ? from.pitch : 1;
        i.save.jump_write = part.n > 1 ? (uint32_t) view->pixel_pitch : 1;
        i.save.hp_id = machine->port;
        i.save.length = part.n;
        i.save.channel = view->channels;
        i.save.reg_id = view->reg_id;
        i.save.ddr_addr = (uint32_t) view_at(view, part.row, part.column);
        r = stream_append(stream, &i, accesses, 2, problem);
        if (r < 0)
                return r;
        if (!stream->counts_only)
                stream->items[stream->n - 1].beside = machine->port == 1;
        machine->port = !machine->port;
        return 0;
}
