/*
 * Rules about what became of the source: which op every one is from, its attributes, inputs,
 * constants, names.
 */

#include "tests/support/rules_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define NAME_MAX_RULES 1024

/* --- the source -------------------------------------------------------------------------------- */

static const Op *reader_of(const Rules *rules, const Op *op) {
        const Op *found = NULL;

        for (size_t i = op->index + 1; op->n_consumers == 1 && i < rules->spec.source->n_ops; i++)
                if (rules_reads(rules->spec.source->ops[i], op))
                        found = rules->spec.source->ops[i];
        return found;
}

static bool is_activation(const Op *op) {
        return rules_is(op, "relu") || rules_is(op, "relu6") || rules_is(op, "leaky-relu");
}

static bool is_reshape(const Op *op) {
        return rules_is(op, "reshape") || rules_is(op, "flatten") || rules_is(op, "squeeze");
}

/* What one op of the DPU is made of. */
typedef struct Group {
        const Op *core, *factor, *activation;
        const Op *last; /* of these */
        const Op *fix;  /* that ends it: its own, or that of the concat that reads it */
        bool own_fix;
} Group;

static bool is_constant_factor(const Op *op) {
        const Op *by = op_input(op, 1);

        while (rules_is(by, "fix"))
                by = op_input(by, 0);
        return rules_is(op, "mul") && rules_is(by, "const") && tensor_elements(&by->tensor) == 1;
}

static Group group_of(const Rules *rules, const Op *core) {
        Group g = { .core = core, .last = core };
        const Op *next = reader_of(rules, core);
        bool scaled = rules_is(core, "avgpool2d") || rules_is(core, "hard-sigmoid") ||
                      rules_is(core, "reduction_mean");

        if (scaled && next && is_constant_factor(next)) {
                g.factor = g.last = next;
                next = reader_of(rules, next);
        }
        if (next && is_activation(next)) {
                g.activation = g.last = next;
                next = reader_of(rules, next);
        }
        g.own_fix = rules_is(next, "fix");
        if (rules_is(next, "concat"))
                next = reader_of(rules, next);
        g.fix = rules_is(next, "fix") ? next : NULL;
        return g;
}

static const Op *find_without(const Graph *graph, const char *name, const char *suffix) {
        const size_t n = strlen(name), k = strlen(suffix);
        char text[NAME_MAX_RULES];

        if (n < k || n - k >= sizeof(text) || strcmp(name + n - k, suffix) != 0)
                return NULL;
        memcpy(text, name, n - k);
        text[n - k] = '\0';
        return graph_find_op(graph, text);
}

/* the op of the source that @op of the DPU does the work of; NULL: it was made up */
static const Op *core_of(const Rules *rules, const Op *op) {
        static const char *const suffixes[] = { "",
                                                "_transfer_to_depthwise_conv2d",
                                                "(TransferMatMulToConv2d)",
                                                "_transfered_Conv2d",
                                                "_transfered_MaxPool2d_inserted_fix",
                                                "_fix" };
        const Op *core = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(suffixes) && !core; i++)
                core = find_without(rules->spec.source, op->name, suffixes[i]);
        if (rules_is(core, "fix")) /* a pool is called like its tensor */
                core = op_input(core, 0);
        if (rules_is(op, "pool-fix") && rules_is(core, "mul"))
                core = op_input(core, 0);
        return core;
}

/* @text up to @suffix at its end */
static bool base_equals(const char *text, const char *suffix, const char *base) {
        const size_t n = strlen(text), k = strlen(suffix);

        if (n >= k && strcmp(text + n - k, suffix) == 0)
                return strlen(base) == n - k && strncmp(text, base, n - k) == 0;
        return strcmp(text, base) == 0;
}

static bool has_name(const Op *op, const char *tensor) {
        return base_equals(op->tensor.name, "_download_0", tensor);
}

/* "X_fix" or "X_inserted_fix_N"; what was a matrix product says so behind X */
static bool has_made_up_name(const Op *op, const char *of) {
        static const char matmul[] = "(TransferMatMulToConv2d)";
        const size_t n = strlen(of);
        const char *rest = op->tensor.name + n;
        int number;

        if (strncmp(op->tensor.name, of, n) != 0)
                return false;
        if (strncmp(rest, matmul, strlen(matmul)) == 0)
                rest += strlen(matmul);
        return (strcmp(rest, "_fix") == 0 || strcmp(rest, "_fix_download_0") == 0 ||
                sscanf(rest, "_inserted_fix_%d", &number) == 1);
}

typedef void (*GroupFn)(Rules *rules, const Op *op, const Group *group);

/* of the ops on the DPU that do the work of one of the source */
static void each_group(Rules *rules, GroupFn fn) {
        for (size_t i = 0; i < rules->spec.compiled->n_ops; i++) {
                const Op *op = rules->spec.compiled->ops[i], *core;
                Group group;

                if (strcmp(where_device(op), "DPU") != 0 || !rules_computes(op))
                        continue;
                core = core_of(rules, op);
                if (!core || is_reshape(core))
                        continue;
                group = group_of(rules, core);
                fn(rules, op, &group);
        }
}

/* --- what there is ----------------------------------------------------------------------------- */

static void expect_origin(Rules *rules, const Op *op) {
        if (rules_computes(op) && !rules_is(op, "reshape-fix"))
                rules_expect(rules, core_of(rules, op) != NULL, op->name,
                             "no op of the source does that");
}

static void check_origins(Rules *rules) {
        rules_each_dpu_op(rules, expect_origin);
}

static void expect_tensor(Rules *rules, const Op *op, const Group *g) {
        static const char *const grid[] = { "fix_point", "bit_width", "round_mode", "if_signed" };

        if (!g->fix)
                return rules_expect(rules, has_made_up_name(op, g->last->name), op->name,
                                    "its tensor is %s", op->tensor.name);
        rules_expect(rules,
                     g->own_fix && !rules_is(g->core, "matmul")
                             ? has_name(op, g->fix->tensor.name)
                             : has_made_up_name(op, g->last->name),
                     op->name, "its tensor is %s, behind %s is %s", op->tensor.name, g->last->name,
                     g->fix->name);
        for (size_t i = 0; i < ARRAY_SIZE(grid); i++) {
                const Attr *a = attrs_find(&op->tensor.attrs, grid[i]);
                const Attr *b = attrs_find(&g->fix->attrs, grid[i]);

                rules_expect(rules, a && b && attr_equal(a, b), op->name,
                             "its %s is not that of %s", grid[i], g->fix->name);
        }
}

static void check_tensors(Rules *rules) {
        each_group(rules, expect_tensor);
}

/* --- windows ----------------------------------------------------------------------------------- */

typedef struct Window {
        int32_t kernel[2], stride[2], dilation[2], pad[4];
} Window;

static bool window_of(const Op *op, Window *ret) {
        Window w = { .stride = { 1, 1 }, .dilation = { 1, 1 } };

        (void) rules_int32s(&op->attrs, "stride", 2, w.stride);
        (void) rules_int32s(&op->attrs, "dilation", 2, w.dilation);
        (void) rules_int32s(&op->attrs, "pad", 4, w.pad);
        *ret = w;
        return rules_int32s(&op->attrs, "kernel", 2, ret->kernel) && op->tensor.n_dims == 4 &&
               op_input(op, 0)->tensor.n_dims == 4;
}

/* what the last window needs, behind what is in front */
static void expect_pads(Rules *rules, const Op *op, const Window *from, const Window *to,
                        const char *mode) {
        for (size_t axis = 0; axis < 2; axis++) {
                const int32_t in = op_input(op, 0)->tensor.dims[2 - axis];
                const int32_t out = op->tensor.dims[2 - axis];
                int32_t need = (out - 1) * from->stride[axis] +
                               (from->kernel[axis] - 1) * from->dilation[axis] + 1 - in;
                int32_t before = from->pad[2 * axis];

                if (mode && strcmp(mode, "SAME") == 0)
                        before = need > 0 ? need / 2 : 0;
                need -= before;
                rules_expect(rules,
                             to->pad[2 * axis] == before &&
                                     to->pad[2 * axis + 1] == (need > 0 ? need : 0),
                             op->name, "pad %d, %d", to->pad[2 * axis], to->pad[2 * axis + 1]);
        }
}

static void expect_window(Rules *rules, const Op *op, const Group *g) {
        const int32_t *in = op_input(op, 0)->tensor.dims;
        Window from, to;
        bool whole;

        if (!window_of(g->core, &from) || !window_of(op, &to))
                return;
        whole = from.kernel[0] == in[2] && from.kernel[1] == in[1];
        rules_expect(rules, memcmp(from.kernel, to.kernel, sizeof(to.kernel)) == 0, op->name,
                     "its kernel");
        rules_expect(rules, memcmp(from.dilation, to.dilation, sizeof(to.dilation)) == 0, op->name,
                     "its dilation");
        if (strncmp(op->type, "transposed", 10) == 0) {
                rules_expect(rules, memcmp(from.pad, to.pad, sizeof(to.pad)) == 0, op->name,
                             "its pad");
                rules_expect(rules, memcmp(from.stride, to.stride, sizeof(to.stride)) == 0,
                             op->name, "its stride");
                return;
        }
        for (size_t i = 0; i < 2; i++)
                rules_expect(rules, to.stride[i] == (whole ? 1 : from.stride[i]), op->name,
                             "stride %d", to.stride[i]);
        expect_pads(rules, op, &from, &to, attrs_string(&g->core->attrs, "pad_mode"));
}

static void check_windows(Rules *rules) {
        each_group(rules, expect_window);
}

static void expect_reduction(Rules *rules, const Op *op, const Group *g) {
        const Attr *axes = attrs_find(&g->core->attrs, "axis");
        int32_t kernel[2] = { 1, 1 };
        Window w;

        if (strncmp(g->core->type, "reduction", 9) != 0 || !window_of(op, &w))
                return;
        for (size_t i = 0; axes && i < axes->n; i++)
                if (axes->int32s[i] == 1 || axes->int32s[i] == 2)
                        kernel[2 - axes->int32s[i]] =
                                op_input(g->core, 0)->tensor.dims[axes->int32s[i]];
        rules_expect(rules,
                     memcmp(w.kernel, kernel, sizeof(kernel)) == 0 && w.stride[0] == 1 &&
                             w.stride[1] == 1 && (w.pad[0] | w.pad[1] | w.pad[2] | w.pad[3]) == 0,
                     op->name, "its window is not the axis");
}

static void check_reductions(Rules *rules) {
        each_group(rules, expect_reduction);
}

/* --- attributes of layers ---------------------------------------------------------------------- */

static bool has_string(const Op *op, const char *name, const char *value) {
        const char *found = attrs_string(&op->attrs, name);

        return found && strcmp(found, value) == 0;
}

static void expect_nonlinear(Rules *rules, const Op *op, const Group *g) {
        static const char *const unused[] = { "hsigmoid_in", "shift_hsigmoid", "shift_hswish" };
        const char *expected = !g->activation                     ? "NONE"
                               : rules_is(g->activation, "relu")  ? "RELU"
                               : rules_is(g->activation, "relu6") ? "RELU6"
                                                                  : "LEAKYRELU";
        const bool conv = op_arg(op, "weights") != NULL;
        const Attr *alpha = g->activation ? attrs_find(&g->activation->attrs, "alpha") : NULL;
        const Attr *found = attrs_find(&op->attrs, "LEAKYRELU_alpha");

        if (!conv && !rules_is(op, "eltwise-fix"))
                return;
        rules_expect(rules, has_string(op, "nonlinear", expected), op->name, "it is not %s",
                     expected);
        for (size_t i = 0; conv && i < ARRAY_SIZE(unused); i++)
                rules_expect(rules, rules_int32(&op->attrs, unused[i], 0) == -128, op->name,
                             "its %s is not -128", unused[i]);
        rules_expect(rules, !found == !alpha && (!found || attr_equal(found, alpha)), op->name,
                     "LEAKYRELU_alpha");
}

static void check_nonlinear(Rules *rules) {
        each_group(rules, expect_nonlinear);
}

static bool is_carried(const Op *core, const char *name) {
        static const char *const changed[] = { "stride", "pad", "device", "partition_msg" };

        if (!op_arg(core, "weights") && !rules_is(core, "resize") && !rules_is(core, "concat"))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(changed); i++)
                if (strcmp(changed[i], name) == 0)
                        return false;
        return true;
}

static void expect_carried(Rules *rules, const Op *op, const Group *g) {
        for (size_t i = 0; i < g->core->attrs.n; i++) {
                const NamedAttr *from = &g->core->attrs.items[i];
                const Attr *to = attrs_find(&op->attrs, from->name);

                if (is_carried(g->core, from->name))
                        rules_expect(rules, to && attr_equal(to, &from->value), op->name,
                                     "its %s is not that of the source", from->name);
        }
}

static void check_carried(Rules *rules) {
        each_group(rules, expect_carried);
}

static void expect_type(Rules *rules, const Op *op, const Group *g) {
        const char *type = rules_is(g->core, "add")             ? "ADD"
                           : rules_is(g->core, "mul")           ? "MUL"
                           : rules_is(g->core, "maxpool2d")     ? "MAX"
                           : rules_is(g->core, "maxpool1d")     ? "MAX"
                           : rules_is(g->core, "reduction_max") ? "MAX"
                           : strncmp(op->type, "pool", 4) == 0  ? "AVG"
                                                                : NULL;

        if (type)
                rules_expect(rules, has_string(op, "type", type), op->name, "its type is not %s",
                             type);
        if (rules_is(op, "pool-fix"))
                rules_expect(rules,
                             has_name(op, op->name) && !graph_find_op(rules->spec.source, "pool") &&
                                     !attrs_find(&op->attrs, "global") &&
                                     !attrs_find(&op->attrs, "pad_mode"),
                             op->name,
                             "a pool is called like its tensor, %s, and has kernel, "
                             "stride, pad, type",
                             op->tensor.name);
}

static void check_types(Rules *rules) {
        each_group(rules, expect_type);
}

static void expect_hard_sigmoid(Rules *rules, const Op *op, const Group *g) {
        const int32_t in = rules_int32(&op_input(op, 0)->tensor.attrs, "fix_point", 999);
        const int32_t out = rules_int32(&op->tensor.attrs, "fix_point", 999);

        if (!rules_is(op, "hard-sigmoid-fix"))
                return;
        rules_expect(rules, g->factor != NULL, op->name, "no mul behind it");
        rules_expect(rules,
                     rules_int32(&op->attrs, "hsigmoid_in", 999) == in &&
                             rules_int32(&op->attrs, "shift_hsigmoid", 999) == 14 + in - out,
                     op->name, "hsigmoid_in or shift_hsigmoid");
}

static void check_hard_sigmoids(Rules *rules) {
        each_group(rules, expect_hard_sigmoid);
}

/* --- edges ------------------------------------------------------------------------------------- */

static const Op *past_moves(const Op *op) {
        while (rules_is_border(op) || rules_is(op, "reshape-fix"))
                op = op_input(op, 0);
        return op;
}

static const Op *past_reshapes(const Op *op) {
        for (;;) {
                const Op *input = op_input(op, 0);

                if (is_reshape(op))
                        op = input;
                else if (rules_is(op, "fix") && is_reshape(input))
                        op = op_input(input, 0);
                else
                        return op;
        }
}

/* Is what the compiled op reads what the source's reads? */
static bool same_value(const Op *compiled, const Op *source) {
        const Op *a = past_moves(compiled), *b = past_reshapes(source);

        return has_name(a, b->tensor.name) || has_made_up_name(a, b->name) ||
               (rules_is(b, "fix") && has_made_up_name(a, op_input(b, 0)->name)) ||
               (rules_is(a, "const-fix") && rules_is(op_input(b, 0), "const") &&
                strncmp(a->name, op_input(b, 0)->name, strlen(op_input(b, 0)->name)) == 0);
}

static void expect_arg(Rules *rules, const Op *op, const char *name, const Op *to, const Op *from) {
        rules_expect(rules, !to == !from && (!to || same_value(to, from)), op->name,
                     "%s is %s, in the source it is %s", name, to ? to->name : "nothing",
                     from ? from->name : "nothing");
}

static void expect_edges(Rules *rules, const Op *op, const Group *g) {
        const Op *core = g->core, *weights = rules_arg(core, "weights");
        const bool weighted = op_arg(op, "weights") != NULL;

        if (rules_is(core, "matmul"))
                weights = op_input(core, 1);
        else if (rules_is(core, "scale"))
                weights = rules_arg(core, "scale");
        if (weighted) {
                expect_arg(rules, op, "input", op_input(op, 0), op_input(core, 0));
                expect_arg(rules, op, "weights", rules_arg(op, "weights"), weights);
                expect_arg(rules, op, "bias", rules_arg(op, "bias"), rules_arg(core, "bias"));
                return;
        }
        for (size_t i = 0; op_input(op, i) || op_input(core, i); i++)
                expect_arg(rules, op, "an input", op_input(op, i), op_input(core, i));
}

static void check_edges(Rules *rules) {
        each_group(rules, expect_edges);
}

static void expect_matmul(Rules *rules, const Op *op, const Group *g) {
        const Op *input = op_input(op, 0);
        const int32_t *out = op->tensor.dims;
        Window w;

        if (!rules_is(g->core, "matmul") || !window_of(op, &w))
                return;
        rules_expect(rules,
                     out[0] == 1 && out[1] == 1 && out[2] == 1 &&
                             out[3] == g->core->tensor.dims[g->core->tensor.n_dims - 1],
                     op->name, "its output is not [1,1,1,N]");
        rules_expect(rules,
                     w.kernel[0] == input->tensor.dims[2] && w.kernel[1] == input->tensor.dims[1] &&
                             w.stride[0] == 1 && w.stride[1] == 1 &&
                             (w.pad[0] | w.pad[1] | w.pad[2] | w.pad[3]) == 0,
                     op->name, "its kernel is not the image that it reads");
        rules_expect(rules,
                     !attrs_find(&op->attrs, "in_dim") && !attrs_find(&op->attrs, "out_dim") &&
                             !attrs_find(&op->attrs, "bias_term"),
                     op->name, "attributes of a convolution of the source");
}

static void check_matmuls(Rules *rules) {
        each_group(rules, expect_matmul);
}

/* --- constants --------------------------------------------------------------------------------- */

static const Op *const_of(const Rules *rules, const Op *op) {
        static const char *const suffixes[] = { "", "_new", "(reshaped)",
                                                "_transfered_Conv2d_weights", "(reshaped)_new" };
        const Op *found = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(suffixes) && !found; i++)
                found = find_without(rules->spec.source, op->name, suffixes[i]);
        return rules_is(found, "const") ? found : NULL;
}

static const Op *fix_of_const(const Rules *rules, const Op *op) {
        for (size_t i = op->index + 1; i < rules->spec.source->n_ops; i++)
                if (rules_is(rules->spec.source->ops[i], "fix") &&
                    op_input(rules->spec.source->ops[i], 0) == op)
                        return rules->spec.source->ops[i];
        return NULL;
}

static void expect_const_op(Rules *rules, const Op *op) {
        const Attr *shape = attrs_find(&op->attrs, "shape");
        const Op *from = const_of(rules, op);

        if (!rules_is(op, "const-fix"))
                return;
        rules_expect(rules, from != NULL, op->name, "no constant of the source is called so");
        rules_expect(rules,
                     shape && shape->kind == ATTR_INT32_VEC && shape->n == op->tensor.n_dims &&
                             memcmp(shape->int32s, op->tensor.dims,
                                    shape->n * sizeof(*shape->int32s)) == 0,
                     op->name, "its shape");
        rules_expect(rules, has_string(op, "data_type", "XINT8"), op->name, "its data_type");
        if (from && strcmp(from->name, op->name) == 0)
                rules_expect(rules, rules_joins(op->tensor.name, op->name, "_fix"), op->name,
                             "its tensor is %s", op->tensor.name);
}

static void check_const_ops(Rules *rules) {
        rules_each_dpu_op(rules, expect_const_op);
}

/* how far the engines' accumulator is from a bias's grid */
static int32_t bias_shift(const Rules *rules, const Op *bias) {
        for (size_t i = bias->index + 1; i < rules->spec.compiled->n_ops; i++) {
                const Op *op = rules->spec.compiled->ops[i];
                int32_t shift;

                if (rules_arg(op, "bias") != bias)
                        continue;
                shift = rules_int32(&bias->tensor.attrs, "fix_point", 0) -
                        rules_int32(&op_input(op, 0)->tensor.attrs, "fix_point", 0) -
                        rules_int32(&rules_arg(op, "weights")->tensor.attrs, "fix_point", 0) - 1;
                return shift > 0 ? shift : 0;
        }
        return 0;
}

static int expected_byte(const uint8_t *data, size_t i, int32_t fix_point, int32_t shift) {
        double q;
        float x;

        memcpy(&x, data + i * sizeof(x), sizeof(x));
        q = floor(ldexp((double) x, fix_point) + 0.5);
        q = q > 127 ? 127 : q < -128 ? -128 : q;
        return (int) floor(ldexp(q, -shift));
}

static void expect_bytes(Rules *rules, const Op *op) {
        const Op *from = const_of(rules, op), *fix = from ? fix_of_const(rules, from) : NULL;
        const Subgraph *part = where_is(op);
        const Attr *values = attrs_find(&part->attrs, "reg_id_to_parameter_value");
        const Attr *reg = values ? attr_map_find(values, "REG_0") : NULL;
        const size_t n = (size_t) tensor_elements(&op->tensor);
        const int32_t at = rules_int32(&op->tensor.attrs, "ddr_addr", -1);
        const int32_t shift = bias_shift(rules, op);
        size_t n_wrong = 0;
        int32_t fix_point;
        Slice data;

        if (!rules_is(op, "const-fix") || !fix)
                return;
        fix_point = rules_int32(&fix->attrs, "fix_point", 0);
        if (!reg || at < 0 || reg->bytes.size < (size_t) at + n ||
            attrs_bytes(&from->attrs, "data", &data) < 0 || data.size != n * sizeof(float))
                return rules_expect(rules, false, op->name, "its bytes are not in REG_0");
        for (size_t i = 0; i < n; i++)
                n_wrong += (int8_t) reg->bytes.data[(size_t) at + i] !=
                           expected_byte(data.data, i, fix_point, shift);
        rules_expect(rules, n_wrong == 0, op->name, "%zu of its %zu bytes", n_wrong, n);
}

static void check_bytes(Rules *rules) {
        rules_each_dpu_op(rules, expect_bytes);
}

/* --- the whole --------------------------------------------------------------------------------- */

static void expect_input(Rules *rules, const Op *op) {
        const Attr *shape = attrs_find(&op->attrs, "shape");
        const Op *from = graph_find_op(rules->spec.source, op->name);

        if (!rules_is(op, "data-fix"))
                return;
        rules_expect(rules, rules_is(from, "data"), op->name, "no input of the source");
        rules_expect(rules, rules_joins(op->tensor.name, op->name, "_fix"), op->name,
                     "its tensor is %s", op->tensor.name);
        rules_expect(rules, has_string(op, "data_type", "XINT8"), op->name, "its data_type");
        rules_expect(rules, shape && shape->kind == ATTR_INT32_VEC && shape->n == op->tensor.n_dims,
                     op->name, "its shape");
}

static void check_inputs(Rules *rules) {
        rules_each_op(rules, expect_input);
}

static void check_outputs(Rules *rules) {
        const Graph *source = rules->spec.source, *compiled = rules->spec.compiled;
        /* off the DPU; of the CPU; off the DPU, and without a fix of its own in the source */
        static const char *const forms[] = { "_", "", "_fix_" };
        size_t n = 0, n_found = 0, n_found_here;

        for (size_t i = 0; i < source->n_ops; i++) {
                const Op *op = source->ops[i];
                char name[NAME_MAX_RULES];

                if (op->n_consumers > 0 || rules_is(op, "const"))
                        continue;
                n++;
                n_found_here = 0;
                for (size_t k = 0; k < ARRAY_SIZE(forms); k++) {
                        const Op *found;

                        (void) snprintf(name, sizeof(name), "%s%s", op->tensor.name, forms[k]);
                        found = graph_find_op(compiled, name);
                        n_found_here += found && found->n_consumers == 0;
                }
                rules_expect(rules, n_found_here == 1, op->name, "an output of the source");
        }
        for (size_t i = 0; i < compiled->n_ops; i++)
                n_found += compiled->ops[i]->n_consumers == 0 && !rules_is_const(compiled->ops[i]);
        rules_expect(rules, n == n_found, compiled->name, "%zu outputs instead of %zu", n_found, n);
}

/* what only gave a shape is gone */
static void expect_no_shapes(Rules *rules, const Op *op) {
        rules_expect(rules, !rules_is(op, "stack") && !rules_arg(op, "shape"), op->name,
                     "the shape is an argument");
}

static void check_no_shapes(Rules *rules) {
        rules_each_dpu_op(rules, expect_no_shapes);
}

/* ops on the CPU are those of the source, but for their device */
static void expect_cpu_op(Rules *rules, const Op *op) {
        const Op *from = graph_find_op(rules->spec.source, op->name);

        if (strcmp(where_device(op), "CPU") != 0 || !from || rules_is(op, "float2fix") ||
            rules_is(op, "fix2float"))
                return;
        rules_expect(rules, strcmp(op->type, from->type) == 0, op->name, "%s became %s", from->type,
                     op->type);
        for (size_t i = 0; i < from->attrs.n; i++) {
                const Attr *to = attrs_find(&op->attrs, from->attrs.items[i].name);

                rules_expect(rules, to && attr_equal(to, &from->attrs.items[i].value), op->name,
                             "its %s", from->attrs.items[i].name);
        }
        for (size_t i = 0; i < op->attrs.n; i++)
                rules_expect(rules,
                             strcmp(op->attrs.items[i].name, "device") == 0 ||
                                     attrs_find(&from->attrs, op->attrs.items[i].name),
                             op->name, "%s is not in the source", op->attrs.items[i].name);
}

static void check_cpu_ops(Rules *rules) {
        rules_each_op(rules, expect_cpu_op);
}

static void check_provenance(Rules *rules) {
        const Graph *graph = rules->spec.compiled;
        const Attr *md5 = attrs_find(&graph->attrs, "files_md5sum");
        const Attr *libs = attrs_find(&graph->attrs, "libs_info");

        rules_expect(rules, strcmp(graph->name, rules->spec.source->name) == 0, graph->name,
                     "the source is called %s", rules->spec.source->name);
        rules_expect(rules, md5 && md5->kind == ATTR_MAP_STRING_STRING && md5->n > 0, graph->name,
                     "files_md5sum");
        rules_expect(rules, libs && libs->kind == ATTR_MAP_STRING_STRING && libs->n > 0,
                     graph->name, "libs_info");
}

const Rule rules_of_sources[] = {
        { "origins", "every op of the DPU is one of the source, a reshape, or a border",
          check_origins, true },
        { "tensors",
          "named like the fix that ends the group, with its grid; X_inserted_fix_N or "
          "X_fix with the grid of the concat where there is none",
          check_tensors, true },
        { "windows",
          "kernel and dilation stay; the padding that the last window needs; stride 1 "
          "where the kernel covers the image",
          check_windows, true },
        { "reductions", "the kernel is as long as the axis", check_reductions, true },
        { "nonlinear", "by the activation; the numbers of a hard sigmoid are -128; alpha as it is",
          check_nonlinear, true },
        { "carried", "attributes of convolutions, concat and resize are those of the source",
          check_carried, true },
        { "types", "ADD, MUL, MAX, AVG; a pool is called like its tensor", check_types, true },
        { "hard-sigmoid", "hsigmoid_in: fix point; shift_hsigmoid: 14 + that - that of the output",
          check_hard_sigmoids, true },
        { "edges", "inputs, weights and bias are those of the source, in its order", check_edges,
          true },
        { "matmul", "a conv2d as large as the image, to [1,1,1,N]", check_matmuls, true },
        { "const-names", "const-fix: name of the const, tensor of its fix, shape, XINT8",
          check_const_ops, true },
        { "const-bytes", "numbers of the source on their grid; a bias shifted to the accumulator's",
          check_bytes, true },
        { "inputs", "data-fix: name of the data, tensor of its fix, shape, XINT8", check_inputs,
          true },
        { "outputs", "those of the source: tensor and _ where they come off the DPU", check_outputs,
          true },
        { "no-shapes", "nothing on the DPU has its shape as an argument", check_no_shapes, true },
        { "cpu-ops", "type and attributes of the source, and device", check_cpu_ops, true },
        { "provenance", "name of the graph; files_md5sum, libs_info", check_provenance, true },
        { NULL, NULL, NULL, false },
};
