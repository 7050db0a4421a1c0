#include "dpu/codegen/chain.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "dpu/codegen/cascade.h"
#include "dpu/codegen/places.h"

typedef struct Chain {
        Region *region;
        Machine machine;
        LayerViews *views;
        uint32_t *readers; /* of each tensor */
        /* the layers before the one that is looked at, of the cascade that is being made */
        CascadeSpec spec;
        Stage stages[CASCADE_STAGES_MAX];
        size_t steps[CASCADE_STAGES_MAX];
        Map in; /* of the spec */
} Chain;

/* --- stages ---------------------------------------------------------------------------------- */

/* Addresses are not known yet; all that matters of them is that there is room in front. */
static int chain_place(const Op *op, void *userdata, View *ret, Problem *problem) {
        const RegionTensor *t = region_tensor(userdata, op);

        (void) problem;
        *ret = t->view;
        ret->reg_id = t->constant ? PLACES_CONSTANTS : PLACES_WORKSPACE;
        ret->address = PLACES_MARGIN;
        return 0;
}

typedef struct ChainStage {
        Stage stage;
        unsigned n;
} ChainStage;

static int chain_count(const Stage *stage, Machine *machine, void *userdata, Problem *problem) {
        ChainStage *found = userdata;

        (void) machine;
        (void) problem;
        found->stage = *stage;
        found->n++;
        return 0;
}

static bool chain_is_same(const View *a, const View *b) {
        return a->address == b->address && a->row_pitch == b->row_pitch &&
               a->pixel_pitch == b->pixel_pitch && a->height == b->height && a->width == b->width;
}

/* A dilated layer may have one phase with outputs, which sees but a part of the input; and what
 * scales by a vector has that as weights. */
static bool chain_is_layer(const Layer *layer, const Stage *stage) {
        return stage->n_inputs == layer->n_inputs &&
               chain_is_same(&stage->w.in, &layer->inputs[0]) &&
               chain_is_same(&stage->w.out, &layer->output);
}

/* 1: the layer is one stage, and can be linked. 0: it is not. */
static int chain_stage(Chain *chain, size_t step, Stage *ret, Problem *problem) {
        const Op *op = chain->region->ops[step];
        const LayerType *type = layer_find(op->type);
        ChainStage found = {};
        Layer layer;
        int r;

        r = layer_init(&layer, op, chain_place, chain->region, chain->views, problem);
        if (r < 0 || !type->stages)
                return r;
        r = type->stages(&layer, &chain->machine, chain_count, &found, problem);
        if (r < 0)
                return r;
        *ret = found.stage;
        return found.n == 1 && chain_is_layer(&layer, &found.stage);
}

/* --- links ----------------------------------------------------------------------------------- */

/* Which input of the layer at @step is the tensor @from, once and alone? -1: none. */
static int chain_operand(const Chain *chain, size_t step, const RegionTensor *from) {
        const Arg *inputs = op_arg(chain->region->ops[step], "input");
        int found = -1;

        for (size_t i = 0; i < inputs->n_ops; i++) {
                if (inputs->ops[i] != from->op)
                        continue;
                if (found >= 0)
                        return -1;
                found = (int) i;
        }
        return found;
}

static bool chain_try_whole(Chain *chain, const Stage *stage, unsigned operand) {
        CascadeSpec before = chain->spec, after = {};
        CascadePlan plan;
        CascadeMaps maps;
        Stage own = *stage;

        before.keep_layout = stage->w.y.stride;
        if (cascade_plan(&before, &chain->machine, &plan, NULL) < 0)
                return false;
        cascade_shape(&before, &plan, 0, plan.groups, &maps);
        after.in = &maps.out[before.n - 1];
        cascade_add(&after, &own, operand, true, &chain->machine);
        if (cascade_plan(&after, &chain->machine, &plan, NULL) < 0)
                return false;
        chain->in = maps.out[before.n - 1];
        return true;
}

/* Row r of the output needs row r of the input. */
static bool chain_keeps_pace(const Stage *stage) {
        const Axis *y = &stage->w.y;

        return y->stride == 1 && y->out <= y->in && y->pad >= 0 && y->pad < (int32_t) y->kernel;
}

/* Another operand that a stage of the same cascade makes is loaded after it was saved, row by row:
 * if the stages between do not fall behind. */
static bool chain_can_load(const Chain *chain, size_t step, unsigned operand) {
        const Arg *inputs = op_arg(chain->region->ops[step], "input");

        for (unsigned i = 0; i + 1 < chain->spec.n; i++)
                for (size_t k = 0; k < inputs->n_ops; k++) {
                        if (k == operand || region_tensor(chain->region, inputs->ops[k])->root !=
                                                    chain->region->tensors[chain->steps[i]].root)
                                continue;
                        for (unsigned later = i + 1; later < chain->spec.n; later++)
                                if (!chain_keeps_pace(&chain->stages[later]))
                                        return false;
                }
        return true;
}

/* Others read it, too. */
static bool chain_is_shared(const Chain *chain, size_t step) {
        return chain->readers[step] > 1 || chain->region->tensors[step].output;
}

/* Does the layer read all columns? Only those that it does are made for it. */
static bool chain_is_wide(const Stage *stage) {
        const Span x = axis_span(&stage->w.x, 0, stage->w.x.out);

        return x.first == 0 && x.n == stage->w.x.in;
}

static bool chain_try_passing(Chain *chain, size_t step, const Stage *stage, unsigned operand) {
        CascadeSpec together = chain->spec;
        CascadePlan plan;
        Stage own = *stage;
        bool shared = false;

        for (unsigned i = 0; i < chain->spec.n; i++)
                shared = shared || chain_is_shared(chain, chain->steps[i]);
        if (together.n == CASCADE_STAGES_MAX || !chain_can_load(chain, step, operand) ||
            (shared && !chain_is_wide(stage)))
                return false;
        cascade_add(&together, &own, operand, true, &chain->machine);
        return cascade_plan(&together, &chain->machine, &plan, NULL) == 0;
}

static RegionLink chain_try(Chain *chain, size_t step, const Stage *stage, int operand) {
        if (chain->spec.n == 0 || operand < 0)
                return REGION_MEMORY;
        if (chain_try_whole(chain, stage, (unsigned) operand))
                return REGION_WHOLE;
        if (chain_try_passing(chain, step, stage, (unsigned) operand))
                return REGION_PASSING;
        return REGION_MEMORY;
}

/* --- chains ---------------------------------------------------------------------------------- */

static void chain_link(Chain *chain, size_t step, const Stage *stage, unsigned operand,
                       RegionLink link) {
        size_t from = chain->steps[chain->spec.n - 1];
        RegionTensor *t = &chain->region->tensors[from];

        t->link = link;
        t->next = step;
        t->layout = stage->w.y.stride;
        t->saved = chain_is_shared(chain, from);
        chain->region->tensors[step].follows = true;
        chain->region->tensors[step].operand = operand;
}

static void chain_append(Chain *chain, size_t step, const Stage *stage, unsigned operand) {
        chain->stages[chain->spec.n] = *stage;
        chain->steps[chain->spec.n] = step;
        cascade_add(&chain->spec, &chain->stages[chain->spec.n], operand, true, &chain->machine);
}

static int chain_step(Chain *chain, size_t step, Problem *problem) {
        RegionLink link = REGION_MEMORY;
        int operand = -1, r;
        Stage stage;

        r = chain_stage(chain, step, &stage, problem);
        if (r < 0)
                return r;
        if (r == 0) {
                chain->spec = (CascadeSpec){};
                return 0;
        }
        if (chain->spec.n > 0)
                operand = chain_operand(chain, step,
                                        &chain->region->tensors[chain->steps[chain->spec.n - 1]]);
        link = chain_try(chain, step, &stage, operand);
        if (link != REGION_MEMORY)
                chain_link(chain, step, &stage, (unsigned) operand, link);
        if (link != REGION_PASSING)
                chain->spec = (CascadeSpec){ .in = link == REGION_WHOLE ? &chain->in : NULL };
        chain_append(chain, step, &stage, operand < 0 ? 0 : (unsigned) operand);
        return 0;
}

/* Layers that rows pass through run at once: what one of them writes is in use from the first of
 * them on, what one reads until the last. */
static void chain_use(Region *region, size_t head) {
        size_t last = head;

        while (region->tensors[last].link == REGION_PASSING)
                last = region->tensors[last].next;
        for (size_t step = head;; step = region->tensors[step].next) {
                const Op *op = region->ops[step];

                region_use(region, &region->tensors[step], head);
                for (size_t a = 0; a < op->n_args; a++)
                        for (size_t k = 0; k < op->args[a].n_ops; k++)
                                region_use(region, region_tensor(region, op->args[a].ops[k]), last);
                if (step == last)
                        return;
        }
}

static void chain_count_readers(Chain *chain) {
        const Region *region = chain->region;

        for (size_t i = 0; i < region->n; i++)
                for (size_t a = 0; a < region->ops[i]->n_args; a++)
                        for (size_t k = 0; k < region->ops[i]->args[a].n_ops; k++) {
                                const RegionTensor *t =
                                        region_tensor(region, region->ops[i]->args[a].ops[k]);

                                if (t)
                                        chain->readers[t - region->tensors]++;
                        }
}

int chain_plan(Region *region, const FingerprintInfo *target, Problem *problem) {
        _cleanup_(freep) LayerViews *views = malloc(sizeof(*views));
        _cleanup_(freep) uint32_t *readers = calloc(region->n + 1, sizeof(*readers));
        Chain chain = { .region = region, .views = views, .readers = readers };
        int r;

        if (!views || !readers)
                return -ENOMEM;
        r = machine_init(&chain.machine, target, NULL, problem);
        if (r < 0)
                return r;
        chain_count_readers(&chain);
        for (size_t i = 0; i < region->n && r == 0; i++)
                if (!region_is_silent(region, i)) {
                        r = chain_step(&chain, i, problem);
                        if (r < 0)
                                return problem_prefix(problem, r, "%s (%s)", region->ops[i]->name,
                                                      region->ops[i]->type);
                }
        for (size_t i = 0; i < region->n; i++)
                if (region->tensors[i].link == REGION_PASSING)
                        chain_use(region, i);
        return r;
}
