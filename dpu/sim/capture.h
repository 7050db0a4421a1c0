#pragma once

/*
 * Captures: what a tensor was when the program had written all of it
 *
 * Layers reuse memory, so at the end of a program most of what its layers computed is gone. A
 * capture watches the SAVEs. One that begins inside a tensor is counted for it, and when as many
 * bytes have been saved as the tensor has, its content is kept. Where several tensors share a
 * place it is the first, in the order of the graph, that is not complete; and with it those that
 * are made of it without computing (concat, reshape).
 *
 * This is for finding where a difference begins, not for judging: a program that saves a byte
 * twice, or computes layers in another order than the graph, gets captures that are not what the
 * layer computed. The outputs of a program are read from memory.
 */

#include <stdbool.h>

#include "dpu/isa/isa.h"
#include "dpu/sim/memory.h"
#include "dpu/sim/program.h"

typedef struct CaptureTensor {
        uint64_t missing; /* bytes that no SAVE has written yet */
        uint8_t *content; /* dense; NULL until it is complete */
} CaptureTensor;

typedef struct Capture {
        const Program *program; /* borrowed */
        CaptureTensor *tensors; /* as program->tensors; NULL: nothing is captured */
} Capture;

int capture_init(Capture *capture, const Program *program); /* -ENOMEM */
void capture_deinit(Capture *capture);

void capture_restart(Capture *capture); /* forgets what it has */
int capture_saved(Capture *capture, const Memory *memory, const IsaSave *save); /* -ENOMEM */

/* the elements of a tensor, dense, to or from the @region where they lie */
void capture_gather(const ProgramTensor *tensor, const uint8_t *region, uint8_t *dense);
void capture_scatter(const ProgramTensor *tensor, const uint8_t *dense, uint8_t *region);
