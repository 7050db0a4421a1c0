#include "dpu/sim/values.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define VALUES_CHUNK 1024 /* elements read at once where all are gone through */

static size_t values_element_size(ValuesStorage storage) {
        return storage == VALUES_FIXED ? sizeof(int8_t) : sizeof(double);
}

static int values_shape(Values *values, const Tensor *tensor, uint64_t max, Problem *problem) {
        uint64_t n = 1;

        if (tensor->n_dims > VALUES_DIMS_MAX)
                return problem_set(problem, -EINVAL, "tensor %s: %zu dimensions, at most %d",
                                   tensor->name, tensor->n_dims, VALUES_DIMS_MAX);
        for (size_t i = 0; i < tensor->n_dims; i++) {
                int32_t dim = tensor->dims[i] == -1 ? 1 : tensor->dims[i];

                if (dim < 0)
                        return problem_set(problem, -EINVAL, "tensor %s: dimension %d",
                                           tensor->name, dim);
                values->dims[i] = dim;
                if (__builtin_mul_overflow(n, (uint64_t) dim, &n) || n > max)
                        return problem_set(
                                problem, -EFBIG,
                                "tensor %s: more elements than the %llu there is room for",
                                tensor->name, (unsigned long long) max);
        }
        values->n_dims = tensor->n_dims;
        values->n = (size_t) n;
        return 0;
}

int values_init(Values *values, ValuesStorage storage, const Tensor *tensor, uint64_t max_bytes,
                Problem *problem) {
        Values v = { .storage = storage };
        int r;

        r = values_shape(&v, tensor, max_bytes / values_element_size(storage), problem);
        if (r < 0)
                return r;
        v.data = calloc(v.n > 0 ? v.n : 1, values_element_size(storage));
        if (!v.data)
                return -ENOMEM;

        *values = v;
        return 0;
}

void values_deinit(Values *values) {
        free(values->data);
        values->data = NULL;
}

Values values_take(Values *from) {
        Values taken = *from;

        from->data = NULL;
        return taken;
}

size_t values_bytes(const Values *values) {
        return values->data ? values->n * values_element_size(values->storage) : 0;
}

bool values_tensor_is_fixed(const Tensor *tensor, int32_t *ret_fix_point) {
        int32_t fix_point, bit_width = tensor->bit_width;

        if (tensor->data_type == DATA_TYPE_FLOAT ||
            attrs_int32(&tensor->attrs, "fix_point", &fix_point) < 0)
                return false;
        (void) attrs_int32(&tensor->attrs, "bit_width", &bit_width);
        if (bit_width != 8 || fix_point < -VALUES_FIX_POINT_MAX || fix_point > VALUES_FIX_POINT_MAX)
                return false;
        *ret_fix_point = fix_point;
        return true;
}

void values_read(const Values *values, size_t at, size_t n, double *ret) {
        double step;

        if (values->storage == VALUES_REAL) {
                memcpy(ret, values->real + at, n * sizeof(*ret));
                return;
        }
        step = values_step(values);
        for (size_t i = 0; i < n; i++)
                ret[i] = values->fixed[at + i] * step;
}

double values_step(const Values *values) {
        return ldexp(1, -values->fix_point);
}

/* FNV-1a over whole words with a final mix: good enough to tell tensors apart */
uint64_t values_hash(const Values *values) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ values->n;
        double x[VALUES_CHUNK];

        for (size_t at = 0; at < values->n; at += VALUES_CHUNK) {
                size_t chunk = values->n - at < VALUES_CHUNK ? values->n - at : VALUES_CHUNK;

                values_read(values, at, chunk, x);
                for (size_t i = 0; i < chunk; i++) {
                        double number = x[i] + 0.0; /* -0 is 0 */
                        uint64_t bits;

                        memcpy(&bits, &number, sizeof(bits));
                        hash = (hash ^ bits ^ (bits >> 32)) * UINT64_C(0x100000001b3);
                        hash ^= hash >> 29;
                }
        }
        return hash;
}
