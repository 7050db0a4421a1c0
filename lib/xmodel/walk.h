#pragma once

/*
 * Walk: an XIR file checked and indexed without unpacking it
 *
 * An .xmodel is one serial_v2.Graph message (Xilinx/Vitis-AI,
 * src/vai_runtime/xir/src/xir/proto/graph_proto_v2.proto). walk_new() accepts it only if it has
 * exactly one reading: it is bounded (below, and in schema.h), every field has the type of the
 * schema, and nothing is left that protobuf readers settle differently (docs/FORMATS.md, "What is
 * refused"). After it returned 0 every name resolves, the ops form an acyclic graph, and
 * lib/xmodel/graph.h may unpack the bytes.
 *
 * All slices point into the file's bytes, which the caller keeps alive as long as the Walk. A
 * Walk is constant once made: any thread may read it. It takes some 100 bytes for each op and 4
 * for each argument, nothing for weights; time is n log n in the number of names.
 *
 * A file whose ops are out of order (an op before its inputs) is accepted, the vendor's library
 * crashes on it: see `in_order`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/slice.h"
#include "xmodel/schema.h"
#include "xmodel/wire.h"

#define WALK_FILE_MAX     (((size_t) 1 << 31) - 1) /* bytes; protobuf's own limit */
#define WALK_EDGES_MAX    (1u << 22)               /* arguments of all ops together */
#define WALK_ELEMENTS_MAX (UINT64_C(1) << 40)      /* of one tensor */
#define WALK_DIM_UNKNOWN  UINT64_C(0xffffffff)     /* -1 as the vendor writes it: not known yet */

typedef struct WalkOp {
        Slice name;
        Slice type;
        Slice body;           /* the OPNode message */
        uint32_t first_input; /* in Walk.inputs; all arguments in file order, joined */
        uint32_t n_inputs;
        uint32_t rank; /* position in the canonical order */
} WalkOp;

typedef struct WalkSubgraph {
        Slice name;
        Slice body;   /* the SubGraph message */
        Slice device; /* attribute "device" if it is a string: "DPU", "CPU", "USER" */
        bool has_device;
        uint32_t parent;       /* index; the root is its own */
        uint32_t depth;        /* 0 for the root */
        uint32_t first_member; /* in Walk.members: the ops it lists itself, in file order */
        uint32_t n_members;
        uint32_t rank; /* smallest rank of the ops in it and below; UINT32_MAX if there are none */
} WalkSubgraph;

typedef struct Walk {
        Slice file;
        Slice name;  /* graph_name */
        WalkOp *ops; /* in file order */
        uint32_t n_ops;
        uint32_t *order; /* op numbers in canonical order: each after its inputs, of those that are
                              ready the smallest name first */
        uint32_t *by_name; /* op numbers sorted by name */
        uint32_t *inputs;  /* op numbers */
        uint32_t n_inputs;
        WalkSubgraph
                *subgraphs; /* in file order, parents before children: [0] is the root, if any */
        uint32_t n_subgraphs;
        uint32_t *members; /* op numbers */
        uint32_t n_members;
        bool in_order; /* in the file every op comes after its inputs */
} Walk;

/*
 *   -EBADMSG  malformed, or well-formed protobuf that is not one unambiguous graph
 *   -ENODATA  the file ends in the middle of a field of the graph; all before it is in order
 *   -EFBIG    over one of the limits above
 *   -ENOMEM
 *
 * @problem (may be NULL) then says where and what, without the file's name.
 */
int walk_new(Walk **ret, Slice file, Problem *problem);
Walk *walk_free(Walk *walk);

static inline void walk_freep(Walk **walk) {
        (void) walk_free(*walk);
}

/* The number of the op with this name; -ENOENT. */
int walk_find_op(const Walk *walk, Slice name, uint32_t *ret);

/* Numbers of the op or subgraph whose message begins at @body. It must be one of this Walk. */
uint32_t walk_op_at(const Walk *walk, const uint8_t *body);
uint32_t walk_subgraph_at(const Walk *walk, const uint8_t *body);

/* Attribute maps, by the message that holds them. */
typedef enum WalkAttrs {
        WALK_OP_ATTRS = SCHEMA_OP_ATTR,
        WALK_SUBGRAPH_ATTRS = SCHEMA_SUBGRAPH_ATTR,
        WALK_TENSOR_ATTRS = SCHEMA_TENSOR_ATTR,
        WALK_GRAPH_ATTRS = SCHEMA_GRAPH_ATTR,
} WalkAttrs;

/* The member of AttrValue that attribute @key of the message @body has: its field number is its
 * type (4 bool, 5 int32 ... 12 bytes, whose content is a message with field 1). -ENOENT: no such
 * attribute, or one without a value. @body must have passed walk_new(). */
int walk_attr(Slice body, WalkAttrs attrs, const char *key, WireField *ret);
