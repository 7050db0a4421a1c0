#pragma once

/*
 * The schema of serial_v2.Graph as a table, and the check of bytes against it
 *
 * Numbers and types from Xilinx/Vitis-AI, src/vai_runtime/xir/src/xir/proto/graph_proto_v2.proto.
 * The table serves whoever works on wire bytes: the walker checks with it, the canonical form is
 * written by it. (lib/xmodel/graph.c has a schema of its own, for protobuf-c.)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/slice.h"
#include "xmodel/wire.h"

/* how many there may be */
#define SCHEMA_DEPTH_MAX       64 /* levels of subgraphs, the root counted */
#define SCHEMA_OPS_MAX         (1u << 18)
#define SCHEMA_SUBGRAPHS_MAX   (1u << 16)
#define SCHEMA_ARGS_MAX        (1u << 14) /* of one op, and op names in one of them */
#define SCHEMA_ATTRS_MAX       (1u << 14) /* entries of one map */
#define SCHEMA_VALUES_MAX      (1u << 24) /* elements of one list attribute */
#define SCHEMA_DIMS_MAX        32
#define SCHEMA_OCCURRENCES_MAX (1u << 19) /* fields of one message; a packed list is one */
#define SCHEMA_UNKNOWN_MAX     256        /* unknown ones of them */
#define SCHEMA_NAME_MAX        4096       /* bytes of a name or a map key */

typedef enum SchemaKind {
        SCHEMA_BOOL,
        SCHEMA_INT32, /* enums too */
        SCHEMA_UINT32,
        SCHEMA_INT64, /* signed or not: all 64 bits are good */
        SCHEMA_FIXED32,
        SCHEMA_FIXED64,
        SCHEMA_NAME,   /* a string of at most SCHEMA_NAME_MAX bytes */
        SCHEMA_STRING, /* of any length */
        SCHEMA_BYTES,
        SCHEMA_MESSAGE,
} SchemaKind;

typedef enum SchemaLabel {
        SCHEMA_SINGULAR,
        SCHEMA_ONEOF, /* at most one of the message's fields with this label */
        SCHEMA_REPEATED,
        SCHEMA_KEYED, /* repeated messages, of which no two have the same field 1 */
        SCHEMA_MAP,   /* the same, and without an order: entries of key and value */
} SchemaLabel;

typedef struct SchemaMessage SchemaMessage;

typedef struct SchemaField {
        uint32_t number;
        SchemaKind kind;
        SchemaLabel label;
        uint32_t max; /* elements, if repeated */
        const char *name;
        const SchemaMessage *message; /* of a SCHEMA_MESSAGE */
} SchemaField;

struct SchemaMessage {
        const SchemaField *fields; /* by ascending number */
        uint32_t n_fields;         /* at most SCHEMA_FIELDS_MAX */
        bool is_entry;             /* of a map */
};

#define SCHEMA_FIELDS_MAX 32

/* numbers that code refers to */
#define SCHEMA_GRAPH_NAME       1
#define SCHEMA_GRAPH_OP_NODE    5
#define SCHEMA_GRAPH_SUBG_ROOT  10
#define SCHEMA_GRAPH_ATTR       11
#define SCHEMA_GRAPH_OP_DEFS    101
#define SCHEMA_OP_NAME          1
#define SCHEMA_OP_TYPE          2
#define SCHEMA_OP_ATTR          3
#define SCHEMA_OP_ARGS          4
#define SCHEMA_OP_TENSOR        5
#define SCHEMA_ARG_OPS          2
#define SCHEMA_TENSOR_DIM       2
#define SCHEMA_TENSOR_BIT_WIDTH 6
#define SCHEMA_TENSOR_ATTR      10
#define SCHEMA_SUBGRAPH_NAME    1
#define SCHEMA_SUBGRAPH_OP_NAME 3
#define SCHEMA_SUBGRAPH_ATTR    5
#define SCHEMA_SUBGRAPH_CHILD   10
#define SCHEMA_ENTRY_KEY        1
#define SCHEMA_ENTRY_VALUE      2
#define SCHEMA_VALUE_STRING     11
#define SCHEMA_VALUE_BYTES      12
#define SCHEMA_BYTES_VALUE      1

extern const SchemaMessage schema_graph;
extern const SchemaMessage schema_subgraph;

/* NULL if the message has no such field */
const SchemaField *schema_field(const SchemaMessage *message, uint32_t number);

/* Strings, bytes and messages have a field each; other repeated kinds may be packed. */
static inline bool schema_is_scalar(SchemaKind kind) {
        return kind < SCHEMA_NAME;
}

/* The first field of number @number in a well-formed message; 0 or -ENOENT. */
int schema_find(Slice body, uint32_t number, WireField *ret);

/* The content of that field: empty if it is missing. */
Slice schema_content(Slice body, uint32_t number);

/* The whole of a Graph against the table and the rules of docs/FORMATS.md that need no index.
 * Errors as walk_new(). */
int schema_check_graph(Slice file, Problem *problem);
