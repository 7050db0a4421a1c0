/*
 * LeNet-5 for 28x28 grey images (LeCun, Bottou, Bengio, Haffner: "Gradient-Based Learning Applied
 * to Document Recognition", 1998), with ReLU and max pooling as today's tutorials have it.
 */
#include "dpu/models/network.h"

static Op *conv_relu_pool(Quantized *q, Op *x, const QuantizedConv *conv, const char *relu,
                          const char *pool) {
        x = quantized_fix(q, quantized_relu(q, quantized_conv2d(q, x, conv), relu));
        return quantized_fix(q, quantized_maxpool(q, x, 2, 2, 0, pool));
}

static void lenet_build(Quantized *q, int32_t size) {
        static const QuantizedConv conv1 = {
                "Conv2d[conv1]", "conv1", 6, 5, 1, 2, SCALE_GAIN_DOUBLE
        };
        static const QuantizedConv conv2 = { "Conv2d[conv2]",  "conv2", 16, 5, 1, 0,
                                             SCALE_GAIN_DOUBLE };
        static const QuantizedLinear fc1 = { "Linear[fc1]", "fc1", 120, SCALE_GAIN_DOUBLE };
        static const QuantizedLinear fc2 = { "Linear[fc2]", "fc2", 84, SCALE_GAIN_DOUBLE };
        static const QuantizedLinear fc3 = { "Linear[fc3]", "fc3", 10, SCALE_GAIN_KEEP };
        Op *x;

        x = quantized_input(q, size, size, 1);
        x = conv_relu_pool(q, x, &conv1, "ReLU[relu1]", "MaxPool2d[pool1]");
        x = conv_relu_pool(q, x, &conv2, "ReLU[relu2]", "MaxPool2d[pool2]");
        x = quantized_flatten(q, x, "Flatten[flatten]");
        x = quantized_fix(q, quantized_relu(q, quantized_linear(q, x, &fc1), "ReLU[relu3]"));
        x = quantized_fix(q, quantized_relu(q, quantized_linear(q, x, &fc2), "ReLU[relu4]"));
        quantized_return(q, quantized_fix(q, quantized_linear(q, x, &fc3)));
}

const Network network_lenet = {
        .name = "lenet",
        .title = "LeNet",
        .summary = "digits, 28x28x1, 5 layers",
        .size = 28,
        .build = lenet_build,
};
