#include "dpu/runtime_op.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* ascending byte order */
static const char *const runtime_ops[] = {
        "ClippedRelu",
        "GridAnchor_TRT",
        "NMS_TRT",
        "add",
        "aten__cos",
        "aten__sin",
        "avgpool2d",
        "batchTilePlugin",
        "batchnorm",
        "clamp",
        "compare",
        "concat",
        "concat-fix",
        "const",
        "const-fix",
        "conv2d-fix",
        "cos",
        "data",
        "data-fix",
        "depthwise-conv2d",
        "depthwise-conv2d-fix",
        "depthwise-fix",
        "div",
        "download",
        "downsample-fix",
        "eltwise-fix",
        "exp",
        "fix",
        "fix2float",
        "flatten",
        "float2fix",
        "gstiling",
        "hard-sigmoid-fix",
        "l2_normalize",
        "leaky-relu",
        "matmul",
        "max",
        "min",
        "mul",
        "my_normalize",
        "nn_channel_shuffle",
        "normalize",
        "pad-fix",
        "pool-fix",
        "priorbox",
        "reduction_max",
        "reduction_sum",
        "region",
        "reorg-fix",
        "reshape",
        "reshape-fix",
        "select",
        "sigmoid",
        "sin",
        "softmax",
        "squeeze",
        "strided_slice",
        "sub",
        "tanh",
        "tile-fix",
        "topk",
        "transpose",
        "transposed-conv2d-fix",
        "transposed-depthwise-conv2d-fix",
        "upload",
        "upsample-fix",
        "voxel_pooling_scatter_sum",
};

/* the runner writes '_' for what cannot be in a file name, so "aten::sin" is aten__sin */
static bool runtime_op_same_type(const char *type, const char *implemented) {
        for (; *type && *implemented; type++, implemented++) {
                char c = strchr(":/\\", *type) ? '_' : *type;

                if (c != *implemented)
                        return false;
        }
        return *type == *implemented;
}

static bool runtime_op_is_listed(const char *type) {
        for (size_t i = 0; i < ARRAY_SIZE(runtime_ops); i++)
                if (runtime_op_same_type(type, runtime_ops[i]))
                        return true;
        return false;
}

bool runtime_op_is_implemented(const Op *op, Problem *ret_why) {
        const char *round_mode;

        if (!runtime_op_is_listed(op->type)) {
                (void) problem_set(ret_why, 0,
                                   "the board's runtime has no implementation of '%s': it needs "
                                   "a libvart_op_imp_%s.so of yours",
                                   op->type, op->type);
                return false;
        }
        round_mode = attrs_string(&op->attrs, "round_mode");
        if (strcmp(op->type, "fix") == 0 && round_mode && strcmp(round_mode, "DPU_ROUND") != 0) {
                (void) problem_set(ret_why, 0,
                                   "the board's runtime implements 'fix' with DPU_ROUND only, this "
                                   "one has %s",
                                   round_mode);
                return false;
        }
        return true;
}
