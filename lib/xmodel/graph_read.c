/*
 * Reading is: walk, unpack, link.
 *
 * The walker has to go first. protobuf-c's unpack recurses as deep as the file says and
 * multiplies tiny input into large structures; the walker bounds both and leaves only files
 * with one reading. It also proves that names resolve and that the ops have an order, so the
 * checks that remain here are those that the walker does not make: whatever this release has
 * no name for is refused instead of dropped, because a compiler that loses an attribute gives
 * wrong code.
 *
 * The message is unpacked straight into the graph's arena. Weights and numeric lists stay where
 * protobuf-c put them, the graph points there.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "xmodel/attr_message.h"
#include "xmodel/graph.h"
#include "xmodel/walk.h"

typedef struct Reader {
        Graph *graph;
        Arena *arena; /* the graph's */
        Problem *problem;
} Reader;

static void *unpack_alloc(void *userdata, size_t size) {
        return arena_alloc(userdata, size);
}

static void unpack_free(void *userdata, void *p) {
        (void) userdata;
        (void) p;
}

static int read_string(Reader *reader, const ProtobufCBinaryData *data, const char **ret) {
        return string_from_message(reader->arena, data, ret, reader->problem);
}

static int read_attrs(Reader *reader, SerialV2__Attr *const *messages, size_t n, Attrs *ret) {
        return attrs_from_messages(reader->arena, messages, n, ret, reader->problem);
}

static int read_find_op(Reader *reader, const ProtobufCBinaryData *name, Op **ret) {
        const char *text;
        int r;

        r = read_string(reader, name, &text);
        if (r < 0)
                return r;
        *ret = graph_find_op(reader->graph, text);
        return *ret ? 0 : problem_set(reader->problem, -EBADMSG, "no op '%s'", text);
}

static int read_tensor(Reader *reader, const SerialV2__Tensor *message, Tensor *ret) {
        int r;

        if (!message)
                return problem_set(reader->problem, -EBADMSG, "no output tensor");
        r = message_reject_unknown(&message->base, reader->problem);
        if (r == 0)
                r = read_string(reader, &message->tensor_name, &ret->name);
        if (r == 0)
                r = read_attrs(reader, message->tensor_attr, message->n_tensor_attr, &ret->attrs);
        if (r < 0)
                return problem_prefix(reader->problem, r, "output tensor");

        /* on the wire -1 is the uint32 of the same bits */
        ret->dims = (const int32_t *) message->tensor_dim;
        ret->n_dims = message->n_tensor_dim;
        ret->data_type = message->data_type;
        ret->bit_width = message->tensor_bit_width;
        return 0;
}

static int read_arg(Reader *reader, Op *op, const SerialV2__OpArg *message) {
        const char *name;
        Op *input;
        int r;

        r = message_reject_unknown(&message->base, reader->problem);
        if (r < 0)
                return r;
        r = read_string(reader, &message->arg_name, &name);
        if (r == 0)
                r = graph_add_arg(reader->graph, op, name, NULL);
        for (size_t i = 0; r == 0 && i < message->n_arg_ops; i++) {
                r = read_find_op(reader, &message->arg_ops[i], &input);
                if (r == 0)
                        r = graph_add_arg(reader->graph, op, name, input);
        }
        return r;
}

static int read_op(Reader *reader, const SerialV2__OPNode *message) {
        const char *name, *type;
        Op *op;
        int r;

        r = read_string(reader, &message->op_name, &name);
        if (r == 0)
                r = read_string(reader, &message->op_type, &type);
        if (r < 0)
                return r;

        r = graph_add_op(reader->graph, name, type, &op);
        if (r < 0)
                return r == -EEXIST ? problem_set(reader->problem, -EBADMSG, "two ops '%s'", name)
                                    : r;
        r = message_reject_unknown(&message->base, reader->problem);
        if (r == 0)
                r = read_attrs(reader, message->op_attr, message->n_op_attr, &op->attrs);
        for (size_t i = 0; r == 0 && i < message->n_args; i++)
                r = read_arg(reader, op, message->args[i]);
        if (r == 0)
                r = read_tensor(reader, message->output_tensor, &op->tensor);
        return r < 0 ? problem_prefix(reader->problem, r, "op '%s'", name) : 0;
}

/* in the order of the file if every op comes after its inputs there, else in the walker's */
static int read_ops(Reader *reader, const Walk *walk, const SerialV2__Graph *message) {
        int r;

        for (size_t i = 0; i < message->n_op_node; i++) {
                r = read_op(reader, message->op_node[walk->in_order ? i : walk->order[i]]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* recursion bounded by the walker's limit, and once more by graph_add_subgraph() */
static int read_subgraph(Reader *reader, const SerialV2__SubGraph *message, Subgraph *subgraph) {
        Subgraph *child;
        Op *op;
        int r;

        r = message_reject_unknown(&message->base, reader->problem);
        if (r == 0)
                r = read_string(reader, &message->subgraph_name, &subgraph->name);
        if (r == 0)
                r = read_attrs(reader, message->subg_attr, message->n_subg_attr, &subgraph->attrs);
        if (r == 0 && message->n_op_name > 0 && message->n_subg_child > 0)
                r = problem_set(reader->problem, -EBADMSG, "has both ops and children");
        for (size_t i = 0; r == 0 && i < message->n_op_name; i++) {
                r = read_find_op(reader, &message->op_name[i], &op);
                if (r == 0)
                        r = graph_assign(reader->graph, subgraph, op);
                if (r == -EEXIST)
                        r = problem_set(reader->problem, -EBADMSG, "op '%s' is in two subgraphs",
                                        op->name);
        }
        if (r < 0)
                return problem_prefix(reader->problem, r, "subgraph '%s'", subgraph->name);

        for (size_t i = 0; i < message->n_subg_child; i++) {
                r = graph_add_subgraph(reader->graph, subgraph, "", &child);
                if (r == 0)
                        r = read_subgraph(reader, message->subg_child[i], child);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_graph(Reader *reader, const Walk *walk, const SerialV2__Graph *message) {
        Graph *graph = reader->graph;
        int r;

        r = message_reject_unknown(&message->base, reader->problem);
        if (r == 0)
                r = read_string(reader, &message->graph_name, &graph->name);
        if (r == 0)
                r = read_attrs(reader, message->graph_attr, message->n_graph_attr, &graph->attrs);
        if (r == 0)
                r = read_ops(reader, walk, message);
        if (r == 0 && message->subg_root)
                r = read_subgraph(reader, message->subg_root, graph->root);
        return r;
}

int graph_read(Graph **ret, Slice file, Problem *problem) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        _cleanup_(graph_freep) Graph *graph = NULL;
        ProtobufCAllocator allocator = { .alloc = unpack_alloc, .free = unpack_free };
        SerialV2__Graph *message;
        Reader reader;
        int r;

        r = walk_new(&walk, file, problem);
        if (r < 0)
                return r;
        r = graph_new(&graph, "");
        if (r < 0)
                return r;

        allocator.allocator_data = &graph->arena;
        message = serial_v2__graph__unpack(&allocator, file.size, file.data);
        if (!message) /* the walker has found nothing wrong with the bytes */
                return -ENOMEM;

        reader = (Reader){ .graph = graph, .arena = &graph->arena, .problem = problem };
        r = read_graph(&reader, walk, message);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(graph);
        return 0;
}
