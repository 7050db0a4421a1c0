#include "dpu/codegen/codegen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/codegen/cascade.h"
#include "dpu/codegen/chain.h"
#include "dpu/codegen/tokens.h"

/* --- one op ---------------------------------------------------------------------------------- */

static int codegen_stage(const Stage *stage, Machine *machine, void *userdata, Problem *problem) {
        (void) userdata;
        return cascade_run_one(stage, machine, problem);
}

static int codegen_layer(const Layer *layer, Machine *machine, Problem *problem) {
        const LayerType *type = layer_find(layer->op->type);

        if (type->run)
                return type->run(layer, machine, problem);
        return type->stages(layer, machine, codegen_stage, NULL, problem);
}

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
        _cleanup_(freep) LayerViews *views = NULL;
        Machine machine;
        Layer layer;
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
        r = layer_init(&layer, op, codegen_place_alone, (void *) op, views, reason);
        if (r == 0)
                r = codegen_layer(&layer, &machine, reason);
        return r < 0 && r != -ENOMEM ? -EOPNOTSUPP : r;
}

/* --- a region -------------------------------------------------------------------------------- */

static int codegen_place_in(const Op *op, void *userdata, View *ret, Problem *problem) {
        const RegionTensor *t = region_tensor(userdata, op);

        (void) problem;
        *ret = t->view; /* region_init() saw that it is there */
        return 0;
}

static int codegen_init_layer(Codegen *codegen, size_t step, LayerViews *views, Layer *ret,
                              Problem *problem) {
        int r = layer_init(ret, codegen->region.ops[step], codegen_place_in, &codegen->region,
                           views, problem);

        if (r < 0)
                return r;
        ret->zeros = codegen->places.zeros;
        if (!ret->bias.present)
                ret->bias.address = ret->zeros;
        return 0;
}

static int codegen_copy_stage(const Stage *stage, Machine *machine, void *userdata,
                              Problem *problem) {
        (void) machine;
        (void) problem;
        *(Stage *) userdata = *stage;
        return 0;
}

/* The layers from @step on that are linked (chain.h): a cascade for those that rows pass through,
 * one after the other where a whole image stays. */
static int codegen_chain(Codegen *codegen, size_t step, Machine *machine, LayerViews *views,
                         Problem *problem) {
        const RegionTensor *tensors = codegen->region.tensors;
        Stage stages[CASCADE_STAGES_MAX];
        CascadeSpec spec = {};
        Map kept;

        for (bool more = true; more; step = tensors[step].next) {
                Stage *stage = &stages[spec.n];
                CascadePlan plan;
                Layer layer;
                int r;

                r = codegen_init_layer(codegen, step, views, &layer, problem);
                if (r == 0)
                        r = layer_find(layer.op->type)
                                    ->stages(&layer, machine, codegen_copy_stage, stage, problem);
                if (r < 0)
                        return r;
                cascade_add(&spec, stage, tensors[step].operand, !region_is_on_chip(&tensors[step]),
                            machine);
                more = tensors[step].link != REGION_MEMORY;
                if (tensors[step].link == REGION_PASSING)
                        continue;
                if (more)
                        spec.keep_layout = tensors[step].layout;
                r = cascade_plan(&spec, machine, &plan, problem);
                if (r == 0)
                        r = cascade_run(&spec, &plan, machine, &kept, problem);
                if (r < 0)
                        return r;
                spec = (CascadeSpec){ .in = &kept };
        }
        return 0;
}

static int codegen_step(Codegen *codegen, size_t step, Machine *machine, LayerViews *views,
                        Problem *problem) {
        Layer layer;
        int r;

        if (codegen->region.tensors[step].link != REGION_MEMORY)
                return codegen_chain(codegen, step, machine, views, problem);
        r = codegen_init_layer(codegen, step, views, &layer, problem);
        return r < 0 ? r : codegen_layer(&layer, machine, problem);
}

static int codegen_layers(Codegen *codegen, Machine *machine, LayerViews *views, Problem *problem) {
        Region *region = &codegen->region;

        for (size_t i = 0; i < region->n; i++) {
                int r;

                if (region_is_border(region->ops[i]) || region->tensors[i].follows)
                        continue;
                r = codegen_step(codegen, i, machine, views, problem);
                if (r < 0)
                        return problem_prefix(problem, r, "%s (%s)", region->ops[i]->name,
                                              region->ops[i]->type);
        }
        return 0;
}

static int codegen_stream(Codegen *codegen, Stream *stream, const FingerprintInfo *target,
                          Problem *problem) {
        _cleanup_(freep) LayerViews *views = malloc(sizeof(*views));
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
                r = chain_plan(&codegen->region, target, problem);
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
