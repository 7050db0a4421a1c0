#include "dpu/models/network.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

static const Network *const networks[] = {
        &network_lenet,    &network_unet,        &network_resnet18,
        &network_resnet50, &network_mobilenetv2, &network_yolov5n,
};

const Network *network_at(size_t index) {
        return index < ARRAY_SIZE(networks) ? networks[index] : NULL;
}

const Network *network_find(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(networks); i++)
                if (strcmp(networks[i]->name, name) == 0)
                        return networks[i];
        return NULL;
}

static int check_size(const Network *network, int32_t size, Problem *problem) {
        if (size == network->size)
                return 0;
        if (network->size_step == 0)
                return problem_set(problem, -EINVAL, "%s has the one size %d, not %d",
                                   network->name, network->size, size);
        if (size <= 0 || size > NETWORK_SIZE_MAX || size % network->size_step != 0)
                return problem_set(problem, -EINVAL,
                                   "%s takes sizes that are multiples of %d up to %d, not %d",
                                   network->name, network->size_step, NETWORK_SIZE_MAX, size);
        return 0;
}

int network_make(const Network *network, const NetworkOptions *options, Graph **ret,
                 Problem *problem) {
        const int32_t size = options->size != 0 ? options->size : network->size;
        _cleanup_(quantized_freep) Quantized *q = NULL;
        int r;

        r = check_size(network, size, problem);
        if (r < 0)
                return r;
        r = quantized_new(&q, network->title, options->seed);
        if (r < 0)
                return r;
        network->build(q, size);
        return quantized_finish(q, options->change_weight, ret, problem);
}
