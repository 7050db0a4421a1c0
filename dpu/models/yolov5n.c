/*
 * YOLOv5n, the smallest of Ultralytics' detectors of release 6 (80 classes, three scales). It is
 * what one brings to a DPU: SiLU, which no engine has, is LeakyReLU with the engines' slope, and the
 * detection head ends with its three convolutions; what follows them (sigmoid, anchors) is the
 * application's. Batch normalisation is folded into the convolutions.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "dpu/models/network.h"
#include "dpu/models/place.h"

#define YOLO_OUTPUTS 255 /* three anchors of 80 classes, a box and a confidence */

/* The module @at: convolution and activation. Without a fix: a concat may be its only reader. */
static Op *yolo_unit(Quantized *q, Op *x, const Place *at, int32_t channels, int32_t kernel,
                     int32_t stride) {
        const QuantizedConv conv = { .channels = channels,
                                     .kernel = kernel,
                                     .stride = stride,
                                     .pad = kernel == 6 ? 2 : kernel / 2,
                                     .gain = SCALE_GAIN_TO_TWO };

        x = place_conv(q, x, at, "conv", conv);
        return quantized_leaky_relu(q, x, place_in(at, "LeakyReLU", "act").path);
}

static Op *yolo_conv(Quantized *q, Op *x, const Place *in, const char *name, int32_t channels,
                     int32_t kernel) {
        const Place at = place_in(in, "Conv", name);

        return yolo_unit(q, x, &at, channels, kernel, 1);
}

/* Half of the channels go through the bottlenecks, the other half past them. */
static Op *yolo_c3(Quantized *q, Op *x, const Place *at, int32_t channels, int n, bool shortcut) {
        const int32_t half = channels / 2;
        const Place m = place_in(at, "Sequential", "m");
        Op *parts[2], *skip = x;

        x = quantized_fix(q, yolo_conv(q, x, at, "cv1", half, 1));
        for (int i = 0; i < n; i++) {
                const Place block = place_nth(&m, "Bottleneck", i);
                Op *identity = x;

                x = quantized_fix(q, yolo_conv(q, x, &block, "cv1", half, 1));
                x = yolo_conv(q, x, &block, "cv2", half, 3);
                if (shortcut)
                        x = quantized_add(q, identity, quantized_fix(q, x), block.path);
                if (i < n - 1)
                        x = quantized_fix(q, x);
        }
        parts[0] = x;
        parts[1] = yolo_conv(q, skip, at, "cv2", half, 1);
        x = quantized_fix(q, quantized_concat(q, parts, ARRAY_SIZE(parts), at->path));
        return quantized_fix(q, yolo_conv(q, x, at, "cv3", channels, 1));
}

/* Three pools of 5x5, each behind the one before: windows of 5, 9 and 13. */
static Op *yolo_sppf(Quantized *q, Op *x, const Place *at, int32_t channels) {
        const Place pool = place_in(at, "MaxPool2d", "m");
        Op *parts[4];

        parts[0] = quantized_fix(q, yolo_conv(q, x, at, "cv1", channels / 2, 1));
        for (size_t i = 1; i < ARRAY_SIZE(parts); i++)
                parts[i] = quantized_fix(q, quantized_maxpool(q, parts[i - 1], 5, 1, 2, pool.path));
        x = quantized_fix(q, quantized_concat(q, parts, ARRAY_SIZE(parts), at->path));
        return quantized_fix(q, yolo_conv(q, x, at, "cv2", channels, 1));
}

/* --- the network: numbers are those of its modules ------------------------------------------------ */

static Op *yolo_down(Quantized *q, Op *x, const Place *model, int number, int32_t channels) {
        const Place at = place_nth(model, "Conv", number);

        return quantized_fix(q, yolo_unit(q, x, &at, channels, number == 0 ? 6 : 3, 2));
}

/* what is kept for the other scales: at 1/8, 1/16 and 1/32 of the image */
static void yolo_backbone(Quantized *q, Op *x, const Place *model, Op *ret[3]) {
        static const int depths[] = { 1, 2, 3, 1 };
        const Place sppf = place_nth(model, "SPPF", 9);

        x = yolo_down(q, x, model, 0, 16);
        for (int i = 0; i < 4; i++) {
                const Place c3 = place_nth(model, "C3", 2 * i + 2);

                x = yolo_down(q, x, model, 2 * i + 1, 32 << i);
                x = yolo_c3(q, x, &c3, 32 << i, depths[i], true);
                if (i >= 1 && i <= 2)
                        ret[i - 1] = x;
        }
        ret[2] = yolo_sppf(q, x, &sppf, 256);
}

static Op *yolo_join(Quantized *q, Op *a, Op *b, const Place *model, int number) {
        const Place at = place_nth(model, "Concat", number);
        Op *parts[] = { a, b };

        return quantized_fix(q, quantized_concat(q, parts, ARRAY_SIZE(parts), at.path));
}

/* From one scale to the next finer: 1x1, enlarged, beside @finer. @narrow: behind the 1x1. */
static Op *yolo_up(Quantized *q, Op *x, Op *finer, const Place *model, int number, Op **narrow) {
        const int32_t channels = x ? x->tensor.dims[3] / 2 : 0;
        const Place conv = place_nth(model, "Conv", number);
        const Place up = place_nth(model, "Upsample", number + 1);
        const Place c3 = place_nth(model, "C3", number + 3);

        x = *narrow = quantized_fix(q, yolo_unit(q, x, &conv, channels, 1, 1));
        x = yolo_join(q, quantized_upsample(q, x, 2, up.path), finer, model, number + 2);
        return yolo_c3(q, x, &c3, channels, 1, false);
}

/* And back to the next coarser one. */
static Op *yolo_back(Quantized *q, Op *x, Op *coarser, const Place *model, int number) {
        const int32_t channels = x ? x->tensor.dims[3] : 0;
        const Place conv = place_nth(model, "Conv", number);
        const Place c3 = place_nth(model, "C3", number + 2);

        x = yolo_join(q, yolo_unit(q, x, &conv, channels, 3, 2), coarser, model, number + 1);
        return yolo_c3(q, x, &c3, 2 * channels, 1, false);
}

static void yolo_detect(Quantized *q, Op *x, const Place *model, int scale) {
        const Place detect = place_nth(model, "Detect", 24);
        const Place list = place_in(&detect, "ModuleList", "m");
        char name[16];

        (void) snprintf(name, sizeof(name), "%d", scale);
        x = place_conv(q, x, &list, name,
                       (QuantizedConv){ NULL, NULL, YOLO_OUTPUTS, 1, 1, 0, SCALE_GAIN_TO_ONE });
        quantized_return(q, quantized_fix(q, x));
}

static void yolo_build(Quantized *q, int32_t size) {
        const Place model = place_in(NULL, "Sequential", "model");
        Op *scales[3] = { NULL }, *narrow[2] = { NULL }, *x;

        yolo_backbone(q, quantized_input(q, size, size, 3), &model, scales);
        x = yolo_up(q, scales[2], scales[1], &model, 10, &narrow[1]);
        scales[0] = yolo_up(q, x, scales[0], &model, 14, &narrow[0]);
        scales[1] = yolo_back(q, scales[0], narrow[0], &model, 18);
        scales[2] = yolo_back(q, scales[1], narrow[1], &model, 21);
        for (int i = 0; i < 3; i++)
                yolo_detect(q, scales[i], &model, i);
}

const Network network_yolov5n = {
        .name = "yolov5n",
        .title = "DetectionModel",
        .summary = "detection, 640x640x3, 60 convolutions, three outputs",
        .size = 640,
        .size_step = 32,
        .build = yolo_build,
};
