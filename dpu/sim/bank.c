#include "dpu/sim/bank.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int banks_init(Banks *banks, const FingerprintInfo *target) {
        Banks b = { .lanes = target->input_channels,
                    .pixels = target->pixels,
                    .groups = target->image_banks };

        if (b.lanes < 1 || b.lanes > BANK_LANES_MAX || b.lanes % 2 != 0 ||
            target->output_channels != b.lanes || b.pixels < 1 || b.pixels > BANK_PIXELS_MAX ||
            b.groups < 1)
                return -ENOTSUP;
        b.weights = b.groups * b.pixels;
        b.depthwise_weights = b.weights + b.lanes;
        b.bias = b.depthwise_weights + 1;
        b.n = b.bias + 1;
        b.data = malloc((size_t) b.n * BANK_DEPTH * b.lanes);
        if (!b.data)
                return -ENOMEM;
        *banks = b;
        return 0;
}

void banks_deinit(Banks *banks) {
        free(banks->data);
        *banks = (Banks){};
}

void banks_fill_noise(Banks *banks, Random *random) {
        size_t size = (size_t) banks->n * BANK_DEPTH * banks->lanes;

        for (size_t i = 0; i < size; i += sizeof(uint64_t)) { /* a multiple: the depth is */
                uint64_t noise = random_u64(random);

                memcpy(banks->data + i, &noise, sizeof(noise));
        }
}
