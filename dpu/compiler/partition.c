/*
 * Regions without cycles
 *
 * Give every op a level: that of its inputs, or one more where an input runs on another device.
 * A region is a connected set of ops with one device and one level. An edge between two regions
 * then always leads to a higher level (on one level it joins ops of the same device, and those
 * are one region), so regions cannot depend on each other in a circle, and sorting them by level
 * puts each after what it reads.
 *
 * Inputs of the model depend on nothing and raise no level. Constants have no place of their
 * own: they join the first region, in the final order, that reads them. All edges still lead
 * forward, which would not hold if "first" meant the first reader in the graph.
 *
 * Levels put a region as early as possible, and sometimes apart from the one that reads it. So
 * regions move to a later level, from the last level to the first, where that joins them with a
 * region of their device that reads them and nothing else that reads them is in the way. All edges
 * still lead to a higher level, or stay inside a region. What is left are the regions that no single
 * move can join; they are not always the fewest possible.
 */
#include "dpu/compiler/partition.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/compiler/lower.h"

#define PARTITION_NO_REASON "it was not lowered"

/* what is known of one op while regions form */
typedef struct Node {
        Device device;
        bool floating; /* a constant that something reads: placed last */
        size_t level;  /* see above */
        size_t joined; /* union-find: index of an op of the same region, towards its first op */
        size_t part;   /* of a region's first op, then of every op */
        size_t limit;  /* of a region's first op: the level that its readers leave to it */
        size_t kin;    /* a reader of the same device, on the lowest level of such; or SIZE_MAX */
} Node;

typedef struct Region {
        size_t first; /* index of its first op */
        Device device;
        size_t level;
} Region;

const char *device_name(Device device) {
        switch (device) {
        case DEVICE_USER:
                return "USER";
        case DEVICE_CPU:
                return "CPU";
        case DEVICE_DPU:
                return "DPU";
        }
        return NULL;
}

bool partition_is_constant(const Op *op) {
        return op->n_args == 0 &&
               (strcmp(op->type, "const") == 0 || strcmp(op->type, "const-fix") == 0);
}

bool partition_is_input(const Op *op) {
        return op->n_args == 0 &&
               (strcmp(op->type, "data") == 0 || strcmp(op->type, "data-fix") == 0);
}

static size_t partition_first_of(Node *nodes, size_t i) {
        while (nodes[i].joined != i) {
                nodes[i].joined = nodes[nodes[i].joined].joined; /* halves the way for the next */
                i = nodes[i].joined;
        }
        return i;
}

static void partition_join(Node *nodes, size_t a, size_t b) {
        a = partition_first_of(nodes, a);
        b = partition_first_of(nodes, b);
        if (a < b)
                nodes[b].joined = a;
        else
                nodes[a].joined = b;
}

/* calls the body for every input of @op, as `in` */
#define PARTITION_EACH_INPUT(op, in)                                                               \
        for (size_t _arg = 0; _arg < (op)->n_args; _arg++)                                         \
                for (size_t _k = 0; _k < (op)->args[_arg].n_ops; _k++)                             \
                        for (const Op *in = (op)->args[_arg].ops[_k]; in; in = NULL)

static void partition_init_nodes(const Graph *graph, const Device *devices, Node *nodes) {
        for (size_t i = 0; i < graph->n_ops; i++)
                nodes[i] = (Node){ .device = devices[i],
                                   .joined = i,
                                   .part = SIZE_MAX,
                                   .limit = SIZE_MAX,
                                   .kin = SIZE_MAX };

        for (size_t i = 0; i < graph->n_ops; i++) {
                PARTITION_EACH_INPUT(graph->ops[i], in) {
                        nodes[in->index].floating = partition_is_constant(in);
                }
        }
}

static void partition_level(const Graph *graph, Node *nodes) {
        for (size_t i = 0; i < graph->n_ops; i++) {
                Node *node = &nodes[i];

                PARTITION_EACH_INPUT(graph->ops[i], in) {
                        const Node *from = &nodes[in->index];
                        size_t level = from->level;

                        if (from->floating || from->device == DEVICE_USER)
                                continue;
                        if (from->device != node->device)
                                level++;
                        if (level > node->level)
                                node->level = level;
                }
        }
}

/* the level of the region that op @i is in */
static size_t partition_level_of(Node *nodes, size_t i) {
        return nodes[partition_first_of(nodes, i)].level;
}

static void partition_connect(const Graph *graph, Node *nodes) {
        for (size_t i = 0; i < graph->n_ops; i++) {
                PARTITION_EACH_INPUT(graph->ops[i], in) {
                        const Node *from = &nodes[in->index];

                        if (from->floating || from->device == DEVICE_USER)
                                continue;
                        if (from->device == nodes[i].device &&
                            partition_level_of(nodes, in->index) == partition_level_of(nodes, i))
                                partition_join(nodes, in->index, i);
                }
        }
}

/* --- moving regions to later levels -------------------------------------------------------------- */

/* What op @i leaves to the regions that it reads. Its own does not move any more. */
static void partition_limit_inputs(const Graph *graph, Node *nodes, size_t i) {
        size_t level = partition_level_of(nodes, i);

        PARTITION_EACH_INPUT(graph->ops[i], in) {
                const Node *from = &nodes[in->index];
                Node *first = &nodes[partition_first_of(nodes, in->index)];
                bool kin = from->device == nodes[i].device;
                size_t limit = kin ? level : level - 1;

                if (from->floating || from->device == DEVICE_USER || first->level >= level)
                        continue;
                if (limit < first->limit)
                        first->limit = limit;
                if (kin &&
                    (first->kin == SIZE_MAX || level < partition_level_of(nodes, first->kin)))
                        first->kin = i;
        }
}

/* Moves the region whose first op is @i to the level of a reader of its device, if that is as late
 * as it may go. */
static void partition_move(Node *nodes, size_t i) {
        size_t kin = nodes[i].kin, level;

        if (nodes[i].joined != i || kin == SIZE_MAX)
                return;
        level = partition_level_of(nodes, kin);
        if (level <= nodes[i].limit)
                nodes[i].level = level;
}

typedef struct Leveled {
        size_t level, op;
} Leveled;

static int partition_compare_levels(const void *a, const void *b) {
        const Leveled *x = a, *y = b;

        if (x->level != y->level)
                return x->level > y->level ? -1 : 1;
        return (x->op > y->op) - (x->op < y->op);
}

/* from the last level to the first: what reads a region has found its place before it */
static int partition_move_all(const Graph *graph, Node *nodes) {
        _cleanup_(freep) Leveled *order = calloc(graph->n_ops + 1, sizeof(*order));

        if (!order)
                return -ENOMEM;
        for (size_t i = 0; i < graph->n_ops; i++)
                order[i] = (Leveled){ .level = nodes[i].level, .op = i };
        qsort(order, graph->n_ops, sizeof(*order), partition_compare_levels);

        for (size_t i = 0, end; i < graph->n_ops; i = end) {
                for (end = i; end < graph->n_ops && order[end].level == order[i].level; end++)
                        partition_move(nodes, order[end].op);
                for (size_t k = i; k < end; k++)
                        if (!nodes[order[k].op].floating &&
                            nodes[order[k].op].device != DEVICE_USER)
                                partition_limit_inputs(graph, nodes, order[k].op);
        }
        return 0;
}

/* --- parts ------------------------------------------------------------------------------------------- */

static int partition_compare_regions(const void *a, const void *b) {
        const Region *x = a, *y = b;

        if ((x->device == DEVICE_USER) != (y->device == DEVICE_USER))
                return x->device == DEVICE_USER ? -1 : 1;
        if (x->level != y->level)
                return x->level < y->level ? -1 : 1;
        return (x->first > y->first) - (x->first < y->first);
}

/* numbers the regions; the part of every op that is not floating is known afterwards */
static int partition_number(const Graph *graph, Node *nodes, size_t *ret_n_parts) {
        _cleanup_(freep) Region *regions = NULL;
        size_t n = 0;

        regions = calloc(graph->n_ops > 0 ? graph->n_ops : 1, sizeof(*regions));
        if (!regions)
                return -ENOMEM;

        for (size_t i = 0; i < graph->n_ops; i++)
                if (!nodes[i].floating && partition_first_of(nodes, i) == i)
                        regions[n++] = (Region){ .first = i,
                                                 .device = nodes[i].device,
                                                 .level = nodes[i].level };
        qsort(regions, n, sizeof(*regions), partition_compare_regions);

        for (size_t i = 0; i < n; i++)
                nodes[regions[i].first].part = i;
        for (size_t i = 0; i < graph->n_ops; i++)
                if (!nodes[i].floating)
                        nodes[i].part = nodes[partition_first_of(nodes, i)].part;

        *ret_n_parts = n;
        return 0;
}

/* constants go to the first part that reads them */
static void partition_settle(const Graph *graph, Node *nodes) {
        for (size_t i = 0; i < graph->n_ops; i++) {
                const Node *node = &nodes[i];

                PARTITION_EACH_INPUT(graph->ops[i], in) {
                        Node *from = &nodes[in->index];

                        if (from->floating && node->part < from->part) {
                                from->part = node->part;
                                from->device = node->device;
                        }
                }
        }
}

static void partition_add(Partition *p, const Op *op, const Node *node) {
        Part *part = &p->parts[node->part];

        p->placements[op->index] = (Placement){ .device = node->device, .part = node->part };
        if (!part->smallest || strcmp(op->name, part->smallest) < 0)
                part->smallest = op->name;
        part->device = node->device;
        part->ops[part->n_ops++] = op;
}

/* the lists of ops, part by part: count, reserve, fill */
static void partition_fill(Partition *p, const Graph *graph, const Node *nodes) {
        size_t start = 0;

        for (size_t i = 0; i < graph->n_ops; i++)
                p->parts[nodes[i].part].n_ops++;
        for (size_t i = 0; i < p->n_parts; i++) {
                p->parts[i].ops = p->ops + start;
                start += p->parts[i].n_ops;
                p->parts[i].n_ops = 0;
        }
        for (size_t i = 0; i < graph->n_ops; i++)
                partition_add(p, graph->ops[i], &nodes[i]);
}

static int partition_new(size_t n_ops, size_t n_parts, Partition **ret) {
        _cleanup_(partition_freep) Partition *p = NULL;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->n_ops = n_ops;
        p->n_parts = n_parts;
        p->parts = calloc(n_parts > 0 ? n_parts : 1, sizeof(*p->parts));
        p->ops = calloc(n_ops > 0 ? n_ops : 1, sizeof(*p->ops));
        p->placements = calloc(n_ops > 0 ? n_ops : 1, sizeof(*p->placements));
        if (!p->parts || !p->ops || !p->placements)
                return -ENOMEM;

        *ret = TAKE_PTR(p);
        return 0;
}

int partition_regions(const Graph *lowered, const Device *devices, Partition **ret) {
        _cleanup_(partition_freep) Partition *p = NULL;
        _cleanup_(freep) Node *nodes = NULL;
        size_t n_parts;
        int r;

        nodes = calloc(lowered->n_ops > 0 ? lowered->n_ops : 1, sizeof(*nodes));
        if (!nodes)
                return -ENOMEM;
        partition_init_nodes(lowered, devices, nodes);
        partition_level(lowered, nodes);
        partition_connect(lowered, nodes);
        r = partition_move_all(lowered, nodes);
        if (r < 0)
                return r;
        partition_connect(lowered, nodes); /* what is on one level now */
        r = partition_number(lowered, nodes, &n_parts);
        if (r < 0)
                return r;
        partition_settle(lowered, nodes);

        r = partition_new(lowered->n_ops, n_parts, &p);
        if (r < 0)
                return r;
        partition_fill(p, lowered, nodes);

        *ret = TAKE_PTR(p);
        return 0;
}

static Device partition_device(const Op *op) {
        const char *device = attrs_string(&op->attrs, LOWER_DEVICE_ATTR);

        if (partition_is_input(op))
                return DEVICE_USER;
        return device && strcmp(device, device_name(DEVICE_DPU)) == 0 ? DEVICE_DPU : DEVICE_CPU;
}

int partition_run(const Graph *lowered, Partition **ret) {
        _cleanup_(freep) Device *devices = NULL;
        Partition *p;
        int r;

        devices = calloc(lowered->n_ops > 0 ? lowered->n_ops : 1, sizeof(*devices));
        if (!devices)
                return -ENOMEM;
        for (size_t i = 0; i < lowered->n_ops; i++)
                devices[i] = partition_device(lowered->ops[i]);

        r = partition_regions(lowered, devices, &p);
        if (r < 0)
                return r;
        for (size_t i = 0; i < lowered->n_ops; i++)
                if (p->placements[i].device == DEVICE_CPU &&
                    !partition_is_constant(lowered->ops[i]))
                        p->placements[i].reason =
                                attrs_string(&lowered->ops[i]->attrs, LOWER_REASON_ATTR)
                                        ?: PARTITION_NO_REASON;

        *ret = p;
        return 0;
}

size_t partition_count(const Partition *partition, Device device) {
        size_t n = 0;

        for (size_t i = 0; i < partition->n_parts; i++)
                n += partition->parts[i].device == device;
        return n;
}

Partition *partition_free(Partition *partition) {
        if (!partition)
                return NULL;
        free(partition->parts);
        free(partition->placements);
        free(partition->ops);
        free(partition);
        return NULL;
}

int partition_dump(const Partition *partition, Bytes *ret) {
        int r;

        for (size_t i = 0; i < partition->n_parts; i++) {
                const Part *part = &partition->parts[i];

                r = bytes_printf(ret, "%zu %s subgraph_%s\n", i, device_name(part->device),
                                 part->smallest);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < part->n_ops; k++) {
                        const Op *op = part->ops[k];
                        const char *reason = partition->placements[op->index].reason;

                        r = bytes_printf(ret, "    %zu %s %s%s%s\n", op->index, op->type, op->name,
                                         reason ? ": " : "", reason ? reason : "");
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}
