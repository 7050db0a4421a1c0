#pragma once

/*
 * Graphs: an XIR model in memory
 *
 * The form in which the compiler, the simulator and the model tools see a model: operators
 * that point to each other, each with one output tensor, and a tree of subgraphs. It is read
 * from and written to serial_v2.Graph (schema: xir.proto in this folder; facts from
 * Xilinx/Vitis-AI src/vai_runtime/xir/src/xir, release 3.5).
 *
 * Ownership: a Graph owns everything below it, in one arena; pointers stay valid until
 * graph_free(). Constant data read from a file is borrowed from the unpacked message that the
 * Graph keeps, so weights exist once. Nothing here is thread-safe; a Graph belongs to one
 * thread at a time.
 *
 * Order: ops[] is topological in every graph that graph_read() or graph_verify() accepted.
 * Names are unique. Strings are NUL-terminated UTF-8-or-bytes without NUL inside.
 *
 * Only `dpucc` links this: the daemon walks wire bytes instead (walk.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "base/slice.h"

typedef struct Graph Graph;
typedef struct Op Op;
typedef struct Subgraph Subgraph;

/* member of AttrValue's oneof, numbered as on the wire */
typedef enum AttrKind {
        ATTR_NONE = 0, /* an AttrValue without a value: kept as it is */
        ATTR_BOOL = 4,
        ATTR_INT32 = 5,
        ATTR_UINT32 = 6,
        ATTR_INT64 = 7,
        ATTR_UINT64 = 8,
        ATTR_FLOAT = 9,
        ATTR_DOUBLE = 10,
        ATTR_STRING = 11,
        ATTR_BYTES = 12,
        ATTR_BOOL_VEC = 13,
        ATTR_INT32_VEC = 14,
        ATTR_UINT32_VEC = 15,
        ATTR_INT64_VEC = 16,
        ATTR_UINT64_VEC = 17,
        ATTR_FLOAT_VEC = 18,
        ATTR_DOUBLE_VEC = 19,
        ATTR_STRING_VEC = 20,
        ATTR_BYTES_VEC = 21,
        ATTR_MAP_STRING_INT32 = 22,
        ATTR_MAP_STRING_UINT32 = 23,
        ATTR_MAP_STRING_INT64 = 24,
        ATTR_MAP_STRING_UINT64 = 25,
        ATTR_MAP_STRING_STRING = 26,
        ATTR_MAP_STRING_BYTES = 27,
        ATTR_MAP_STRING_INT32_VEC = 28,
        ATTR_MAP_STRING_UINT32_VEC = 29,
        ATTR_MAP_STRING_INT64_VEC = 30,
        ATTR_MAP_STRING_UINT64_VEC = 31,
        ATTR_MAP_STRING_STRING_VEC = 32,
} AttrKind;

typedef struct AttrPair AttrPair;

/* One attribute value. Exactly the member that @kind names is valid. */
typedef struct Attr {
        AttrKind kind;
        size_t n; /* elements of a vector, pairs of a map; else 0 */
        union {
                bool boolean;
                int32_t int32;
                uint32_t uint32;
                int64_t int64;
                uint64_t uint64;
                float float32;
                double float64;
                const char *string;
                Slice bytes;
                const bool *booleans;
                const int32_t *int32s;
                const uint32_t *uint32s;
                const int64_t *int64s;
                const uint64_t *uint64s;
                const float *floats;
                const double *doubles;
                const char *const *strings;
                const Slice *byteses;
                const AttrPair *pairs; /* ascending key */
        };
} Attr;

/* entry of a map-valued attribute; the value has the kind that the map holds */
struct AttrPair {
        const char *key;
        Attr value;
};

typedef struct NamedAttr {
        const char *name;
        Attr value;
} NamedAttr;

/* Attributes, ascending by name (byte order). */
typedef struct Attrs {
        NamedAttr *items;
        size_t n, capacity;
} Attrs;

/* data_type on the wire (xir/util/data_type.hpp); unknown numbers are kept */
typedef enum DataType {
        DATA_TYPE_INT = 0,
        DATA_TYPE_UINT = 1,
        DATA_TYPE_XINT = 2,
        DATA_TYPE_XUINT = 3,
        DATA_TYPE_FLOAT = 4,
        DATA_TYPE_BFLOAT = 5,
        DATA_TYPE_UNKNOWN = 6,
} DataType;

typedef struct Tensor {
        const char *name;
        const int32_t *dims; /* NHWC for images; -1 is an open dimension */
        size_t n_dims;
        int32_t data_type; /* DataType, or a number we do not know */
        int32_t bit_width; /* bits per element */
        Attrs attrs;
} Tensor;

/* one named argument: ops in the order that counts */
typedef struct Arg {
        const char *name;
        Op **ops;
        size_t n_ops;
} Arg;

struct Op {
        const char *name;
        const char *type;
        Attrs attrs;
        Arg *args;
        size_t n_args;
        Tensor tensor;
        size_t index;       /* position in Graph.ops */
        size_t n_consumers; /* argument slots that name this op; see graph_count_consumers() */
        Subgraph *subgraph; /* the leaf that lists it; NULL if none does */
};

struct Subgraph {
        const char *name;
        Attrs attrs;
        Subgraph *parent; /* NULL for the root */
        Subgraph **children;
        size_t n_children;
        Op **ops; /* of a leaf; empty where there are children */
        size_t n_ops;
};

struct Graph {
        const char *name;
        Attrs attrs;
        Op **ops;
        size_t n_ops;
        Subgraph *root;           /* never NULL */
        struct GraphArena *arena; /* private */
};

/* An empty graph with a root subgraph named "root". */
int graph_new(Graph **ret, const char *name);
Graph *graph_free(Graph *graph);

static inline void graph_freep(Graph **graph) {
        (void) graph_free(*graph);
}

/* Reads a whole file's bytes. The walker (walk.h) checks them first: what it refuses, this
 * refuses with the same problem. -EBADMSG, -EFBIG, -ENOMEM. @file may be freed afterwards. */
int graph_read(Graph **ret, Slice file, Problem *problem);

/* Deterministic bytes: fields ascending, map entries by key, ops in the order of ops[], which
 * must be topological. @with_op_defs appends definitions of the op types that are used, as the
 * vendor's library appends its own. */
int graph_write(const Graph *graph, bool with_op_defs, Bytes *ret, Problem *problem);

/* --- building; all copy what they are given; -ENOMEM ------------------------------------- */

int graph_add_op(Graph *graph, const char *name, const char *type, Op **ret); /* -EEXIST */
int graph_add_arg(Graph *graph, Op *op, const char *arg, Op *input); /* appends to that arg */
int graph_add_subgraph(Graph *graph, Subgraph *parent, const char *name, Subgraph **ret);
int graph_assign(Graph *graph, Subgraph *leaf, Op *op); /* appends to the leaf's ops */
int graph_set_tensor(Graph *graph, Op *op, const char *name, DataType type, int32_t bit_width,
                     const int32_t *dims, size_t n_dims);

int graph_set_attr(Graph *graph, Attrs *attrs, const char *name, const Attr *value);
int graph_set_string(Graph *graph, Attrs *attrs, const char *name, const char *value);
int graph_set_int32(Graph *graph, Attrs *attrs, const char *name, int32_t value);
int graph_set_uint64(Graph *graph, Attrs *attrs, const char *name, uint64_t value);
int graph_set_bool(Graph *graph, Attrs *attrs, const char *name, bool value);
int graph_set_int32s(Graph *graph, Attrs *attrs, const char *name, const int32_t *v, size_t n);
int graph_set_bytes(Graph *graph, Attrs *attrs, const char *name, Slice value);

/* --- asking -------------------------------------------------------------------------------- */

Op *graph_find_op(const Graph *graph, const char *name); /* hashed; NULL if there is none */
const Attr *attrs_find(const Attrs *attrs, const char *name);
const char *attrs_string(const Attrs *attrs, const char *name); /* NULL if absent or other kind */
int attrs_int32(const Attrs *attrs, const char *name, int32_t *ret);   /* -ENOENT */
int attrs_uint64(const Attrs *attrs, const char *name, uint64_t *ret); /* takes uint32 too */

const Arg *op_arg(const Op *op, const char *name);
Op *op_input(const Op *op, size_t index);       /* of arg "input"; NULL past the end */
uint64_t tensor_elements(const Tensor *tensor); /* product of dims; open ones count as 1 */

/* Sets n_consumers of every op, and index. */
void graph_count_consumers(Graph *graph);

/* What the vendor's library would abort or crash on: order, names, dangling arguments, leaf
 * and child rules, required attributes and arguments of known op types (opdef.h). */
int graph_verify(const Graph *graph, Problem *problem);
