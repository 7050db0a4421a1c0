#pragma once

/*
 * Place: where a module is in a network
 *
 * It has two names: the path that names of ops are made of, "Sequential[layer1]/BasicBlock[0]", and
 * what parameters are called after it, "layer1.0".
 */

#include "dpu/models/quantized.h"

#define PLACE_NAME_MAX 128

typedef struct Place {
        char path[PLACE_NAME_MAX];
        char parameter[PLACE_NAME_MAX];
} Place;

/* The module @name, of type @type, in @parent; NULL: in the network itself. */
Place place_in(const Place *parent, const char *type, const char *name);
Place place_nth(const Place *parent, const char *type, int number);

/* A convolution in @parent; @conv has all but path and parameter. */
Op *place_conv(Quantized *q, Op *input, const Place *parent, const char *name, QuantizedConv conv);
