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
#include "dpu/models/place.h"
#include "dpu/models/resnet.h"

static Op *unet_relu(Quantized *q, Op *x, const Place *in) {
        return quantized_fix(q, quantized_relu(q, x, place_in(in, "ReLU", "relu").path));
}

static Op *unet_decoder(Quantized *q, Op *x, Op *skip, int number, int32_t channels) {
        const QuantizedConv conv = {
                .channels = channels, .kernel = 3, .stride = 1, .pad = 1, .gain = SCALE_GAIN_DOUBLE
        };
        Op *parts[2] = { NULL, skip };
        char name[16];
        Place at;

        (void) snprintf(name, sizeof(name), "decoder%d", number);
        at = place_in(NULL, "DecoderBlock", name);

        parts[0] =
                quantized_fix(q, quantized_upsample(q, x, 2, place_in(&at, "Upsample", "up").path));
        x = quantized_fix(q, quantized_concat(q, parts, ARRAY_SIZE(parts), at.path));
        x = unet_relu(q, place_conv(q, x, &at, "conv1", conv), &at);
        return unet_relu(q, place_conv(q, x, &at, "conv2", conv), &at);
}

static void unet_build(Quantized *q, int32_t size) {
        static const QuantizedConv stem = {
                "Conv2d[conv1]", "conv1", 64, 7, 2, 3, SCALE_GAIN_DOUBLE
        };
        static const QuantizedConv head = { "Conv2d[head]", "head", 7, 1, 1, 0, SCALE_GAIN_KEEP };
        static const int32_t encoder[] = { 64, 128, 256, 512 };
        static const int32_t decoder[] = { 512, 256, 128, 64, 32 };
        Op *skips[ARRAY_SIZE(decoder)], *x;
        int n_skips = 0;

        x = skips[n_skips++] = quantized_input(q, size, size, 3);
        x = quantized_relu(q, quantized_conv2d(q, x, &stem), "ReLU[relu]");
        x = skips[n_skips++] = quantized_fix(q, x);
        x = quantized_fix(q, quantized_maxpool(q, x, 3, 2, 1, "MaxPool2d[maxpool]"));
        for (int i = 0; i < (int) ARRAY_SIZE(encoder); i++) {
                x = resnet_basic_layer(q, x, i + 1, encoder[i]);
                if (n_skips < (int) ARRAY_SIZE(skips))
                        skips[n_skips++] = x;
        }
        for (int i = 0; i < (int) ARRAY_SIZE(decoder); i++)
                x = unet_decoder(q, x, skips[--n_skips], i + 1, decoder[i]);
        x = quantized_fix(q, quantized_conv2d(q, x, &head));
        quantized_return(q, quantized_softmax(q, x, "Softmax[softmax]"));
}

const Network network_unet = {
        .name = "unet",
        .title = "Unet",
        .summary = "segmentation, 512x512x3, 31 convolutions (KP Labs tutorial)",
        .size = 512,
        .size_step = 32,
        .build = unet_build,
};
