/*
 * A mutator for the fuzzers that read graphs
 *
 * Flipped bytes rarely leave a graph: lengths, names and the types of fields hold each other. Here
 * the input becomes a tree (graph_tree.h), the tree is changed in ways most of which leave it one
 * (a value, an attribute, another argument, an op under a new name), and written again, at times in
 * another style. One change in four is libFuzzer's own, which knows nothing: errors have to be found
 * too. What cannot be read as a tree gets that always.
 *
 * Two inputs are crossed by putting ops of one into the other.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "tests/support/graph_tree.h"
#include "xmodel/schema.h"

#define CHANGES_MAX 4
#define LEAF_MORE   8 /* bytes that a string may grow by */
#define OUTPUT_MAX  ((size_t) 16 << 20)

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t size_a, const uint8_t *b, size_t size_b,
                                 uint8_t *ret, size_t max_size, unsigned seed);

static void must(bool good) {
        if (!good)
                abort();
}

/* --- places ------------------------------------------------------------------------------------ */

typedef struct Place {
        Node *parent;
        size_t index;
        Node *node;
} Place;

/* any field of the tree, each equally likely; with @number only those, with @leaf no messages */
static void pick(Node *in, uint32_t number, bool leaf, Random *random, uint64_t *n, Place *ret) {
        for (size_t i = 0; i < in->n_children; i++) {
                Node *child = in->children[i];
                bool fits = (number == 0 || child->number == number) &&
                            (!leaf || child->kind != NODE_MESSAGE);

                if (fits && random_below(random, ++*n) == 0)
                        *ret = (Place){ in, i, child };
                if (child->kind == NODE_MESSAGE)
                        pick(child, number, leaf, random, n, ret);
        }
}

/* one of the children with that number; NULL: there is none */
static Node *pick_child(const Node *in, uint32_t number, Random *random) {
        Node *ret = NULL;
        uint64_t n = 0;

        for (size_t i = 0; i < in->n_children; i++)
                if (in->children[i]->number == number && random_below(random, ++n) == 0)
                        ret = in->children[i];
        return ret;
}

static bool is_op(const Node *node) {
        return node && node->kind == NODE_MESSAGE && node->number == SCHEMA_GRAPH_OP_NODE;
}

static Node *name_of(const Node *op, Random *random) {
        Node *name = pick_child(op, SCHEMA_OP_NAME, random);

        return name && name->kind == NODE_BYTES && name->data.size > 0 ? name : NULL;
}

/* --- copies ------------------------------------------------------------------------------------ */

static Node *add_copy(Node *in, const Node *node) {
        Node *copy = node_add(in, node->number, node->kind);

        copy->freedom = node->freedom;
        copy->value = node->value;
        copy->n_values = node->n_values;
        if (node->data.size > 0)
                must(bytes_append(&copy->data, node->data.data, node->data.size) == 0);
        if (node->kind == NODE_LIST) {
                copy->values = calloc(node->n_values + 1, sizeof(*copy->values));
                must(copy->values != NULL);
                memcpy(copy->values, node->values, node->n_values * sizeof(*copy->values));
        }
        for (size_t i = 0; i < node->n_children; i++)
                (void) add_copy(copy, node->children[i]);
        return copy;
}

/* takes over @node */
static void add_node(Node *in, Node *node) {
        must(array_reserve(&in->children, &in->capacity, in->n_children + 1, sizeof(Node *)) == 0);
        in->children[in->n_children++] = node;
}

static void remove_at(const Place *place) {
        Node *parent = place->parent;

        (void) node_free(place->node);
        parent->n_children--;
        memmove(parent->children + place->index, parent->children + place->index + 1,
                (parent->n_children - place->index) * sizeof(Node *));
}

/* --- values ------------------------------------------------------------------------------------ */

static uint64_t other_number(uint64_t value, Random *random) {
        static const uint64_t corners[] = {
                0,         1,   2,   UINT64_MAX, UINT64_MAX - 1, INT32_MAX, UINT32_MAX, 0x80000000,
                INT64_MAX, 127, 128, 255,
        };

        switch (random_below(random, 5)) {
        case 0:
                return value + 1;
        case 1:
                return value - 1;
        case 2:
                return corners[random_below(random, ARRAY_SIZE(corners))];
        case 3:
                return random_below(random, 9);
        default:
                return value ^ UINT64_C(1) << random_below(random, 32);
        }
}

static void change_list(Node *list, Random *random) {
        size_t at = random_below(random, list->n_values + 1);

        if (at < list->n_values) {
                list->values[at] = other_number(list->values[at], random);
                return;
        }
        list->values = realloc(list->values, (list->n_values + 2) * sizeof(*list->values));
        must(list->values != NULL);
        list->values[list->n_values++] = random_below(random, 9);
}

static void change_bytes(Node *node) {
        size_t n = node->data.size;

        must(bytes_reserve(&node->data, LEAF_MORE) == 0);
        node->data.size = LLVMFuzzerMutate(node->data.data, n, n + LEAF_MORE);
}

static void change_leaf(Node *root, Random *random) {
        Place place = {};
        uint64_t n = 0;

        pick(root, 0, true, random, &n, &place);
        if (!place.node)
                return;
        if (place.node->kind == NODE_BYTES)
                change_bytes(place.node);
        else if (place.node->kind == NODE_LIST)
                change_list(place.node, random);
        else
                place.node->value = other_number(place.node->value, random);
}

/* --- fields ------------------------------------------------------------------------------------ */

static void remove_field(Node *root, Random *random) {
        Place place = {};
        uint64_t n = 0;

        pick(root, 0, false, random, &n, &place);
        if (place.node)
                remove_at(&place);
}

/* An attribute, an argument, a tensor in the place of another, or beside it. */
static void graft(Node *root, const Node *donor, Random *random) {
        _cleanup_(node_freep) Node *apart = node_new(); /* it may hold the place it goes to */
        Place from = {}, to = {};
        uint64_t n = 0;

        pick((Node *) donor, 0, false, random, &n, &from);
        if (!from.node || is_op(from.node))
                return;
        n = 0;
        pick(root, from.node->number, false, random, &n, &to);
        if (!to.node || to.node->kind != from.node->kind || to.node == from.node)
                return;
        add_node(to.parent, add_copy(apart, from.node));
        apart->n_children = 0;
        if (to.node->kind != NODE_MESSAGE || random_below(random, 2))
                remove_at(&to);
}

/* {1: key, 2: {member: value}}, as all attributes are */
static void add_attribute(Node *root, Random *random) {
        static const char *const keys[] = { "device",    "fix_point", "bit_width", "round_mode",
                                            "if_signed", "kernel",    "stride",    "pad",
                                            "dilation",  "axis",      "keep_dims", "data",
                                            "shape",     "order",     "group",     "pad_mode",
                                            "mode",      "size",      "begin",     "end",
                                            "strides",   "hw_scale" };
        static const char *const words[] = { "DPU", "CPU", "USER", "FLOOR", "CEIL", "BILINEAR" };
        Node *op = pick_child(root, SCHEMA_GRAPH_OP_NODE, random), *value;
        uint64_t values[4];

        if (!is_op(op))
                return;
        for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                values[i] = random_below(random, 5);
        value = node_attr(op, SCHEMA_OP_ATTR, keys[random_below(random, ARRAY_SIZE(keys))]);
        switch (random_below(random, 4)) {
        case 0:
                (void) node_varint(value, 4 + (uint32_t) random_below(random, 4),
                                   random_below(random, 2));
                break;
        case 1:
                (void) node_string(value, SCHEMA_VALUE_STRING,
                                   words[random_below(random, ARRAY_SIZE(words))]);
                break;
        case 2:
                (void) node_list(node_message(value, 14), 1, values, random_below(random, 5));
                break;
        default:
                node_add(value, 10, NODE_FIXED64)->value = random_u64(random);
        }
}

/* --- ops --------------------------------------------------------------------------------------- */

static void rename_all(Node *in, Slice from, const char *to) {
        for (size_t i = 0; i < in->n_children; i++) {
                Node *child = in->children[i];

                if (child->kind == NODE_MESSAGE)
                        rename_all(child, from, to);
                else if (child->kind == NODE_BYTES && slice_equal(bytes_slice(&child->data), from))
                        node_set_string(child, to);
        }
}

/* wherever it is mentioned: another order of names is another canonical order */
static void rename_op(Node *root, Random *random) {
        Node *op = pick_child(root, SCHEMA_GRAPH_OP_NODE, random);
        Node *name = is_op(op) ? name_of(op, random) : NULL;
        _cleanup_(bytes_cleanup) Bytes old = BYTES_INIT(OUTPUT_MAX);
        char text[8];

        if (!name)
                return;
        must(bytes_append(&old, name->data.data, name->data.size) == 0);
        (void) snprintf(text, sizeof(text), "%c%u", (int) ('a' + random_below(random, 26)),
                        (unsigned) random_below(random, 100));
        rename_all(root, bytes_slice(&old), text);
}

/* the argument of an op, or a new one, becomes another op's value */
static void rewire(Node *root, Random *random) {
        Node *op = pick_child(root, SCHEMA_GRAPH_OP_NODE, random);
        Node *other = pick_child(root, SCHEMA_GRAPH_OP_NODE, random);
        Node *name = is_op(other) ? name_of(other, random) : NULL;
        Node *arg, *input;

        if (!is_op(op) || !name || op == other)
                return;
        arg = pick_child(op, SCHEMA_OP_ARGS, random);
        input = arg ? pick_child(arg, SCHEMA_ARG_OPS, random) : NULL;
        if (!input || input->kind != NODE_BYTES)
                input = node_string(
                        arg && arg->kind == NODE_MESSAGE ? arg : node_message(op, SCHEMA_OP_ARGS),
                        SCHEMA_ARG_OPS, "");
        bytes_deinit(&input->data);
        must(bytes_append(&input->data, name->data.data, name->data.size) == 0);
}

static void set_inputs(Node *arg, const Node *root, Random *random) {
        for (size_t i = 0; arg->kind == NODE_MESSAGE && i < arg->n_children; i++) {
                const Node *op = pick_child(root, SCHEMA_GRAPH_OP_NODE, random);
                const Node *name = is_op(op) ? name_of(op, random) : NULL;
                Node *input = arg->children[i];

                if (!name || input->number != SCHEMA_ARG_OPS || input->kind != NODE_BYTES)
                        continue;
                bytes_deinit(&input->data);
                must(bytes_append(&input->data, name->data.data, name->data.size) == 0);
        }
}

/* An op of @donor under a new name, with arguments that the graph has. */
static void adopt_op(Node *root, const Node *donor, Random *random) {
        _cleanup_(node_freep) Node *apart = node_new();
        const Node *op = pick_child(donor, SCHEMA_GRAPH_OP_NODE, random);
        char text[16];
        Node *copy;

        if (!is_op(op) || !name_of(op, random))
                return;
        copy = add_copy(apart, op);
        (void) snprintf(text, sizeof(text), "n%u", (unsigned) random_below(random, 10000));
        node_set_string(name_of(copy, random), text);
        for (size_t i = 0; i < copy->n_children; i++)
                if (copy->children[i]->number == SCHEMA_OP_ARGS)
                        set_inputs(copy->children[i], root, random);
        apart->n_children = 0;
        add_node(root, copy);
}

/* --- the two entries --------------------------------------------------------------------------- */

static void change(Node *root, Random *random) {
        switch (random_below(random, 10)) {
        case 0:
                remove_field(root, random);
                break;
        case 1:
                graft(root, root, random);
                break;
        case 2:
                add_attribute(root, random);
                break;
        case 3:
                rename_op(root, random);
                break;
        case 4:
                rewire(root, random);
                break;
        case 5:
                adopt_op(root, root, random);
                break;
        default:
                change_leaf(root, random);
        }
}

/* 0: it does not fit */
static size_t write_tree(const Node *root, Random *random, uint8_t *ret, size_t max_size) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(OUTPUT_MAX);
        bool restyled = random_below(random, 4) == 0;
        const NodeStyle style = { .seed = random_u64(random),
                                  .shuffle_maps = restyled,
                                  .shuffle_ops = restyled && random_below(random, 2),
                                  .shuffle_fields = restyled && random_below(random, 2),
                                  .split_lists = restyled && random_below(random, 2),
                                  .omit = restyled && random_below(random, 2) };

        node_write(root, &style, &bytes);
        if (bytes.size > max_size)
                return 0;
        if (bytes.size > 0)
                memcpy(ret, bytes.data, bytes.size);
        return bytes.size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
        _cleanup_(node_freep) Node *root = NULL;
        Random random = RANDOM_INIT(seed);
        size_t n = 0;

        if (random_below(&random, 4) > 0)
                root = graph_tree_new(slice_of(data, size));
        if (!root || root->n_children == 0)
                return LLVMFuzzerMutate(data, size, max_size);
        for (uint64_t i = random_below(&random, CHANGES_MAX); i < CHANGES_MAX; i++)
                change(root, &random);
        n = write_tree(root, &random, data, max_size);
        return n > 0 ? n : LLVMFuzzerMutate(data, size, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t size_a, const uint8_t *b, size_t size_b,
                                 uint8_t *ret, size_t max_size, unsigned seed) {
        _cleanup_(node_freep) Node *root = graph_tree_new(slice_of(a, size_a));
        _cleanup_(node_freep) Node *donor = graph_tree_new(slice_of(b, size_b));
        Random random = RANDOM_INIT(seed);

        if (!root || !donor)
                return 0;
        for (uint64_t i = random_below(&random, CHANGES_MAX); i < CHANGES_MAX; i++) {
                if (random_below(&random, 2))
                        adopt_op(root, donor, &random);
                else
                        graft(root, donor, &random);
        }
        return write_tree(root, &random, ret, max_size);
}
