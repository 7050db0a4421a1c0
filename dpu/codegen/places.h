#pragma once

/*
 * Places: where the tensors of a region lie in memory
 *
 * Registers, as the vendor's compiler uses them: 0 constants, 1 what layers hand on, 2 inputs,
 * 3 outputs. Workspace is given to the lowest address that is free from the first write of a
 * tensor to its last read, so memory is used again; what that orders, the token pass sees to.
 */

#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "dpu/codegen/region.h"

/* Nothing but constants lies closer to either end of its region: LOADs with padding begin before a
 * row and end behind it, though they use nothing of that. */
#define PLACES_MARGIN     64u
#define PLACES_REGION_MAX ((uint64_t) 1 << 29) /* addresses have 29 bits */

typedef enum PlacesRegister {
        PLACES_CONSTANTS,
        PLACES_WORKSPACE,
        PLACES_INPUTS,
        PLACES_OUTPUTS,
        PLACES_REGISTERS,
} PlacesRegister;

typedef struct Places {
        uint64_t sizes[PLACES_REGISTERS]; /* bytes */
        Bytes constants;                  /* content of the first */
        uint64_t zeros;                   /* address in it: of who has no bias, and of who pads */
} Places;

/* Fills in the views of @region's tensors. -EINVAL with @problem: a constant without content;
 * -EFBIG: more than addresses reach; -ENOMEM. */
int places_init(Places *places, Region *region, Problem *problem);
void places_deinit(Places *places);

/* One line for each tensor: register, address, size, steps. -ENOMEM, -EFBIG. */
int places_dump(const Places *places, const Region *region, Bytes *ret);

static inline void places_cleanup(Places *places) {
        places_deinit(places);
}
