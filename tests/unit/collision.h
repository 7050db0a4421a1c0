#pragma once

/*
 * Two contents with one XXH3-128: made on purpose, which is why XXH3 is not what dpucc trusts
 *
 * Inputs of more than 240 bytes are summed up in lanes of 8 bytes (xxhash.h of xxHash 0.8,
 * XXH3_accumulate_512): a lane adds its value to the neighbour's sum, and to its own the product
 * of the halves of value XOR secret. Where the lower half equals that of the secret the product
 * is 0 whatever the upper half is, and what one stripe has more the next may have less.
 */

#include <stdint.h>
#include <string.h>

#define COLLISION_SIZE 256

static inline void collision_make(uint8_t a[COLLISION_SIZE], uint8_t b[COLLISION_SIZE]) {
        /* bytes 0 to 3 and 8 to 11 of XXH3's default secret */
        static const uint8_t first[] = { 0xb8, 0xfe, 0x6c, 0x39 };
        static const uint8_t second[] = { 0x7c, 0x01, 0x81, 0x2c };

        memset(a, 'x', COLLISION_SIZE);
        memcpy(a, first, sizeof(first));
        memcpy(a + 64, second, sizeof(second));
        memcpy(b, a, COLLISION_SIZE);
        b[4]++;
        b[64 + 4]--;
}
