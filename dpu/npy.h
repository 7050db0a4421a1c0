#pragma once

/*
 * NPY: arrays in files, as NumPy writes them
 *
 * Format: the .npy specification (numpy.lib.format), versions 1 to 3: a magic, a version, the
 * length of a header, the header (a Python literal with descr, fortran_order and shape, nothing
 * else), the elements. Only plain numbers, little-endian, in C order. Parsing is strict and never
 * reads beyond the slice.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "base/slice.h"

#define NPY_DIMS_MAX     8
#define NPY_HEADER_MAX   4096
#define NPY_ELEMENTS_MAX ((uint64_t) 1 << 31)

typedef enum NpyType {
        NPY_INT8,
        NPY_UINT8,
        NPY_INT16,
        NPY_UINT16,
        NPY_INT32,
        NPY_INT64,
        NPY_FLOAT32,
        NPY_FLOAT64,
} NpyType;

typedef struct Npy {
        NpyType type;
        size_t n_dims;
        uint64_t dims[NPY_DIMS_MAX];
        uint64_t n; /* elements: product of dims */
        Slice data; /* borrowed */
} Npy;

size_t npy_type_size(NpyType type);
bool npy_is(Slice file); /* has the magic */

/* -EBADMSG with @problem that says what is wrong at which byte. @ret borrows from @file. */
int npy_parse(Slice file, Npy *ret, Problem *problem);

double npy_element(const Npy *npy, size_t index);

/* Appends a file of version 1: the same array, the same bytes. */
int npy_write(const Npy *npy, Bytes *ret);
