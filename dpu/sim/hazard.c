#include "dpu/sim/hazard.h"

#include <errno.h>
#include <stdlib.h>

/* Only LOAD reads memory and only SAVE writes it; banks are accessed by all four. A clock of 0 is
 * the time before the program. */
struct HazardWord {
        uint32_t written, writer;
        uint32_t read[ISA_ENGINES];
};

struct HazardByte {
        uint32_t written, read;
};

#define HAZARD_LOAD 0 /* numbers of their bits */
#define HAZARD_SAVE 1

int hazards_init(Hazards *hazards, const Banks *banks, const Memory *memory, bool off) {
        Hazards h = { .off = off };
        uint64_t total = 0;

        for (unsigned i = 0; i < PROGRAM_REGIONS; i++)
                total += memory->regions[i].owned ? memory->regions[i].size : 0;
        if (!off && total > HAZARD_MEMORY_MAX)
                return -EFBIG;
        if (!off) {
                h.words = calloc((size_t) banks->n * BANK_DEPTH, sizeof(*h.words));
                if (!h.words)
                        return -ENOMEM;
        }
        for (unsigned i = 0; !off && i < PROGRAM_REGIONS; i++) {
                if (!memory->regions[i].owned || memory->regions[i].size == 0)
                        continue;
                /* pages that no instruction touches are never there */
                h.bytes[i] = calloc(memory->regions[i].size, sizeof(**h.bytes));
                if (!h.bytes[i]) {
                        hazards_deinit(&h);
                        return -ENOMEM;
                }
        }
        *hazards = h;
        return 0;
}

void hazards_deinit(Hazards *hazards) {
        free(hazards->words);
        for (unsigned i = 0; i < PROGRAM_REGIONS; i++)
                free(hazards->bytes[i]);
        *hazards = (Hazards){};
}

static bool hazards_ordered(const Hazards *h, unsigned engine, uint32_t clock) {
        return clock <= h->known.of[engine] || (engine == h->engine && clock == h->clock);
}

static void hazards_note(Hazards *h, const HazardFound *found) {
        if (h->first.found)
                return;
        h->first = *found;
        h->first.found = true;
}

void hazards_read_word(Hazards *h, unsigned bank, uint32_t address) {
        HazardWord *word;

        if (h->off)
                return;
        address %= BANK_DEPTH;
        word = &h->words[(size_t) bank * BANK_DEPTH + address];
        if (!hazards_ordered(h, word->writer, word->written)) {
                const HazardFound found = { .place = bank,
                                            .address = address,
                                            .engine = word->writer,
                                            .clock = word->written,
                                            .earlier_wrote = true };

                hazards_note(h, &found);
        }
        word->read[h->engine] = h->clock;
}

void hazards_write_word(Hazards *h, unsigned bank, uint32_t address) {
        HazardWord *word;

        if (h->off)
                return;
        address %= BANK_DEPTH;
        word = &h->words[(size_t) bank * BANK_DEPTH + address];
        for (unsigned e = 0; e < ISA_ENGINES; e++) {
                const HazardFound found = { .place = bank,
                                            .address = address,
                                            .engine = e,
                                            .clock = word->read[e],
                                            .later_writes = true };

                if (!hazards_ordered(h, e, word->read[e]))
                        hazards_note(h, &found);
        }
        if (!hazards_ordered(h, word->writer, word->written)) {
                const HazardFound found = { .place = bank,
                                            .address = address,
                                            .engine = word->writer,
                                            .clock = word->written,
                                            .earlier_wrote = true,
                                            .later_writes = true };

                hazards_note(h, &found);
        }
        word->written = h->clock;
        word->writer = h->engine;
}

void hazards_read_bytes(Hazards *h, unsigned reg_id, uint64_t address, uint64_t n) {
        HazardByte *bytes = h->bytes[reg_id];

        for (uint64_t i = address; bytes && i < address + n; i++) {
                if (!hazards_ordered(h, HAZARD_SAVE, bytes[i].written)) {
                        const HazardFound found = { .in_memory = true,
                                                    .place = reg_id,
                                                    .address = i,
                                                    .engine = HAZARD_SAVE,
                                                    .clock = bytes[i].written,
                                                    .earlier_wrote = true };

                        hazards_note(h, &found);
                }
                bytes[i].read = h->clock;
        }
}

void hazards_write_bytes(Hazards *h, unsigned reg_id, uint64_t address, uint64_t n) {
        HazardByte *bytes = h->bytes[reg_id];

        for (uint64_t i = address; bytes && i < address + n; i++) {
                bool read_before = hazards_ordered(h, HAZARD_LOAD, bytes[i].read);

                if (!read_before || !hazards_ordered(h, HAZARD_SAVE, bytes[i].written)) {
                        const HazardFound found = {
                                .in_memory = true,
                                .place = reg_id,
                                .address = i,
                                .engine = read_before ? HAZARD_SAVE : HAZARD_LOAD,
                                .clock = read_before ? bytes[i].written : bytes[i].read,
                                .earlier_wrote = read_before,
                                .later_writes = true,
                        };

                        hazards_note(h, &found);
                }
                bytes[i].written = h->clock;
        }
}
