#pragma once

/*
 * Values: the elements of one tensor while a model is evaluated
 *
 * Two storages. FIXED is int8 with a fix point: what the DPU and its memory hold, and what comes
 * out of a `fix` op with 8 signed bits. REAL is float64: everything else (float ops between two
 * `fix` ops, other bit widths). Both stand for real numbers, q * 2^-fix_point and x, and a
 * function that only wants those reads either with values_read(). float64 holds all of them, and
 * sums of their products, exactly (round.h has the one exception); float32, which the quantizer
 * computes in, would not: 1024 products of -128 * -128 are 2^24.
 *
 * Rows: elements are dense and row-major, the last dimension (channels) runs fastest.
 *
 * A Values owns its elements; values_deinit() frees them. Reading is safe from several threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "xmodel/graph.h"

#define VALUES_DIMS_MAX      8
#define VALUES_FIX_POINT_MAX 127 /* either sign */

typedef enum ValuesStorage {
        VALUES_FIXED,
        VALUES_REAL,
} ValuesStorage;

typedef struct Values {
        ValuesStorage storage;
        int32_t fix_point; /* of FIXED */
        int32_t dims[VALUES_DIMS_MAX];
        size_t n_dims;
        size_t n; /* elements */
        union {
                int8_t *fixed;
                double *real;
                void *data; /* owned; NULL: none */
        };
} Values;

/* Zeroed elements of the shape of @tensor; an open dimension counts as 1. -EINVAL with @problem:
 * more than VALUES_DIMS_MAX dimensions, or a negative one; -EFBIG: more than @max_bytes,
 * and nothing was allocated; -ENOMEM. */
int values_init(Values *values, ValuesStorage storage, const Tensor *tensor, uint64_t max_bytes,
                Problem *problem);
void values_deinit(Values *values);

/* The same elements in other hands: @from is empty afterwards. */
Values values_take(Values *from);

size_t values_bytes(const Values *values); /* memory of the elements */

/* Is it a tensor of int8 elements with a fix point, as compiled graphs have? */
bool values_tensor_is_fixed(const Tensor *tensor, int32_t *ret_fix_point);

/* @n elements from @at as real numbers. They must exist. */
void values_read(const Values *values, size_t at, size_t n, double *ret);

/* The smallest step between two numbers of FIXED, 2^-fix_point. */
double values_step(const Values *values);

/* 64 bits that tell the numbers and how many they are: equal for FIXED and REAL that hold the
 * same ones. Not for keys of anything that is stored. */
uint64_t values_hash(const Values *values);

static inline void values_cleanup(Values *values) {
        values_deinit(values);
}
