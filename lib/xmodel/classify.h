#pragma once

/*
 * What kind of file this is
 *
 * Only a quantized graph is a source; everything else found under a name *.xmodel is told apart
 * and explained, so that a person knows what to do about it.
 */

#include "base/problem.h"
#include "base/slice.h"
#include "xmodel/walk.h"

typedef enum XmodelClass {
        XMODEL_QUANTIZED,   /* has `fix` ops and no device: a source */
        XMODEL_COMPILED,    /* some subgraph below the root has an attribute `device` */
        XMODEL_FLOAT,       /* a graph without `fix` ops */
        XMODEL_LFS_POINTER, /* what git leaves when the content was not fetched */
        XMODEL_EMPTY,       /* no bytes, or no ops */
        XMODEL_TRUNCATED,   /* begins as a graph and stops short */
        XMODEL_NOT_XIR,     /* something else altogether */
        XMODEL_REFUSED,     /* a graph, but malformed, ambiguous or over a limit */
} XmodelClass;

/* Returns 0 or -ENOMEM. @ret_walk is set for the first three classes and NULL for the others; the
 * caller frees it. @ret_reason is one line for a person, with the remedy, without the file's name. */
int classify(Slice file, XmodelClass *ret_class, Walk **ret_walk, Problem *ret_reason);

/* "quantized", "compiled", "float", "lfs-pointer", "empty", "truncated", "not-xir", "refused" */
const char *xmodel_class_name(XmodelClass class);
