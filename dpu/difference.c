#include "dpu/difference.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "dpu/attr_text.h"
#include "dpu/model_report.h"
#include "dpu/ports.h"
#include "dpu/where.h"

#define DIFFERENCE_TEXT_MAX ((size_t) 64 * 1024)

/* the first error of difference_add() sticks */
typedef struct Differ {
        Graph *a, *b;
        bool *border; /* by Op.index of a: the runtime looks at the op's tensor */
        Difference *to;
        int error;
} Differ;

/* --- collecting ---------------------------------------------------------------------------- */

static const char *difference_copy(Differ *d, const char *text) {
        const char *copy = text ? arena_string(&d->to->arena, text, strlen(text)) : NULL;

        if (text && !copy)
                d->error = -ENOMEM;
        return copy;
}

/* @what is kept as it is, the rest is copied. */
static void difference_add(Differ *d, bool effect, const char *what, const char *name,
                           const char *a, const char *b) {
        Difference *to = d->to;
        Change *items;

        to->effect |= effect;
        if (to->n == DIFFERENCE_CHANGES_MAX) {
                to->n_more++;
                return;
        }
        items = arena_grow(&to->arena, to->items, to->n, sizeof(*items));
        if (!items) {
                d->error = -ENOMEM;
                return;
        }
        to->items = items;
        items[to->n++] = (Change){
                .what = what,
                .name = difference_copy(d, name),
                .a = difference_copy(d, a),
                .b = difference_copy(d, b),
                .effect = effect,
        };
}

static void difference_strings(Differ *d, bool effect, const char *what, const char *name,
                               const char *a, const char *b) {
        if ((a || b) && (!a || !b || strcmp(a, b) != 0))
                difference_add(d, effect, what, name, a, b);
}

static void difference_numbers(Differ *d, bool effect, const char *what, const char *name,
                               uint64_t a, uint64_t b) {
        char x[24], y[24];

        (void) snprintf(x, sizeof(x), "%" PRIu64, a);
        (void) snprintf(y, sizeof(y), "%" PRIu64, b);
        difference_strings(d, effect, what, name, x, y);
}

/* --- attributes ---------------------------------------------------------------------------- */

/* NULL if @attr is; otherwise a text in @out */
static const char *difference_attr_text(Differ *d, const char *name, const Attr *attr, Bytes *out) {
        int r;

        if (!attr)
                return NULL;
        if (attr->kind == ATTR_UINT64 && strcmp(name, "dpu_fingerprint") == 0)
                r = bytes_printf(out, "0x%016" PRIx64, attr->uint64);
        else
                r = attr_text(attr, out);
        if (r == 0)
                r = bytes_append(out, "", 1);
        if (r == -ENOMEM)
                d->error = r;
        return r < 0 ? "too long to print" : (const char *) out->data;
}

/* Differing values can look alike: binary ones, long ones. */
static void difference_attr(Differ *d, bool effect, const char *owner, const char *name,
                            const Attr *a, const Attr *b) {
        _cleanup_(bytes_cleanup) Bytes x = BYTES_INIT(DIFFERENCE_TEXT_MAX);
        _cleanup_(bytes_cleanup) Bytes y = BYTES_INIT(DIFFERENCE_TEXT_MAX);
        _cleanup_(freep) char *full = NULL;
        const char *text_a, *text_b;

        if (a && b && attr_equal(a, b))
                return;
        if (asprintf(&full, "%s: %s", owner, name) < 0) {
                full = NULL;
                d->error = -ENOMEM;
                return;
        }
        text_a = difference_attr_text(d, name, a, &x);
        text_b = difference_attr_text(d, name, b, &y);
        if (text_a && text_b && strcmp(text_a, text_b) == 0)
                text_b = "other content";
        difference_add(d, effect, "attribute", full, text_a, text_b);
}

/* of subgraphs: figures and structure that the runtime does not read; of tensors: what the tensor
 * itself tells better */
static bool difference_has_effect(const char *name) {
        static const char *const without[] = {
                "children_topological_sort",
                "data_type",
                "debug_mode",
                "if_prefetch",
                "shape",
                "workload",
                "workload_on_arch",
        };

        for (size_t i = 0; i < ARRAY_SIZE(without); i++)
                if (strcmp(name, without[i]) == 0)
                        return false;
        return true;
}

/* Both lists ascend by name. */
static void difference_attrs(Differ *d, const char *owner, const Attrs *a, const Attrs *b) {
        size_t i = 0, j = 0;

        while (i < a->n || j < b->n) {
                const NamedAttr *x = i < a->n ? &a->items[i] : NULL;
                const NamedAttr *y = j < b->n ? &b->items[j] : NULL;
                int order = !x ? 1 : !y ? -1 : strcmp(x->name, y->name);
                const char *name = order <= 0 ? x->name : y->name;

                difference_attr(d, difference_has_effect(name), owner, name,
                                order <= 0 ? &x->value : NULL, order >= 0 ? &y->value : NULL);
                i += order <= 0;
                j += order >= 0;
        }
}

/* --- subgraphs ----------------------------------------------------------------------------- */

typedef struct Figures {
        size_t dpu, cpu, user, other;
        uint64_t code_bytes, parameter_bytes, constant_bytes;
} Figures;

static void figures_count(Figures *figures, const Subgraph *subgraph) {
        Slice code;

        figures->dpu += where_runs_on(subgraph, "DPU");
        figures->cpu += where_runs_on(subgraph, "CPU");
        figures->user += where_runs_on(subgraph, "USER");
        if (attrs_bytes(&subgraph->attrs, "mc_code", &code) == 0)
                figures->code_bytes += code.size;
        figures->parameter_bytes += model_report_parameter_bytes(&subgraph->attrs);
}

static Figures figures_of(const Graph *graph) {
        Figures figures = { .constant_bytes = model_report_constant_bytes(graph) };

        for (size_t i = 0; i < graph->root->n_children; i++)
                figures_count(&figures, graph->root->children[i]);
        figures.other = graph->root->n_children - figures.dpu - figures.cpu - figures.user;
        return figures;
}

static void difference_figures(Differ *d) {
        const Figures a = figures_of(d->a), b = figures_of(d->b);
        uint64_t x = 0, y = 0;

        difference_numbers(d, true, "subgraphs", "DPU", a.dpu, b.dpu);
        difference_numbers(d, true, "subgraphs", "CPU", a.cpu, b.cpu);
        difference_numbers(d, true, "subgraphs", "USER", a.user, b.user);
        difference_numbers(d, true, "subgraphs", "other", a.other, b.other);
        difference_numbers(d, true, "bytes", "machine code", a.code_bytes, b.code_bytes);
        difference_numbers(d, true, "bytes", "parameters", a.parameter_bytes, b.parameter_bytes);
        difference_numbers(d, false, "bytes", "constants in ops", a.constant_bytes,
                           b.constant_bytes);
        (void) attrs_uint64(&d->a->root->attrs, "workload", &x);
        (void) attrs_uint64(&d->b->root->attrs, "workload", &y);
        difference_numbers(d, false, "workload", NULL, x, y);
}

static const Subgraph *difference_find_subgraph(const Graph *graph, const char *name) {
        for (size_t i = 0; i < graph->root->n_children; i++)
                if (strcmp(graph->root->children[i]->name, name) == 0)
                        return graph->root->children[i];
        return NULL;
}

static const char *difference_device(const Subgraph *subgraph) {
        return attrs_string(&subgraph->attrs, "device") ?: "no device";
}

/* By name: the vendor's library writes them in any order. What is in one of them only matters if
 * there is code in it; ops outside of the DPU are compared for themselves. */
static void difference_subgraphs(Differ *d) {
        const Subgraph *x = d->a->root, *y = d->b->root;

        for (size_t i = 0; i < x->n_children && d->error == 0; i++) {
                const Subgraph *a = x->children[i], *b = difference_find_subgraph(d->b, a->name);

                difference_strings(d, where_runs_on(a, "DPU"), "subgraph", a->name,
                                   difference_device(a), b ? difference_device(b) : NULL);
                if (b)
                        difference_attrs(d, a->name, &a->attrs, &b->attrs);
        }
        for (size_t i = 0; i < y->n_children; i++)
                if (!difference_find_subgraph(d->a, y->children[i]->name))
                        difference_add(d, where_runs_on(y->children[i], "DPU"), "subgraph",
                                       y->children[i]->name, NULL,
                                       difference_device(y->children[i]));
}

/* --- ops ----------------------------------------------------------------------------------- */

static void difference_mark_border(Differ *d) {
        for (size_t i = 0; i < d->a->n_ops; i++) {
                const Op *op = d->a->ops[i];
                bool download = strcmp(op->type, "download") == 0;

                if (download || strcmp(op->type, "upload") == 0)
                        d->border[i] = true;
                for (size_t j = 0; j < op->n_args; j++)
                        for (size_t k = 0; k < op->args[j].n_ops; k++)
                                if (download || where_is(op) != where_is(op->args[j].ops[k]))
                                        d->border[op->args[j].ops[k]->index] = true;
        }
}

static bool difference_on_dpu(const Op *op) {
        return strcmp(where_device(op), "DPU") == 0;
}

/* "CPU transpose" */
static const char *difference_place(const Op *op, char *buffer, size_t room) {
        (void) snprintf(buffer, room, "%s %s", where_device(op), op->type);
        return buffer;
}

/* "XINT8 [1, 10]" */
static int difference_shape(const Tensor *tensor, Bytes *out) {
        const Attr dims = { .kind = ATTR_INT32_VEC, .n = tensor->n_dims, .int32s = tensor->dims };
        int r;

        r = bytes_printf(out, "%s%d ", data_type_name(tensor->data_type), tensor->bit_width);
        if (r == 0)
                r = attr_text(&dims, out);
        return r < 0 ? r : bytes_append(out, "", 1);
}

static void difference_tensor(Differ *d, const char *what, const Op *a, const Op *b) {
        _cleanup_(bytes_cleanup) Bytes x = BYTES_INIT(DIFFERENCE_TEXT_MAX);
        _cleanup_(bytes_cleanup) Bytes y = BYTES_INIT(DIFFERENCE_TEXT_MAX);
        int r;

        r = difference_shape(&a->tensor, &x);
        if (r == 0)
                r = difference_shape(&b->tensor, &y);
        if (r < 0) {
                d->error = r;
                return;
        }
        difference_strings(d, true, what, a->tensor.name, (const char *) x.data,
                           (const char *) y.data);
}

/* Inside of the DPU ops have other names in every release, their tensors have not. */
static bool difference_same_input(const Op *a, const Op *b) {
        return strcmp(a->name, b->name) == 0 || strcmp(a->tensor.name, b->tensor.name) == 0;
}

static bool difference_same_args(const Op *a, const Op *b) {
        if (a->n_args != b->n_args)
                return false;
        for (size_t i = 0; i < a->n_args; i++) {
                const Arg *x = &a->args[i], *y = op_arg(b, x->name);

                if (!y || x->n_ops != y->n_ops)
                        return false;
                for (size_t j = 0; j < x->n_ops; j++)
                        if (!difference_same_input(x->ops[j], y->ops[j]))
                                return false;
        }
        return true;
}

/* An op of both, at the same place. Inside of the DPU only the code counts. */
static void difference_same_place(Differ *d, const Op *a, const Op *b) {
        bool outside = !difference_on_dpu(a);

        if (outside || d->border[a->index]) {
                difference_tensor(d, "tensor", a, b);
                difference_attrs(d, a->tensor.name, &a->tensor.attrs, &b->tensor.attrs);
        }
        if (!outside)
                return;
        difference_strings(d, true, "type", a->name, a->type, b->type);
        difference_attrs(d, a->name, &a->attrs, &b->attrs);
        if (!difference_same_args(a, b))
                difference_add(d, true, "inputs", a->name, "its own", "others");
}

/* What is only in one of them. Inside of the DPU that is the code's affair. */
static void difference_missing(Differ *d, const Op *op, bool in_a) {
        char place[128];

        if (difference_on_dpu(op))
                return;
        (void) difference_place(op, place, sizeof(place));
        difference_add(d, true, "op", op->name, in_a ? place : NULL, in_a ? NULL : place);
}

static void difference_op(Differ *d, const Op *a) {
        const Op *b = graph_find_op(d->b, a->name);
        char x[128], y[128];

        if (!b)
                difference_missing(d, a, true);
        else if (strcmp(where_device(a), where_device(b)) != 0)
                difference_add(d, true, "op", a->name, difference_place(a, x, sizeof(x)),
                               difference_place(b, y, sizeof(y)));
        else
                difference_same_place(d, a, b);
}

static void difference_ops(Differ *d) {
        for (size_t i = 0; i < d->a->n_ops && d->error == 0; i++)
                difference_op(d, d->a->ops[i]);
        for (size_t i = 0; i < d->b->n_ops && d->error == 0; i++)
                if (!graph_find_op(d->a, d->b->ops[i]->name))
                        difference_missing(d, d->b->ops[i], false);
}

/* --- ports --------------------------------------------------------------------------------- */

static const char *difference_fix_point(const Port *port, char *buffer, size_t room) {
        if (!port->has_fix_point)
                return NULL;
        (void) snprintf(buffer, room, "fix point %d", port->fix_point);
        return buffer;
}

static const Port *difference_find_port(const Port *ports, size_t n, const char *tensor) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(ports[i].op->tensor.name, tensor) == 0)
                        return &ports[i];
        return NULL;
}

static void difference_port(Differ *d, const char *what, const Port *a, const Port *b) {
        const char *name = a->op->tensor.name;
        char x[32], y[32];

        difference_tensor(d, what, a->op, b->op);
        difference_strings(d, true, what, name, difference_fix_point(a, x, sizeof(x)),
                           difference_fix_point(b, y, sizeof(y)));
}

/* By name, as applications find them. */
static void difference_port_lists(Differ *d, const char *what, const Port *a, size_t n_a,
                                  const Port *b, size_t n_b) {
        for (size_t i = 0; i < n_a && d->error == 0; i++) {
                const char *name = a[i].op->tensor.name;
                const Port *other = difference_find_port(b, n_b, name);

                if (other)
                        difference_port(d, what, &a[i], other);
                else
                        difference_add(d, true, what, name, "there", NULL);
        }
        for (size_t i = 0; i < n_b; i++)
                if (!difference_find_port(a, n_a, b[i].op->tensor.name))
                        difference_add(d, true, what, b[i].op->tensor.name, NULL, "there");
}

static void difference_ports(Differ *d) {
        _cleanup_(ports_deinit) Ports a = { 0 };
        _cleanup_(ports_deinit) Ports b = { 0 };
        int r;

        r = ports_init(&a, d->a);
        if (r == 0)
                r = ports_init(&b, d->b);
        if (r < 0) {
                d->error = r;
                return;
        }
        difference_port_lists(d, "input", a.inputs, a.n_inputs, b.inputs, b.n_inputs);
        difference_port_lists(d, "output", a.outputs, a.n_outputs, b.outputs, b.n_outputs);
}

/* --- where they came from ------------------------------------------------------------------ */

static const char *difference_pair(const Attr *map, const char *key) {
        const Attr *value = map ? attr_map_find(map, key) : NULL;

        return value && value->kind == ATTR_STRING ? value->string : NULL;
}

static void difference_origin(Differ *d, const char *what, const char *name) {
        const Attr *a = attrs_find(&d->a->attrs, name), *b = attrs_find(&d->b->attrs, name);

        for (size_t i = 0; a && a->kind == ATTR_MAP_STRING_STRING && i < a->n; i++)
                difference_strings(d, false, what, a->pairs[i].key, a->pairs[i].value.string,
                                   difference_pair(b, a->pairs[i].key));
        for (size_t i = 0; b && b->kind == ATTR_MAP_STRING_STRING && i < b->n; i++)
                if (!difference_pair(a, b->pairs[i].key))
                        difference_add(d, false, what, b->pairs[i].key, NULL,
                                       b->pairs[i].value.string);
}

int difference_run(Graph *a, Graph *b, Difference *ret) {
        _cleanup_(freep) bool *border = calloc(a->n_ops + 1, sizeof(*border));
        Difference result = { 0 };
        Differ d = { .a = a, .b = b, .border = border, .to = &result };

        if (!border)
                return -ENOMEM;
        graph_count_consumers(a);
        graph_count_consumers(b);
        difference_mark_border(&d);
        difference_strings(&d, false, "graph", NULL, a->name, b->name);
        difference_figures(&d);
        difference_ports(&d);
        difference_subgraphs(&d);
        difference_ops(&d);
        difference_origin(&d, "compiler", "libs_info");
        difference_origin(&d, "source", "files_md5sum");
        if (d.error < 0) {
                difference_deinit(&result);
                return d.error;
        }
        *ret = result;
        return 0;
}

void difference_deinit(Difference *difference) {
        arena_deinit(&difference->arena);
        *difference = (Difference){ 0 };
}
