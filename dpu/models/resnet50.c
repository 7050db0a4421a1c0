/*
 * ResNet-50 as torchvision has it (He, Zhang, Ren, Sun: "Deep Residual Learning for Image
 * Recognition", 2015; with the stride in the 3x3 convolution). Batch normalisation is folded into
 * the convolutions, as the quantizer leaves it.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "dpu/models/network.h"

#define RESNET_NAME_MAX  96
#define RESNET_EXPANSION 4 /* of channels, by the last convolution of a block */

typedef struct ResnetStage {
        int32_t n_blocks, channels, stride;
} ResnetStage;

static const ResnetStage resnet_stages[] = {
        { 3, 64, 1 }, { 4, 128, 2 }, { 6, 256, 2 }, { 3, 512, 2 }
};

/* where a block is */
typedef struct ResnetBlock {
        size_t stage, index;
} ResnetBlock;

static void resnet_path(const ResnetBlock *at, const char *type, const char *module,
                        char ret[RESNET_NAME_MAX]) {
        (void) snprintf(ret, RESNET_NAME_MAX, "Sequential[layer%zu]/Bottleneck[%zu]/%s[%s]",
                        at->stage + 1, at->index, type, module);
}

static Op *resnet_conv(Quantized *q, Op *x, const ResnetBlock *at, const char *module,
                       QuantizedConv conv) {
        char path[RESNET_NAME_MAX], parameter[RESNET_NAME_MAX];

        resnet_path(at, "Conv2d", module, path);
        (void) snprintf(parameter, sizeof(parameter), "layer%zu.%zu.%s", at->stage + 1, at->index,
                        module);
        conv.path = path;
        conv.parameter = parameter;
        return quantized_conv2d(q, x, &conv);
}

static Op *resnet_relu(Quantized *q, Op *x, const ResnetBlock *at, const char *module) {
        char path[RESNET_NAME_MAX];

        resnet_path(at, "ReLU", module, path);
        return quantized_fix(q, quantized_relu(q, x, path));
}

/* Branch and identity have half of the result's mean square each where both are convolutions. */
static Op *resnet_block(Quantized *q, Op *x, const ResnetBlock *at) {
        const ResnetStage *stage = &resnet_stages[at->stage];
        const int32_t stride = at->index == 0 ? stage->stride : 1, n = stage->channels;
        const QuantizedGain keep = QUANTIZED_GAIN_KEEP, twice = QUANTIZED_GAIN_DOUBLE;
        char path[RESNET_NAME_MAX];
        Op *identity = x;

        x = resnet_conv(q, x, at, "conv1", (QuantizedConv){ NULL, NULL, n, 1, 1, 0, twice });
        x = resnet_relu(q, x, at, "relu1");
        x = resnet_conv(q, x, at, "conv2", (QuantizedConv){ NULL, NULL, n, 3, stride, 1, twice });
        x = resnet_relu(q, x, at, "relu2");
        x = resnet_conv(q, x, at, "conv3",
                        (QuantizedConv){ NULL, NULL, RESNET_EXPANSION * n, 1, 1, 0,
                                         at->index == 0 ? keep : QUANTIZED_GAIN_HALF });
        x = quantized_fix(q, x);
        if (at->index == 0)
                identity = quantized_fix(
                        q, resnet_conv(q, identity, at, "downsample_0",
                                       (QuantizedConv){ NULL, NULL, RESNET_EXPANSION * n, 1, stride,
                                                        0, keep }));
        (void) snprintf(path, sizeof(path), "Sequential[layer%zu]/Bottleneck[%zu]", at->stage + 1,
                        at->index);
        return resnet_relu(q, quantized_add(q, x, identity, path), at, "relu3");
}

static Op *resnet_build(Quantized *q, int32_t size) {
        static const QuantizedConv conv1 = { "Conv2d[conv1]",      "conv1", 64, 7, 2, 3,
                                             QUANTIZED_GAIN_DOUBLE };
        static const QuantizedLinear fc = { "Linear[fc]", "fc", 1000, QUANTIZED_GAIN_KEEP };
        Op *x;

        x = quantized_conv2d(q, quantized_input(q, size, size, 3), &conv1);
        x = quantized_fix(q, quantized_relu(q, x, "ReLU[relu]"));
        x = quantized_fix(q, quantized_maxpool(q, x, 3, 2, 1, "MaxPool2d[maxpool]"));
        for (size_t i = 0; i < ARRAY_SIZE(resnet_stages); i++)
                for (size_t k = 0; k < (size_t) resnet_stages[i].n_blocks; k++)
                        x = resnet_block(q, x, &(ResnetBlock){ i, k });
        x = quantized_fix(q, quantized_global_avgpool(q, x, "AdaptiveAvgPool2d[avgpool]"));
        x = quantized_flatten(q, x, "Flatten[flatten]");
        return quantized_fix(q, quantized_linear(q, x, &fc));
}

const Network network_resnet50 = {
        .name = "resnet50",
        .title = "ResNet",
        .summary = "images, 224x224x3, 54 layers",
        .size = 224,
        .size_step = 32,
        .build = resnet_build,
};
