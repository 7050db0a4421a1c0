#include "dpu/sim/numbers.h"

#include <errno.h>
#include <stdlib.h>

static int numbers_widen(Numbers *numbers, const Values *values) {
        int16_t *wide = calloc(values->n + 1, sizeof(*wide));

        if (!wide)
                return -ENOMEM;
        for (size_t i = 0; i < values->n; i++)
                wide[i] = values->fixed[i];
        numbers->buffer = wide;
        numbers->dot.integers = wide;
        return 0;
}

static int numbers_as_reals(Numbers *numbers, const Values *values) {
        double *reals;

        if (values->storage == VALUES_REAL) {
                numbers->dot.reals = values->real;
                return 0;
        }
        reals = calloc(values->n + 1, sizeof(*reals));
        if (!reals)
                return -ENOMEM;
        values_read(values, 0, values->n, reals);
        numbers->buffer = reals;
        numbers->dot.reals = reals;
        return 0;
}

int numbers_init(Numbers *ret_a, Numbers *ret_b, double *ret_scale, const Values *a,
                 const Values *b) {
        bool fixed = a->storage == VALUES_FIXED && b->storage == VALUES_FIXED;
        int r;

        *ret_a = *ret_b = (Numbers){ 0 };
        *ret_scale = fixed ? values_step(a) * values_step(b) : 1;
        r = fixed ? numbers_widen(ret_a, a) : numbers_as_reals(ret_a, a);
        if (r < 0)
                return r;
        return fixed ? numbers_widen(ret_b, b) : numbers_as_reals(ret_b, b);
}

void numbers_deinit(Numbers *numbers) {
        free(numbers->buffer);
        *numbers = (Numbers){ 0 };
}
