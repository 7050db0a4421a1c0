/*
 * MobileNetV2 as torchvision has it (Sandler, Howard, Zhu, Zhmoginov, Chen: "MobileNetV2: Inverted
 * Residuals and Linear Bottlenecks", 2018). Batch normalisation is folded into the convolutions.
 * torchvision takes the mean with adaptive_avg_pool2d, a function; functions have no name of their
 * own in exported graphs.
 */
#include "base/cleanup.h"
#include "dpu/models/network.h"
#include "dpu/models/place.h"

typedef struct MobilenetStage {
        int32_t expansion, channels, n_blocks, stride;
} MobilenetStage;

static const MobilenetStage mobilenet_stages[] = {
        { 1, 16, 1, 1 }, { 6, 24, 2, 2 },  { 6, 32, 3, 2 },  { 6, 64, 4, 2 },
        { 6, 96, 3, 1 }, { 6, 160, 3, 2 }, { 6, 320, 1, 1 },
};

/* The module @at: a convolution, for each channel where it is not dense, and ReLU6. */
static Op *mobilenet_unit(Quantized *q, Op *x, const Place *at, QuantizedConv conv, bool dense) {
        const Place place = place_in(at, "Conv2d", "0");

        conv.path = place.path;
        conv.parameter = place.parameter;
        conv.gain = SCALE_GAIN_TO_TWO;
        x = dense ? quantized_conv2d(q, x, &conv) : quantized_depthwise(q, x, &conv);
        return quantized_fix(q, quantized_relu6(q, x, place_in(at, "ReLU6", "2").path));
}

static Op *mobilenet_block(Quantized *q, Op *x, const Place *at, const MobilenetStage *stage,
                           bool first) {
        const int32_t in = x ? x->tensor.dims[3] : 0, wide = stage->expansion * in;
        const int32_t stride = first ? stage->stride : 1;
        const bool residual = stride == 1 && in == stage->channels;
        const Place conv = place_in(at, "Sequential", "conv");
        Op *identity = x;
        int n = 0;

        if (stage->expansion > 1) {
                const Place expand = place_nth(&conv, "ConvBNReLU", n++);

                x = mobilenet_unit(q, x, &expand,
                                   (QuantizedConv){ .channels = wide, .kernel = 1, .stride = 1 },
                                   true);
        }
        const Place depthwise = place_nth(&conv, "ConvBNReLU", n++);
        const Place project = place_nth(&conv, "Conv2d", n);

        x = mobilenet_unit(
                q, x, &depthwise,
                (QuantizedConv){ .channels = wide, .kernel = 3, .stride = stride, .pad = 1 },
                false);
        x = quantized_conv2d(q, x,
                             &(QuantizedConv){ project.path, project.parameter, stage->channels, 1,
                                               1, 0, SCALE_GAIN_TO_ONE });
        x = quantized_fix(q, x);
        return residual ? quantized_fix(q, quantized_add(q, identity, x, at->path)) : x;
}

static void mobilenet_build(Quantized *q, int32_t size) {
        static const QuantizedLinear classifier = { "Sequential[classifier]/Linear[1]",
                                                    "classifier.1", 1000, SCALE_GAIN_TO_ONE };
        const Place features = place_in(NULL, "Sequential", "features");
        Place at = place_nth(&features, "ConvBNReLU", 0);
        int n = 1;
        Op *x;

        x = quantized_input(q, size, size, 3);
        x = mobilenet_unit(q, x, &at,
                           (QuantizedConv){ .channels = 32, .kernel = 3, .stride = 2, .pad = 1 },
                           true);
        for (size_t i = 0; i < ARRAY_SIZE(mobilenet_stages); i++)
                for (int32_t k = 0; k < mobilenet_stages[i].n_blocks; k++) {
                        at = place_nth(&features, "InvertedResidual", n++);
                        x = mobilenet_block(q, x, &at, &mobilenet_stages[i], k == 0);
                }
        at = place_nth(&features, "ConvBNReLU", n);
        x = mobilenet_unit(q, x, &at, (QuantizedConv){ .channels = 1280, .kernel = 1, .stride = 1 },
                           true);
        x = quantized_fix(q, quantized_global_avgpool(q, x, ""));
        x = quantized_flatten(q, x, "");
        quantized_return(q, quantized_fix(q, quantized_linear(q, x, &classifier)));
}

const Network network_mobilenetv2 = {
        .name = "mobilenetv2",
        .title = "MobileNetV2",
        .summary = "images, 224x224x3, 53 layers",
        .size = 224,
        .size_step = 32,
        .build = mobilenet_build,
};
