/*
 * The driver of the lowering: finds groups, runs rules, and copies what no rule takes. What a trial
 * and a final run are is at the top of lowering.h.
 */

#include "dpu/compiler/lower.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/compiler/lowering.h"

/* @build gives NULL, and notes the reason, where it does not apply. -ENOMEM, -EEXIST. */
typedef struct LowerRule {
        const char *op_type; /* of the core */
        int (*build)(Lowering *l, const Match *match, Op **ret);
        bool with_factor, with_activation;
} LowerRule;

static const LowerRule lower_rules[] = {
        { "add", lower_eltwise, false, true },
        { "avgpool2d", lower_pool, true, true },
        { "batchnorm", lower_batchnorm, false, true },
        { "concat", lower_concat, false, false },
        { "conv1d", lower_conv, false, true },
        { "conv2d", lower_conv, false, true },
        { "depthwise-conv2d", lower_conv, false, true },
        { "fix", lower_alone, false, false },
        { "hard-sigmoid", lower_hard_sigmoid, true, false },
        { "inner-product", lower_matmul, false, true },
        { "leaky-relu", lower_alone, false, false },
        { "matmul", lower_matmul, false, true },
        { "maxpool1d", lower_pool, false, true },
        { "maxpool2d", lower_pool, false, true },
        { "mul", lower_eltwise, false, true },
        { "pad", lower_pad, false, false },
        { "pixel-shuffle", lower_shuffle, false, false },
        { "prelu", lower_alone, false, false },
        { "reduction_max", lower_reduce, false, true },
        { "reduction_mean", lower_reduce, true, true },
        { "relu", lower_alone, false, false },
        { "relu6", lower_alone, false, false },
        { "resize", lower_resize, false, false },
        { "scale", lower_scale, false, true },
        { "strided_slice", lower_slice, false, false },
        { "transposed-conv2d", lower_conv, false, true },
        { "transposed-depthwise-conv2d", lower_conv, false, true },
};

static const LowerRule *lower_find_rule(const Op *core) {
        for (size_t i = 0; i < ARRAY_SIZE(lower_rules); i++)
                if (strcmp(lower_rules[i].op_type, core->type) == 0)
                        return &lower_rules[i];
        return NULL;
}

/* --- groups ---------------------------------------------------------------------------------- */

/* `mul` of the value with a constant */
static bool lower_is_factor(const Op *op, const Op *value) {
        const Op *constant;
        int32_t unused;

        if (!op || strcmp(op->type, "mul") != 0 || op_input(op, 0) != value || op_input(op, 2))
                return false;
        constant = op_input(op, 1);
        return constant &&
               (strcmp(constant->type, "const") == 0 || lowering_is_const(constant, &unused));
}

/* the `fix` of a concat that is the only reader of @last */
static const Op *lower_fix_of_concat(const Lowering *l, const Op *last) {
        const Op *concat = lowering_value(l, last)->reader;
        int32_t unused;
        const Op *fix;

        if (!concat || strcmp(concat->type, "concat") != 0)
                return NULL;
        fix = lowering_value(l, concat)->reader;
        return fix && lowering_is_fix(fix, &unused) ? fix : NULL;
}

/* How the group ends: with its own fix, where it is on a grid anyway, or with a concat's fix. */
static int lower_match_end(Lowering *l, Match *m, const Op *last) {
        const Op *reader = lowering_value(l, last)->reader, *next = reader;

        m->end = last;
        if (lowering_is_fix(last, &m->fix_point)) {
                m->tensor = last->tensor.name;
                return 0;
        }
        if (next && lowering_is_fix(next, &m->fix_point)) {
                m->end = next;
                m->tensor = next->tensor.name;
                return 0;
        }
        if (lowering_value(l, last)->has_grid) {
                m->fix_point = lowering_value(l, last)->grid;
                return lowering_name(l, &m->tensor, "%s_fix", last->name);
        }
        next = lower_fix_of_concat(l, last);
        if (!next)
                return lowering_refuse(l, m->core, "what it puts out is not quantized%s%s",
                                       reader ? " before it goes into " : "",
                                       reader ? reader->type : "");
        (void) lowering_is_fix(next, &m->fix_point);
        lowering_value(l, last)->rounded = true;
        return lowering_name(l, &m->tensor, "%s_inserted_fix_%zu", last->name, l->n_inserted++);
}

/* without a tensor in @ret: it is not a group */
static int lower_match(Lowering *l, const LowerRule *rule, const Op *core, Match *ret) {
        const Op *last = core, *next = lowering_value(l, core)->reader;
        Match m = { .core = core, .activation = lowering_takes_activation(core) ? core : NULL };
        int r;

        if (rule->with_factor && lower_is_factor(next, last)) {
                m.factor = last = next;
                next = lowering_value(l, last)->reader;
        }
        if (rule->with_activation && next && lowering_takes_activation(next))
                m.activation = last = next;
        r = lower_match_end(l, &m, last);
        if (r < 0)
                return r;
        *ret = m;
        return 0;
}

/* what a group reads will be there as int8 */
static void lower_note_inputs(Lowering *l, const Op *core) {
        const Arg *arg = op_arg(core, "input");
        int32_t sides[4];

        for (size_t i = 0; arg && i < arg->n_ops; i++) {
                const Op *from = i == 0 ? lowering_before_pad(l, core, sides) : arg->ops[i];

                lowering_value(l, from)->wants_fixed = true;
                lowering_value(l, lowering_before_reshape(l, from))->wants_fixed = true;
        }
}

static int lower_take(Lowering *l, const Match *m, Op *op) {
        const Op *const ops[] = { m->core, m->factor, m->activation, m->end };
        const Tensor *shape = &m->end->tensor;
        LowerValue *value = lowering_value(l, m->end);
        bool same = shape->n_dims == op->tensor.n_dims;

        for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
                if (ops[i])
                        lowering_value(l, ops[i])->owner = m->core;
        for (size_t i = 0; same && i < shape->n_dims; i++)
                same = shape->dims[i] == op->tensor.dims[i];
        *(same ? &value->fixed : &value->image) = op;
        return graph_set_string(l->target, &op->attrs, LOWER_DEVICE_ATTR, "DPU");
}

/* Why the caller does not want any of the group's ops on the DPU; NULL: it does not mind. */
static const char *lower_refused(const Lowering *l, const Match *m) {
        const Op *const ops[] = { m->core, m->factor, m->activation, m->end };

        for (size_t i = 0; l->spec->refused && i < ARRAY_SIZE(ops); i++)
                if (ops[i] && l->spec->refused[ops[i]->index])
                        return l->spec->refused[ops[i]->index];
        return NULL;
}

static int lower_group(Lowering *l, const Op *core, bool *ret_taken) {
        const LowerRule *rule = lower_find_rule(core);
        Problem reason = { "" };
        Match match = { 0 };
        Op *op = NULL;
        int r;

        if (!rule)
                return 0;
        r = lower_match(l, rule, core, &match);
        if (r < 0 || !match.tensor)
                return r;
        if (lower_refused(l, &match))
                return lowering_refuse(l, core, "%s", lower_refused(l, &match));
        if (core->tensor.n_dims < 2 || core->tensor.n_dims > 4) /* the rules count on that */
                return lowering_refuse(
                        l, core, "it has %zu dimensions; images, and what becomes one, have 2 to 4",
                        core->tensor.n_dims);
        r = rule->build(l, &match, &op);
        if (r < 0 || !op)
                return r;
        if (l->trial)
                r = lowering_accept(l, op, &reason);
        if (r < 0)
                return r == -EOPNOTSUPP ? lowering_refuse(l, core, "%s", reason.text) : r;
        if (l->trial)
                lower_note_inputs(l, core);
        *ret_taken = true;
        return lower_take(l, &match, op);
}

/* --- trial --------------------------------------------------------------------------------------- */

static bool lower_is_constant(const Op *op) {
        int32_t unused;

        return strcmp(op->type, "const") == 0 || lowering_is_const(op, &unused);
}

static int lower_default_reason(Lowering *l, const Op *op) {
        if (strcmp(op->type, "hard-swish") == 0)
                return lowering_refuse(l, op,
                                       "the engines make a hard swish of a hard sigmoid and a "
                                       "product, and round both; the quantized model rounds once");
        if (strcmp(op->type, "fix") == 0 || lowering_takes_activation(op))
                return lowering_refuse(l, op, "nothing on the DPU ends in it");
        if (lowering_is_reshape(l, op))
                return lowering_refuse(l, op, "what it reads, or what reads it, is on the CPU");
        return lowering_refuse(l, op, "there is no engine for %s", op->type);
}

/* Stands for what a float2fix, or the input of the model, will be. */
static int lower_try_border(Lowering *l, const Op *op) {
        LowerValue *value = lowering_value(l, op);
        bool is_input = op_input(op, 0) && strcmp(op_input(op, 0)->type, "data") == 0;
        Op *stand_in;
        int r;

        if (!value->has_grid)
                return 0;
        r = lowering_add(l, op->name, is_input ? "data-fix" : "float2fix", &stand_in);
        if (r < 0)
                return r;
        value->fixed = stand_in;
        return lowering_set_fixed(l, stand_in, op->tensor.name, value->grid, op->tensor.dims,
                                  op->tensor.n_dims);
}

static int lower_try(Lowering *l, const Op *op) {
        bool taken = false;
        int r;

        if (lowering_value(l, op)->owner || lower_is_constant(op) || strcmp(op->type, "data") == 0)
                return 0;
        r = lower_group(l, op, &taken);
        if (r < 0 || taken)
                return r;
        r = lower_default_reason(l, op);
        if (r < 0 || lowering_is_reshape(l, op))
                return r;
        return lower_try_border(l, op);
}

/* A reshape that the application reads is on the DPU if what it reshapes is. */
static int lower_try_output(Lowering *l, const Op *op) {
        const LowerValue *root = lowering_value(l, lowering_before_reshape(l, op));
        Op *fixed;
        int r;

        if (op->n_consumers > 0 || !lowering_is_reshape(l, op) || !root->owner)
                return 0;
        r = lowering_fixed(l, op, op, &fixed);
        lowering_value(l, op)->wants_fixed = fixed != NULL;
        return r;
}

/* Does @op itself, not a group, go on? From the last op to the first. */
static bool lower_stays(const Lowering *l, const Op *op) {
        const LowerValue *value = lowering_value(l, op);

        if (value->owner)
                return false;
        if (lowering_is_reshape(l, op))
                return !value->wants_fixed && (value->wants_real || op->n_consumers == 0);
        return value->wants_fixed || value->wants_real || op->n_consumers == 0;
}

static void lower_note_real(Lowering *l) {
        for (size_t i = l->source->n_ops; i-- > 0;) {
                const Op *op = l->source->ops[i];

                for (size_t k = 0; lower_stays(l, op) && k < op->n_args; k++)
                        for (size_t n = 0; n < op->args[k].n_ops; n++)
                                lowering_value(l, op->args[k].ops[n])->wants_real = true;
        }
}

static int lower_trial(Lowering *l) {
        int r;

        l->trial = true;
        for (size_t i = 0; i < l->source->n_ops; i++)
                lowering_find_facts(l, l->source->ops[i]);
        r = graph_new(&l->target, l->source->name);
        for (size_t i = 0; r == 0 && i < l->source->n_ops; i++)
                r = lower_try(l, l->source->ops[i]);
        for (size_t i = 0; r == 0 && i < l->source->n_ops; i++)
                r = lower_try_output(l, l->source->ops[i]);
        if (r < 0)
                return r;
        lower_note_real(l);
        return 0;
}

/* --- final ------------------------------------------------------------------------------------------ */

/* the model's input and the `fix` behind it */
static int lower_input(Lowering *l, const Op *op) {
        const Op *fix = lowering_value(l, op)->reader;
        const Tensor *shape = &op->tensor;
        int32_t fix_point;
        Op *input;
        int r;

        if (!fix || !lowering_is_fix(fix, &fix_point) || !lowering_value(l, fix)->wants_fixed)
                return lowering_copy(l, op, op->name);
        r = lowering_add(l, op->name, "data-fix", &input);
        if (r == 0)
                r = lowering_copy_attrs(l, &input->attrs, &op->attrs);
        if (r == 0)
                r = graph_set_int32s(l->target, &input->attrs, "shape", shape->dims, shape->n_dims);
        if (r == 0)
                r = graph_set_string(l->target, &input->attrs, "data_type", "XINT8");
        if (r == 0)
                r = lowering_set_fixed(l, input, fix->tensor.name, fix_point, shape->dims,
                                       shape->n_dims);
        if (r < 0)
                return r;
        lowering_value(l, fix)->fixed = input;
        return 0;
}

/* float2fix: instead of @op, a fix, or behind it */
static int lower_border(Lowering *l, const Op *op) {
        LowerValue *value = lowering_value(l, op);
        const Op *from = strcmp(op->type, "fix") == 0 ? op_input(op, 0) : op;
        const char *name = op->name, *tensor = op->tensor.name;
        Op *input, *border;
        int r;

        r = lowering_real(l, from, op, &input);
        if (r == 0 && from == op)
                r = lowering_name(l, &name, "%s_fix", op->name);
        if (r == 0 && from == op)
                r = lowering_name(l, &tensor, "%s_fix", op->tensor.name);
        if (r == 0)
                r = lowering_add(l, name, "float2fix", &border);
        if (r == 0)
                r = graph_add_arg(l->target, border, "input", input);
        if (r == 0)
                r = lowering_set_grid(l, &border->attrs, value->grid);
        if (r == 0)
                r = graph_set_string(l->target, &border->attrs, LOWER_REASON_ATTR,
                                     "it brings numbers of the CPU to the DPU");
        if (r == 0)
                r = lowering_set_fixed(l, border, tensor, value->grid, op->tensor.dims,
                                       op->tensor.n_dims);
        if (r < 0)
                return r;
        value->fixed = border;
        return 0;
}

static int lower_other(Lowering *l, const Op *op) {
        LowerValue *value = lowering_value(l, op);
        int r;

        if (!lower_stays(l, op) || value->fixed) /* the fix of an input */
                return 0;
        if (value->wants_fixed && strcmp(op->type, "fix") == 0)
                return lower_border(l, op);
        r = lowering_copy(l, op, op->name);
        if (r < 0 || !value->wants_fixed || !value->has_grid)
                return r;
        return lower_border(l, op);
}

static int lower_one(Lowering *l, const Op *op) {
        bool taken;

        if (lowering_value(l, op)->owner)
                return lowering_value(l, op)->owner == op ? lower_group(l, op, &taken) : 0;
        if (strcmp(op->type, "data") == 0)
                return lower_input(l, op);
        return lower_is_constant(op) ? 0 : lower_other(l, op);
}

/* what the application reads is float */
static int lower_output(Lowering *l, const Op *op) {
        const LowerValue *value = lowering_value(l, op);
        Op *real;

        if (op->n_consumers > 0 || lower_is_constant(op) || value->real)
                return 0;
        return lowering_real(l, op, NULL, &real);
}

static int lower_final(Lowering *l) {
        const Op *op = NULL;
        int r;

        for (size_t i = 0; i < l->source->n_ops; i++) {
                LowerValue *value = &l->values[i];

                value->fixed = value->image = NULL;
                value->rounded = false;
        }
        l->target = graph_free(l->target);
        l->trial = false;
        l->n_inserted = 0;
        r = graph_new(&l->target, l->source->name);
        for (size_t i = 0; r == 0 && i < l->source->n_ops; i++) {
                op = l->source->ops[i];
                r = lower_one(l, op);
                if (r == 0)
                        r = lower_output(l, op);
        }
        return r < 0 && op
                       ? problem_set(l->problem, r, "%s (%s) cannot be lowered", op->name, op->type)
                       : r;
}

/* --- all of it ---------------------------------------------------------------------------------------- */

static void lower_find_readers(Lowering *l) {
        for (size_t i = 0; i < l->source->n_ops; i++) {
                const Op *op = l->source->ops[i];

                for (size_t k = 0; k < op->n_args; k++)
                        for (size_t n = 0; n < op->args[k].n_ops; n++)
                                if (op->args[k].ops[n]->n_consumers == 1)
                                        lowering_value(l, op->args[k].ops[n])->reader = op;
        }
}

/* Nothing is lowered: an op for each op. */
static int lower_copy_all(Lowering *l) {
        int r;

        r = graph_new(&l->target, l->source->name);
        for (size_t i = 0; r == 0 && i < l->source->n_ops; i++) {
                const Op *op = l->source->ops[i];

                if (l->spec->reason && !lower_is_constant(op) && strcmp(op->type, "data") != 0)
                        r = lowering_refuse(l, op, "%s", l->spec->reason);
                if (r == 0)
                        r = lowering_copy(l, op, op->name);
        }
        return r;
}

static bool lower_is_provenance(const char *name) {
        return strcmp(name, "files_md5sum") == 0 || strcmp(name, "libs_info") == 0 ||
               strcmp(name, "tools_commit_id") == 0;
}

static int lower_graph_attrs(Graph *graph, const Graph *source) {
        int r;

        for (size_t i = 0; i < source->attrs.n; i++) {
                const NamedAttr *attr = &source->attrs.items[i];

                if (lower_is_provenance(attr->name))
                        continue;
                r = graph_set_attr(graph, &graph->attrs, attr->name, &attr->value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void lower_deinit(Lowering *l) {
        (void) graph_free(l->target);
        free(l->values);
        arena_deinit(&l->arena);
}

int lower_run(const Graph *source, const LowerSpec *spec, Graph **ret, Problem *problem) {
        _cleanup_(lower_deinit) Lowering l = { .source = source, .spec = spec, .problem = problem };
        int r;

        r = graph_verify(source, problem);
        if (r < 0)
                return r;
        l.values = calloc(source->n_ops + 1, sizeof(*l.values));
        if (!l.values)
                return -ENOMEM;
        lower_find_readers(&l);
        if (spec->accepts)
                r = lower_trial(&l);
        if (r == 0)
                r = spec->accepts ? lower_final(&l) : lower_copy_all(&l);
        if (r == 0)
                r = lower_graph_attrs(l.target, source);
        if (r < 0)
                return r;
        graph_count_consumers(l.target);

        *ret = TAKE_PTR(l.target);
        return 0;
}

static int lower_dump_op(const Op *op, Bytes *ret) {
        int32_t fix_point;
        int r;

        r = bytes_printf(ret, "%zu %s %s [", op->index, op->type, op->name);
        for (size_t i = 0; r == 0 && i < op->tensor.n_dims; i++)
                r = bytes_printf(ret, "%s%d", i > 0 ? "," : "", op->tensor.dims[i]);
        if (r == 0)
                r = bytes_printf(ret, "]");
        if (r == 0 && attrs_int32(&op->tensor.attrs, "fix_point", &fix_point) == 0)
                r = bytes_printf(ret, " fix %d", fix_point);
        for (size_t i = 0; r == 0 && i < op->n_args; i++) {
                r = bytes_printf(ret, " %s=", op->args[i].name);
                for (size_t k = 0; r == 0 && k < op->args[i].n_ops; k++)
                        r = bytes_printf(ret, "%s%zu", k > 0 ? "," : "", op->args[i].ops[k]->index);
        }
        return r < 0 ? r : bytes_printf(ret, "\n");
}

int lower_dump(const Graph *lowered, Bytes *ret) {
        int r;

        for (size_t i = 0; i < lowered->n_ops; i++) {
                r = lower_dump_op(lowered->ops[i], ret);
                if (r < 0)
                        return r;
        }
        return 0;
}
