#pragma once

/*
 * Attributes: the typed key-value pairs of XIR
 *
 * Graphs, ops, tensors and subgraphs carry them. A value is one of the 29 kinds of the format's
 * AttrValue, or none. What a value points to lives in the arena of whoever holds it, except
 * where attrs_lend_bytes() says otherwise.
 *
 * Maps have no order on the wire. Here they always ascend by key, so that two equal sets of
 * attributes look equal.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

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

typedef enum AttrShape {
        ATTR_SHAPE_NONE,
        ATTR_SHAPE_SCALAR,
        ATTR_SHAPE_VECTOR,
        ATTR_SHAPE_MAP,
} AttrShape;

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
                const void *elements; /* of any vector */
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

/* --- kinds --------------------------------------------------------------------------------- */

AttrShape attr_kind_shape(AttrKind kind);
AttrKind attr_kind_element(AttrKind kind); /* of a vector or map; ATTR_NONE for others */
size_t attr_kind_size(AttrKind kind);      /* bytes of a vector's element in memory */
const char *attr_kind_name(AttrKind kind); /* as the vendor writes it: "int32_vec" */

/* --- setting; the value is copied into @arena, deeply; replaces; -ENOMEM ---------------------- */

int attrs_set(Attrs *attrs, Arena *arena, const char *name, const Attr *value);

/* The same for a bytes value that is not copied: it must outlive @attrs. For weights. */
int attrs_lend_bytes(Attrs *attrs, Arena *arena, const char *name, Slice value);

bool attrs_remove(Attrs *attrs, const char *name); /* false if it was not there */

/* --- asking ---------------------------------------------------------------------------------- */

const Attr *attr_map_find(const Attr *map, const char *key); /* NULL: not there, or no map */
bool attr_equal(const Attr *a, const Attr *b);               /* floats by their bits */

const Attr *attrs_find(const Attrs *attrs, const char *name);

const char *attrs_string(const Attrs *attrs, const char *name); /* NULL if absent or other kind */
int attrs_int32(const Attrs *attrs, const char *name, int32_t *ret);   /* -ENOENT */
int attrs_uint64(const Attrs *attrs, const char *name, uint64_t *ret); /* takes uint32 too */
int attrs_bool(const Attrs *attrs, const char *name, bool *ret);       /* -ENOENT */
int attrs_bytes(const Attrs *attrs, const char *name, Slice *ret);     /* -ENOENT */
