#include "xmodel/attrs.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

typedef struct AttrKindInfo {
        const char *name;
        AttrShape shape;
        AttrKind element;
        size_t size; /* of a vector's element */
} AttrKindInfo;

/* names as the vendor's op definitions and messages use them */
static const AttrKindInfo attr_kinds[] = {
        [ATTR_NONE] = { "none", ATTR_SHAPE_NONE, ATTR_NONE, 0 },
        [ATTR_BOOL] = { "bool", ATTR_SHAPE_SCALAR, ATTR_NONE, 0 },
        [ATTR_INT32] = { "int32", ATTR_SHAPE_SCALAR, ATTR_NONE, 0 },
        [ATTR_UINT32] = { "uint32", ATTR_SHAPE_SCALAR, ATTR_NONE, 0 },
        [ATTR_INT64] = { "int64", ATTR_SHAPE_SCALAR, ATTR_NONE, 0 },
        [ATTR_UINT64] = { "uint64", ATTR_SHAPE_SCALAR, ATTR_NONE, 0 },
        [ATTR_FLOAT] = { "float", ATTR_SHAPE_SCALAR, ATTR_NONE, 0 },
        [ATTR_DOUBLE] = { "double", ATTR_SHAPE_SCALAR, ATTR_NONE, 0 },
        [ATTR_STRING] = { "string", ATTR_SHAPE_SCALAR, ATTR_NONE, 0 },
        [ATTR_BYTES] = { "bytes", ATTR_SHAPE_SCALAR, ATTR_NONE, 0 },
        [ATTR_BOOL_VEC] = { "bool_vec", ATTR_SHAPE_VECTOR, ATTR_BOOL, sizeof(bool) },
        [ATTR_INT32_VEC] = { "int32_vec", ATTR_SHAPE_VECTOR, ATTR_INT32, sizeof(int32_t) },
        [ATTR_UINT32_VEC] = { "uint32_vec", ATTR_SHAPE_VECTOR, ATTR_UINT32, sizeof(uint32_t) },
        [ATTR_INT64_VEC] = { "int64_vec", ATTR_SHAPE_VECTOR, ATTR_INT64, sizeof(int64_t) },
        [ATTR_UINT64_VEC] = { "uint64_vec", ATTR_SHAPE_VECTOR, ATTR_UINT64, sizeof(uint64_t) },
        [ATTR_FLOAT_VEC] = { "float_vec", ATTR_SHAPE_VECTOR, ATTR_FLOAT, sizeof(float) },
        [ATTR_DOUBLE_VEC] = { "double_vec", ATTR_SHAPE_VECTOR, ATTR_DOUBLE, sizeof(double) },
        [ATTR_STRING_VEC] = { "string_vec", ATTR_SHAPE_VECTOR, ATTR_STRING, sizeof(char *) },
        [ATTR_BYTES_VEC] = { "bytes_vec", ATTR_SHAPE_VECTOR, ATTR_BYTES, sizeof(Slice) },
        [ATTR_MAP_STRING_INT32] = { "map_string_int32", ATTR_SHAPE_MAP, ATTR_INT32, 0 },
        [ATTR_MAP_STRING_UINT32] = { "map_string_uint32", ATTR_SHAPE_MAP, ATTR_UINT32, 0 },
        [ATTR_MAP_STRING_INT64] = { "map_string_int64", ATTR_SHAPE_MAP, ATTR_INT64, 0 },
        [ATTR_MAP_STRING_UINT64] = { "map_string_uint64", ATTR_SHAPE_MAP, ATTR_UINT64, 0 },
        [ATTR_MAP_STRING_STRING] = { "map_string_string", ATTR_SHAPE_MAP, ATTR_STRING, 0 },
        [ATTR_MAP_STRING_BYTES] = { "map_string_bytes", ATTR_SHAPE_MAP, ATTR_BYTES, 0 },
        [ATTR_MAP_STRING_INT32_VEC] = { "map_string_int32_vec", ATTR_SHAPE_MAP, ATTR_INT32_VEC, 0 },
        [ATTR_MAP_STRING_UINT32_VEC] = { "map_string_uint32_vec", ATTR_SHAPE_MAP, ATTR_UINT32_VEC,
                                         0 },
        [ATTR_MAP_STRING_INT64_VEC] = { "map_string_int64_vec", ATTR_SHAPE_MAP, ATTR_INT64_VEC, 0 },
        [ATTR_MAP_STRING_UINT64_VEC] = { "map_string_uint64_vec", ATTR_SHAPE_MAP, ATTR_UINT64_VEC,
                                         0 },
        [ATTR_MAP_STRING_STRING_VEC] = { "map_string_string_vec", ATTR_SHAPE_MAP, ATTR_STRING_VEC,
                                         0 },
};

static const AttrKindInfo *attr_kind_info(AttrKind kind) {
        if (kind >= ARRAY_SIZE(attr_kinds) || !attr_kinds[kind].name)
                return &attr_kinds[ATTR_NONE];
        return &attr_kinds[kind];
}

AttrShape attr_kind_shape(AttrKind kind) {
        return attr_kind_info(kind)->shape;
}

AttrKind attr_kind_element(AttrKind kind) {
        return attr_kind_info(kind)->element;
}

size_t attr_kind_size(AttrKind kind) {
        return attr_kind_info(kind)->size;
}

const char *attr_kind_name(AttrKind kind) {
        return attr_kind_info(kind)->name;
}

/* --- copying: bounded recursion, a map holds vectors or scalars, a vector holds scalars ------ */

static int attr_copy(Arena *arena, const Attr *from, Attr *ret);

static int attr_copy_strings(Arena *arena, const Attr *from, Attr *ret) {
        const char **strings = arena_zalloc(arena, from->n, sizeof(*strings));

        if (!strings)
                return -ENOMEM;
        for (size_t i = 0; i < from->n; i++) {
                strings[i] = arena_string(arena, from->strings[i], strlen(from->strings[i]));
                if (!strings[i])
                        return -ENOMEM;
        }
        ret->strings = strings;
        return 0;
}

static int attr_copy_byteses(Arena *arena, const Attr *from, Attr *ret) {
        Slice *byteses = arena_zalloc(arena, from->n, sizeof(*byteses));

        if (!byteses)
                return -ENOMEM;
        for (size_t i = 0; i < from->n; i++) {
                byteses[i].size = from->byteses[i].size;
                byteses[i].data = arena_copy(arena, from->byteses[i].data, from->byteses[i].size);
                if (!byteses[i].data)
                        return -ENOMEM;
        }
        ret->byteses = byteses;
        return 0;
}

static int attr_copy_vector(Arena *arena, const Attr *from, Attr *ret) {
        if (from->kind == ATTR_STRING_VEC)
                return attr_copy_strings(arena, from, ret);
        if (from->kind == ATTR_BYTES_VEC)
                return attr_copy_byteses(arena, from, ret);

        ret->elements = arena_copy(arena, from->elements, from->n * attr_kind_size(from->kind));
        return ret->elements ? 0 : -ENOMEM;
}

/* where @name is, or where it would have to be inserted */
static size_t attr_pairs_place(const AttrPair *pairs, size_t n, const char *key) {
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(pairs[middle].key, key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int attr_copy_map(Arena *arena, const Attr *from, Attr *ret) {
        AttrPair *pairs = arena_zalloc(arena, from->n, sizeof(*pairs));
        size_t n = 0;
        int r;

        if (!pairs)
                return -ENOMEM;
        for (size_t i = 0; i < from->n; i++) {
                const AttrPair *pair = &from->pairs[i];
                size_t at = attr_pairs_place(pairs, n, pair->key);

                if (at == n || strcmp(pairs[at].key, pair->key) != 0) {
                        memmove(pairs + at + 1, pairs + at, (n - at) * sizeof(*pairs));
                        n++;
                }
                pairs[at].key = arena_string(arena, pair->key, strlen(pair->key));
                if (!pairs[at].key)
                        return -ENOMEM;
                r = attr_copy(arena, &pair->value, &pairs[at].value);
                if (r < 0)
                        return r;
        }
        ret->pairs = pairs;
        ret->n = n;
        return 0;
}

static int attr_copy_scalar(Arena *arena, const Attr *from, Attr *ret) {
        if (from->kind == ATTR_STRING) {
                ret->string = arena_string(arena, from->string, strlen(from->string));
                return ret->string ? 0 : -ENOMEM;
        }
        if (from->kind == ATTR_BYTES) {
                ret->bytes.data = arena_copy(arena, from->bytes.data, from->bytes.size);
                return ret->bytes.data ? 0 : -ENOMEM;
        }
        return 0;
}

static int attr_copy(Arena *arena, const Attr *from, Attr *ret) {
        *ret = *from;
        switch (attr_kind_shape(from->kind)) {
        case ATTR_SHAPE_NONE:
                return 0;
        case ATTR_SHAPE_SCALAR:
                return attr_copy_scalar(arena, from, ret);
        case ATTR_SHAPE_VECTOR:
                return attr_copy_vector(arena, from, ret);
        case ATTR_SHAPE_MAP:
                return attr_copy_map(arena, from, ret);
        }
        return -EINVAL;
}

/* --- sets of attributes ---------------------------------------------------------------------- */

static size_t attrs_place(const Attrs *attrs, const char *name) {
        size_t low = 0, high = attrs->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(attrs->items[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool attrs_has_at(const Attrs *attrs, size_t at, const char *name) {
        return at < attrs->n && strcmp(attrs->items[at].name, name) == 0;
}

static int attrs_reserve_one(Attrs *attrs, Arena *arena) {
        size_t capacity = attrs->capacity > 0 ? 2 * attrs->capacity : 4;
        NamedAttr *items;

        if (attrs->n < attrs->capacity)
                return 0;
        items = arena_zalloc(arena, capacity, sizeof(*items));
        if (!items)
                return -ENOMEM;

        if (attrs->n > 0)
                memcpy(items, attrs->items, attrs->n * sizeof(*items));
        attrs->items = items;
        attrs->capacity = capacity;
        return 0;
}

/* @value already lives long enough */
static int attrs_put(Attrs *attrs, Arena *arena, const char *name, const Attr *value) {
        size_t at = attrs_place(attrs, name);
        const char *own_name;
        int r;

        if (attrs_has_at(attrs, at, name)) {
                attrs->items[at].value = *value;
                return 0;
        }

        own_name = arena_string(arena, name, strlen(name));
        if (!own_name)
                return -ENOMEM;
        r = attrs_reserve_one(attrs, arena);
        if (r < 0)
                return r;

        memmove(attrs->items + at + 1, attrs->items + at, (attrs->n - at) * sizeof(*attrs->items));
        attrs->items[at] = (NamedAttr){ .name = own_name, .value = *value };
        attrs->n++;
        return 0;
}

int attrs_set(Attrs *attrs, Arena *arena, const char *name, const Attr *value) {
        Attr copy;
        int r;

        r = attr_copy(arena, value, &copy);
        if (r < 0)
                return r;
        return attrs_put(attrs, arena, name, &copy);
}

int attrs_lend_bytes(Attrs *attrs, Arena *arena, const char *name, Slice value) {
        const Attr attr = { .kind = ATTR_BYTES, .bytes = value };

        return attrs_put(attrs, arena, name, &attr);
}

bool attrs_remove(Attrs *attrs, const char *name) {
        size_t at = attrs_place(attrs, name);

        if (!attrs_has_at(attrs, at, name))
                return false;

        attrs->n--;
        memmove(attrs->items + at, attrs->items + at + 1, (attrs->n - at) * sizeof(*attrs->items));
        return true;
}

const Attr *attr_map_find(const Attr *map, const char *key) {
        if (attr_kind_shape(map->kind) != ATTR_SHAPE_MAP)
                return NULL;
        for (size_t i = 0; i < map->n; i++)
                if (strcmp(map->pairs[i].key, key) == 0)
                        return &map->pairs[i].value;
        return NULL;
}

/* both of kind @kind, a scalar's */
static bool attr_equal_scalar(AttrKind kind, const Attr *a, const Attr *b) {
        if (kind == ATTR_STRING)
                return strcmp(a->string, b->string) == 0;
        if (kind == ATTR_BYTES)
                return slice_equal(a->bytes, b->bytes);
        if (kind == ATTR_BOOL)
                return a->boolean == b->boolean;
        if (kind == ATTR_INT32 || kind == ATTR_UINT32 || kind == ATTR_FLOAT)
                return a->uint32 == b->uint32;
        return a->uint64 == b->uint64;
}

static bool attr_equal_vector(const Attr *a, const Attr *b) {
        if (a->kind != ATTR_STRING_VEC && a->kind != ATTR_BYTES_VEC)
                return a->n == 0 ||
                       memcmp(a->elements, b->elements, a->n * attr_kind_size(a->kind)) == 0;
        for (size_t i = 0; i < a->n; i++)
                if (a->kind == ATTR_STRING_VEC ? strcmp(a->strings[i], b->strings[i]) != 0
                                               : !slice_equal(a->byteses[i], b->byteses[i]))
                        return false;
        return true;
}

/* the values of a map are scalars or vectors */
bool attr_equal(const Attr *a, const Attr *b) {
        if (a->kind != b->kind || a->n != b->n)
                return false;
        switch (attr_kind_shape(a->kind)) {
        case ATTR_SHAPE_NONE:
                return true;
        case ATTR_SHAPE_SCALAR:
                return attr_equal_scalar(a->kind, a, b);
        case ATTR_SHAPE_VECTOR:
                return attr_equal_vector(a, b);
        case ATTR_SHAPE_MAP:
                break;
        }
        for (size_t i = 0; i < a->n; i++)
                if (strcmp(a->pairs[i].key, b->pairs[i].key) != 0 ||
                    !attr_equal(&a->pairs[i].value, &b->pairs[i].value))
                        return false;
        return true;
}

const Attr *attrs_find(const Attrs *attrs, const char *name) {
        size_t at = attrs_place(attrs, name);

        return attrs_has_at(attrs, at, name) ? &attrs->items[at].value : NULL;
}

static const Attr *attrs_find_kind(const Attrs *attrs, const char *name, AttrKind kind) {
        const Attr *attr = attrs_find(attrs, name);

        return attr && attr->kind == kind ? attr : NULL;
}

const char *attrs_string(const Attrs *attrs, const char *name) {
        const Attr *attr = attrs_find_kind(attrs, name, ATTR_STRING);

        return attr ? attr->string : NULL;
}

int attrs_int32(const Attrs *attrs, const char *name, int32_t *ret) {
        const Attr *attr = attrs_find_kind(attrs, name, ATTR_INT32);

        if (!attr)
                return -ENOENT;
        *ret = attr->int32;
        return 0;
}

int attrs_uint64(const Attrs *attrs, const char *name, uint64_t *ret) {
        const Attr *attr = attrs_find(attrs, name);

        if (!attr || (attr->kind != ATTR_UINT64 && attr->kind != ATTR_UINT32))
                return -ENOENT;
        *ret = attr->kind == ATTR_UINT64 ? attr->uint64 : attr->uint32;
        return 0;
}

int attrs_bool(const Attrs *attrs, const char *name, bool *ret) {
        const Attr *attr = attrs_find_kind(attrs, name, ATTR_BOOL);

        if (!attr)
                return -ENOENT;
        *ret = attr->boolean;
        return 0;
}

int attrs_bytes(const Attrs *attrs, const char *name, Slice *ret) {
        const Attr *attr = attrs_find_kind(attrs, name, ATTR_BYTES);

        if (!attr)
                return -ENOENT;
        *ret = attr->bytes;
        return 0;
}
