#pragma once

/*
 * For tests that compile: quantized graphs made op by op, as the quantizer exports them.
 *
 * Names are counted (op0, op1, ...), a `fix` is named after what it quantizes. Constants are random
 * and lie on the grid of their `fix`. Whatever fails, fails the test.
 */

#include <stdbool.h>

#include "xmodel/graph.h"

#define SOURCE_DIMS(...)                                                                           \
        (const int32_t[]){ __VA_ARGS__ }, sizeof((const int32_t[]){ __VA_ARGS__ }) / 4

typedef struct Source {
        Graph *graph;
        int n_names;
} Source;

void source_init(Source *s);
void source_deinit(Source *s);

/* --- any op ---------------------------------------------------------------------------------- */

Op *source_add(Source *s, const char *type, const int32_t *dims, size_t n_dims);
void source_arg(Source *s, Op *op, const char *name, Op *input);
void source_ints(Source *s, Op *op, const char *name, const int32_t *numbers, size_t n);
void source_floats(Source *s, Op *op, const char *name, const float *numbers, size_t n);
void source_flag(Source *s, Op *op, const char *name, bool value);
void source_word(Source *s, Op *op, const char *name, const char *value);

Op *source_fix(Source *s, Op *from, int32_t fix_point);
Op *source_fix_as(Source *s, Op *from, int32_t fix_point, const char *name);
Op *source_unary(Source *s, const char *type, Op *from); /* of the same shape */
Op *source_binary(Source *s, const char *type, Op *a, Op *b);
Op *source_input(Source *s, int32_t fix_point, const int32_t *dims, size_t n_dims); /* with fix */

/* --- constants ------------------------------------------------------------------------------- */

Op *source_constant(Source *s, int32_t fix_point, const int32_t *dims,
                    size_t n_dims);    /* likewise */
Op *source_number(Source *s, float x); /* without */

/* int8 numbers instead of random ones */
void source_set_numbers(Source *s, Op *constant, const int *numbers);

/* --- layers ---------------------------------------------------------------------------------- */

/* a square window, with FLOOR */
Op *source_window(Source *s, Op *op, int32_t kernel, int32_t stride, int32_t pad);
Op *source_with_weights(Source *s, Op *op, Op *from, Op *weights, Op *bias);

/* without padding, of stride 1; weights have the fix point 7 */
Op *source_conv(Source *s, Op *from, int32_t kernel, int32_t channels, int32_t bias_fix);
Op *source_leaky(Source *s, Op *from); /* with the slope that the engines have */

/* to another height and width: to the nearest, or between; with centres of pixels in the middle */
typedef struct SourceResize {
        int32_t height, width;
        bool linear, centres;
} SourceResize;

Op *source_resize(Source *s, Op *from, SourceResize resize);

Op *source_flatten(Source *s, Op *from); /* [1, all] */
Op *source_reshape(Source *s, Op *from, const int32_t *dims, size_t n_dims);
