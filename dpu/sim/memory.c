#include "dpu/sim/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int memory_init_region(MemoryRegion *region, const ProgramRegion *from, Random *random) {
        region->size = from->size;
        if (from->role == PROGRAM_CONST) {
                region->data = from->constant.data;
                return from->constant.size == from->size ? 0 : -EINVAL;
        }
        region->owned = malloc(from->size > 0 ? from->size : 1);
        if (!region->owned)
                return -ENOMEM;
        region->data = region->owned;
        for (uint64_t i = 0; i < from->size; i += sizeof(uint64_t)) {
                uint64_t noise = random_u64(random), left = from->size - i;

                memcpy(region->owned + i, &noise, left < sizeof(noise) ? left : sizeof(noise));
        }
        return 0;
}

int memory_init(Memory *memory, const ProgramRegion regions[PROGRAM_REGIONS], Random *random) {
        Memory m = {};
        uint64_t total = 0;
        int r = 0;

        for (unsigned i = 0; i < PROGRAM_REGIONS; i++) {
                if (regions[i].size > PROGRAM_MEMORY_MAX - total)
                        return -EFBIG;
                total += regions[i].size;
        }
        for (unsigned i = 0; r == 0 && i < PROGRAM_REGIONS; i++)
                if (regions[i].role != PROGRAM_NO_REGION)
                        r = memory_init_region(&m.regions[i], &regions[i], random);
        if (r < 0) {
                memory_deinit(&m);
                return r;
        }
        *memory = m;
        return 0;
}

void memory_deinit(Memory *memory) {
        for (unsigned i = 0; i < PROGRAM_REGIONS; i++)
                free(memory->regions[i].owned);
        *memory = (Memory){};
}

bool memory_has(const Memory *memory, unsigned reg_id, uint64_t address, uint64_t n, bool write) {
        const MemoryRegion *region;

        if (reg_id >= PROGRAM_REGIONS)
                return false;
        region = &memory->regions[reg_id];
        return region->data && (!write || region->owned) && address <= region->size &&
               n <= region->size - address;
}
