#pragma once

/*
 * Patches: the part of an image in banks that one CONV or ALU reads
 *
 * An image lies in a group of banks. Its rows are dealt to the banks in row groups of s rows, s
 * being the vertical stride of the reader: row group q is in bank (first + q) mod the number of
 * banks in the group, and each time that number wraps, the next of four start addresses counts.
 * Inside a row group rows follow each other at row_pitch words, pixels at pixel_pitch.
 *
 * Window rows and columns are counted from the first row and column that the first output needs,
 * those that padding stands for included. (docs/ISA.md, "Feature maps in banks".)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dpu/sim/core.h"

#define PATCH_STARTS 4

typedef struct PatchSpec {
        uint32_t bank;                  /* of the first window row */
        uint32_t address[PATCH_STARTS]; /* of window column 0, by wraps of the bank */
        uint32_t rows, length;          /* outputs */
        uint32_t kernel_h, kernel_w, stride_h, stride_w;
        uint32_t offset; /* of the first window row in its row group */
        uint32_t row_pitch, pixel_pitch, groups;
        uint32_t pad_top, pad_left;
        uint32_t last_row, last_column; /* the last valid ones, from the start of the last window */
        uint32_t unused_lanes;          /* of the last channel group: read as 0 */
        bool padded;                    /* columns outside are there, as 0 */
} PatchSpec;

/* What was read, as 16-bit numbers. Rows and columns that no output needs, because the
 * stride is larger than the kernel, are left out: from one output to the next it is step_h rows
 * and step_w columns. */
typedef struct Patch {
        const int16_t *data; /* of the core's buffer: good until the next one */
        size_t pixel, row;   /* numbers from one to the next */
        uint32_t step_h, step_w;
        uint32_t first_row, end_row;       /* those that are inside, and in data */
        uint32_t first_column, end_column; /* those that are inside */
        uint32_t base_column;              /* the first that is in data */
} Patch;

/* -EINVAL with @problem: a layout that does not exist. */
int patch_read(Core *core, const Instruction *instruction, const PatchSpec *spec, Patch *ret,
               Problem *problem);

/* Where output rows go: stride_out rows to a row group. */
typedef struct OutputSpec {
        uint32_t bank, address;
        uint32_t rows, stride_out, offset; /* of the first row in its row group */
        uint32_t row_pitch;
} OutputSpec;

typedef struct OutputRow {
        uint32_t bank, address;
} OutputRow;

/* Refuses layouts that programs do not have: -EINVAL with @problem. */
int output_check(const Core *core, const Instruction *instruction, const OutputSpec *spec,
                 Problem *problem);
OutputRow output_row(const OutputSpec *spec, uint32_t row);
