#pragma once

/*
 * Banks: the memory on the chip
 *
 * Every bank has BANK_DEPTH words; a word has as many int8 lanes as the target has input channels
 * in parallel. Addresses count words and are taken modulo the depth. Banks are numbered
 *
 *      0 ..                feature maps: groups ("VB0", "VB1" ..) of one bank per pixel in parallel
 *      weights ..          convolution weights: one bank per output channel in parallel
 *      depthwise_weights   of the ALU
 *      bias                one lane for each output channel
 *
 * (Xilinx/Vitis-AI, src/vai_runtime/target_factory: create_target_DPUCZDX8G_ISA1.cpp.)
 */

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "xmodel/fingerprint.h"

#define BANK_DEPTH      2048
#define BANK_LANES_MAX  16 /* input channels in parallel, and output channels */
#define BANK_PIXELS_MAX 8

typedef struct Banks {
        unsigned lanes;  /* bytes of a word: ICP, and OCP */
        unsigned pixels; /* banks of a group: PP */
        unsigned groups;
        unsigned weights; /* number of the first of them */
        unsigned depthwise_weights;
        unsigned bias;
        unsigned n;   /* of all banks */
        int8_t *data; /* [n][BANK_DEPTH][lanes] */
} Banks;

/* -ENOTSUP: parallelism beyond the maxima; -ENOMEM */
int banks_init(Banks *banks, const FingerprintInfo *target);
void banks_deinit(Banks *banks);

void banks_fill_noise(Banks *banks, Random *random);

/* the first lane of a word; @bank must exist */
static inline int8_t *bank_word(const Banks *banks, unsigned bank, uint32_t address) {
        return banks->data + ((size_t) bank * BANK_DEPTH + address % BANK_DEPTH) * banks->lanes;
}
