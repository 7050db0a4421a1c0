#pragma once

/*
 * Quantized: makes graphs in the form that vai_q_pytorch exports
 *
 * What that form is was read off exported files: parameters are `const` ops with a `fix` op
 * behind each, everything is FLOAT32, data is NHWC and weights are OHWI; a `fix` ends every group
 * that the compiler fuses (convolution + ReLU, add + ReLU) and every single op; names are those of
 * PyTorch modules with all but letters and digits replaced by `_`; the root subgraph lists all
 * ops and `return_ops` names the outputs. Parameters precede nodes, the last layer's first.
 *
 * Parameters are random and lie exactly on the grid of their `fix`. Their scale and all fix
 * points are chosen from a running estimate of each tensor's mean square, so that activations use
 * their range without saturating and every shift stays within what the quantizer itself keeps
 * (fp_in + fp_w - fp_out in 0 .. 16, and so on). Only integers and exact powers of two are used:
 * equal seeds give equal graphs everywhere.
 *
 * Errors are sticky: after the first one every function returns NULL, takes NULL, and
 * quantized_finish() returns the error. Not thread-safe.
 */

#include "dpu/models/scale.h"
#include "xmodel/graph.h"

typedef struct Quantized Quantized;

int quantized_new(Quantized **ret, const char *name, uint64_t seed); /* -ENOMEM */
Quantized *quantized_free(Quantized *q);

static inline void quantized_freep(Quantized **q) {
        (void) quantized_free(*q);
}

/* The model returns @op, one of up to QUANTIZED_OUTPUTS_MAX. */
void quantized_return(Quantized *q, Op *op);

#define QUANTIZED_OUTPUTS_MAX 8

/* Gives the graph away. @change_weight names one weight element, counted over all layers from the
 * first, that is moved by one step of its grid; UINT64_MAX: none. -ERANGE: there is no such
 * element, or a shift is out of range. */
int quantized_finish(Quantized *q, uint64_t change_weight, Graph **ret, Problem *problem);

/* --- layers; @path is where the module is: "Sequential[layer1]/BasicBlock[0]/Conv2d[conv1]" ------- */

typedef struct QuantizedConv {
        const char *path;
        const char *parameter; /* "layer1.0.conv1" */
        int32_t channels;      /* of the output */
        int32_t kernel, stride, pad;
        ScaleGain gain;
} QuantizedConv;

typedef struct QuantizedLinear {
        const char *path;
        const char *parameter;
        int32_t features; /* of the output */
        ScaleGain gain;
} QuantizedLinear;

Op *quantized_input(Quantized *q, int32_t height, int32_t width, int32_t channels); /* with fix */
Op *quantized_fix(Quantized *q, Op *op);

Op *quantized_conv2d(Quantized *q, Op *input, const QuantizedConv *conv);
Op *quantized_depthwise(Quantized *q, Op *input, const QuantizedConv *conv); /* as many channels */
Op *quantized_linear(Quantized *q, Op *input, const QuantizedLinear *linear);
Op *quantized_relu(Quantized *q, Op *input, const char *path);

/* Its grid ends at 4: what is left out there, one number of 400, costs less than a coarser grid
 * would, so a quantizer that minimises the squared error chooses that. */
Op *quantized_relu6(Quantized *q, Op *input, const char *path);

/* with the one slope that the engines have, 26/256 */
Op *quantized_leaky_relu(Quantized *q, Op *input, const char *path);
Op *quantized_add(Quantized *q, Op *a, Op *b, const char *path);
Op *quantized_maxpool(Quantized *q, Op *input, int32_t kernel, int32_t stride, int32_t pad,
                      const char *path);

/* One pixel for the image, and the `mul` that makes of the division what the engines do. Square
 * images of a power of two, 3, 5, 6 or 7 pixels. */
Op *quantized_global_avgpool(Quantized *q, Op *input, const char *path);
Op *quantized_upsample(Quantized *q, Op *input, int32_t scale, const char *path); /* nearest */

/* Channels of @n ops. One that nothing else reads needs no fix of its own. */
Op *quantized_concat(Quantized *q, Op *const *inputs, size_t n, const char *path);
Op *quantized_flatten(Quantized *q, Op *input, const char *path); /* all but the batch; no fix */
Op *quantized_softmax(Quantized *q, Op *input, const char *path); /* over channels; no fix */
