#pragma once

/*
 * Layers: one op of a region, ready for its generator
 *
 * The op with its attributes, and where its tensors lie. conv_layer.c and alu_layer.c turn layers
 * into stages, elew_layer.c into instructions. Their functions check all that they depend on, and
 * refuse what the engines or they cannot do with -EOPNOTSUPP and the reason in words. They
 * never append a wrong program: after an error the stream is worth nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "dpu/codegen/axis.h"
#include "dpu/codegen/machine.h"
#include "xmodel/graph.h"

typedef struct Constant {
        bool present;
        unsigned reg_id;
        uint64_t address;
        int32_t fix_point;
} Constant;

typedef struct Layer {
        const Op *op;
        const View *inputs; /* borrowed */
        size_t n_inputs;
        View output;
        Constant weights, bias;
        uint64_t zeros; /* address in the constant region, of as many as places.h says */
} Layer;

/* How the view of a tensor is found; @userdata is the caller's. */
typedef int (*LayerPlace)(const Op *op, void *userdata, View *ret, Problem *problem);

#define LAYER_INPUTS_MAX 1024

/* room for the views of one layer's inputs, reused from layer to layer */
typedef struct LayerViews {
        View items[LAYER_INPUTS_MAX];
} LayerViews;

/* The layer borrows @views. -EOPNOTSUPP: no engine does it; not so many inputs, weights or biases
 * as there must be. As @place. */
int layer_init(Layer *layer, const Op *op, LayerPlace place, void *userdata, LayerViews *views,
               Problem *problem);

/* Layers whose work is windows are made of stages (stage.h): dense parts, mostly one. */
typedef struct Stage Stage;
typedef int (*StageFn)(const Stage *stage, Machine *machine, void *userdata, Problem *problem);

typedef int (*LayerFn)(const Layer *layer, Machine *machine, Problem *problem);
typedef int (*LayerStagesFn)(const Layer *layer, Machine *machine, StageFn fn, void *userdata,
                             Problem *problem);

/* How a type of op is done: @run appends the instructions, from memory to memory. Where that is
 * NULL, @stages calls a function for each stage instead; its first error ends that. Where there are
 * both, the op can be one stage, behind another one. */
typedef struct LayerType {
        const char *op_type;
        LayerFn run;
        LayerStagesFn stages;
} LayerType;

const LayerType *layer_find(const char *op_type); /* NULL: no engine does it */

/* --- attributes and shapes ------------------------------------------------------------------- */

/* Exactly @n values. @ret is as it was where the attribute is absent. -EOPNOTSUPP. */
int layer_int32s(const Layer *layer, const char *name, size_t n, int32_t *ret, Problem *problem);

/* The image that an op makes: leading dimensions of 1 are left out or added. A constant may be many
 * images (filters), which count as one of as many times the height. -EOPNOTSUPP: more than one
 * image otherwise; an open or empty dimension; no 8 bits. Sets @ret to a dense view without place. */
int layer_image(const Op *op, View *ret, Problem *problem);

/* act_type of CONVINIT and ALUINIT for the attribute `nonlinear`; @leaky: the engine's feature.
 * -EOPNOTSUPP. */
int layer_activation(const Layer *layer, const Machine *machine, DpuFeature leaky, uint32_t *ret,
                     Problem *problem);

/* Kernel, stride and padding in both directions, for the first input and the output. */
typedef struct LayerAxes {
        Axis y, x;
        uint32_t dilation_y, dilation_x;
} LayerAxes;

int layer_axes(const Layer *layer, LayerAxes *ret, Problem *problem);

/* The shifts of products: to the output, and of the bias. -EOPNOTSUPP: beyond the engines. */
typedef struct LayerShifts {
        uint32_t cut, bias;
} LayerShifts;

int layer_shifts(const Layer *layer, LayerShifts *ret, Problem *problem);

/* --- the generators -------------------------------------------------------------------------- */

int conv_layer(const Layer *layer, Machine *machine, StageFn fn, void *userdata, Problem *problem);
/* alu_layer.c */
int depthwise_layer(const Layer *layer, Machine *machine, StageFn fn, void *userdata,
                    Problem *problem);
int pool_layer(const Layer *layer, Machine *machine, StageFn fn, void *userdata, Problem *problem);
int scale_layer(const Layer *layer, Machine *machine, StageFn fn, void *userdata, Problem *problem);
int sigmoid_layer(const Layer *layer, Machine *machine, StageFn fn, void *userdata,
                  Problem *problem);
/* elew_layer.c */
int elew_layer(const Layer *layer, Machine *machine, Problem *problem);
int elew_layer_stages(const Layer *layer, Machine *machine, StageFn fn, void *userdata,
                      Problem *problem);
int concat_layer(const Layer *layer, Machine *machine, Problem *problem);
int reshape_layer(const Layer *layer, Machine *machine, Problem *problem);
int upsample_layer(const Layer *layer, Machine *machine, Problem *problem);
int downsample_layer(const Layer *layer, Machine *machine, Problem *problem);
int tile_layer(const Layer *layer, Machine *machine, Problem *problem);
int slice_layer(const Layer *layer, Machine *machine, Problem *problem); /* edge_layer.c */
int pad_layer(const Layer *layer, Machine *machine, Problem *problem);
