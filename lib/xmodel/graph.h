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
 * graph_free(). The message that a file is unpacked into lies in the same arena and lends its
 * constant data to the attributes, so weights exist once. Nothing here is thread-safe; a Graph
 * belongs to one thread at a time.
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
#include "xmodel/attrs.h"

typedef struct Graph Graph;
typedef struct Op Op;
typedef struct Subgraph Subgraph;

#define GRAPH_DEPTH_MAX 64 /* levels of subgraphs, the root counted */

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
        size_t depth;     /* 0 for the root */
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
        Subgraph *root;             /* never NULL */
        Arena arena;                /* for the functions below, and for attrs_set() */
        struct GraphIndex *by_name; /* private */
};

/* An empty graph with a root subgraph named "root". */
int graph_new(Graph **ret, const char *name);
Graph *graph_free(Graph *graph);

static inline void graph_freep(Graph **graph) {
        (void) graph_free(*graph);
}

/* Reads a whole file's bytes. The walker (walk.h) checks them first: what it refuses, this
 * refuses with the same problem. Refused besides: fields and kinds of attributes that release
 * 3.5 does not have (they could mean anything, and a compiler must not drop them). Ops that the
 * file has out of order are put in order. The definitions of op types in the file are not kept,
 * as in the vendor's library. -EBADMSG, -EFBIG, -ENOMEM. @file may be freed afterwards. */
int graph_read(Graph **ret, Slice file, Problem *problem);

/* Appends deterministic bytes to @ret: fields ascending, map entries by key, ops in the order of
 * ops[]. @with_op_defs adds the definitions of all op types (opdef.h) and of those that the graph
 * made up, as the vendor's library does. -EINVAL with @problem set if ops[] is not topological;
 * -EFBIG, -ENOMEM. */
int graph_write(const Graph *graph, bool with_op_defs, Bytes *ret, Problem *problem);

/* The same model in other bytes, as a re-export gives them: map entries in random order, ops in
 * another valid order; with op definitions. Equal seeds give equal bytes. */
int graph_write_shuffled(const Graph *graph, uint64_t seed, Bytes *ret, Problem *problem);

/* --- building; all copy what they are given; -ENOMEM ------------------------------------- */

int graph_add_op(Graph *graph, const char *name, const char *type, Op **ret); /* -EEXIST */

/* Appends to the argument @arg, which is made if @op does not have it. @input may be NULL: an
 * argument without ops (the vendor exports them, e.g. the unused `size` of resize). */
int graph_add_arg(Graph *graph, Op *op, const char *arg, Op *input);
int graph_set_tensor(Graph *graph, Op *op, const char *name, DataType type, int32_t bit_width,
                     const int32_t *dims, size_t n_dims);

/* -ELOOP: deeper than GRAPH_DEPTH_MAX; -EINVAL: @parent lists ops. */
int graph_add_subgraph(Graph *graph, Subgraph *parent, const char *name, Subgraph **ret);

/* Appends to the leaf's ops. -EEXIST: another leaf lists @op; -EINVAL: @leaf has children. */
int graph_assign(Graph *graph, Subgraph *leaf, Op *op);

/* Back to a root without ops and children; its name and attributes stay. */
void graph_clear_subgraphs(Graph *graph);

int graph_set_attr(Graph *graph, Attrs *attrs, const char *name, const Attr *value);
int graph_set_string(Graph *graph, Attrs *attrs, const char *name, const char *value);
int graph_set_strings(Graph *graph, Attrs *attrs, const char *name, const char *const *values,
                      size_t n);
int graph_set_int32(Graph *graph, Attrs *attrs, const char *name, int32_t value);
int graph_set_uint64(Graph *graph, Attrs *attrs, const char *name, uint64_t value);
int graph_set_bool(Graph *graph, Attrs *attrs, const char *name, bool value);
int graph_set_int32s(Graph *graph, Attrs *attrs, const char *name, const int32_t *v, size_t n);
int graph_set_bytes(Graph *graph, Attrs *attrs, const char *name, Slice value);

/* --- asking -------------------------------------------------------------------------------- */

Op *graph_find_op(const Graph *graph, const char *name); /* hashed; NULL if there is none */

const Arg *op_arg(const Op *op, const char *name);
Op *op_input(const Op *op, size_t index);       /* of arg "input"; NULL past the end */
uint64_t tensor_elements(const Tensor *tensor); /* product of dims; open ones count as 1 */
const char *data_type_name(int32_t data_type);  /* "XINT"; "?" if we do not know the number */

/* Sets n_consumers of every op, and index. */
void graph_count_consumers(Graph *graph);

/* What the vendor's library would abort or crash on: order, names, dangling arguments, leaf
 * and child rules, required attributes and arguments of known op types (opdef.h). -EINVAL with
 * @problem set, -ENOMEM. */
int graph_verify(const Graph *graph, Problem *problem);
