#include "tests/support/random_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define NODE_MAX ((size_t) 1 << 31) /* bytes of one field */

static void must(bool good) {
        if (!good)
                abort();
}

Node *node_new(void) {
        Node *node = calloc(1, sizeof(*node));

        must(node != NULL);
        node->kind = NODE_MESSAGE;
        node->data = BYTES_INIT(NODE_MAX);
        return node;
}

Node *node_free(Node *node) {
        if (!node)
                return NULL;

        for (size_t i = 0; i < node->n_children; i++)
                (void) node_free(node->children[i]);
        bytes_deinit(&node->data);
        free(node->children);
        free(node->values);
        free(node);
        return NULL;
}

Node *node_add(Node *in, uint32_t number, NodeKind kind) {
        Node *node = node_new();

        node->number = number;
        node->kind = kind;
        must(array_reserve(&in->children, &in->capacity, in->n_children + 1, sizeof(Node *)) == 0);
        in->children[in->n_children++] = node;
        return node;
}

Node *node_message(Node *in, uint32_t number) {
        return node_add(in, number, NODE_MESSAGE);
}

Node *node_varint(Node *in, uint32_t number, uint64_t value) {
        Node *node = node_add(in, number, NODE_VARINT);

        node->value = value;
        return node;
}

Node *node_bytes(Node *in, uint32_t number, const void *data, size_t n) {
        Node *node = node_add(in, number, NODE_BYTES);

        must(bytes_append(&node->data, data, n) == 0);
        return node;
}

Node *node_string(Node *in, uint32_t number, const char *text) {
        return node_bytes(in, number, text, strlen(text));
}

void node_set_string(Node *node, const char *text) {
        bytes_deinit(&node->data);
        must(bytes_append_string(&node->data, text) == 0);
}

Node *node_list(Node *in, uint32_t number, const uint64_t *values, size_t n) {
        Node *node = node_add(in, number, NODE_LIST);

        node->values = calloc(n + 1, sizeof(*values));
        must(node->values != NULL);
        memcpy(node->values, values, n * sizeof(*values));
        node->n_values = n;
        return node;
}

Node *node_attr(Node *in, uint32_t number, const char *key) {
        Node *entry = node_message(in, number);

        entry->freedom = NODE_MAP;
        (void) node_string(entry, 1, key);
        return node_message(entry, 2);
}

Node *node_op(Node *graph, const char *name, const char *type) {
        Node *op = node_message(graph, 5);

        op->freedom = NODE_ORDER;
        (void) node_string(op, 1, name);
        (void) node_string(op, 2, type);
        return op;
}

Node *node_tensor(Node *op, const char *name, const uint64_t *dims, size_t n_dims, unsigned bits) {
        Node *tensor = node_message(op, 5);

        (void) node_string(tensor, 1, name);
        (void) node_list(tensor, 2, dims, n_dims);
        (void) node_varint(tensor, 5, bits == 8 ? 2 : 4);
        (void) node_varint(tensor, 6, bits);
        return tensor;
}

Node *node_arg(Node *op, const char *name, const char *input) {
        Node *arg = node_message(op, 4);

        (void) node_string(arg, 1, name);
        (void) node_string(arg, 2, input);
        return arg;
}

/* --- writing --- */

typedef struct NodeSlot {
        const Node *node;
        uint64_t key;
} NodeSlot;

static void put_varint(Bytes *ret, uint64_t value) {
        do {
                uint8_t byte = (uint8_t) ((value & 0x7f) | (value > 0x7f ? 0x80 : 0));

                must(bytes_append(ret, &byte, 1) == 0);
                value >>= 7;
        } while (value > 0);
}

static void put_head(Bytes *ret, uint32_t number, unsigned type) {
        put_varint(ret, (uint64_t) number << 3 | type);
}

static void put_run(Bytes *ret, uint32_t number, Slice content) {
        put_head(ret, number, 2);
        put_varint(ret, content.size);
        must(bytes_append(ret, content.data, content.size) == 0);
}

static void put_packed(Bytes *ret, const Node *node, size_t first, size_t end) {
        Bytes packed = BYTES_INIT(NODE_MAX);

        for (size_t i = first; i < end; i++)
                put_varint(&packed, node->values[i]);
        put_run(ret, node->number, bytes_slice(&packed));
        bytes_deinit(&packed);
}

static void put_list(Bytes *ret, const Node *node, bool split, Random *random) {
        if (!split && node->n_values > 0)
                put_packed(ret, node, 0, node->n_values);
        for (size_t i = 0; split && i < node->n_values;) {
                size_t n = 1 + random_below(random, node->n_values - i);

                if (random_below(random, 2)) {
                        put_packed(ret, node, i, i + n);
                } else {
                        n = 1;
                        put_head(ret, node->number, 0);
                        put_varint(ret, node->values[i]);
                }
                i += n;
        }
}

static void put_fixed(Bytes *ret, uint64_t value, size_t size) {
        for (size_t i = 0; i < size; i++)
                must(bytes_append(ret, &(uint8_t){ (uint8_t) (value >> (8 * i)) }, 1) == 0);
}

static void write_message(const Node *node, const NodeStyle *style, Random *random, Bytes *ret);

static void write_field(const Node *node, const NodeStyle *style, Random *random, Bytes *ret) {
        Bytes content = BYTES_INIT(NODE_MAX);

        switch (node->kind) {
        case NODE_VARINT:
                put_head(ret, node->number, 0);
                put_varint(ret, node->value);
                break;
        case NODE_FIXED32:
                put_head(ret, node->number, 5);
                put_fixed(ret, node->value, 4);
                break;
        case NODE_FIXED64:
                put_head(ret, node->number, 1);
                put_fixed(ret, node->value, 8);
                break;
        case NODE_BYTES:
                put_run(ret, node->number, bytes_slice(&node->data));
                break;
        case NODE_LIST:
                put_list(ret, node, style->split_lists, random);
                break;
        case NODE_MESSAGE:
                write_message(node, style, random, &content);
                put_run(ret, node->number, bytes_slice(&content));
                break;
        }
        bytes_deinit(&content);
}

static int compare_slots(const void *a, const void *b) {
        const NodeSlot *x = a, *y = b;

        return x->key < y->key ? -1 : x->key > y->key;
}

static bool may_move(const Node *node, const NodeStyle *style) {
        return (node->freedom & NODE_MAP && style->shuffle_maps) ||
               (node->freedom & NODE_ORDER && style->shuffle_ops);
}

/* Keys: high bits order the field numbers, low ones the occurrences of one number. */
static uint64_t slot_key(const Node *node, size_t index, const NodeStyle *style, Random *random,
                         uint64_t salt) {
        Random by_number = { .state = salt + node->number };
        uint64_t high = style->shuffle_fields ? random_u64(&by_number) : node->number;

        return high << 32 | (may_move(node, style) ? random_below(random, UINT32_MAX) : index);
}

static void write_message(const Node *node, const NodeStyle *style, Random *random, Bytes *ret) {
        NodeSlot *slots = calloc(node->n_children + 1, sizeof(*slots));
        uint64_t salt = random_u64(random);
        size_t n = 0;

        must(slots != NULL);
        for (size_t i = 0; i < node->n_children; i++) {
                const Node *child = node->children[i];

                if (style->omit && child->freedom & NODE_OMIT)
                        continue;
                slots[n].node = child;
                slots[n++].key = slot_key(child, i, style, random, salt);
        }
        qsort(slots, n, sizeof(*slots), compare_slots);
        for (size_t i = 0; i < n; i++)
                write_field(slots[i].node, style, random, ret);
        free(slots);
}

void node_write(const Node *node, const NodeStyle *style, Bytes *ret) {
        Random random = { .state = style->seed };

        write_message(node, style, &random, ret);
}

/* --- making --- */

static void add_place(RandomGraph *g, RandomChange change, Node *node) {
        if (g->n_places[change] < RANDOM_GRAPH_PLACES)
                g->places[change][g->n_places[change]++] = node;
}

static void op_name(uint32_t index, char ret[64]) {
        /* not in the order of the indices, some with a common head, one beyond ASCII */
        (void) snprintf(ret, 64, "%s%u_%02x",
                        index % 5 == 0   ? "b"
                        : index % 7 == 0 ? "\xc3\xa4"
                                         : "ab",
                        index, (index * 167) & 0xff);
}

static void add_values(Random *random, Node *in, uint64_t mask) {
        uint64_t values[8];
        uint32_t n = random_below(random, 8);

        for (uint32_t i = 0; i < n; i++)
                values[i] = random_u64(random) & mask >> random_below(random, 32);
        (void) node_list(in, 1, values, n);
}

static Node *add_map_entry(Node *in, uint32_t index) {
        char key[32];
        Node *entry = node_message(in, 1);

        entry->freedom = NODE_MAP;
        (void) snprintf(key, sizeof(key), "REG_%u", index);
        if (index > 0)
                (void) node_string(entry, 1, key);
        else
                node_string(entry, 1, "")->freedom = NODE_OMIT;
        return entry;
}

/* maps 22 to 32: scalars, strings, bytes, lists */
static void add_map(Random *random, Node *map, uint32_t member) {
        uint32_t n = random_below(random, 5);

        for (uint32_t i = 0; i < n; i++) {
                Node *entry = add_map_entry(map, i);

                if (member <= 25)
                        node_varint(entry, 2, i)->freedom = i == 0 ? NODE_OMIT : NODE_FIXED;
                else if (member == 26)
                        (void) node_string(entry, 2, i % 2 ? "CONST" : "WORKSPACE");
                else if (member == 27)
                        (void) node_bytes(node_message(entry, 2), 1, "\0\xff", 2);
                else if (member == 32)
                        (void) node_string(node_message(entry, 2), 1, "");
                else
                        add_values(random, node_message(entry, 2), 0x7f);
        }
}

static void add_repeated(Random *random, Node *vec, uint32_t member) {
        uint32_t n = random_below(random, 4);

        for (uint32_t i = 0; i < n; i++) {
                if (member == 18)
                        node_add(vec, 1, NODE_FIXED32)->value = random_u64(random);
                else if (member == 19)
                        node_add(vec, 1, NODE_FIXED64)->value = random_u64(random);
                else
                        (void) node_bytes(vec, 1, "xyz", random_below(random, 4));
        }
}

/* any member of the oneof, defaults included */
static void add_value(Random *random, Node *value) {
        uint32_t member = 4 + random_below(random, 29);

        if (member == 4)
                (void) node_varint(value, 4, random_below(random, 2));
        else if (member == 5) /* of both signs, sign-extended */
                (void) node_varint(value, 5, (uint64_t) (int64_t) (int32_t) random_u64(random));
        else if (member == 6)
                (void) node_varint(value, 6, random_u64(random) >> 32);
        else if (member <= 8)
                (void) node_varint(value, member, random_u64(random) >> random_below(random, 64));
        else if (member == 9 || member == 10)
                node_add(value, member, member == 9 ? NODE_FIXED32 : NODE_FIXED64)->value =
                        random_u64(random);
        else if (member == 11)
                (void) node_string(value, 11, random_below(random, 2) ? "DPU_ROUND" : "");
        else if (member == 12)
                (void) node_bytes(node_message(value, 12), 1, "\0\1\2", random_below(random, 4));
        else if (member <= 17)
                add_values(random, node_message(value, member), member == 13 ? 1 : 0x7fffffff);
        else if (member <= 21)
                add_repeated(random, node_message(value, member), member);
        else
                add_map(random, node_message(value, member), member);
}

static void add_attrs(Random *random, Node *in, uint32_t number, uint32_t max) {
        uint32_t n = random_below(random, max + 1);

        for (uint32_t i = 0; i < n; i++) {
                char key[32];

                (void) snprintf(key, sizeof(key), "%c%u", 'a' + (char) random_below(random, 26), i);
                add_value(random, node_attr(in, number, key));
        }
}

static void add_unknown(Random *random, Node *in) {
        if (random_below(random, 4) != 0)
                return;
        (void) node_varint(in, 200, random_u64(random));
        (void) node_string(in, 199, "later");
        (void) node_varint(in, 200, 0);
        node_add(in, 6000, NODE_FIXED32)->value = 1;
}

static void add_const(RandomGraph *g, Node *op, uint64_t elements) {
        Node *data = node_message(node_attr(op, 3, "data"), 12);
        uint8_t byte;

        data = node_add(data, 1, NODE_BYTES);
        for (uint64_t i = 0; i < 4 * elements; i++) {
                byte = (uint8_t) random_u64(&g->random);
                must(bytes_append(&data->data, &byte, 1) == 0);
        }
        if (elements > 0)
                add_place(g, RANDOM_CHANGE_WEIGHT, data);
}

static void add_inputs(RandomGraph *g, Node *op, uint32_t index) {
        static const char *const names[] = { "input", "weights", "bias" };
        uint32_t n_args = 1 + random_below(&g->random, 3), first = UINT32_MAX;

        for (uint32_t a = 0; a < n_args; a++) {
                Node *arg = node_message(op, 4);
                uint32_t n = random_below(&g->random, 4);
                bool differ = false;

                (void) node_string(arg, 1, names[a]);
                for (uint32_t i = 0; i < n; i++) {
                        uint32_t input = random_below(&g->random, index);
                        char name[64];

                        if (i == 0)
                                first = input;
                        differ = i == 1 && input != first;
                        op_name(input, name);
                        (void) node_string(arg, 2, name);
                        if (differ)
                                add_place(g, RANDOM_CHANGE_ARGS, arg);
                }
        }
}

static void add_fix(RandomGraph *g, Node *op) {
        add_place(g, RANDOM_CHANGE_FIX_POINT,
                  node_varint(node_attr(op, 3, "fix_point"), 5, random_below(&g->random, 8)));
        (void) node_varint(node_attr(op, 3, "bit_width"), 5, 8);
        (void) node_string(node_attr(op, 3, "round_mode"), 11, "DPU_ROUND");
        (void) node_varint(node_attr(op, 3, "if_signed"), 4, 1);
}

static void add_op(RandomGraph *g, uint32_t index) {
        static const char *const types[] = { "fix", "conv2d", "add", "relu", "Mylayer" };
        bool is_const = index == 0 || random_below(&g->random, 3) == 0;
        const char *type = is_const ? "const" : types[random_below(&g->random, 5)];
        uint64_t dims[4], elements = 1;
        uint32_t n_dims = 1 + random_below(&g->random, 4);
        Node *op, *tensor;
        char name[64];

        op_name(index, name);
        op = node_op(g->root, name, type);
        for (uint32_t i = 0; i < n_dims; i++)
                elements *= dims[i] = 1 + random_below(&g->random, 3);
        add_attrs(&g->random, op, 3, 4);
        if (!is_const)
                add_inputs(g, op, index);
        if (strcmp(type, "fix") == 0)
                add_fix(g, op);

        tensor = node_tensor(op, name, dims, n_dims, 32);
        add_place(g, RANDOM_CHANGE_TENSOR, tensor->children[0]);
        if (is_const)
                add_const(g, op, elements);
        else
                add_place(g, RANDOM_CHANGE_DIM, tensor->children[1]);
        add_attrs(&g->random, tensor, 10, 3);
        add_unknown(&g->random, tensor);
        add_unknown(&g->random, op);
}

static void add_member(Node *subgraph, uint32_t index) {
        char name[64];

        op_name(index, name);
        node_string(subgraph, 3, name)->freedom = NODE_ORDER;
}

static Node *add_subgraph(RandomGraph *g, Node *in, const char *device) {
        Node *subgraph = node_message(in, 10);

        subgraph->freedom = NODE_ORDER;
        (void) node_string(subgraph, 1, "subgraph"); /* names need not be unique */
        if (device)
                (void) node_string(node_attr(subgraph, 5, "device"), 11, device);
        add_attrs(&g->random, subgraph, 5, 2);
        return subgraph;
}

/* ops from @first to @end in consecutive runs, as partitions and super layers have them */
static void add_partition(RandomGraph *g, Node *in, uint32_t first, uint32_t end, unsigned depth) {
        static const char *const devices[] = { "DPU", "CPU", "USER" };

        while (first < end) {
                uint32_t n = 1 + random_below(&g->random, end - first);
                Node *child = add_subgraph(g, in, depth == 0 ? devices[n % 3] : NULL);

                if (depth < 3 && random_below(&g->random, 2))
                        add_partition(g, child, first, first + n, depth + 1);
                else
                        for (uint32_t i = first; i < first + n; i++)
                                add_member(child, i);
                first += n;
        }
}

static void add_provenance(Node *graph) {
        Node *map = node_message(node_attr(graph, 11, "files_md5sum"), 26);
        Node *entry = add_map_entry(map, 1), *def = node_message(graph, 101);

        (void) node_string(entry, 2, "0123456789abcdef0123456789abcdef");
        map = graph->children[graph->n_children - 2];
        map->freedom |= NODE_OMIT;
        (void) node_string(def, 1, "conv2d");
        (void) node_varint(node_message(def, 2), 2, 1);
        def->freedom = NODE_OMIT;
}

RandomGraph *random_graph_new(uint64_t seed, uint32_t max_ops) {
        RandomGraph *g = calloc(1, sizeof(*g));
        Node *subgraph;

        must(g != NULL);
        g->random.state = seed;
        g->root = node_new();
        g->n_ops = 1 + random_below(&g->random, max_ops);
        g->compiled = random_below(&g->random, 2);
        if (random_below(&g->random, 4) != 0)
                (void) node_string(g->root, 1, "Net");
        else
                node_string(g->root, 1, "")->freedom = NODE_OMIT;
        for (uint32_t i = 0; i < g->n_ops; i++)
                add_op(g, i);

        subgraph = add_subgraph(g, g->root, NULL);
        if (g->compiled)
                add_partition(g, subgraph, 0, g->n_ops, 0);
        for (uint32_t i = 0; !g->compiled && i < g->n_ops; i++)
                add_member(subgraph, i);
        add_attrs(&g->random, g->root, 11, 3);
        add_provenance(g->root);
        add_unknown(&g->random, g->root);
        return g;
}

RandomGraph *random_graph_free(RandomGraph *graph) {
        if (!graph)
                return NULL;

        (void) node_free(graph->root);
        free(graph);
        return NULL;
}

bool random_graph_change(RandomGraph *g, RandomChange change) {
        Node *node, *first;

        if (g->n_places[change] == 0)
                return false;
        node = g->places[change][random_below(&g->random, (uint32_t) g->n_places[change])];
        switch (change) {
        case RANDOM_CHANGE_WEIGHT:
                node->data.data[random_below(&g->random, (uint32_t) node->data.size)] ^=
                        (uint8_t) (1u << random_below(&g->random, 8));
                break;
        case RANDOM_CHANGE_FIX_POINT:
                node->value ^= 1;
                break;
        case RANDOM_CHANGE_TENSOR:
                must(bytes_append_string(&node->data, "_") == 0);
                break;
        case RANDOM_CHANGE_ARGS: /* {name, first, second ...} */
                first = node->children[1];
                node->children[1] = node->children[2];
                node->children[2] = first;
                break;
        case RANDOM_CHANGE_DIM:
                node->values[random_below(&g->random, (uint32_t) node->n_values)]++;
                break;
        case _RANDOM_CHANGE_MAX:
                return false;
        }
        return true;
}
