#include "xmodel/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "xmodel/order.h"
#include "xmodel/schema.h"

/*
 * Two rounds. The first (schema.c) holds every byte against the schema; after it, fields can be
 * taken for granted. The second, here, builds the index and checks what needs it: names that
 * must be unique and must resolve, the shape of the subgraph tree, tensors.
 *
 * Names are looked up by bisection in a sorted array. A hash map would be quicker on friendly
 * files, and quadratic on one whose names were made to collide.
 */

typedef struct WalkBuilder {
        Walk *walk;
        Problem *problem;
        size_t ops_capacity;
        size_t inputs_capacity;
        size_t subgraphs_capacity;
        size_t members_capacity;
        bool *is_member; /* of a subgraph, by op */
} WalkBuilder;

static void walk_builder_deinit(WalkBuilder *b) {
        (void) walk_free(b->walk);
        free(b->is_member);
}

#define NAME_FORMAT    "\"%.*s\""
#define NAME_ARG(name) (int) (name).size, (const char *) (name).data

static int walk_add_op(WalkBuilder *b, Slice body) {
        Walk *walk = b->walk;
        WalkOp op = { .name = schema_content(body, SCHEMA_OP_NAME),
                      .type = schema_content(body, SCHEMA_OP_TYPE),
                      .body = body };
        int r;

        if (op.name.size == 0)
                return problem_set(b->problem, -EBADMSG, "op_node %u has no op_name", walk->n_ops);
        if (op.type.size == 0)
                return problem_set(b->problem, -EBADMSG, "op " NAME_FORMAT " has no op_type",
                                   NAME_ARG(op.name));
        r = array_reserve(&walk->ops, &b->ops_capacity, walk->n_ops + (size_t) 1, sizeof(op));
        if (r < 0)
                return r;
        walk->ops[walk->n_ops++] = op;
        return 0;
}

static int walk_compare_names(const void *a, const void *b, void *userdata) {
        const Walk *walk = userdata;

        return slice_compare(walk->ops[*(const uint32_t *) a].name,
                             walk->ops[*(const uint32_t *) b].name);
}

static int walk_sort_names(WalkBuilder *b) {
        Walk *walk = b->walk;

        walk->by_name = calloc((size_t) walk->n_ops + 1, sizeof(*walk->by_name));
        if (!walk->by_name)
                return -ENOMEM;
        for (uint32_t i = 0; i < walk->n_ops; i++)
                walk->by_name[i] = i;
        qsort_r(walk->by_name, walk->n_ops, sizeof(*walk->by_name), walk_compare_names, walk);
        for (uint32_t i = 1; i < walk->n_ops; i++)
                if (walk_compare_names(&walk->by_name[i - 1], &walk->by_name[i], walk) == 0)
                        return problem_set(b->problem, -EBADMSG, "two ops are named " NAME_FORMAT,
                                           NAME_ARG(walk->ops[walk->by_name[i]].name));
        return 0;
}

int walk_find_op(const Walk *walk, Slice name, uint32_t *ret) {
        size_t low = 0, high = walk->n_ops;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = slice_compare(name, walk->ops[walk->by_name[middle]].name);

                if (order == 0) {
                        *ret = walk->by_name[middle];
                        return 0;
                }
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return -ENOENT;
}

static int walk_add_input(WalkBuilder *b, WalkOp *op, Slice name) {
        Walk *walk = b->walk;
        uint32_t input;
        int r;

        if (walk->n_inputs >= WALK_EDGES_MAX)
                return problem_set(b->problem, -EFBIG, "more than %u arguments", WALK_EDGES_MAX);
        if (walk_find_op(walk, name, &input) < 0)
                return problem_set(b->problem, -EBADMSG,
                                   "op " NAME_FORMAT ": argument " NAME_FORMAT " is no op",
                                   NAME_ARG(op->name), NAME_ARG(name));
        r = array_reserve(&walk->inputs, &b->inputs_capacity, walk->n_inputs + (size_t) 1,
                          sizeof(*walk->inputs));
        if (r < 0)
                return r;
        if (input >= (uint32_t) (op - walk->ops))
                walk->in_order = false;
        walk->inputs[walk->n_inputs++] = input;
        op->n_inputs++;
        return 0;
}

static int walk_resolve(WalkBuilder *b, WalkOp *op) {
        Slice rest = op->body;
        WireField arg, name;
        int r;

        op->first_input = b->walk->n_inputs;
        while (wire_next(&rest, &arg) > 0) {
                if (arg.number != SCHEMA_OP_ARGS)
                        continue;
                while (wire_next(&arg.content, &name) > 0) {
                        if (name.number != SCHEMA_ARG_OPS)
                                continue;
                        r = walk_add_input(b, op, name.content);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* marks in WalkOp.rank while a cycle is looked for */
#define RANK_WAITING UINT32_MAX
#define RANK_VISITED (UINT32_MAX - 1)

static uint32_t walk_waiting_input(const Walk *walk, uint32_t at) {
        const WalkOp *op = &walk->ops[at];
        uint32_t k = 0;

        while (walk->ops[walk->inputs[op->first_input + k]].rank < RANK_VISITED)
                k++;
        return walk->inputs[op->first_input + k];
}

/* Every op that was not placed waits for another such op: going from one to the next, each at
 * most once, ends in the circle. */
static int walk_complain_of_cycle(WalkBuilder *b, uint32_t n_placed) {
        Walk *walk = b->walk;
        uint32_t at = 0;

        for (uint32_t i = 0; i < walk->n_ops; i++)
                walk->ops[i].rank = RANK_WAITING;
        for (uint32_t i = 0; i < n_placed; i++)
                walk->ops[walk->order[i]].rank = i;
        while (walk->ops[at].rank != RANK_WAITING)
                at++;
        while (walk->ops[at].rank == RANK_WAITING) {
                walk->ops[at].rank = RANK_VISITED;
                at = walk_waiting_input(walk, at);
        }
        return problem_set(b->problem, -EBADMSG, "op " NAME_FORMAT " depends on itself",
                           NAME_ARG(walk->ops[at].name));
}

static int walk_order(WalkBuilder *b) {
        Walk *walk = b->walk;
        uint32_t n;
        int r;

        walk->order = calloc((size_t) walk->n_ops + 1, sizeof(*walk->order));
        if (!walk->order)
                return -ENOMEM;
        r = order_ops(walk, walk->order, &n);
        if (r < 0)
                return r;
        if (n < walk->n_ops)
                return walk_complain_of_cycle(b, n);
        for (uint32_t i = 0; i < n; i++)
                walk->ops[walk->order[i]].rank = i;
        return 0;
}

static int walk_add_member(WalkBuilder *b, WalkSubgraph *subgraph, Slice name) {
        Walk *walk = b->walk;
        uint32_t op;
        int r;

        if (walk_find_op(walk, name, &op) < 0)
                return problem_set(b->problem, -EBADMSG,
                                   "subgraph " NAME_FORMAT " names " NAME_FORMAT ", which is no op",
                                   NAME_ARG(subgraph->name), NAME_ARG(name));
        if (b->is_member[op])
                return problem_set(b->problem, -EBADMSG,
                                   "subgraph " NAME_FORMAT ": op " NAME_FORMAT
                                   " is in a subgraph already",
                                   NAME_ARG(subgraph->name), NAME_ARG(name));
        r = array_reserve(&walk->members, &b->members_capacity, walk->n_members + (size_t) 1,
                          sizeof(*walk->members));
        if (r < 0)
                return r;
        b->is_member[op] = true;
        walk->members[walk->n_members++] = op;
        subgraph->n_members++;
        if (walk->ops[op].rank < subgraph->rank)
                subgraph->rank = walk->ops[op].rank;
        return 0;
}

static WalkSubgraph walk_subgraph(Slice body, uint32_t parent, uint32_t depth) {
        WalkSubgraph subgraph = { .name = schema_content(body, SCHEMA_SUBGRAPH_NAME),
                                  .body = body,
                                  .parent = parent,
                                  .depth = depth,
                                  .rank = UINT32_MAX };
        WireField device;

        if (walk_attr(body, WALK_SUBGRAPH_ATTRS, "device", &device) == 0) {
                subgraph.has_device = true;
                if (device.number == SCHEMA_VALUE_STRING)
                        subgraph.device = device.content;
        }
        return subgraph;
}

static int walk_add_subgraph(WalkBuilder *b, Slice body, uint32_t parent, uint32_t depth);

/* its ops and children; they are added behind it, so it is reached by index only */
static int walk_fill_subgraph(WalkBuilder *b, uint32_t index, uint32_t *ret_n_children) {
        Slice rest = b->walk->subgraphs[index].body;
        uint32_t depth = b->walk->subgraphs[index].depth, child, n = 0;
        WireField f;
        int r = 0;

        while (wire_next(&rest, &f) > 0) {
                if (f.number == SCHEMA_SUBGRAPH_OP_NAME)
                        r = walk_add_member(b, &b->walk->subgraphs[index], f.content);
                if (f.number == SCHEMA_SUBGRAPH_CHILD) {
                        child = b->walk->n_subgraphs;
                        r = walk_add_subgraph(b, f.content, index, depth + 1);
                        if (r == 0 &&
                            b->walk->subgraphs[child].rank < b->walk->subgraphs[index].rank)
                                b->walk->subgraphs[index].rank = b->walk->subgraphs[child].rank;
                        n++;
                }
                if (r < 0)
                        return r;
        }
        *ret_n_children = n;
        return 0;
}

/* recursion: at most SCHEMA_DEPTH_MAX, which schema.c has checked */
static int walk_add_subgraph(WalkBuilder *b, Slice body, uint32_t parent, uint32_t depth) {
        Walk *walk = b->walk;
        uint32_t index = walk->n_subgraphs, n_children;
        const WalkSubgraph *added;
        int r;

        r = array_reserve(&walk->subgraphs, &b->subgraphs_capacity, walk->n_subgraphs + (size_t) 1,
                          sizeof(*walk->subgraphs));
        if (r < 0)
                return r;
        walk->subgraphs[walk->n_subgraphs++] = walk_subgraph(body, parent, depth);
        walk->subgraphs[index].first_member = walk->n_members;
        r = walk_fill_subgraph(b, index, &n_children);
        if (r < 0)
                return r;

        added = &walk->subgraphs[index];
        if (added->n_members > 0 && n_children > 0)
                return problem_set(b->problem, -EBADMSG,
                                   "subgraph " NAME_FORMAT " has both ops and subgraphs",
                                   NAME_ARG(added->name));
        if (depth > 0 && added->n_members == 0 && n_children == 0)
                return problem_set(b->problem, -EBADMSG,
                                   "subgraph " NAME_FORMAT " has neither ops nor subgraphs",
                                   NAME_ARG(added->name));
        return 0;
}

static int walk_add_subgraphs(WalkBuilder *b) {
        WireField root;

        if (schema_find(b->walk->file, SCHEMA_GRAPH_SUBG_ROOT, &root) < 0)
                return 0;
        b->is_member = calloc((size_t) b->walk->n_ops + 1, sizeof(*b->is_member));
        if (!b->is_member)
                return -ENOMEM;
        return walk_add_subgraph(b, root.content, 0, 0);
}

/* what a tensor says of its size */
typedef struct WalkShape {
        uint32_t n_dims;
        bool unknown;      /* some dimension is */
        uint64_t elements; /* of the others */
} WalkShape;

static int walk_add_dim(WalkBuilder *b, const WalkOp *op, WalkShape *shape, uint64_t dim) {
        uint32_t index = shape->n_dims++;

        if (dim == WALK_DIM_UNKNOWN) {
                shape->unknown = true;
                return 0;
        }
        if (dim > INT32_MAX)
                return problem_set(b->problem, -EBADMSG,
                                   "op " NAME_FORMAT ": tensor_dim[%u] is %llu, over %d",
                                   NAME_ARG(op->name), index, (unsigned long long) dim, INT32_MAX);
        if (__builtin_mul_overflow(shape->elements, dim, &shape->elements) ||
            shape->elements > WALK_ELEMENTS_MAX)
                return problem_set(b->problem, -EFBIG,
                                   "op " NAME_FORMAT ": its tensor has over %llu elements",
                                   NAME_ARG(op->name), (unsigned long long) WALK_ELEMENTS_MAX);
        return 0;
}

static int walk_read_shape(WalkBuilder *b, const WalkOp *op, Slice tensor, WalkShape *ret) {
        WalkShape shape = { .elements = 1 };
        uint64_t dim;
        WireField f;
        int r;

        while (wire_next(&tensor, &f) > 0) {
                if (f.number != SCHEMA_TENSOR_DIM)
                        continue;
                while (f.content.size > 0) { /* packed or not: the same varints */
                        r = wire_varint(&f.content, &dim);
                        if (r == 0)
                                r = walk_add_dim(b, op, &shape, dim);
                        if (r < 0)
                                return r;
                }
        }
        *ret = shape;
        return 0;
}

static int walk_check_data(WalkBuilder *b, const WalkOp *op, Slice tensor, const WalkShape *shape) {
        WireField width, data;
        uint64_t expected;
        Slice content;

        if (shape->n_dims == 0 || shape->unknown ||
            schema_find(tensor, SCHEMA_TENSOR_BIT_WIDTH, &width) < 0)
                return 0;
        if (width.value != 8 && width.value != 16 && width.value != 32 && width.value != 64)
                return 0;
        if (walk_attr(op->body, WALK_OP_ATTRS, "data", &data) < 0 ||
            data.number != SCHEMA_VALUE_BYTES)
                return 0;
        content = schema_content(data.content, SCHEMA_BYTES_VALUE);
        expected = shape->elements * (width.value / 8);
        if (content.size == expected || (content.size == 0 && slice_is(op->type, "const-fix")))
                return 0;
        return problem_set(b->problem, -EBADMSG,
                           "op " NAME_FORMAT ": %zu bytes of data, but its tensor takes %llu",
                           NAME_ARG(op->name), content.size, (unsigned long long) expected);
}

static int walk_check_tensor(WalkBuilder *b, const WalkOp *op) {
        WalkShape shape;
        WireField tensor;
        int r;

        if (schema_find(op->body, SCHEMA_OP_TENSOR, &tensor) < 0)
                return 0;
        r = walk_read_shape(b, op, tensor.content, &shape);
        if (r < 0)
                return r;
        if (slice_is(op->type, "const") || slice_is(op->type, "const-fix"))
                return walk_check_data(b, op, tensor.content, &shape);
        return 0;
}

static int walk_build(WalkBuilder *b) {
        Walk *walk = b->walk;
        Slice rest = walk->file;
        WireField f;
        int r;

        while (wire_next(&rest, &f) > 0) {
                if (f.number != SCHEMA_GRAPH_OP_NODE)
                        continue;
                r = walk_add_op(b, f.content);
                if (r < 0)
                        return r;
        }
        r = walk_sort_names(b);
        for (uint32_t i = 0; r == 0 && i < walk->n_ops; i++)
                r = walk_resolve(b, &walk->ops[i]);
        for (uint32_t i = 0; r == 0 && i < walk->n_ops; i++)
                r = walk_check_tensor(b, &walk->ops[i]);
        if (r == 0)
                r = walk_order(b);
        if (r == 0)
                r = walk_add_subgraphs(b);
        return r;
}

int walk_new(Walk **ret, Slice file, Problem *problem) {
        _cleanup_(walk_builder_deinit) WalkBuilder b = { .problem = problem };
        int r;

        if (file.size > WALK_FILE_MAX)
                return problem_set(problem, -EFBIG, "%zu bytes, more than protobuf's %zu",
                                   file.size, WALK_FILE_MAX);
        r = schema_check_graph(file, problem);
        if (r < 0)
                return r;

        b.walk = calloc(1, sizeof(*b.walk));
        if (!b.walk)
                return -ENOMEM;
        b.walk->file = file;
        b.walk->name = schema_content(file, SCHEMA_GRAPH_NAME);
        b.walk->in_order = true;
        r = walk_build(&b);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(b.walk);
        return 0;
}

Walk *walk_free(Walk *walk) {
        if (!walk)
                return NULL;

        free(walk->ops);
        free(walk->order);
        free(walk->by_name);
        free(walk->inputs);
        free(walk->subgraphs);
        free(walk->members);
        free(walk);
        return NULL;
}

/* Bodies lie in the file in the order of the arrays, a parent's before its children's: the last
 * of @n bodies, each @stride after the other, that does not begin behind @body */
static uint32_t walk_bisect(const Slice *bodies, size_t stride, uint32_t n, const uint8_t *body) {
        uint32_t low = 0, high = n;

        while (high - low > 1) {
                uint32_t middle = low + (high - low) / 2;
                const Slice *at = (const Slice *) ((const char *) bodies + middle * stride);

                if (at->data <= body)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

uint32_t walk_op_at(const Walk *walk, const uint8_t *body) {
        return walk_bisect(&walk->ops[0].body, sizeof(WalkOp), walk->n_ops, body);
}

uint32_t walk_subgraph_at(const Walk *walk, const uint8_t *body) {
        return walk_bisect(&walk->subgraphs[0].body, sizeof(WalkSubgraph), walk->n_subgraphs, body);
}

int walk_attr(Slice body, WalkAttrs attrs, const char *key, WireField *ret) {
        WireField entry, value;
        Slice content;

        while (wire_next(&body, &entry) > 0) {
                if (entry.number != (uint32_t) attrs ||
                    !slice_is(schema_content(entry.content, SCHEMA_ENTRY_KEY), key))
                        continue;
                content = schema_content(entry.content, SCHEMA_ENTRY_VALUE);
                while (wire_next(&content, &value) > 0)
                        if (value.number >= 4 && value.number <= 32) {
                                *ret = value;
                                return 0;
                        }
                return -ENOENT;
        }
        return -ENOENT;
}
