#pragma once

/*
 * Networks: the models that `dpucc mkmodel` can make
 *
 * Each is one file here with one Network in it, written with quantized.h, and one line in the
 * table of network.c. The networks have the architecture of what they are named after; their
 * weights are random.
 */

#include "dpu/models/quantized.h"

typedef struct Network {
        const char *name;    /* on the command line */
        const char *title;   /* the class in PyTorch, the graph's name */
        const char *summary; /* a few words for a list */
        int32_t size;        /* height and width of the input in pixels, if nothing else is asked */
        int32_t size_step;   /* any multiple of this may be asked for; 0: only @size */
        void (*build)(Quantized *q, int32_t size); /* with quantized_return() */
} Network;

#define NETWORK_SIZE_MAX 4096 /* pixels */

typedef struct NetworkOptions {
        uint64_t seed;
        int32_t size;           /* 0: the model's own */
        uint64_t change_weight; /* see quantized_finish(); UINT64_MAX: none */
} NetworkOptions;

#define NETWORK_OPTIONS_INIT ((NetworkOptions){ .change_weight = UINT64_MAX })

const Network *network_find(const char *name); /* NULL if there is none */
const Network *network_at(size_t index);       /* NULL past the end */

/* -EINVAL: not a size for this model; -ERANGE: no such weight; -ENOMEM. */
int network_make(const Network *network, const NetworkOptions *options, Graph **ret,
                 Problem *problem);

/* the entries of the table in network.c */
extern const Network network_lenet;
extern const Network network_mobilenetv2;
extern const Network network_resnet18;
extern const Network network_resnet50;
extern const Network network_unet;
extern const Network network_yolov5n;
