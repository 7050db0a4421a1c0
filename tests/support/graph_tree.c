#include "tests/support/graph_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "xmodel/schema.h"

#define DEPTH_MAX (4 * SCHEMA_DEPTH_MAX)

static bool is_among(Slice key, const char *const *names, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (slice_is(key, names[i]))
                        return true;
        return false;
}

/* docs/FORMATS.md, "Canonical form": what is left out of a graph */
static bool is_left_out(const SchemaMessage *message, const WireField *f) {
        static const char *const provenance[] = { "files_md5sum", "libs_info", "tools_commit_id" };

        if (message != &schema_graph)
                return false;
        return f->number == SCHEMA_GRAPH_OP_DEFS ||
               (f->number == SCHEMA_GRAPH_ATTR && f->type == WIRE_BYTES &&
                is_among(schema_content(f->content, SCHEMA_ENTRY_KEY), provenance,
                         ARRAY_SIZE(provenance)));
}

/* said where silence says the same */
static bool is_default(const SchemaMessage *message, const SchemaField *field, const WireField *f) {
        if (field->label != SCHEMA_SINGULAR ||
            (field->kind == SCHEMA_MESSAGE && !message->is_entry))
                return false;
        return f->type == WIRE_BYTES ? f->content.size == 0 : f->value == 0;
}

static bool is_ordered(const SchemaMessage *message, uint32_t number) {
        if (message == &schema_graph)
                return number == SCHEMA_GRAPH_OP_NODE;
        return message == &schema_subgraph &&
               (number == SCHEMA_SUBGRAPH_OP_NAME || number == SCHEMA_SUBGRAPH_CHILD);
}

static unsigned freedom_of(const SchemaMessage *message, const SchemaField *field,
                           const WireField *f) {
        unsigned ret = NODE_FIXED;

        if (field->label == SCHEMA_MAP)
                ret |= NODE_MAP;
        if (is_ordered(message, f->number))
                ret |= NODE_ORDER;
        if (is_left_out(message, f) || is_default(message, field, f))
                ret |= NODE_OMIT;
        return ret;
}

static bool is_list(const SchemaField *field) {
        return field && field->label == SCHEMA_REPEATED && schema_is_scalar(field->kind) &&
               field->kind != SCHEMA_FIXED32 && field->kind != SCHEMA_FIXED64;
}

/* packed varints; NULL: they are something else */
static Node *add_list(Node *in, const WireField *f) {
        _cleanup_(freep) uint64_t *values = calloc(f->content.size + 1, sizeof(*values));
        Slice rest = f->content;
        size_t n = 0;

        if (!values)
                abort();
        for (; rest.size > 0; n++)
                if (wire_varint(&rest, &values[n]) < 0)
                        return NULL;
        return node_list(in, f->number, values, n);
}

static bool add_fields(Node *in, const SchemaMessage *message, Slice body, unsigned depth);

static Node *add_run(Node *in, const SchemaField *field, const WireField *f, unsigned depth) {
        Node *node = is_list(field) ? add_list(in, f) : NULL;

        if (node)
                return node;
        if (!field || field->kind != SCHEMA_MESSAGE)
                return node_bytes(in, f->number, f->content.data, f->content.size);
        node = node_message(in, f->number);
        return add_fields(node, field->message, f->content, depth + 1) ? node : NULL;
}

static Node *add_field(Node *in, const SchemaField *field, const WireField *f, unsigned depth) {
        Node *node = NULL;

        switch (f->type) {
        case WIRE_VARINT:
                return is_list(field) ? node_list(in, f->number, &f->value, 1)
                                      : node_varint(in, f->number, f->value);
        case WIRE_FIXED32:
        case WIRE_FIXED64:
                node = node_add(in, f->number,
                                f->type == WIRE_FIXED32 ? NODE_FIXED32 : NODE_FIXED64);
                node->value = f->value;
                return node;
        case WIRE_BYTES:
                return add_run(in, field, f, depth);
        }
        return NULL;
}

/* recursion: at most DEPTH_MAX */
static bool add_fields(Node *in, const SchemaMessage *message, Slice body, unsigned depth) {
        WireField f;
        int r = 0;

        if (depth > DEPTH_MAX)
                return false;
        while ((r = wire_next(&body, &f)) > 0) {
                const SchemaField *field = schema_field(message, f.number);
                Node *node = add_field(in, field, &f, depth);

                if (!node)
                        return false;
                if (field)
                        node->freedom = freedom_of(message, field, &f);
        }
        return r == 0;
}

Node *graph_tree_new(Slice file) {
        _cleanup_(node_freep) Node *root = node_new();

        return add_fields(root, &schema_graph, file, 0) ? TAKE_PTR(root) : NULL;
}
