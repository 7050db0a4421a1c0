/*
 * Writing builds the protobuf-c message in an arena of its own, with pointers into the graph
 * wherever the structures allow it (names, numbers, weights), and packs it into the caller's
 * buffer in one go: the only copy of the weights is the one in the output.
 *
 * Field order is the descriptors', ascending, as the vendor's library has it. That library
 * leaves the order of map entries to chance; graph_write_shuffled() does as much on purpose, so
 * that a re-export of a model can be made at will.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "xmodel/attr_message.h"
#include "xmodel/graph.h"
#include "xmodel/opdef_message.h"

typedef struct Writer {
        const Graph *graph;
        Arena arena;    /* of the messages */
        OpDefs *defs;   /* what the messages of the definitions point to */
        Random *random; /* NULL: no shuffling */
        Problem *problem;
} Writer;

static void writer_deinit(Writer *writer) {
        writer->defs = opdefs_free(writer->defs);
        arena_deinit(&writer->arena);
}

/* attributes, shuffled on request together with the entries of map-valued ones */
static int write_attrs(Writer *writer, const Attrs *attrs, SerialV2__Attr ***ret, size_t *ret_n) {
        int r;

        r = attrs_to_messages(&writer->arena, attrs, ret, ret_n);
        if (r < 0 || !writer->random)
                return r;

        for (size_t i = 0; i < *ret_n; i++)
                attr_message_shuffle((*ret)[i]->value, writer->random);
        random_shuffle(writer->random, *ret, *ret_n, sizeof(SerialV2__Attr *));
        return 0;
}

static int write_tensor(Writer *writer, const Tensor *tensor, SerialV2__Tensor **ret) {
        SerialV2__Tensor *message = arena_alloc(&writer->arena, sizeof(*message));

        if (!message)
                return -ENOMEM;
        serial_v2__tensor__init(message);
        message->tensor_name = string_to_message(tensor->name);
        message->has_tensor_name = tensor->name[0] != '\0';
        message->n_tensor_dim = tensor->n_dims;
        message->tensor_dim = (uint32_t *) tensor->dims;
        message->data_type = tensor->data_type;
        message->has_data_type = tensor->data_type != 0;
        message->tensor_bit_width = tensor->bit_width;
        message->has_tensor_bit_width = tensor->bit_width != 0;
        *ret = message;
        return write_attrs(writer, &tensor->attrs, &message->tensor_attr, &message->n_tensor_attr);
}

static int write_names(Writer *writer, Op *const *ops, size_t n, ProtobufCBinaryData **ret) {
        ProtobufCBinaryData *names = arena_zalloc(&writer->arena, n, sizeof(*names));

        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                names[i] = string_to_message(ops[i]->name);
        *ret = names;
        return 0;
}

static int write_args(Writer *writer, const Op *op, SerialV2__OPNode *message) {
        int r;

        message->args = arena_zalloc(&writer->arena, op->n_args, sizeof(*message->args));
        if (!message->args)
                return -ENOMEM;
        for (size_t i = 0; i < op->n_args; i++) {
                const Arg *arg = &op->args[i];
                SerialV2__OpArg *m = arena_alloc(&writer->arena, sizeof(*m));

                if (!m)
                        return -ENOMEM;
                serial_v2__op_arg__init(m);
                m->arg_name = string_to_message(arg->name);
                m->has_arg_name = arg->name[0] != '\0';
                r = write_names(writer, arg->ops, arg->n_ops, &m->arg_ops);
                if (r < 0)
                        return r;
                m->n_arg_ops = arg->n_ops;
                message->args[message->n_args++] = m;
        }
        return 0;
}

static int write_op(Writer *writer, const Op *op, SerialV2__OPNode **ret) {
        SerialV2__OPNode *message = arena_alloc(&writer->arena, sizeof(*message));
        int r;

        if (!message)
                return -ENOMEM;
        serial_v2__opnode__init(message);
        message->has_op_name = message->has_op_type = true;
        message->op_name = string_to_message(op->name);
        message->op_type = string_to_message(op->type);
        r = write_attrs(writer, &op->attrs, &message->op_attr, &message->n_op_attr);
        if (r == 0)
                r = write_args(writer, op, message);
        if (r == 0)
                r = write_tensor(writer, &op->tensor, &message->output_tensor);
        *ret = message;
        return r;
}

/* recursion bounded by GRAPH_DEPTH_MAX */
static int write_subgraph(Writer *writer, const Subgraph *subgraph, SerialV2__SubGraph **ret) {
        SerialV2__SubGraph *message = arena_alloc(&writer->arena, sizeof(*message));
        int r;

        if (!message)
                return -ENOMEM;
        serial_v2__sub_graph__init(message);
        message->subgraph_name = string_to_message(subgraph->name);
        message->has_subgraph_name = subgraph->name[0] != '\0';
        message->n_op_name = subgraph->n_ops;
        message->n_subg_child = subgraph->n_children;
        message->subg_child =
                arena_zalloc(&writer->arena, subgraph->n_children, sizeof(*message->subg_child));
        if (!message->subg_child)
                return -ENOMEM;
        r = write_names(writer, subgraph->ops, subgraph->n_ops, &message->op_name);
        if (r == 0)
                r = write_attrs(writer, &subgraph->attrs, &message->subg_attr,
                                &message->n_subg_attr);
        for (size_t i = 0; r == 0 && i < subgraph->n_children; i++)
                r = write_subgraph(writer, subgraph->children[i], &message->subg_child[i]);
        if (r == 0 && writer->random) {
                random_shuffle(writer->random, message->op_name, message->n_op_name,
                               sizeof(*message->op_name));
                random_shuffle(writer->random, message->subg_child, message->n_subg_child,
                               sizeof(*message->subg_child));
        }
        *ret = message;
        return r;
}

/* --- order of ops -------------------------------------------------------------------------------- */

/* how many argument slots of each op are still waiting for their op, and who waits for whom */
typedef struct Order {
        size_t *waiting;   /* by Op.index */
        size_t *consumers; /* op numbers, grouped by producer */
        size_t *first;     /* where the group of a producer begins; one more at the end */
} Order;

static int order_count(Writer *writer, Order *order) {
        const Graph *graph = writer->graph;
        size_t n_slots = 0;

        order->waiting = arena_zalloc(&writer->arena, graph->n_ops, sizeof(size_t));
        order->first = arena_zalloc(&writer->arena, graph->n_ops + 2, sizeof(size_t));
        if (!order->waiting || !order->first)
                return -ENOMEM;

        for (size_t i = 0; i < graph->n_ops; i++)
                for (size_t a = 0; a < graph->ops[i]->n_args; a++) {
                        const Arg *arg = &graph->ops[i]->args[a];

                        order->waiting[i] += arg->n_ops;
                        n_slots += arg->n_ops;
                        for (size_t k = 0; k < arg->n_ops; k++)
                                order->first[arg->ops[k]->index + 2]++;
                }
        for (size_t i = 2; i < graph->n_ops + 2; i++)
                order->first[i] += order->first[i - 1];

        order->consumers = arena_zalloc(&writer->arena, n_slots, sizeof(size_t));
        if (!order->consumers)
                return -ENOMEM;
        for (size_t i = 0; i < graph->n_ops; i++)
                for (size_t a = 0; a < graph->ops[i]->n_args; a++) {
                        const Arg *arg = &graph->ops[i]->args[a];

                        for (size_t k = 0; k < arg->n_ops; k++)
                                order->consumers[order->first[arg->ops[k]->index + 1]++] = i;
                }
        return 0;
}

/* any of the ready ops, again and again; @ret holds n_ops pointers */
static int order_shuffled(Writer *writer, Op **ret) {
        const Graph *graph = writer->graph;
        size_t *ready = arena_zalloc(&writer->arena, graph->n_ops, sizeof(size_t));
        size_t n_ready = 0, n = 0;
        Order order;
        int r;

        r = ready ? order_count(writer, &order) : -ENOMEM;
        if (r < 0)
                return r;
        for (size_t i = 0; i < graph->n_ops; i++)
                if (order.waiting[i] == 0)
                        ready[n_ready++] = i;

        while (n_ready > 0) {
                size_t pick = (size_t) random_below(writer->random, n_ready);
                size_t op = ready[pick];

                ready[pick] = ready[--n_ready];
                ret[n++] = graph->ops[op];
                for (size_t k = order.first[op]; k < order.first[op + 1]; k++)
                        if (--order.waiting[order.consumers[k]] == 0)
                                ready[n_ready++] = order.consumers[k];
        }
        return n == graph->n_ops ? 0 : -EINVAL;
}

/* -EINVAL unless every op comes after its inputs and knows its place */
static int order_check(const Writer *writer) {
        const Graph *graph = writer->graph;

        for (size_t i = 0; i < graph->n_ops; i++) {
                const Op *op = graph->ops[i];

                if (op->index != i)
                        return problem_set(writer->problem, -EINVAL,
                                           "op '%s' is not where its index says", op->name);
                for (size_t a = 0; a < op->n_args; a++)
                        for (size_t k = 0; k < op->args[a].n_ops; k++) {
                                const Op *input = op->args[a].ops[k];

                                if (input->index >= i || graph->ops[input->index] != input)
                                        return problem_set(
                                                writer->problem, -EINVAL,
                                                "op '%s' does not come after its input '%s'",
                                                op->name, input->name);
                        }
        }
        return 0;
}

static int write_ops(Writer *writer, SerialV2__Graph *message) {
        const Graph *graph = writer->graph;
        Op **ops = graph->ops;
        int r;

        r = order_check(writer);
        if (r < 0)
                return r;
        if (writer->random) {
                ops = arena_zalloc(&writer->arena, graph->n_ops, sizeof(Op *));
                r = ops ? order_shuffled(writer, ops) : -ENOMEM;
                if (r < 0)
                        return r;
        }

        message->op_node = arena_zalloc(&writer->arena, graph->n_ops, sizeof(*message->op_node));
        if (!message->op_node)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < graph->n_ops; i++)
                r = write_op(writer, ops[i], &message->op_node[i]);
        message->n_op_node = graph->n_ops;
        return r;
}

/* --- the whole ------------------------------------------------------------------------------------ */

static int pack(const SerialV2__Graph *message, Bytes *ret) {
        size_t size = serial_v2__graph__get_packed_size(message);
        int r;

        r = bytes_reserve(ret, size);
        if (r < 0)
                return r;
        ret->size += serial_v2__graph__pack(message, ret->data + ret->size);
        return 0;
}

static int write_op_defs(Writer *writer, SerialV2__Graph *message) {
        int r;

        r = opdefs_new(&writer->defs);
        if (r < 0)
                return r;
        return opdef_to_messages(&writer->arena, writer->defs, writer->graph, &message->op_defs,
                                 &message->n_op_defs);
}

static int write_graph(Writer *writer, bool with_op_defs, Bytes *ret) {
        const Graph *graph = writer->graph;
        SerialV2__Graph message;
        int r;

        serial_v2__graph__init(&message);
        message.graph_name = string_to_message(graph->name);
        message.has_graph_name = graph->name[0] != '\0';
        r = write_ops(writer, &message);
        if (r == 0)
                r = write_attrs(writer, &graph->attrs, &message.graph_attr, &message.n_graph_attr);
        if (r == 0)
                r = write_subgraph(writer, graph->root, &message.subg_root);
        if (r == 0 && with_op_defs)
                r = write_op_defs(writer, &message);
        return r < 0 ? r : pack(&message, ret);
}

int graph_write(const Graph *graph, bool with_op_defs, Bytes *ret, Problem *problem) {
        _cleanup_(writer_deinit) Writer writer = { .graph = graph, .problem = problem };

        return write_graph(&writer, with_op_defs, ret);
}

int graph_write_shuffled(const Graph *graph, uint64_t seed, Bytes *ret, Problem *problem) {
        Random random = RANDOM_INIT(seed);
        _cleanup_(writer_deinit)
                Writer writer = { .graph = graph, .random = &random, .problem = problem };

        return write_graph(&writer, true, ret);
}
