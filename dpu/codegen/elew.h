#pragma once

/*
 * Element-wise work: images in, one image of the same size out, word by word
 *
 * Sums and products of up to four images, a change of the fix point, and copies. A copy that
 * changes nothing does without the engine: SAVE takes what LOAD brought. Every output pixel can be
 * written @scale_y * @scale_x times: nearest neighbours.
 */

#include "dpu/codegen/machine.h"

#define ELEW_INPUTS_MAX 4

typedef enum ElewKind {
        ELEW_SUM,
        ELEW_PRODUCT,
} ElewKind;

typedef struct ElewWork {
        const View *inputs; /* borrowed; all of the size of the output before scaling */
        size_t n_inputs;
        View out; /* scaled */
        ElewKind kind;
        bool relu;
        uint32_t scale_y, scale_x;
} ElewWork;

/* Number and sizes of the inputs; shift_read and shift_write of the instructions. -EOPNOTSUPP. */
int elew_check(const ElewWork *work, Problem *problem);
int elew_shifts(const ElewWork *work, uint32_t read[ELEW_INPUTS_MAX], uint32_t *ret_write,
                Problem *problem);

/* -EOPNOTSUPP: shifts or sizes that the engine does not have. Else as stream_append(). */
int elew_run(const ElewWork *work, Machine *machine, Problem *problem);
int elew_copy(View in, View out, Machine *machine, Problem *problem);
