#include "dpu/codegen/codegen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/codegen/cascade.h"
#include "dpu/codegen/layer.h"
#include "dpu/codegen/tokens.h"

#define CODEGEN_INPUTS_MAX 1024 /* of one op */

/* --- layers ---------------------------------------------------------------------------------- */

/* the views of one layer's inputs, reused from layer to layer */
typedef struct CodegenViews {
        View items[CODEGEN_INPUTS_MAX];
} CodegenViews;

/* How the view of a tensor is found; @userdata is the caller's. */
typedef int (*CodegenPlace)(const Op *op, void *userdata, View *ret, Problem *problem);

static int codegen_constant(const Op *op, const char *name, CodegenPlace place, void *userdata,
                            Constant *ret, Problem *problem) {
        const Arg *arg = op_arg(op, name);
        View view;
        int r;

        if (!arg || arg->n_ops == 0)
                return 0;
        if (strcmp(arg->ops[0]->type, "const-fix") != 0)
                return problem_set(problem, -EOPNOTSUPP, "its %s are computed", name);
        r = place(arg->ops[0], userdata, &view, problem);
        if (r < 0)
                return r;
        *ret = (Constant){ .present = true,
                           .reg_id = view.reg_id,
                           .address = view.address,
                           .fix_point = view.fix_point };
        return 0;
}

/* What a layer with weights relies on: as many of them as kernel and channels say. */
static int codegen_check_constants(const Layer *layer, Problem *problem) {
        const Arg *weights = op_arg(layer->op, "weights"), *bias = op_arg(layer->op, "bias");
        bool depthwise = strstr(layer->op->type, "depthwise-conv2d") != NULL;
        int32_t kernel[2] = { 1, 1 };
        uint64_t n;
        int r;

        if (!weights || weights->n_ops == 0)
                return 0;
        r = layer_int32s(layer, "kernel", 2, kernel, problem);
        if (r < 0)
                return r;
        n = (uint64_t) kernel[0] * (uint64_t) kernel[1] * layer->inputs[0].channels;
        if (!depthwise)
                n *= layer->output.channels;
        if (tensor_elements(&weights->ops[0]->tensor) != n)
                return problem_set(problem, -EOPNOTSUPP,
                                   "its weights have another shape than kernel and channels");
        if (bias && bias->n_ops > 0 &&
            tensor_elements(&bias->ops[0]->tensor) != layer->output.channels)
                return problem_set(problem, -EOPNOTSUPP, "not one bias for each channel");
        return 0;
}

static int codegen_stage(const Stage *stage, Machine *machine, void *userdata, Problem *problem) {
        (void) userdata;
        return cascade_run_one(stage, machine, problem);
}

static int codegen_layer(const Op *op, CodegenPlace place, void *userdata, uint64_t zeros,
                         CodegenViews *views, Machine *machine, Problem *problem) {
        const Arg *inputs = op_arg(op, "input");
        const LayerType *type = layer_find(op->type);
        Layer layer = { .op = op, .inputs = views->items };
        int r;

        if (!type)
                return problem_set(problem, -EOPNOTSUPP, "no engine does %s", op->type);
        if (!inputs || inputs->n_ops == 0 || inputs->n_ops > CODEGEN_INPUTS_MAX)
                return problem_set(problem, -EOPNOTSUPP, "it has 1 to %d inputs",
                                   CODEGEN_INPUTS_MAX);
        layer.n_inputs = inputs->n_ops;
        for (size_t i = 0; i < inputs->n_ops; i++) {
                r = place(inputs->ops[i], userdata, &views->items[i], problem);
                if (r < 0)
                        return r;
        }
        r = place(op, userdata, &layer.output, problem);
        if (r == 0)
                r = codegen_constant(op, "weights", place, userdata, &layer.weights, problem);
        layer.bias.address = layer.zeros = zeros;
        if (r == 0)
                r = codegen_constant(op, "bias", place, userdata, &layer.bias, problem);
        if (r == 0)
                r = codegen_check_constants(&layer, problem);
        if (r < 0)
                return r;
        if (type->run)
                return type->run(&layer, machine, problem);
        return type->stages(&layer, machine, codegen_stage, NULL, problem);
}

/* --- one op ---------------------------------------------------------------------------------- */

/* as if every tensor were alone in memory */
static int codegen_place_alone(const Op *op, void *userdata, View *ret, Problem *problem) {
        int r = layer_image(op, ret, problem);

        if (r < 0)
                return r;
        ret->reg_id = op == userdata ? PLACES_OUTPUTS : PLACES_INPUTS;
        ret->address = PLACES_MARGIN;
        if ((uint64_t) ret->row_pitch * ret->height > PLACES_REGION_MAX)
                return problem_set(problem, -EOPNOTSUPP, "%s is larger than addresses reach",
                                   op->tensor.name);
        return 0;
}

int codegen_accepts(const Op *op, const FingerprintInfo *target, Problem *reason) {
        _cleanup_(stream_cleanup) Stream stream = { .counts_only = true };
        _cleanup_(freep) CodegenViews *views = NULL;
        Machine machine;
        View view;
        int r;

        r = machine_init(&machine, target, &stream, reason);
        if (r < 0)
                return r;
        if (region_is_border(op))
                return layer_image(op, &view, reason);
        views = malloc(sizeof(*views));
        if (!views)
                return -ENOMEM;
        r = codegen_layer(op, codegen_place_alone, (void *) op, 0, views, &machine, reason);
        return r < 0 && r != -ENOMEM ? -EOPNOTSUPP : r;
}

/* --- a region -------------------------------------------------------------------------------- */

static int codegen_place_in(const Op *op, void *userdata, View *ret, Problem *problem) {
        const RegionTensor *t = region_tensor(userdata, op);

        (void) problem;
        *ret = t->view; /* region_init() saw that it is there */
        return 0;
}

static int codegen_layers(Codegen *codegen, Machine *machine, CodegenViews *views,
                          Problem *problem) {
        Region *region = &codegen->region;

        for (size_t i = 0; i < region->n; i++) {
                int r;

                if (region_is_border(region->ops[i]))
                        continue;
                r = codegen_layer(region->ops[i], codegen_place_in, region, codegen->places.zeros,
                                  views, machine, problem);
                if (r < 0)
                        return problem_prefix(problem, r, "%s (%s)", region->ops[i]->name,
                                              region->ops[i]->type);
        }
        return 0;
}

static int codegen_stream(Codegen *codegen, Stream *stream, const FingerprintInfo *target,
                          Problem *problem) {
        _cleanup_(freep) CodegenViews *views = malloc(sizeof(*views));
        const Instruction end = isa_blank(ISA_END);
        Machine machine;
        int r;

        if (!views)
                return -ENOMEM;
        r = machine_init(&machine, target, stream, problem);
        if (r == 0)
                r = codegen_layers(codegen, &machine, views, problem);
        return r < 0 ? r : stream_append(stream, &end, NULL, 0, problem);
}

static int codegen_fill(Codegen *codegen, const Op *const *ops, size_t n,
                        const FingerprintInfo *target, Problem *problem) {
        _cleanup_(stream_cleanup) Stream stream = {};
        uint64_t sizes[STREAM_REGIONS] = {};
        int r;

        r = region_init(&codegen->region, ops, n, problem);
        if (r == 0)
                r = places_init(&codegen->places, &codegen->region, problem);
        if (r == 0)
                r = codegen_stream(codegen, &stream, target, problem);
        if (r < 0)
                return r;
        for (unsigned i = PLACES_CONSTANTS + 1; i < PLACES_REGISTERS; i++)
                sizes[i] = codegen->places.sizes[i];
        r = tokens_run(&stream, sizes, problem);
        if (r < 0)
                return r;
        codegen->code = BYTES_INIT(CODEGEN_CODE_MAX);
        return stream_encode(&stream, &codegen->code, problem);
}

int codegen_run(const Op *const *ops, size_t n, const FingerprintInfo *target, Codegen *ret,
                Problem *problem) {
        Codegen made = {};
        int r;

        r = codegen_fill(&made, ops, n, target, problem);
        if (r < 0) {
                codegen_deinit(&made);
                return r;
        }
        *ret = made;
        return 0;
}

void codegen_deinit(Codegen *codegen) {
        region_deinit(&codegen->region);
        places_deinit(&codegen->places);
        bytes_deinit(&codegen->code);
}
