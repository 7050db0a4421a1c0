/*
 * ResNet-18 and ResNet-50 as torchvision has them (He, Zhang, Ren, Sun: "Deep Residual Learning
 * for Image Recognition", 2015; the latter with the stride in the 3x3 convolution). Batch
 * normalisation is folded into the convolutions, as the quantizer leaves it.
 */
#include "dpu/models/resnet.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "dpu/models/network.h"
#include "dpu/models/place.h"

#define RESNET_EXPANSION 4 /* of channels, by the last convolution of a bottleneck */

static Op *resnet_relu(Quantized *q, Op *x, const Place *in, const char *name) {
        return quantized_fix(q, quantized_relu(q, x, place_in(in, "ReLU", name).path));
}

/* The first convolution and the pooling behind it. */
static Op *resnet_stem(Quantized *q, int32_t size) {
        static const QuantizedConv conv1 = { "Conv2d[conv1]",  "conv1", 64, 7, 2, 3,
                                             SCALE_GAIN_DOUBLE };
        Op *x;

        x = quantized_conv2d(q, quantized_input(q, size, size, 3), &conv1);
        x = quantized_fix(q, quantized_relu(q, x, "ReLU[relu]"));
        return quantized_fix(q, quantized_maxpool(q, x, 3, 2, 1, "MaxPool2d[maxpool]"));
}

static void resnet_head(Quantized *q, Op *x) {
        static const QuantizedLinear fc = { "Linear[fc]", "fc", 1000, SCALE_GAIN_KEEP };

        x = quantized_fix(q, quantized_global_avgpool(q, x, "AdaptiveAvgPool2d[avgpool]"));
        x = quantized_flatten(q, x, "Flatten[flatten]");
        quantized_return(q, quantized_fix(q, quantized_linear(q, x, &fc)));
}

static Place resnet_place(int layer, const char *type, int block) {
        char name[16];
        Place place;

        (void) snprintf(name, sizeof(name), "layer%d", layer);
        place = place_in(NULL, "Sequential", name);
        return place_nth(&place, type, block);
}

/* --- two convolutions of 3x3 -------------------------------------------------------------------- */

static Op *resnet_basic_block(Quantized *q, Op *x, const Place *at, int32_t channels,
                              int32_t stride, bool downsample) {
        const QuantizedConv first = { .channels = channels,
                                      .kernel = 3,
                                      .stride = stride,
                                      .pad = 1,
                                      .gain = SCALE_GAIN_DOUBLE };
        const QuantizedConv second = { .channels = channels,
                                       .kernel = 3,
                                       .stride = 1,
                                       .pad = 1,
                                       .gain = downsample ? SCALE_GAIN_KEEP : SCALE_GAIN_HALF };
        const QuantizedConv shortcut = {
                .channels = channels, .kernel = 1, .stride = stride, .gain = SCALE_GAIN_KEEP
        };
        const Place below = place_in(at, "Sequential", "downsample");
        Op *skip = x;

        x = resnet_relu(q, place_conv(q, x, at, "conv1", first), at, "relu");
        x = quantized_fix(q, place_conv(q, x, at, "conv2", second));
        if (downsample)
                skip = quantized_fix(q, place_conv(q, skip, &below, "0", shortcut));
        return resnet_relu(q, quantized_add(q, x, skip, at->path), at, "relu");
}

Op *resnet_basic_layer(Quantized *q, Op *x, int number, int32_t channels) {
        for (int block = 0; block < 2; block++) {
                const bool first_and_smaller = block == 0 && number > 1;
                const Place at = resnet_place(number, "BasicBlock", block);

                x = resnet_basic_block(q, x, &at, channels, first_and_smaller ? 2 : 1,
                                       first_and_smaller);
        }
        return x;
}

static void resnet18_build(Quantized *q, int32_t size) {
        Op *x = resnet_stem(q, size);

        for (int i = 0; i < 4; i++)
                x = resnet_basic_layer(q, x, i + 1, 64 << i);
        resnet_head(q, x);
}

/* --- bottlenecks of 1x1, 3x3, 1x1 ---------------------------------------------------------------- */

typedef struct ResnetStage {
        int32_t n_blocks, channels, stride;
} ResnetStage;

static const ResnetStage resnet_stages[] = {
        { 3, 64, 1 }, { 4, 128, 2 }, { 6, 256, 2 }, { 3, 512, 2 }
};

/* Branch and identity have half of the result's mean square each where both are convolutions. */
static Op *resnet_bottleneck(Quantized *q, Op *x, const Place *at, const ResnetStage *stage,
                             bool first) {
        const int32_t stride = first ? stage->stride : 1, n = stage->channels;
        const ScaleGain keep = SCALE_GAIN_KEEP, twice = SCALE_GAIN_DOUBLE;
        const QuantizedConv shortcut = {
                .channels = RESNET_EXPANSION * n, .kernel = 1, .stride = stride, .gain = keep
        };
        const Place below = place_in(at, "Sequential", "downsample");
        Op *identity = x;

        x = place_conv(q, x, at, "conv1", (QuantizedConv){ NULL, NULL, n, 1, 1, 0, twice });
        x = resnet_relu(q, x, at, "relu1");
        x = place_conv(q, x, at, "conv2", (QuantizedConv){ NULL, NULL, n, 3, stride, 1, twice });
        x = resnet_relu(q, x, at, "relu2");
        x = place_conv(q, x, at, "conv3",
                       (QuantizedConv){ NULL, NULL, RESNET_EXPANSION * n, 1, 1, 0,
                                        first ? keep : SCALE_GAIN_HALF });
        x = quantized_fix(q, x);
        if (first)
                identity = quantized_fix(q, place_conv(q, identity, &below, "0", shortcut));
        return resnet_relu(q, quantized_add(q, x, identity, at->path), at, "relu3");
}

static void resnet50_build(Quantized *q, int32_t size) {
        Op *x = resnet_stem(q, size);

        for (int i = 0; i < (int) ARRAY_SIZE(resnet_stages); i++)
                for (int k = 0; k < resnet_stages[i].n_blocks; k++) {
                        const Place at = resnet_place(i + 1, "Bottleneck", k);

                        x = resnet_bottleneck(q, x, &at, &resnet_stages[i], k == 0);
                }
        resnet_head(q, x);
}

const Network network_resnet18 = {
        .name = "resnet18",
        .title = "ResNet",
        .summary = "images, 224x224x3, 21 layers",
        .size = 224,
        .size_step = 32,
        .build = resnet18_build,
};

const Network network_resnet50 = {
        .name = "resnet50",
        .title = "ResNet",
        .summary = "images, 224x224x3, 54 layers",
        .size = 224,
        .size_step = 32,
        .build = resnet50_build,
};
