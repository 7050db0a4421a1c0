#include "xmodel/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/utf8.h"

/*
 * The table first, then the check: one recursive function over it. Recursion follows the table,
 * and the one cycle in the table (subgraphs in subgraphs) is counted against SCHEMA_DEPTH_MAX.
 *
 * Keys of maps and names of arguments must be unique. They are gathered while a message is read,
 * on a stack that nested messages share, and sorted when it ends: n log n whatever a file
 * holds, which a hash without a secret would not be.
 *
 * A problem is set where it is found and gets its place, outermost last, on the way out.
 */

/* clang-format off */
#define FIELD(_number, _name, _kind) \
        { .number = (_number), .name = (_name), .kind = (_kind), .label = SCHEMA_SINGULAR }
#define MEMBER(_number, _name, _kind) \
        { .number = (_number), .name = (_name), .kind = (_kind), .label = SCHEMA_ONEOF }
#define LIST(_number, _name, _kind, _max) \
        { .number = (_number), .name = (_name), .kind = (_kind), .label = SCHEMA_REPEATED, .max = (_max) }
#define NESTED(_number, _name, _label, _message, _max) \
        { .number = (_number), .name = (_name), .kind = SCHEMA_MESSAGE, .label = (_label), \
          .message = &(_message), .max = (_max) }
#define MESSAGE(_fields) { .fields = (_fields), .n_fields = ARRAY_SIZE(_fields) }
#define ENTRY(_fields) { .fields = (_fields), .n_fields = ARRAY_SIZE(_fields), .is_entry = true }

/* a message of its own around one list, as AttrValue's members have them */
#define DEFINE_VECTOR(_name, _kind) \
        static const SchemaField _name##_fields[] = { LIST(1, "value", _kind, SCHEMA_VALUES_MAX) }; \
        static const SchemaMessage _name = MESSAGE(_name##_fields)

/* map<string, scalar or message> and the message of its own around it */
#define DEFINE_MAP(_name, ...) \
        static const SchemaField _name##_entry_fields[] = { FIELD(1, "key", SCHEMA_NAME), __VA_ARGS__ }; \
        static const SchemaMessage _name##_entry = ENTRY(_name##_entry_fields); \
        static const SchemaField _name##_fields[] = { \
                NESTED(1, "value", SCHEMA_MAP, _name##_entry, SCHEMA_ATTRS_MAX) }; \
        static const SchemaMessage _name = MESSAGE(_name##_fields)

static const SchemaField bytes_fields[] = { FIELD(1, "value", SCHEMA_BYTES) };
static const SchemaMessage bytes = MESSAGE(bytes_fields);

DEFINE_VECTOR(bool_vec, SCHEMA_BOOL);
DEFINE_VECTOR(int32_vec, SCHEMA_INT32);
DEFINE_VECTOR(uint32_vec, SCHEMA_UINT32);
DEFINE_VECTOR(int64_vec, SCHEMA_INT64);
DEFINE_VECTOR(float_vec, SCHEMA_FIXED32);
DEFINE_VECTOR(double_vec, SCHEMA_FIXED64);
DEFINE_VECTOR(string_vec, SCHEMA_STRING);
DEFINE_VECTOR(bytes_vec, SCHEMA_BYTES);

DEFINE_MAP(int32_map, FIELD(2, "value", SCHEMA_INT32));
DEFINE_MAP(uint32_map, FIELD(2, "value", SCHEMA_UINT32));
DEFINE_MAP(int64_map, FIELD(2, "value", SCHEMA_INT64));
DEFINE_MAP(string_map, FIELD(2, "value", SCHEMA_STRING));
DEFINE_MAP(bytes_map, NESTED(2, "value", SCHEMA_SINGULAR, bytes, 0));
DEFINE_MAP(int32_vec_map, NESTED(2, "value", SCHEMA_SINGULAR, int32_vec, 0));
DEFINE_MAP(uint32_vec_map, NESTED(2, "value", SCHEMA_SINGULAR, uint32_vec, 0));
DEFINE_MAP(int64_vec_map, NESTED(2, "value", SCHEMA_SINGULAR, int64_vec, 0));
DEFINE_MAP(string_vec_map, NESTED(2, "value", SCHEMA_SINGULAR, string_vec, 0));

static const SchemaField value_fields[] = {
        MEMBER(4, "bool_value", SCHEMA_BOOL),
        MEMBER(5, "int32_value", SCHEMA_INT32),
        MEMBER(6, "uint32_value", SCHEMA_UINT32),
        MEMBER(7, "int64_value", SCHEMA_INT64),
        MEMBER(8, "uint64_value", SCHEMA_INT64),
        MEMBER(9, "float_value", SCHEMA_FIXED32),
        MEMBER(10, "double_value", SCHEMA_FIXED64),
        MEMBER(SCHEMA_VALUE_STRING, "string_value", SCHEMA_STRING),
        NESTED(SCHEMA_VALUE_BYTES, "bytes_value", SCHEMA_ONEOF, bytes, 0),
        NESTED(13, "bool_vec", SCHEMA_ONEOF, bool_vec, 0),
        NESTED(14, "int32_vec", SCHEMA_ONEOF, int32_vec, 0),
        NESTED(15, "uint32_vec", SCHEMA_ONEOF, uint32_vec, 0),
        NESTED(16, "int64_vec", SCHEMA_ONEOF, int64_vec, 0),
        NESTED(17, "uint64_vec", SCHEMA_ONEOF, int64_vec, 0),
        NESTED(18, "float_vec", SCHEMA_ONEOF, float_vec, 0),
        NESTED(19, "double_vec", SCHEMA_ONEOF, double_vec, 0),
        NESTED(20, "string_vec", SCHEMA_ONEOF, string_vec, 0),
        NESTED(21, "bytes_vec", SCHEMA_ONEOF, bytes_vec, 0),
        NESTED(22, "map_string_2_int32", SCHEMA_ONEOF, int32_map, 0),
        NESTED(23, "map_string_2_uint32", SCHEMA_ONEOF, uint32_map, 0),
        NESTED(24, "map_string_2_int64", SCHEMA_ONEOF, int64_map, 0),
        NESTED(25, "map_string_2_uint64", SCHEMA_ONEOF, int64_map, 0),
        NESTED(26, "map_string_2_string", SCHEMA_ONEOF, string_map, 0),
        NESTED(27, "map_string_2_bytes", SCHEMA_ONEOF, bytes_map, 0),
        NESTED(28, "map_string_2_int32_vec", SCHEMA_ONEOF, int32_vec_map, 0),
        NESTED(29, "map_string_2_uint32_vec", SCHEMA_ONEOF, uint32_vec_map, 0),
        NESTED(30, "map_string_2_int64_vec", SCHEMA_ONEOF, int64_vec_map, 0),
        NESTED(31, "map_string_2_uint64_vec", SCHEMA_ONEOF, int64_vec_map, 0),
        NESTED(32, "map_string_2_string_vec", SCHEMA_ONEOF, string_vec_map, 0),
};
static const SchemaMessage value = MESSAGE(value_fields);

static const SchemaField attr_entry_fields[] = {
        FIELD(SCHEMA_ENTRY_KEY, "key", SCHEMA_NAME),
        NESTED(SCHEMA_ENTRY_VALUE, "value", SCHEMA_SINGULAR, value, 0),
};
static const SchemaMessage attr_entry = ENTRY(attr_entry_fields);

static const SchemaField tensor_fields[] = {
        FIELD(1, "tensor_name", SCHEMA_NAME),
        LIST(SCHEMA_TENSOR_DIM, "tensor_dim", SCHEMA_UINT32, SCHEMA_DIMS_MAX),
        FIELD(5, "data_type", SCHEMA_INT32),
        FIELD(SCHEMA_TENSOR_BIT_WIDTH, "tensor_bit_width", SCHEMA_INT32),
        NESTED(SCHEMA_TENSOR_ATTR, "tensor_attr", SCHEMA_MAP, attr_entry, SCHEMA_ATTRS_MAX),
};
static const SchemaMessage tensor = MESSAGE(tensor_fields);

static const SchemaField arg_fields[] = {
        FIELD(1, "arg_name", SCHEMA_NAME),
        LIST(SCHEMA_ARG_OPS, "arg_ops", SCHEMA_NAME, SCHEMA_ARGS_MAX),
};
static const SchemaMessage arg = MESSAGE(arg_fields);

static const SchemaField op_fields[] = {
        FIELD(SCHEMA_OP_NAME, "op_name", SCHEMA_NAME),
        FIELD(SCHEMA_OP_TYPE, "op_type", SCHEMA_NAME),
        NESTED(SCHEMA_OP_ATTR, "op_attr", SCHEMA_MAP, attr_entry, SCHEMA_ATTRS_MAX),
        NESTED(SCHEMA_OP_ARGS, "args", SCHEMA_KEYED, arg, SCHEMA_ARGS_MAX),
        NESTED(SCHEMA_OP_TENSOR, "output_tensor", SCHEMA_SINGULAR, tensor, 0),
};
static const SchemaMessage op = MESSAGE(op_fields);

static const SchemaField subgraph_fields[] = {
        FIELD(SCHEMA_SUBGRAPH_NAME, "subgraph_name", SCHEMA_NAME),
        LIST(SCHEMA_SUBGRAPH_OP_NAME, "op_name", SCHEMA_NAME, SCHEMA_OPS_MAX),
        NESTED(SCHEMA_SUBGRAPH_ATTR, "subg_attr", SCHEMA_MAP, attr_entry, SCHEMA_ATTRS_MAX),
        NESTED(SCHEMA_SUBGRAPH_CHILD, "subg_child", SCHEMA_REPEATED, schema_subgraph,
               SCHEMA_SUBGRAPHS_MAX),
};
const SchemaMessage schema_subgraph = MESSAGE(subgraph_fields);

static const SchemaField arg_def_fields[] = {
        FIELD(1, "name", SCHEMA_NAME),
        FIELD(2, "occur_type", SCHEMA_INT32),
        FIELD(3, "data_type", SCHEMA_INT32),
        FIELD(4, "annotation", SCHEMA_STRING),
};
static const SchemaMessage arg_def = MESSAGE(arg_def_fields);

static const SchemaField attr_def_fields[] = {
        FIELD(1, "name", SCHEMA_NAME),
        FIELD(3, "occur_type", SCHEMA_INT32),
        NESTED(4, "default_value", SCHEMA_SINGULAR, value, 0),
        FIELD(6, "list_length", SCHEMA_INT32),
        FIELD(7, "annotation", SCHEMA_STRING),
};
static const SchemaMessage attr_def = MESSAGE(attr_def_fields);

static const SchemaField op_def_fields[] = {
        FIELD(1, "name", SCHEMA_NAME),
        NESTED(2, "input_args", SCHEMA_REPEATED, arg_def, SCHEMA_ARGS_MAX),
        NESTED(3, "attrs", SCHEMA_REPEATED, attr_def, SCHEMA_ATTRS_MAX),
        FIELD(4, "annotation", SCHEMA_STRING),
};
static const SchemaMessage op_def = MESSAGE(op_def_fields);

static const SchemaField graph_fields[] = {
        FIELD(SCHEMA_GRAPH_NAME, "graph_name", SCHEMA_NAME),
        NESTED(SCHEMA_GRAPH_OP_NODE, "op_node", SCHEMA_REPEATED, op, SCHEMA_OPS_MAX),
        NESTED(SCHEMA_GRAPH_SUBG_ROOT, "subg_root", SCHEMA_SINGULAR, schema_subgraph, 0),
        NESTED(SCHEMA_GRAPH_ATTR, "graph_attr", SCHEMA_MAP, attr_entry, SCHEMA_ATTRS_MAX),
        NESTED(SCHEMA_GRAPH_OP_DEFS, "op_defs", SCHEMA_REPEATED, op_def, SCHEMA_ATTRS_MAX),
};
const SchemaMessage schema_graph = MESSAGE(graph_fields);
/* clang-format on */

/* Most tables have no gaps: the field is where it then would be, or somewhere before. */
const SchemaField *schema_field(const SchemaMessage *message, uint32_t number) {
        uint32_t guess = number - message->fields[0].number;

        if (guess < message->n_fields && message->fields[guess].number == number)
                return &message->fields[guess];
        for (uint32_t i = 0; i < message->n_fields; i++)
                if (message->fields[i].number == number)
                        return &message->fields[i];
        return NULL;
}

int schema_find(Slice body, uint32_t number, WireField *ret) {
        WireField f;

        while (wire_next(&body, &f) > 0)
                if (f.number == number) {
                        *ret = f;
                        return 0;
                }
        return -ENOENT;
}

Slice schema_content(Slice body, uint32_t number) {
        WireField f;

        return schema_find(body, number, &f) < 0 ? slice_of(NULL, 0) : f.content;
}

typedef struct SchemaKey {
        Slice text;
        const SchemaField *field;
} SchemaKey;

typedef struct SchemaChecker {
        SchemaKey *keys; /* a stack: those of the message being read are on top */
        size_t n_keys;
        size_t capacity;
        unsigned depth;          /* of messages */
        unsigned subgraph_depth; /* of subgraphs */
        uint32_t n_subgraphs;
        Problem *problem;
} SchemaChecker;

/* what has been seen of one message */
typedef struct SchemaSeen {
        uint32_t counts[SCHEMA_FIELDS_MAX]; /* elements, by index in the message's table */
        uint32_t n_members;                 /* of the oneof */
        uint32_t n_unknown;
        uint32_t n_fields;
} SchemaSeen;

static void schema_checker_deinit(SchemaChecker *c) {
        free(c->keys);
}

static int schema_key_compare(const void *a, const void *b) {
        const SchemaKey *x = a, *y = b;

        if (x->field != y->field)
                return x->field < y->field ? -1 : 1;
        return slice_compare(x->text, y->text);
}

static int schema_add_key(SchemaChecker *c, const SchemaField *field, Slice entry) {
        int r;

        r = array_reserve(&c->keys, &c->capacity, c->n_keys + 1, sizeof(*c->keys));
        if (r < 0)
                return r;
        c->keys[c->n_keys++] = (SchemaKey){ .text = schema_content(entry, 1), .field = field };
        return 0;
}

/* the keys from @base on are those of one message */
static int schema_check_keys(SchemaChecker *c, size_t base) {
        size_t n = c->n_keys - base;
        SchemaKey *keys;

        c->n_keys = base;
        if (n < 2)
                return 0;
        keys = c->keys + base;
        qsort(keys, n, sizeof(*keys), schema_key_compare);
        for (size_t i = 1; i < n; i++)
                if (schema_key_compare(&keys[i - 1], &keys[i]) == 0)
                        return problem_set(c->problem, -EBADMSG, "%s has two entries \"%.*s\"",
                                           keys[i].field->name, (int) keys[i].text.size,
                                           (const char *) keys[i].text.data);
        return 0;
}

static WireType schema_wire_type(SchemaKind kind) {
        switch (kind) {
        case SCHEMA_BOOL:
        case SCHEMA_INT32:
        case SCHEMA_UINT32:
        case SCHEMA_INT64:
                return WIRE_VARINT;
        case SCHEMA_FIXED32:
                return WIRE_FIXED32;
        case SCHEMA_FIXED64:
                return WIRE_FIXED64;
        case SCHEMA_NAME:
        case SCHEMA_STRING:
        case SCHEMA_BYTES:
        case SCHEMA_MESSAGE:
                break;
        }
        return WIRE_BYTES;
}

static int schema_check_integer(SchemaChecker *c, const SchemaField *field, uint64_t v) {
        bool good = true;

        if (field->kind == SCHEMA_BOOL)
                good = v <= 1;
        else if (field->kind == SCHEMA_UINT32)
                good = v <= UINT32_MAX;
        else if (field->kind == SCHEMA_INT32)
                good = v == (uint64_t) (int64_t) (int32_t) (uint32_t) v;
        if (!good)
                return problem_set(c->problem, -EBADMSG, "%s: 0x%llx is not in the range of %s",
                                   field->name, (unsigned long long) v,
                                   field->kind == SCHEMA_BOOL     ? "bool"
                                   : field->kind == SCHEMA_UINT32 ? "uint32"
                                                                  : "int32");
        return 0;
}

static int schema_check_string(SchemaChecker *c, const SchemaField *field, Slice text) {
        if (field->kind == SCHEMA_NAME && text.size > SCHEMA_NAME_MAX)
                return problem_set(c->problem, -EFBIG, "%s: %zu bytes, more than %d", field->name,
                                   text.size, SCHEMA_NAME_MAX);
        if (text.size == 0)
                return 0;
        if (memchr(text.data, '\0', text.size))
                return problem_set(c->problem, -EBADMSG, "%s: a NUL in \"%.*s...\"", field->name,
                                   (int) strnlen((const char *) text.data, SCHEMA_NAME_MAX),
                                   (const char *) text.data);
        if (!utf8_valid((const char *) text.data, text.size))
                return problem_set(c->problem, -EBADMSG, "%s: not UTF-8", field->name);
        return 0;
}

/* the elements of a packed list; @ret is their number */
static int schema_check_packed(SchemaChecker *c, const SchemaField *field, Slice content,
                               uint32_t *ret) {
        size_t size = field->kind == SCHEMA_FIXED32 ? 4 : field->kind == SCHEMA_FIXED64 ? 8 : 0;
        uint32_t n = 0;
        uint64_t v;
        int r;

        if (size > 0) {
                if (content.size % size != 0)
                        return problem_set(c->problem, -EBADMSG,
                                           "%s: %zu bytes are no whole number of elements",
                                           field->name, content.size);
                *ret = (uint32_t) (content.size / size);
                return 0;
        }
        for (; content.size > 0; n++) {
                if (wire_varint(&content, &v) < 0)
                        return problem_set(c->problem, -EBADMSG,
                                           "%s: element %u is no minimal varint", field->name, n);
                r = schema_check_integer(c, field, v);
                if (r < 0)
                        return r;
        }
        *ret = n;
        return 0;
}

static int schema_check_message(SchemaChecker *c, const SchemaMessage *message, Slice body);

static int schema_check_nested(SchemaChecker *c, const SchemaField *field, Slice content) {
        bool is_subgraph = field->message == &schema_subgraph;
        bool is_named = field->message->fields[0].kind == SCHEMA_NAME;
        Slice name;
        int r;

        if (is_subgraph && ++c->subgraph_depth > SCHEMA_DEPTH_MAX)
                return problem_set(c->problem, -EFBIG, "subgraphs are nested more than %d deep",
                                   SCHEMA_DEPTH_MAX);
        if (is_subgraph && ++c->n_subgraphs > SCHEMA_SUBGRAPHS_MAX)
                return problem_set(c->problem, -EFBIG, "more than %u subgraphs",
                                   SCHEMA_SUBGRAPHS_MAX);
        r = schema_check_message(c, field->message, content);
        if (is_subgraph)
                c->subgraph_depth--;
        if (r == 0 || r == -ENOMEM || (is_subgraph && c->subgraph_depth > 1))
                return r; /* two levels of subgraphs say enough */

        name = is_named ? schema_content(content, 1) : slice_of("", 0);
        if (name.size == 0 || name.size > 256)
                return problem_prefix(c->problem, r, "%s", field->name);
        return problem_prefix(c->problem, r, "%s \"%.*s\"", field->name, (int) name.size,
                              (const char *) name.data);
}

/* one occurrence of a known field, apart from how often it may occur; @ret_n is how many
 * elements it holds */
static int schema_check_content(SchemaChecker *c, const SchemaField *field, const WireField *f,
                                uint32_t *ret_n) {
        *ret_n = 1;
        if (f->type == WIRE_BYTES && schema_is_scalar(field->kind) &&
            field->label == SCHEMA_REPEATED)
                return schema_check_packed(c, field, f->content, ret_n);
        if (f->type != schema_wire_type(field->kind))
                return problem_set(c->problem, -EBADMSG, "%s: has wire type %d instead of %d",
                                   field->name, f->type, schema_wire_type(field->kind));

        switch (field->kind) {
        case SCHEMA_BOOL:
        case SCHEMA_INT32:
        case SCHEMA_UINT32:
                return schema_check_integer(c, field, f->value);
        case SCHEMA_NAME:
        case SCHEMA_STRING:
                return schema_check_string(c, field, f->content);
        case SCHEMA_MESSAGE:
                return schema_check_nested(c, field, f->content);
        case SCHEMA_INT64:
        case SCHEMA_FIXED32:
        case SCHEMA_FIXED64:
        case SCHEMA_BYTES:
                break;
        }
        return 0;
}

static int schema_check_count(SchemaChecker *c, const SchemaField *field, uint32_t n,
                              uint32_t *count, SchemaSeen *seen) {
        if (field->label == SCHEMA_SINGULAR && *count > 0)
                return problem_set(c->problem, -EBADMSG, "%s: occurs twice", field->name);
        if (field->label == SCHEMA_ONEOF && seen->n_members++ > 0)
                return problem_set(c->problem, -EBADMSG, "%s: the attribute has another value too",
                                   field->name);
        if (field->max > 0 && n > field->max - *count)
                return problem_set(c->problem, -EFBIG, "%s: more than %u", field->name, field->max);
        *count += n;
        return 0;
}

static int schema_check_field(SchemaChecker *c, const SchemaMessage *message, const WireField *f,
                              SchemaSeen *seen) {
        const SchemaField *field = schema_field(message, f->number);
        uint32_t n;
        int r;

        if (seen->n_fields++ >= SCHEMA_OCCURRENCES_MAX)
                return problem_set(c->problem, -EFBIG, "more than %u fields in one message",
                                   SCHEMA_OCCURRENCES_MAX);
        if (!field) {
                if (message->is_entry)
                        return problem_set(c->problem, -EBADMSG, "a map entry with a field %u",
                                           f->number);
                if (seen->n_unknown++ >= SCHEMA_UNKNOWN_MAX)
                        return problem_set(c->problem, -EFBIG, "more than %d unknown fields",
                                           SCHEMA_UNKNOWN_MAX);
                return 0;
        }
        r = schema_check_content(c, field, f, &n);
        if (r < 0)
                return r;
        if (field->label == SCHEMA_MAP || field->label == SCHEMA_KEYED) {
                r = schema_add_key(c, field, f->content);
                if (r < 0)
                        return r;
        }
        return schema_check_count(c, field, n, &seen->counts[field - message->fields], seen);
}

static int schema_check_message(SchemaChecker *c, const SchemaMessage *message, Slice body) {
        const uint8_t *start = body.data;
        size_t base = c->n_keys;
        SchemaSeen seen = {};
        WireField f;
        int r;

        c->depth++;
        while ((r = wire_next(&body, &f)) > 0) {
                r = schema_check_field(c, message, &f, &seen);
                if (r < 0)
                        return r;
        }
        c->depth--;
        if (r == -ENODATA && c->depth == 0)
                return problem_set(c->problem, r, "ends in the middle of a field, after %zu bytes",
                                   (size_t) (body.data - start));
        if (r < 0)
                return problem_set(c->problem, -EBADMSG, "malformed at byte %zu of %zu",
                                   (size_t) (body.data - start),
                                   (size_t) (body.data - start) + body.size);
        return schema_check_keys(c, base);
}

int schema_check_graph(Slice file, Problem *problem) {
        _cleanup_(schema_checker_deinit) SchemaChecker checker = { .problem = problem };

        return schema_check_message(&checker, &schema_graph, file);
}
