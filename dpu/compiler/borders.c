#include "dpu/compiler/borders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "dpu/compiler/lower_spec.h"

#define BORDERS_NAME_MAX 8192

/* how a part sees what another one makes */
typedef struct Entry {
        Op *op;
        size_t part, next; /* next: number of another entry of the same producer, SIZE_MAX: none */
} Entry;

typedef struct Borders {
        const Graph *from;
        const Partition *partition;
        Graph *to;
        Op **copies;     /* owned; by index in @from */
        Op **public;     /* owned; what other parts read: the copy, or its download */
        size_t *entered; /* owned; the first of the producer's entries */
        Entry *entries;  /* owned */
        size_t n_entries, entries_capacity;
        size_t *parts; /* owned; of the ops of @to */
        size_t parts_capacity;
} Borders;

static void borders_deinit(Borders *b) {
        (void) graph_free(b->to);
        free(b->copies);
        free(b->public);
        free(b->entered);
        free(b->entries);
        free(b->parts);
}

static int borders_init(Borders *b, const Graph *from, const Partition *partition) {
        b->from = from;
        b->partition = partition;
        b->copies = calloc(from->n_ops + 1, sizeof(*b->copies));
        b->public = calloc(from->n_ops + 1, sizeof(*b->public));
        b->entered = calloc(from->n_ops + 1, sizeof(*b->entered));
        if (!b->copies || !b->public || !b->entered)
                return -ENOMEM;
        for (size_t i = 0; i < from->n_ops; i++)
                b->entered[i] = SIZE_MAX;
        return graph_new(&b->to, from->name);
}

static size_t borders_part(const Borders *b, const Op *from) {
        return b->partition->placements[from->index].part;
}

static bool borders_on_dpu(const Borders *b, size_t part) {
        return b->partition->parts[part].device == DEVICE_DPU;
}

/* --- ops ------------------------------------------------------------------------------------- */

static int borders_copy_attrs(Graph *graph, Attrs *to, const Attrs *from) {
        for (size_t i = 0; i < from->n; i++) {
                int r = graph_set_attr(graph, to, from->items[i].name, &from->items[i].value);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* @base and a suffix, in the graph's arena */
static int borders_name(Borders *b, const char *base, const char *suffix, size_t number,
                        const char **ret) {
        _cleanup_(bytes_cleanup) Bytes name = BYTES_INIT(BORDERS_NAME_MAX);
        int r = bytes_printf(&name, "%s_%s_%zu", base, suffix, number);

        if (r < 0)
                return r;
        *ret = arena_string(&b->to->arena, name.data, name.size);
        return *ret ? 0 : -ENOMEM;
}

/* A new op of @part with the tensor of @like, of that or another name. */
static int borders_add(Borders *b, size_t part, const char *name, const char *type,
                       const char *tensor, const Op *like, Op **ret) {
        const Tensor *t = &like->tensor;
        Op *op;
        int r;

        r = array_reserve(&b->parts, &b->parts_capacity, b->to->n_ops + 1, sizeof(*b->parts));
        if (r < 0)
                return r;
        r = graph_add_op(b->to, name, type, &op);
        if (r < 0)
                return r;
        b->parts[b->to->n_ops - 1] = part;
        r = graph_set_tensor(b->to, op, tensor, (DataType) t->data_type, t->bit_width, t->dims,
                             t->n_dims);
        if (r == 0)
                r = borders_copy_attrs(b->to, &op->tensor.attrs, &t->attrs);
        *ret = op;
        return r;
}

/* --- in -------------------------------------------------------------------------------------- */

static int borders_add_entry(Borders *b, const Op *from, size_t part, size_t number, Op **ret) {
        const char *name, *tensor;
        bool constant = partition_is_constant(from);
        Op *op;
        int r;

        r = borders_name(b, b->public[from->index] -> name, constant ? "copy" : "upload", number,
                         &name);
        if (r == 0)
                r = borders_name(b, from->tensor.name, constant ? "copy" : "upload", number,
                                 &tensor);
        if (r == 0)
                r = borders_add(b, part, name, constant ? from->type : "upload", tensor, from, &op);
        if (r == 0 && constant)
                r = borders_copy_attrs(b->to, &op->attrs, &from->attrs);
        else if (r == 0)
                r = graph_add_arg(b->to, op, "input", b->public[from->index]);
        if (r < 0)
                return r;
        *ret = op;
        return array_reserve(&b->entries, &b->entries_capacity, b->n_entries + 1,
                             sizeof(*b->entries));
}

/* what @part reads for @from */
static int borders_enter(Borders *b, const Op *from, size_t part, Op **ret) {
        size_t number = 0;
        Op *op;
        int r;

        if (borders_part(b, from) == part) {
                *ret = b->copies[from->index];
                return 0;
        }
        if (!borders_on_dpu(b, part)) {
                *ret = b->public[from->index];
                return 0;
        }
        for (size_t i = b->entered[from->index]; i != SIZE_MAX; i = b->entries[i].next) {
                if (b->entries[i].part == part) {
                        *ret = b->entries[i].op;
                        return 0;
                }
                number++;
        }
        r = borders_add_entry(b, from, part, number, &op);
        if (r < 0)
                return r;
        b->entries[b->n_entries] =
                (Entry){ .op = op, .part = part, .next = b->entered[from->index] };
        b->entered[from->index] = b->n_entries++;
        *ret = op;
        return 0;
}

/* --- out ------------------------------------------------------------------------------------- */

/* by index: read by another part, or by nobody */
static void borders_find_leaving(const Borders *b, bool *leaves) {
        for (size_t i = 0; i < b->from->n_ops; i++) {
                const Op *op = b->from->ops[i];

                if (op->n_consumers == 0)
                        leaves[i] = true;
                for (size_t a = 0; a < op->n_args; a++)
                        for (size_t k = 0; k < op->args[a].n_ops; k++)
                                if (borders_part(b, op->args[a].ops[k]) != borders_part(b, op))
                                        leaves[op->args[a].ops[k]->index] = true;
        }
}

static int borders_leave(Borders *b, const Op *from, size_t part) {
        const char *name;
        Op *download;
        int r;

        r = borders_name(b, from->name, "download", 0, &name);
        if (r == 0)
                r = borders_add(b, part, name, "download", from->tensor.name, from, &download);
        if (r == 0)
                r = graph_add_arg(b->to, download, "input", b->copies[from->index]);
        if (r == 0)
                b->public[from->index] = download;
        return r;
}

/* --- all ------------------------------------------------------------------------------------- */

static int borders_copy_args(Borders *b, const Op *from, size_t part, Op *to) {
        for (size_t a = 0; a < from->n_args; a++) {
                const Arg *arg = &from->args[a];
                int r = arg->n_ops == 0 ? graph_add_arg(b->to, to, arg->name, NULL) : 0;

                for (size_t k = 0; k < arg->n_ops && r == 0; k++) {
                        Op *input;

                        r = borders_enter(b, arg->ops[k], part, &input);
                        if (r == 0)
                                r = graph_add_arg(b->to, to, arg->name, input);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Whatever an op reads is entered before it is added: that keeps the order topological. */
static int borders_enter_all(Borders *b, const Op *from, size_t part) {
        Op *ignored;
        int r = 0;

        for (size_t a = 0; a < from->n_args; a++)
                for (size_t k = 0; k < from->args[a].n_ops && r == 0; k++)
                        r = borders_enter(b, from->args[a].ops[k], part, &ignored);
        return r;
}

static int borders_copy(Borders *b, const Op *from, bool leaves) {
        size_t part = borders_part(b, from);
        bool out = leaves && borders_on_dpu(b, part) && !partition_is_constant(from);
        const char *tensor = from->tensor.name;
        Op *op;
        int r;

        r = borders_enter_all(b, from, part);
        if (r == 0 && out)
                r = borders_name(b, tensor, "download", 0, &tensor);
        if (r == 0)
                r = borders_add(b, part, from->name, from->type, tensor, from, &op);
        if (r == 0)
                r = borders_copy_attrs(b->to, &op->attrs, &from->attrs);
        if (r == 0)
                r = borders_copy_args(b, from, part, op);
        if (r < 0)
                return r;
        b->copies[from->index] = b->public[from->index] = op;
        return out ? borders_leave(b, from, part) : 0;
}

static int borders_make_partition(const Borders *b, Partition **ret) {
        _cleanup_(partition_freep) Partition *p = calloc(1, sizeof(*p));
        const Graph *graph = b->to;

        if (!p)
                return -ENOMEM;
        p->n_parts = b->partition->n_parts;
        p->n_ops = graph->n_ops;
        p->parts = calloc(p->n_parts + 1, sizeof(*p->parts));
        p->placements = calloc(p->n_ops + 1, sizeof(*p->placements));
        p->ops = calloc(p->n_ops + 1, sizeof(const Op *));
        if (!p->parts || !p->placements || !p->ops)
                return -ENOMEM;
        for (size_t i = 0; i < p->n_ops; i++)
                p->parts[b->parts[i]].n_ops++;
        for (size_t i = 0, at = 0; i < p->n_parts; i++) {
                const Part *old = &b->partition->parts[i];

                p->parts[i].device = old->device;
                p->parts[i].smallest = graph_find_op(graph, old->smallest)->name;
                p->parts[i].ops = p->ops + at;
                at += p->parts[i].n_ops;
                p->parts[i].n_ops = 0; /* filled below */
        }
        for (size_t i = 0; i < p->n_ops; i++) {
                Part *part = &p->parts[b->parts[i]];

                part->ops[part->n_ops++] = graph->ops[i];
                p->placements[i] = (Placement){ .device = part->device, .part = b->parts[i] };
                if (part->device == DEVICE_CPU)
                        p->placements[i].reason =
                                attrs_string(&graph->ops[i]->attrs, LOWER_REASON_ATTR);
        }
        *ret = TAKE_PTR(p);
        return 0;
}

int borders_run(const Graph *lowered, const Partition *partition, Graph **ret_graph,
                Partition **ret_partition) {
        _cleanup_(borders_deinit) Borders b = {};
        _cleanup_(freep) bool *leaves = calloc(lowered->n_ops + 1, sizeof(*leaves));
        int r;

        if (!leaves)
                return -ENOMEM;
        r = borders_init(&b, lowered, partition);
        if (r < 0)
                return r;
        borders_find_leaving(&b, leaves);
        r = borders_copy_attrs(b.to, &b.to->attrs, &lowered->attrs);
        for (size_t i = 0; i < lowered->n_ops && r == 0; i++)
                r = borders_copy(&b, lowered->ops[i], leaves[i]);
        if (r < 0)
                return r;
        graph_count_consumers(b.to);
        r = borders_make_partition(&b, ret_partition);
        if (r < 0)
                return r;
        *ret_graph = TAKE_PTR(b.to);
        return 0;
}
