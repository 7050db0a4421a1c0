#pragma once

/*
 * Op definitions: what XIR 3.5 knows of its built-in op types
 *
 * Which arguments and attributes a type has, which of them must be there, and the defaults of
 * the rest. The vendor's library checks an op against them when it loads a file (it aborts), and
 * appends all of them to every file that it writes. Facts: Xilinx/Vitis-AI
 * src/vai_runtime/xir/src/xir/op/built_in_ops.cpp, release 3.5; the explanatory texts there are
 * not carried over.
 *
 * Any other type is a custom op: any number of ops in `input`, required attributes `shape` and
 * `data_type`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xmodel/attrs.h"

/* numbered as on the wire */
typedef enum OpDefOccurs {
        OPDEF_REQUIRED = 0,
        OPDEF_OPTIONAL = 1,
        OPDEF_REPEATED = 2,
        OPDEF_REQUIRED_AND_REPEATED = 3,
} OpDefOccurs;

typedef struct OpDefArg {
        const char *name;
        OpDefOccurs occurs;
        int32_t data_type; /* DataType of graph.h */
} OpDefArg;

typedef struct OpDefAttr {
        const char *name;
        OpDefOccurs occurs;  /* required or optional */
        int32_t list_length; /* 1 for scalars; of a vector, 0 if it may have any */
        Attr value;          /* the default; of the right kind and zero if required */
} OpDefAttr;

typedef struct OpDef {
        const char *type;
        const OpDefArg *args;
        size_t n_args;
        const OpDefAttr *attrs;
        size_t n_attrs;
} OpDef;

/* The definitions, each parsed out of the built-in text when it is first asked for. */
typedef struct OpDefs OpDefs;

int opdefs_new(OpDefs **ret); /* -ENOMEM */
OpDefs *opdefs_free(OpDefs *defs);

static inline void opdefs_freep(OpDefs **defs) {
        (void) opdefs_free(*defs);
}

size_t opdefs_count(void); /* built-in ones */

/* Both borrowed from @defs; -ENOMEM. @index is below opdefs_count(), ascending by type. For a
 * type that is not built in, opdefs_find() gives the definition of a custom op; its own `type`
 * then is "". */
int opdefs_get(OpDefs *defs, size_t index, const OpDef **ret);
int opdefs_find(OpDefs *defs, const char *type, const OpDef **ret);

const OpDefArg *opdef_arg(const OpDef *def, const char *name);
bool opdef_is_custom(const OpDef *def);
