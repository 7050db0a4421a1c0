/*
 * One AttrValue has 29 kinds, and protobuf-c gives each vector and map kind a structure of its
 * own. They are all alike: a vector is a message with the one repeated field `value`, a map one
 * whose `value` is a list of entries {key, value}. So instead of 29 cases in each direction,
 * the code here follows protobuf-c's own descriptors (which field, at which offset), and what a
 * kind holds comes from the table in attrs.c. Members are read and written through memcpy() or
 * through pointers of the type they were declared with.
 *
 * Recursion is bounded by the kinds: map -> vector -> scalar.
 */
#include "xmodel/attr_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

_Static_assert(SERIAL_V2__ATTR_VALUE__VALUE_MAP_STRING_VEC == (int) ATTR_MAP_STRING_STRING_VEC,
               "AttrKind is numbered as the members of AttrValue");

int string_from_message(Arena *arena, const ProtobufCBinaryData *data, const char **ret,
                        Problem *problem) {
        const char *string;

        if (data->len > 0 && memchr(data->data, '\0', data->len))
                return problem_set(problem, -EBADMSG, "a NUL byte in a name or string");

        string = arena_string(arena, data->data, data->len);
        if (!string)
                return -ENOMEM;
        *ret = string;
        return 0;
}

int message_reject_unknown(const ProtobufCMessage *message, Problem *problem) {
        if (message->n_unknown_fields == 0)
                return 0;
        return problem_set(problem, -EBADMSG,
                           "%s has field %u, which XIR 3.5 does not: was the file written by a "
                           "newer release?",
                           message->descriptor->short_name, message->unknown_fields[0].tag);
}

/* --- the layout that vectors, maps and their entries share -------------------------------------- */

static const ProtobufCFieldDescriptor *value_field(const ProtobufCMessageDescriptor *descriptor) {
        return protobuf_c_message_descriptor_get_field_by_name(descriptor, "value");
}

/* the repeated field `value` of a vector or map */
typedef struct Elements {
        size_t n;
        void *data;
} Elements;

static Elements elements_get(const ProtobufCMessage *message) {
        const ProtobufCFieldDescriptor *field = value_field(message->descriptor);
        const char *base = (const char *) message;
        Elements elements;

        memcpy(&elements.n, base + field->quantifier_offset, sizeof(elements.n));
        memcpy(&elements.data, base + field->offset, sizeof(elements.data));
        return elements;
}

static void elements_set(ProtobufCMessage *message, size_t n, const void *data) {
        const ProtobufCFieldDescriptor *field = value_field(message->descriptor);
        char *base = (char *) message;

        memcpy(base + field->quantifier_offset, &n, sizeof(n));
        memcpy(base + field->offset, &data, sizeof(data));
}

/* --- from messages ------------------------------------------------------------------------------ */

static int value_get(Arena *arena, AttrKind kind, const void *member, Attr *ret, Problem *problem);

static int bytes_get(const SerialV2__Bytes *message, Slice *ret, Problem *problem) {
        *ret = slice_of(message->value.data, message->value.len);
        return message_reject_unknown(&message->base, problem);
}

static int scalar_get(Arena *arena, AttrKind kind, const void *member, Attr *ret,
                      Problem *problem) {
        protobuf_c_boolean boolean;

        if (kind == ATTR_STRING)
                return string_from_message(arena, member, &ret->string, problem);
        if (kind == ATTR_BOOL) {
                memcpy(&boolean, member, sizeof(boolean));
                ret->boolean = boolean != 0;
        } else if (kind == ATTR_INT64 || kind == ATTR_UINT64 || kind == ATTR_DOUBLE)
                memcpy(&ret->uint64, member, sizeof(ret->uint64));
        else
                memcpy(&ret->uint32, member, sizeof(ret->uint32));
        return 0;
}

static int vector_get(Arena *arena, AttrKind kind, Elements from, Attr *ret, Problem *problem) {
        const ProtobufCBinaryData *data = from.data;
        const protobuf_c_boolean *integers = from.data;
        const char **strings;
        Slice *slices;
        bool *booleans;
        int r;

        ret->n = from.n;
        ret->elements = from.data;
        if (kind == ATTR_STRING_VEC) {
                ret->strings = strings = arena_zalloc(arena, from.n, sizeof(*strings));
                for (size_t i = 0; strings && i < from.n; i++) {
                        r = string_from_message(arena, &data[i], &strings[i], problem);
                        if (r < 0)
                                return r;
                }
        } else if (kind == ATTR_BYTES_VEC) {
                ret->byteses = slices = arena_zalloc(arena, from.n, sizeof(*slices));
                for (size_t i = 0; slices && i < from.n; i++)
                        slices[i] = slice_of(data[i].data, data[i].len);
        } else if (kind == ATTR_BOOL_VEC) {
                ret->booleans = booleans = arena_zalloc(arena, from.n, sizeof(*booleans));
                for (size_t i = 0; booleans && i < from.n; i++)
                        booleans[i] = integers[i] != 0;
        }
        return ret->elements || from.n == 0 ? 0 : -ENOMEM;
}

static int compare_pairs(const void *a, const void *b) {
        const AttrPair *x = a, *y = b;

        return strcmp(x->key, y->key);
}

static int entry_get(Arena *arena, AttrKind kind, const ProtobufCMessage *entry, AttrPair *ret,
                     Problem *problem) {
        const ProtobufCMessageDescriptor *d = entry->descriptor;
        const char *base = (const char *) entry;
        int r;

        r = message_reject_unknown(entry, problem);
        if (r < 0)
                return r;
        r = string_from_message(arena, (const void *) (base + d->fields[0].offset), &ret->key,
                                problem);
        if (r < 0)
                return r;
        return value_get(arena, kind, base + value_field(d)->offset, &ret->value, problem);
}

static int map_get(Arena *arena, AttrKind kind, Elements from, Attr *ret, Problem *problem) {
        AttrPair *pairs = arena_zalloc(arena, from.n, sizeof(*pairs));
        ProtobufCMessage *const *entries = from.data;
        int r;

        if (!pairs)
                return -ENOMEM;
        for (size_t i = 0; i < from.n; i++) {
                r = entry_get(arena, attr_kind_element(kind), entries[i], &pairs[i], problem);
                if (r < 0)
                        return r;
        }

        qsort(pairs, from.n, sizeof(*pairs), compare_pairs);
        for (size_t i = 1; i < from.n; i++)
                if (strcmp(pairs[i - 1].key, pairs[i].key) == 0)
                        return problem_set(problem, -EBADMSG, "key '%s' is there twice",
                                           pairs[i].key);
        ret->pairs = pairs;
        ret->n = from.n;
        return 0;
}

/* @member is where protobuf-c keeps the value: a scalar, or a pointer to a message (NULL if the
 * entry of a map came without its value, which then is empty) */
static int value_get(Arena *arena, AttrKind kind, const void *member, Attr *ret, Problem *problem) {
        const ProtobufCMessage *message;
        Elements elements = { 0 };
        int r;

        *ret = (Attr){ .kind = kind };
        if (attr_kind_shape(kind) == ATTR_SHAPE_NONE)
                return 0;
        if (attr_kind_shape(kind) == ATTR_SHAPE_SCALAR && kind != ATTR_BYTES)
                return scalar_get(arena, kind, member, ret, problem);

        memcpy(&message, member, sizeof(message));
        if (kind == ATTR_BYTES)
                return message ? bytes_get((const void *) message, &ret->bytes, problem) : 0;
        if (message) {
                r = message_reject_unknown(message, problem);
                if (r < 0)
                        return r;
                elements = elements_get(message);
        }
        return attr_kind_shape(kind) == ATTR_SHAPE_VECTOR
                       ? vector_get(arena, kind, elements, ret, problem)
                       : map_get(arena, kind, elements, ret, problem);
}

static int named_attr_get(Arena *arena, const SerialV2__Attr *message, NamedAttr *ret,
                          Problem *problem) {
        const SerialV2__AttrValue *value = message->value;
        int r;

        r = message_reject_unknown(&message->base, problem);
        if (r < 0)
                return r;
        r = string_from_message(arena, &message->key, &ret->name, problem);
        if (r < 0)
                return r;

        ret->value = (Attr){ .kind = ATTR_NONE };
        if (!value)
                return 0;
        r = message_reject_unknown(&value->base, problem);
        if (r == 0)
                r = value_get(arena, (AttrKind) value->value_case, &value->bool_value, &ret->value,
                              problem);
        return r < 0 ? problem_prefix(problem, r, "attribute '%s'", ret->name) : 0;
}

static int compare_named_attrs(const void *a, const void *b) {
        const NamedAttr *x = a, *y = b;

        return strcmp(x->name, y->name);
}

int attrs_from_messages(Arena *arena, SerialV2__Attr *const *messages, size_t n, Attrs *ret,
                        Problem *problem) {
        NamedAttr *items = arena_zalloc(arena, n, sizeof(*items));
        int r;

        if (!items)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                r = named_attr_get(arena, messages[i], &items[i], problem);
                if (r < 0)
                        return r;
        }

        qsort(items, n, sizeof(*items), compare_named_attrs);
        for (size_t i = 1; i < n; i++)
                if (strcmp(items[i - 1].name, items[i].name) == 0)
                        return problem_set(problem, -EBADMSG, "attribute '%s' is there twice",
                                           items[i].name);
        *ret = (Attrs){ .items = items, .n = n, .capacity = n };
        return 0;
}

/* --- to messages -------------------------------------------------------------------------------- */

static int value_set(Arena *arena, const Attr *attr, const ProtobufCFieldDescriptor *field,
                     void *member);

static void *message_new(Arena *arena, const ProtobufCMessageDescriptor *descriptor) {
        ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);

        if (message)
                protobuf_c_message_init(descriptor, message);
        return message;
}

static void scalar_set(const Attr *attr, void *member) {
        if (attr->kind == ATTR_STRING) {
                const ProtobufCBinaryData data = string_to_message(attr->string);

                memcpy(member, &data, sizeof(data));
        } else if (attr->kind == ATTR_BOOL) {
                const protobuf_c_boolean boolean = attr->boolean;

                memcpy(member, &boolean, sizeof(boolean));
        } else if (attr->kind == ATTR_INT64 || attr->kind == ATTR_UINT64 ||
                   attr->kind == ATTR_DOUBLE)
                memcpy(member, &attr->uint64, sizeof(attr->uint64));
        else
                memcpy(member, &attr->uint32, sizeof(attr->uint32));
}

static int vector_set(Arena *arena, const Attr *attr, ProtobufCMessage *message) {
        const void *elements = attr->elements;
        protobuf_c_boolean *integers;
        ProtobufCBinaryData *data;

        if (attr->kind == ATTR_STRING_VEC) {
                elements = data = arena_zalloc(arena, attr->n, sizeof(*data));
                for (size_t i = 0; data && i < attr->n; i++)
                        data[i] = string_to_message(attr->strings[i]);
        } else if (attr->kind == ATTR_BYTES_VEC) {
                elements = data = arena_zalloc(arena, attr->n, sizeof(*data));
                for (size_t i = 0; data && i < attr->n; i++)
                        data[i] = (ProtobufCBinaryData){
                                .len = attr->byteses[i].size,
                                .data = (uint8_t *) attr->byteses[i].data,
                        };
        } else if (attr->kind == ATTR_BOOL_VEC) {
                elements = integers = arena_zalloc(arena, attr->n, sizeof(*integers));
                for (size_t i = 0; integers && i < attr->n; i++)
                        integers[i] = attr->booleans[i];
        }
        if (!elements && attr->n > 0)
                return -ENOMEM;

        elements_set(message, attr->n, elements);
        return 0;
}

/* both fields of an entry are written even if zero, as the C++ library does */
static int entry_set(Arena *arena, const AttrPair *pair, ProtobufCMessage *entry) {
        const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0];
        const ProtobufCFieldDescriptor *value = value_field(entry->descriptor);
        const ProtobufCBinaryData name = string_to_message(pair->key);
        const protobuf_c_boolean has = true;
        char *base = (char *) entry;

        memcpy(base + key->offset, &name, sizeof(name));
        memcpy(base + key->quantifier_offset, &has, sizeof(has));
        if (value->type != PROTOBUF_C_TYPE_MESSAGE)
                memcpy(base + value->quantifier_offset, &has, sizeof(has));
        return value_set(arena, &pair->value, value, base + value->offset);
}

static int map_set(Arena *arena, const Attr *attr, ProtobufCMessage *message) {
        ProtobufCMessage **entries = arena_zalloc(arena, attr->n, sizeof(*entries));
        int r;

        if (!entries)
                return -ENOMEM;
        for (size_t i = 0; i < attr->n; i++) {
                entries[i] = message_new(arena, value_field(message->descriptor)->descriptor);
                if (!entries[i])
                        return -ENOMEM;
                r = entry_set(arena, &attr->pairs[i], entries[i]);
                if (r < 0)
                        return r;
        }
        elements_set(message, attr->n, entries);
        return 0;
}

static int value_set(Arena *arena, const Attr *attr, const ProtobufCFieldDescriptor *field,
                     void *member) {
        ProtobufCMessage *message;

        if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
                scalar_set(attr, member);
                return 0;
        }

        message = message_new(arena, field->descriptor);
        if (!message)
                return -ENOMEM;
        memcpy(member, &message, sizeof(message));
        if (attr->kind == ATTR_BYTES) {
                SerialV2__Bytes *bytes = (SerialV2__Bytes *) message;

                bytes->has_value = attr->bytes.size > 0;
                bytes->value.len = attr->bytes.size;
                bytes->value.data = (uint8_t *) attr->bytes.data;
                return 0;
        }
        return attr_kind_shape(attr->kind) == ATTR_SHAPE_VECTOR ? vector_set(arena, attr, message)
                                                                : map_set(arena, attr, message);
}

int attr_to_message(Arena *arena, const Attr *attr, SerialV2__AttrValue **ret) {
        SerialV2__AttrValue *value = message_new(arena, &serial_v2__attr_value__descriptor);
        const ProtobufCFieldDescriptor *field;
        int r;

        if (!value)
                return -ENOMEM;
        if (attr->kind != ATTR_NONE) {
                field = protobuf_c_message_descriptor_get_field(&serial_v2__attr_value__descriptor,
                                                                attr->kind);
                if (!field)
                        return -EINVAL;
                r = value_set(arena, attr, field, &value->bool_value);
                if (r < 0)
                        return r;
        }
        value->value_case = (SerialV2__AttrValue__ValueCase) attr->kind;
        *ret = value;
        return 0;
}

int attrs_to_messages(Arena *arena, const Attrs *attrs, SerialV2__Attr ***ret, size_t *ret_n) {
        SerialV2__Attr **messages = arena_zalloc(arena, attrs->n, sizeof(*messages));
        int r;

        if (!messages)
                return -ENOMEM;
        for (size_t i = 0; i < attrs->n; i++) {
                messages[i] = message_new(arena, &serial_v2__attr__descriptor);
                if (!messages[i])
                        return -ENOMEM;
                messages[i]->has_key = true;
                messages[i]->key = string_to_message(attrs->items[i].name);
                r = attr_to_message(arena, &attrs->items[i].value, &messages[i]->value);
                if (r < 0)
                        return r;
        }
        *ret = messages;
        *ret_n = attrs->n;
        return 0;
}

void attr_message_shuffle(SerialV2__AttrValue *message, Random *random) {
        const ProtobufCMessage *map;
        Elements entries;

        if (attr_kind_shape((AttrKind) message->value_case) != ATTR_SHAPE_MAP)
                return;

        memcpy(&map, &message->bool_value, sizeof(map));
        entries = elements_get(map);
        random_shuffle(random, entries.data, entries.n, sizeof(ProtobufCMessage *));
}
