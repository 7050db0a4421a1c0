/*
 * The U-Net of KP Labs' tutorial on machine learning deployment (segmentation of satellite
 * images, seven classes): torchvision's resnet18 as encoder (He, Zhang, Ren, Sun: "Deep Residual
 * Learning for Image Recognition", 2015) and five decoder blocks, each doubling the resolution and
 * taking what the encoder had at that resolution, the last one the image itself. Batch
 * normalisation is folded into the convolutions, as the quantizer leaves it.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "dpu/models/network.h"

#define UNET_NAME_MAX 96

typedef struct UnetNames {
        char path[UNET_NAME_MAX];
        char parameter[UNET_NAME_MAX];
} UnetNames;

/* @block: "layer1.0" as parameters call it, and the same place as a module path */
typedef struct UnetPlace {
        const char *path;
        const char *parameter;
} UnetPlace;

static UnetNames unet_names(const UnetPlace *in, const char *type, const char *module) {
        UnetNames names;

        (void) snprintf(names.path, sizeof(names.path), "%s/%s[%s]", in->path, type, module);
        (void) snprintf(names.parameter, sizeof(names.parameter), "%s.%s", in->parameter, module);
        return names;
}

static Op *unet_conv(Quantized *q, Op *x, const UnetPlace *in, const char *module,
                     QuantizedConv conv) {
        const UnetNames names = unet_names(in, "Conv2d", module);

        conv.path = names.path;
        conv.parameter = names.parameter;
        return quantized_conv2d(q, x, &conv);
}

static Op *unet_relu(Quantized *q, Op *x, const UnetPlace *in) {
        return quantized_fix(q, quantized_relu(q, x, unet_names(in, "ReLU", "relu").path));
}

/* --- encoder ------------------------------------------------------------------------------------ */

static Op *unet_basic_block(Quantized *q, Op *x, const UnetPlace *at, int32_t channels,
                            int32_t stride, bool downsample) {
        const QuantizedConv first = { .channels = channels,
                                      .kernel = 3,
                                      .stride = stride,
                                      .pad = 1,
                                      .gain = QUANTIZED_GAIN_DOUBLE };
        const QuantizedConv second = { .channels = channels,
                                       .kernel = 3,
                                       .stride = 1,
                                       .pad = 1,
                                       .gain = downsample ? QUANTIZED_GAIN_KEEP
                                                          : QUANTIZED_GAIN_HALF };
        const QuantizedConv shortcut = {
                .channels = channels, .kernel = 1, .stride = stride, .gain = QUANTIZED_GAIN_KEEP
        };
        const UnetNames below = unet_names(at, "Sequential", "downsample");
        const UnetPlace shortcut_at = { below.path, below.parameter };
        Op *skip = x;

        x = unet_relu(q, unet_conv(q, x, at, "conv1", first), at);
        x = quantized_fix(q, unet_conv(q, x, at, "conv2", second));
        if (downsample)
                skip = quantized_fix(q, unet_conv(q, skip, &shortcut_at, "0", shortcut));
        return unet_relu(q, quantized_add(q, x, skip, at->path), at);
}

static Op *unet_layer(Quantized *q, Op *x, int number, int32_t channels) {
        for (int block = 0; block < 2; block++) {
                const bool first_and_smaller = block == 0 && number > 1;
                UnetNames names;
                UnetPlace at;

                (void) snprintf(names.path, sizeof(names.path),
                                "Sequential[layer%d]/BasicBlock[%d]", number, block);
                (void) snprintf(names.parameter, sizeof(names.parameter), "layer%d.%d", number,
                                block);
                at = (UnetPlace){ names.path, names.parameter };
                x = unet_basic_block(q, x, &at, channels, first_and_smaller ? 2 : 1,
                                     first_and_smaller);
        }
        return x;
}

/* --- decoder ------------------------------------------------------------------------------------ */

static Op *unet_decoder(Quantized *q, Op *x, Op *skip, int number, int32_t channels) {
        const QuantizedConv conv = { .channels = channels,
                                     .kernel = 3,
                                     .stride = 1,
                                     .pad = 1,
                                     .gain = QUANTIZED_GAIN_DOUBLE };
        UnetNames names;
        UnetPlace at;

        (void) snprintf(names.path, sizeof(names.path), "DecoderBlock[decoder%d]", number);
        (void) snprintf(names.parameter, sizeof(names.parameter), "decoder%d", number);
        at = (UnetPlace){ names.path, names.parameter };

        x = quantized_fix(q, quantized_upsample(q, x, 2, unet_names(&at, "Upsample", "up").path));
        x = quantized_fix(q, quantized_concat(q, x, skip, at.path));
        x = unet_relu(q, unet_conv(q, x, &at, "conv1", conv), &at);
        return unet_relu(q, unet_conv(q, x, &at, "conv2", conv), &at);
}

static Op *unet_build(Quantized *q, int32_t size) {
        static const QuantizedConv stem = { "Conv2d[conv1]",      "conv1", 64, 7, 2, 3,
                                            QUANTIZED_GAIN_DOUBLE };
        static const QuantizedConv head = {
                "Conv2d[head]", "head", 7, 1, 1, 0, QUANTIZED_GAIN_KEEP
        };
        static const int32_t encoder[] = { 64, 128, 256, 512 };
        static const int32_t decoder[] = { 512, 256, 128, 64, 32 };
        Op *skips[ARRAY_SIZE(decoder)], *x;
        int n_skips = 0;

        x = skips[n_skips++] = quantized_input(q, size, size, 3);
        x = quantized_relu(q, quantized_conv2d(q, x, &stem), "ReLU[relu]");
        x = skips[n_skips++] = quantized_fix(q, x);
        x = quantized_fix(q, quantized_maxpool(q, x, 3, 2, 1, "MaxPool2d[maxpool]"));
        for (int i = 0; i < (int) ARRAY_SIZE(encoder); i++) {
                x = unet_layer(q, x, i + 1, encoder[i]);
                if (n_skips < (int) ARRAY_SIZE(skips))
                        skips[n_skips++] = x;
        }
        for (int i = 0; i < (int) ARRAY_SIZE(decoder); i++)
                x = unet_decoder(q, x, skips[--n_skips], i + 1, decoder[i]);
        x = quantized_fix(q, quantized_conv2d(q, x, &head));
        return quantized_softmax(q, x, "Softmax[softmax]");
}

const Network network_unet = {
        .name = "unet",
        .title = "Unet",
        .summary = "segmentation, 512x512x3, 31 convolutions (KP Labs tutorial)",
        .size = 512,
        .size_step = 32,
        .build = unet_build,
};
