#pragma once

/*
 * Windows: what convolution and the ALU have in common, a dense window that moves over an image
 *
 * Its phases, where it is dilated or transposed; its tiles, with the image in the banks as the
 * engines read it: rows in groups of @layout rows, group q in bank q modulo the banks, a new start
 * address for each round of them (docs/ISA.md).
 */

#include "dpu/codegen/layer.h"

typedef struct Window {
        View in, out;
        Axis y, x;
        /* weights: of kernel place (h, w) from address + h * row_step + w * step on */
        uint64_t weights, row_step, step;
} Window;

/* Calls @fn for each dense part that has outputs. Ends with its first error. */
typedef int (*WindowFn)(const Window *part, void *userdata);
int window_phases(const Window *whole, const LayerAxes *axes, bool transposed, WindowFn fn,
                  void *userdata);

typedef struct WindowPlan {
        uint32_t rows, columns;       /* of a tile of the output */
        uint32_t words_in, words_out; /* of a pixel */
        uint32_t layout;              /* rows of a row group */
        uint32_t kept, wraps;         /* of them stored; rounds of the banks */
} WindowPlan;

uint32_t window_columns_in(const Window *window, uint32_t columns);

/* kept and wraps, for rows and layout */
void window_set_rounds(const Window *window, const Machine *machine, WindowPlan *plan);

/* the widest tile for which @depth words are enough, cut evenly; false: not even one column */
bool window_set_columns(const Window *window, WindowPlan *plan, uint32_t depth);

typedef struct WindowTile {
        uint32_t row, rows, column, columns; /* of the output */
        Span y, x;
        uint32_t in, out;       /* addresses */
        uint32_t row_words;     /* of the input */
        uint32_t words, result; /* in every bank, of the input and of the output */
} WindowTile;

/* Takes the words of a tile. */
WindowTile window_tile(const Window *window, const WindowPlan *plan, Machine *machine, uint32_t row,
                       uint32_t column);

/* The address of column 0 of the window, padding included, in round @round of the banks; 0 for
 * rounds that there are not. */
uint32_t window_start(const WindowPlan *plan, const WindowTile *tile, uint32_t round);

/* the tile of @view, which is the input or some of its channels; the same of the output */
int window_load(const WindowPlan *plan, const WindowTile *tile, Machine *machine, const View *view,
                Problem *problem);
int window_save(const WindowPlan *plan, const WindowTile *tile, Machine *machine, const View *view,
                Problem *problem);
