#include "base/random.h"

#include <assert.h>
#include <string.h>

#define RANDOM_ELEMENT_MAX 64

uint64_t random_u64(Random *random) {
        uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

uint64_t random_below(Random *random, uint64_t bound) {
        uint64_t threshold, value;

        if (bound == 0)
                return 0;

        /* the lowest 2^64 mod bound values would make small results likelier */
        threshold = (0 - bound) % bound;
        do
                value = random_u64(random);
        while (value < threshold);
        return value % bound;
}

int64_t random_bell(Random *random, uint32_t spread) {
        uint64_t bits = random_u64(random);
        int64_t sum = 0;

        /* four 16-bit numbers out of one draw: -32768 .. 32767 each */
        for (unsigned i = 0; i < 4; i++)
                sum += (int64_t) ((bits >> (16 * i)) & 0xffff) - 32768;
        return sum * spread / 65536;
}

void random_shuffle(Random *random, void *array, size_t n, size_t size) {
        unsigned char *bytes = array, held[RANDOM_ELEMENT_MAX];

        assert(size <= sizeof(held));
        for (size_t i = n; i > 1; i--) {
                size_t j = (size_t) random_below(random, i);

                memcpy(held, bytes + (i - 1) * size, size);
                memmove(bytes + (i - 1) * size, bytes + j * size, size);
                memcpy(bytes + j * size, held, size);
        }
}
