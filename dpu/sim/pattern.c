#include "dpu/sim/pattern.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/random.h"

#define PATTERN_NATURAL_SPREAD 64 /* random_bell: then never beyond 128 */

static const char *const pattern_names[PATTERN_COUNT] = {
        [PATTERN_RANDOM] = "random", [PATTERN_NATURAL] = "natural", [PATTERN_RAMP] = "ramp",
        [PATTERN_MAX] = "max",       [PATTERN_MIN] = "min",
};

const char *pattern_name(Pattern pattern) {
        return pattern_names[pattern];
}

int pattern_find(const char *name, Pattern *ret) {
        for (size_t i = 0; i < PATTERN_COUNT; i++) {
                if (strcmp(pattern_names[i], name) == 0) {
                        *ret = (Pattern) i;
                        return 0;
                }
        }
        return -ENOENT;
}

uint64_t pattern_seed(uint64_t seed, Slice name) {
        uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325); /* FNV-1a */

        for (size_t i = 0; i < name.size; i++)
                hash = (hash ^ name.data[i]) * UINT64_C(0x100000001b3);
        return hash;
}

static int8_t pattern_number(Pattern pattern, Random *random, size_t index) {
        int64_t number = 0;

        switch (pattern) {
        case PATTERN_RANDOM:
                number = (int64_t) (random_u64(random) >> 56) - 128;
                break;
        case PATTERN_NATURAL:
                number = random_bell(random, PATTERN_NATURAL_SPREAD);
                break;
        case PATTERN_RAMP:
                number = (int64_t) (index % 256) - 128;
                break;
        case PATTERN_MAX:
                number = 127;
                break;
        case PATTERN_MIN:
                number = -128;
                break;
        }
        return (int8_t) (number > 127 ? 127 : number);
}

void pattern_fill(Pattern pattern, uint64_t seed, Slice name, int32_t fix_point, Values *values) {
        Random random = RANDOM_INIT(pattern_seed(seed, name));
        double step = ldexp(1, -fix_point);

        for (size_t i = 0; i < values->n; i++) {
                int8_t number = pattern_number(pattern, &random, i);

                if (values->storage == VALUES_FIXED)
                        values->fixed[i] = number;
                else
                        values->real[i] = number * step;
        }
}
