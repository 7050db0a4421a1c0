#pragma once

/*
 * Random XIR graphs, as protobuf messages written by hand
 *
 * A Node is one field; a message's Node holds those of its fields. Nothing of lib/xmodel is used,
 * so that a mistake there cannot hide itself. The same graph can be written in many styles
 * (shuffled maps, ops, fields; lists packed or not; defaults left out or not), all of which mean
 * the same, and can be changed in the ways that mean something else.
 *
 * Failing allocations abort: this is test code.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/random.h"
#include "base/slice.h"

typedef enum NodeKind {
        NODE_VARINT,
        NODE_FIXED32,
        NODE_FIXED64,
        NODE_BYTES,   /* string or bytes */
        NODE_LIST,    /* of varints: packed, or as the style wants */
        NODE_MESSAGE, /* children */
} NodeKind;

/* what may be done to an occurrence without changing the meaning */
typedef enum NodeFreedom {
        NODE_FIXED = 0,
        NODE_MAP = 1 << 0,   /* an entry of a map: any place among its like */
        NODE_ORDER = 1 << 1, /* an op, a subgraph, a name of an op in one: likewise */
        NODE_OMIT = 1 << 2,  /* means nothing: provenance, op definitions, explicit defaults */
} NodeFreedom;

typedef struct Node Node;

struct Node {
        uint32_t number;
        NodeKind kind;
        unsigned freedom;
        uint64_t value;
        Bytes data;       /* of NODE_BYTES; of NODE_LIST the varints */
        uint64_t *values; /* of NODE_LIST */
        size_t n_values;
        Node **children;
        size_t n_children;
        size_t capacity;
};

Node *node_new(void); /* a message */
Node *node_free(Node *node);

/* Each adds a field to the message @in and returns it. */
Node *node_add(Node *in, uint32_t number, NodeKind kind);
Node *node_message(Node *in, uint32_t number);
Node *node_varint(Node *in, uint32_t number, uint64_t value);
Node *node_string(Node *in, uint32_t number, const char *text);
Node *node_bytes(Node *in, uint32_t number, const void *data, size_t n);
Node *node_list(Node *in, uint32_t number, const uint64_t *values, size_t n);
void node_set_string(Node *node, const char *text);

/* {1: @key, 2: {}} as field @number; returns the value's message */
Node *node_attr(Node *in, uint32_t number, const char *key);

/* an op with name and type; a tensor of its own with these dimensions; an argument */
Node *node_op(Node *graph, const char *name, const char *type);
Node *node_tensor(Node *op, const char *name, const uint64_t *dims, size_t n_dims, unsigned bits);
Node *node_arg(Node *op, const char *name, const char *input);

typedef struct NodeStyle {
        uint64_t seed;
        bool shuffle_maps;
        bool shuffle_ops;    /* and subgraphs, and their lists */
        bool shuffle_fields; /* fields of different numbers within a message */
        bool split_lists;    /* packed, not packed, and mixtures */
        bool omit;           /* what means nothing is left out */
} NodeStyle;

/* the content of message @node */
void node_write(const Node *node, const NodeStyle *style, Bytes *ret);

/* a change of meaning */
typedef enum RandomChange {
        RANDOM_CHANGE_WEIGHT,    /* one bit of the data of a constant */
        RANDOM_CHANGE_FIX_POINT, /* of a fix op */
        RANDOM_CHANGE_TENSOR,    /* its name */
        RANDOM_CHANGE_ARGS,      /* two different ones are swapped */
        RANDOM_CHANGE_DIM,       /* of a tensor that is no constant's */
        _RANDOM_CHANGE_MAX,
} RandomChange;

#define RANDOM_GRAPH_PLACES 64

typedef struct RandomGraph {
        Node *root;
        Random random;
        uint32_t n_ops;
        bool compiled;                                         /* has device subgraphs */
        Node *places[_RANDOM_CHANGE_MAX][RANDOM_GRAPH_PLACES]; /* where each change can be made */
        size_t n_places[_RANDOM_CHANGE_MAX];
} RandomGraph;

RandomGraph *random_graph_new(uint64_t seed, uint32_t max_ops);
RandomGraph *random_graph_free(RandomGraph *graph);

/* false if the graph has no place for such a change */
bool random_graph_change(RandomGraph *graph, RandomChange change);

static inline void random_graph_freep(RandomGraph **graph) {
        (void) random_graph_free(*graph);
}

static inline void node_freep(Node **node) {
        (void) node_free(*node);
}
