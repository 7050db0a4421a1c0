#include "xmodel/canon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "xmodel/schema.h"

/*
 * One function writes every message: it reads the fields, sorts them, and writes them in that
 * order (docs/FORMATS.md). It runs twice over the graph with the same code. The first round only
 * adds up sizes, because a message's size comes before its content; it notes them in the order in
 * which it meets the messages. The second round takes them from there again and writes.
 *
 * Most messages are in canonical form already: weights, attributes, tensors without attributes.
 * The first round finds that out too (nothing was moved, left out or put differently), notes it
 * beside the size and forgets the sizes inside. The second round passes such a message on as one
 * slice of the file, without looking into it. So weights go to the hash function as they lie in
 * the file, whole; only small pieces are gathered in a buffer first. Of a skeleton's file they are
 * read in that second round, in the order of the form.
 */

#define CANON_BUFFER ((size_t) 32 * 1024) /* bytes */
#define CANON_DIRECT 4096                 /* a slice of that many bytes or more is not copied */
#define CANON_INSERT 16                   /* so many items are sorted by insertion */
#define CANON_AS_IS  (UINT32_C(1) << 31)  /* in a noted size: the file's own bytes are the form's */

/* one field of the message being written */
typedef struct CanonItem {
        const SchemaField *field; /* NULL: unknown */
        Slice content;
        Slice whole;
        union {
                Slice key;      /* of a map's entry */
                uint64_t place; /* of everything else, among those of its number */
        };
        uint32_t number;
        WireType type;
} CanonItem;

typedef struct Canon {
        const Walk *walk;
        const Skeleton *skeleton; /* whose file is walked; NULL: the walk's file has no holes */
        CanonForm form;
        CanonItem *items; /* a stack: those of the message being written are on top */
        size_t n_items;
        size_t items_capacity;

        uint32_t *sizes; /* of messages */
        size_t n_sizes;
        size_t sizes_capacity;
        size_t next_size; /* second round: the next to take */

        bool writing;   /* second round */
        uint64_t total; /* first round: bytes so far */

        Hasher *hasher;
        int fd; /* -1: only hash */
        uint8_t *buffer;
        size_t n_buffer;
} Canon;

static void canon_deinit(Canon *c) {
        free(c->items);
        free(c->sizes);
        free(c->buffer);
        (void) hasher_free(c->hasher);
}

const char *canon_form_name(CanonForm form) {
        switch (form) {
        case CANON_CANONICAL:
                return "canonical";
        case CANON_MAP_SORTED:
                return "map-sorted";
        }
        return "unknown";
}

static int canon_send(void *userdata, const void *data, size_t n) {
        Canon *c = userdata;
        int r;

        r = hasher_update(c->hasher, data, n);
        if (r < 0 || c->fd < 0)
                return r;
        return file_write_all(c->fd, data, n);
}

static int canon_flush(Canon *c) {
        size_t n = c->n_buffer;

        c->n_buffer = 0;
        return canon_send(c, c->buffer, n);
}

/* Large pieces are sent from where they are, and whatever may have holes. */
static bool canon_is_direct(const Canon *c, Slice bytes) {
        return bytes.size >= CANON_DIRECT || (c->skeleton && bytes.size > c->skeleton->spec.grain);
}

static int canon_write_out(Canon *c, Slice bytes) {
        bool direct = canon_is_direct(c, bytes);
        int r;

        if (c->n_buffer + bytes.size > CANON_BUFFER || direct) {
                r = canon_flush(c);
                if (r < 0)
                        return r;
        }
        if (direct && c->skeleton)
                return skeleton_each(c->skeleton, bytes, canon_send, c);
        if (direct)
                return canon_send(c, bytes.data, bytes.size);
        if (bytes.size > 0)
                memcpy(c->buffer + c->n_buffer, bytes.data, bytes.size);
        c->n_buffer += bytes.size;
        return 0;
}

static inline int canon_put(Canon *c, Slice bytes) {
        if (c->writing)
                return canon_write_out(c, bytes);
        c->total += bytes.size;
        return 0;
}

static int canon_put_varint(Canon *c, uint64_t value) {
        uint8_t bytes[WIRE_VARINT_MAX];

        return canon_put(c, slice_of(bytes, wire_varint_put(value, bytes)));
}

static int canon_put_head(Canon *c, uint32_t number, uint64_t size) {
        uint8_t head[2 * WIRE_VARINT_MAX];
        size_t n = wire_varint_put(wire_tag(number, WIRE_BYTES), head);

        n += wire_varint_put(size, head + n);
        return canon_put(c, slice_of(head, n));
}

static bool canon_is_provenance(Slice key) {
        return slice_is(key, "files_md5sum") || slice_is(key, "libs_info") ||
               slice_is(key, "tools_commit_id");
}

static bool canon_leaves_out(const SchemaMessage *message, const WireField *f) {
        if (message != &schema_graph)
                return false;
        return f->number == SCHEMA_GRAPH_OP_DEFS ||
               (f->number == SCHEMA_GRAPH_ATTR &&
                canon_is_provenance(schema_content(f->content, SCHEMA_ENTRY_KEY)));
}

/* Is it as if it were not there? (A map's entry and a oneof's member never are.) */
static bool canon_is_default(const SchemaMessage *message, const SchemaField *field,
                             const WireField *f) {
        if (field->label == SCHEMA_REPEATED)
                return schema_is_scalar(field->kind) && f->type == WIRE_BYTES &&
                       f->content.size == 0;
        if (field->label != SCHEMA_SINGULAR || field->kind == SCHEMA_MESSAGE || message->is_entry)
                return false;
        return f->type == WIRE_BYTES ? f->content.size == 0 : f->value == 0;
}

/* where an occurrence of a repeated field goes among its like */
static uint64_t canon_place(const Canon *c, const SchemaMessage *message, const WireField *f) {
        uint32_t op = 0;

        if (c->form == CANON_CANONICAL && message == &schema_graph &&
            f->number == SCHEMA_GRAPH_OP_NODE)
                return c->walk->ops[walk_op_at(c->walk, f->content.data)].rank;
        if (c->form == CANON_CANONICAL && message == &schema_subgraph &&
            f->number == SCHEMA_SUBGRAPH_OP_NAME) {
                (void) walk_find_op(c->walk, f->content, &op); /* walk_new() found it too */
                return c->walk->ops[op].rank;
        }
        if (c->form == CANON_CANONICAL && message == &schema_subgraph &&
            f->number == SCHEMA_SUBGRAPH_CHILD)
                return c->walk->subgraphs[walk_subgraph_at(c->walk, f->content.data)].rank;
        return (uint64_t) (f->whole.data - c->walk->file.data);
}

static int canon_compare(const void *a, const void *b) {
        const CanonItem *x = a, *y = b;

        if (!x->field != !y->field)
                return x->field ? -1 : 1;
        if (x->number != y->number)
                return x->number < y->number ? -1 : 1;
        if (x->field && x->field->label == SCHEMA_MAP)
                return slice_compare(x->key, y->key);
        return x->place < y->place ? -1 : x->place > y->place;
}

/* An op has a dozen fields in some order. For more, insertion would be quadratic. */
static void canon_sort(CanonItem *items, size_t n) {
        if (n > CANON_INSERT) {
                qsort(items, n, sizeof(*items), canon_compare);
                return;
        }
        for (size_t i = 1; i < n; i++) {
                CanonItem item = items[i];
                size_t k = i;

                for (; k > 0 && canon_compare(&items[k - 1], &item) > 0; k--)
                        items[k] = items[k - 1];
                items[k] = item;
        }
}

/* The fields of @body that are written, sorted, onto the stack. True in @ret_as_is if they are
 * all there are, and in this order already. */
static int canon_read(Canon *c, const SchemaMessage *message, Slice body, bool *ret_as_is) {
        size_t base = c->n_items;
        bool complete = true, sorted = true;
        WireField f;
        int r;

        while (wire_next(&body, &f) > 0) {
                const SchemaField *field = schema_field(message, f.number);
                CanonItem *item;

                if (canon_leaves_out(message, &f) ||
                    (field && canon_is_default(message, field, &f))) {
                        complete = false;
                        continue;
                }
                r = array_reserve(&c->items, &c->items_capacity, c->n_items + 1, sizeof(*item));
                if (r < 0)
                        return r;
                item = &c->items[c->n_items++];
                *item = (CanonItem){ .field = field,
                                     .content = f.content,
                                     .whole = f.whole,
                                     .number = f.number,
                                     .type = f.type };
                if (field && field->label == SCHEMA_MAP)
                        item->key = schema_content(f.content, SCHEMA_ENTRY_KEY);
                else
                        item->place = canon_place(c, message, &f);
                if (c->n_items - base > 1 && canon_compare(item - 1, item) > 0)
                        sorted = false;
        }
        if (!sorted)
                canon_sort(c->items + base, c->n_items - base);
        *ret_as_is = complete && sorted;
        return 0;
}

/* the elements of a list as one packed field: @n items from @first on */
static int canon_put_packed(Canon *c, size_t first, size_t n, bool *as_is) {
        uint64_t size = 0;
        int r;

        for (size_t i = first; i < first + n; i++)
                size += c->items[i].content.size;
        if (n > 1 || c->items[first].type != WIRE_BYTES)
                *as_is = false;

        r = canon_put_head(c, c->items[first].number, size);
        for (size_t i = first; r == 0 && i < first + n; i++)
                r = canon_put(c, c->items[i].content);
        return r;
}

static int canon_put_nested(Canon *c, uint32_t number, const SchemaMessage *message, Slice body,
                            bool *as_is);

/* an entry has both its fields, whatever the file left out */
static int canon_put_missing(Canon *c, const SchemaField *field) {
        uint8_t zero[8] = {};
        int r;

        switch (field->kind) {
        case SCHEMA_BOOL:
        case SCHEMA_INT32:
        case SCHEMA_UINT32:
        case SCHEMA_INT64:
                r = canon_put_varint(c, wire_tag(field->number, WIRE_VARINT));
                return r < 0 ? r : canon_put_varint(c, 0);
        case SCHEMA_FIXED32:
                r = canon_put_varint(c, wire_tag(field->number, WIRE_FIXED32));
                return r < 0 ? r : canon_put(c, slice_of(zero, 4));
        case SCHEMA_FIXED64:
                r = canon_put_varint(c, wire_tag(field->number, WIRE_FIXED64));
                return r < 0 ? r : canon_put(c, slice_of(zero, 8));
        case SCHEMA_NAME:
        case SCHEMA_STRING:
        case SCHEMA_BYTES:
        case SCHEMA_MESSAGE:
                break;
        }
        return canon_put_head(c, field->number, 0);
}

static int canon_put_missing_before(Canon *c, const SchemaMessage *message, uint32_t *next,
                                    uint32_t number, bool *as_is) {
        int r;

        if (!message->is_entry)
                return 0;
        for (; *next < message->n_fields && message->fields[*next].number < number; (*next)++) {
                *as_is = false;
                r = canon_put_missing(c, &message->fields[*next]);
                if (r < 0)
                        return r;
        }
        (*next)++;
        return 0;
}

/* how many items from @first on go into one packed field; 0 if it is none */
static size_t canon_count_packed(const Canon *c, size_t first, size_t end) {
        const SchemaField *field = c->items[first].field;
        size_t n = 0;

        if (!field || field->label != SCHEMA_REPEATED || !schema_is_scalar(field->kind))
                return 0;
        while (first + n < end && c->items[first + n].field == field)
                n++;
        return n;
}

/* By index throughout: nested messages may move the stack. */
static int canon_put_items(Canon *c, const SchemaMessage *message, size_t first, size_t end,
                           bool *as_is) {
        uint32_t next = 0;
        int r;

        for (size_t i = first; i < end;) {
                size_t n = canon_count_packed(c, i, end);
                const CanonItem *item = &c->items[i];

                r = canon_put_missing_before(c, message, &next, item->number, as_is);
                if (r < 0)
                        return r;
                if (n > 0)
                        r = canon_put_packed(c, i, n, as_is);
                else if (item->field && item->field->kind == SCHEMA_MESSAGE)
                        r = canon_put_nested(c, item->number, item->field->message, item->content,
                                             as_is);
                else
                        r = canon_put(c, item->whole);
                if (r < 0)
                        return r;
                i += n > 0 ? n : 1;
        }
        return canon_put_missing_before(c, message, &next, UINT32_MAX, as_is);
}

static int canon_put_body(Canon *c, const SchemaMessage *message, Slice body, bool *ret_as_is) {
        size_t base = c->n_items;
        bool as_is;
        int r;

        r = canon_read(c, message, body, &as_is);
        if (r < 0)
                return r;
        r = canon_put_items(c, message, base, c->n_items, &as_is);
        c->n_items = base;
        *ret_as_is = as_is;
        return r;
}

/* first round: note what the message takes */
static int canon_measure(Canon *c, uint32_t number, const SchemaMessage *message, Slice body,
                         bool *as_is) {
        size_t slot = c->n_sizes;
        uint64_t before = c->total, size;
        bool body_as_is;
        int r;

        r = array_reserve(&c->sizes, &c->sizes_capacity, slot + 1, sizeof(*c->sizes));
        if (r < 0)
                return r;
        c->n_sizes++;
        r = canon_put_body(c, message, body, &body_as_is);
        if (r < 0)
                return r;

        size = c->total - before;
        if (size > WALK_FILE_MAX)
                return -EFBIG;
        c->sizes[slot] = (uint32_t) size;
        if (body_as_is) {
                c->sizes[slot] |= CANON_AS_IS;
                c->n_sizes = slot + 1;
        } else {
                *as_is = false;
        }
        return canon_put_head(c, number, size);
}

static int canon_put_nested(Canon *c, uint32_t number, const SchemaMessage *message, Slice body,
                            bool *as_is) {
        uint32_t size;
        bool ignored;
        int r;

        if (!c->writing)
                return canon_measure(c, number, message, body, as_is);
        size = c->sizes[c->next_size++];
        r = canon_put_head(c, number, size & ~CANON_AS_IS);
        if (r < 0)
                return r;
        if (size & CANON_AS_IS)
                return canon_put(c, body);
        return canon_put_body(c, message, body, &ignored);
}

/* both rounds; @c says where to */
static int canon_run(Canon *c) {
        bool as_is;
        int r;

        c->buffer = malloc(CANON_BUFFER);
        if (!c->buffer)
                return -ENOMEM;
        r = canon_put_body(c, &schema_graph, c->walk->file, &as_is);
        if (r < 0)
                return r;
        if (c->total > WALK_FILE_MAX)
                return -EFBIG;

        c->writing = true;
        if (as_is)
                r = canon_put(c, c->walk->file);
        else
                r = canon_put_body(c, &schema_graph, c->walk->file, &as_is);
        return r < 0 ? r : canon_flush(c);
}

int canon_digest(const Walk *walk, const Skeleton *skeleton, CanonForm form, Digest *ret) {
        _cleanup_(canon_deinit)
                Canon c = { .walk = walk, .skeleton = skeleton, .form = form, .fd = -1 };
        int r;

        r = hasher_new(&c.hasher, HASHER_XXH3);
        if (r < 0)
                return r;
        r = canon_run(&c);
        if (r < 0)
                return r;
        hasher_xxh3(c.hasher, ret);
        return 0;
}

int canon_write(const Walk *walk, const Skeleton *skeleton, CanonForm form, int fd, Digest *ret,
                Sha256 *ret_sha256, uint64_t *ret_size) {
        _cleanup_(canon_deinit)
                Canon c = { .walk = walk, .skeleton = skeleton, .form = form, .fd = fd };
        int r;

        r = hasher_new(&c.hasher, HASHER_XXH3 | (ret_sha256 ? HASHER_SHA256 : 0));
        if (r < 0)
                return r;
        r = canon_run(&c);
        if (r < 0)
                return r;
        if (ret_sha256) {
                r = hasher_sha256(c.hasher, ret_sha256);
                if (r < 0)
                        return r;
        }
        hasher_xxh3(c.hasher, ret);
        if (ret_size)
                *ret_size = c.total;
        return 0;
}
