#pragma once

/*
 * Residual networks: what the networks here have in common with ResNet-18
 */

#include "dpu/models/quantized.h"

/* A layer of two basic blocks, "layer1" to "layer4"; from the second on the first block halves
 * height and width. */
Op *resnet_basic_layer(Quantized *q, Op *x, int number, int32_t channels);
