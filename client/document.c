#include "client/document.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_writer.h"
#include "base/utf8.h"

/*
 * The generated code describes its messages (ProtobufCMessageDescriptor), so one walk over the
 * descriptor prints them all, and a field added to the schema is printed without a line here.
 * Only the types that the schema uses are known; an assertion in the test of this file holds
 * that.
 */

static const void *document_at(const ProtobufCMessage *message, unsigned offset) {
        return (const char *) message + offset;
}

/* is a field that is not repeated there? */
static bool document_is_set(const ProtobufCMessage *message,
                            const ProtobufCFieldDescriptor *field) {
        const void *quantifier = document_at(message, field->quantifier_offset);
        const void *member = document_at(message, field->offset);

        if (field->label == PROTOBUF_C_LABEL_REQUIRED)
                return true;
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
                return *(const uint32_t *) quantifier == field->id;
        if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
                return *(void *const *) member != NULL;
        return *(const protobuf_c_boolean *) quantifier;
}

/* paths hold no NUL; what does is cut there */
static void document_bytes(JsonWriter *w, const char *key, const ProtobufCBinaryData *bytes) {
        json_writer_format(w, key, "%.*s", (int) bytes->len, (const char *) bytes->data);
}

/* "UNIT_NO_TARGET" is "no-target" */
static void document_enum(JsonWriter *w, const char *key, const ProtobufCEnumDescriptor *type,
                          int value) {
        const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);
        static const char *const prefixes[] = { "UNIT_", "CLASS_", "FINDING_", "DEFECT_",
                                                "EVENT_" };
        const char *name = known ? known->name : NULL;
        char text[64];
        size_t n;

        if (!name) { /* of a newer daemon */
                json_writer_int64(w, key, value);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
                if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
                        name += strlen(prefixes[i]);
        for (n = 0; name[n] && n < sizeof(text) - 1; n++)
                text[n] = name[n] == '_' ? '-' : (char) tolower((unsigned char) name[n]);
        text[n] = '\0';
        json_writer_string(w, key, text);
}

static void document_message(JsonWriter *w, const ProtobufCMessage *message);

static void document_value(JsonWriter *w, const char *key, const ProtobufCFieldDescriptor *field,
                           const void *member) {
        switch (field->type) {
        case PROTOBUF_C_TYPE_STRING:
                json_writer_string(w, key, *(const char *const *) member);
                return;
        case PROTOBUF_C_TYPE_BYTES:
                document_bytes(w, key, member);
                return;
        case PROTOBUF_C_TYPE_BOOL:
                json_writer_bool(w, key, *(const protobuf_c_boolean *) member);
                return;
        case PROTOBUF_C_TYPE_UINT32:
                json_writer_uint64(w, key, *(const uint32_t *) member);
                return;
        case PROTOBUF_C_TYPE_UINT64:
                json_writer_uint64(w, key, *(const uint64_t *) member);
                return;
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_SINT64:
                json_writer_int64(w, key, *(const int64_t *) member);
                return;
        case PROTOBUF_C_TYPE_ENUM:
                document_enum(w, key, field->descriptor, *(const int *) member);
                return;
        case PROTOBUF_C_TYPE_MESSAGE:
                json_writer_object(w, key);
                document_message(w, *(const ProtobufCMessage *const *) member);
                json_writer_end(w);
                return;
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_SINT32:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_FLOAT:
        case PROTOBUF_C_TYPE_DOUBLE:
                break;
        }
        json_writer_null(w, key); /* the schema has none of these */
}

static size_t document_size_of(ProtobufCType type) {
        if (type == PROTOBUF_C_TYPE_BYTES)
                return sizeof(ProtobufCBinaryData);
        if (type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_MESSAGE)
                return sizeof(void *);
        if (type == PROTOBUF_C_TYPE_UINT64 || type == PROTOBUF_C_TYPE_INT64 ||
            type == PROTOBUF_C_TYPE_SINT64)
                return 8;
        return 4;
}

/* {"NAME": VALUE}, for whoever looks for one of them */
static void document_statistics(JsonWriter *w, const char *key,
                                Dpucc__Wire__Statistic *const *items, size_t n) {
        json_writer_object(w, key);
        for (size_t i = 0; i < n; i++)
                json_writer_uint64(w, items[i]->name, items[i]->value);
        json_writer_end(w);
}

static void document_repeated(JsonWriter *w, const ProtobufCMessage *message,
                              const ProtobufCFieldDescriptor *field) {
        size_t n = *(const size_t *) document_at(message, field->quantifier_offset);
        const char *items = *(const char *const *) document_at(message, field->offset);

        if (field->descriptor == &dpucc__wire__statistic__descriptor) {
                document_statistics(w, field->name, (Dpucc__Wire__Statistic *const *) items, n);
                return;
        }
        json_writer_array(w, field->name);
        for (size_t i = 0; i < n; i++)
                document_value(w, NULL, field, items + i * document_size_of(field->type));
        json_writer_end(w);
}

static void document_message(JsonWriter *w, const ProtobufCMessage *message) {
        const ProtobufCMessageDescriptor *type = message->descriptor;

        for (unsigned i = 0; i < type->n_fields; i++) {
                const ProtobufCFieldDescriptor *field = &type->fields[i];

                if (field->label == PROTOBUF_C_LABEL_REPEATED)
                        document_repeated(w, message, field);
                else if (document_is_set(message, field))
                        document_value(w, field->name, field, document_at(message, field->offset));
        }
}

/* the oneof's member, if it is a message */
static const ProtobufCMessage *document_body(const Dpucc__Wire__Reply *reply) {
        if (reply->body_case == DPUCC__WIRE__REPLY__BODY__NOT_SET ||
            reply->body_case == DPUCC__WIRE__REPLY__BODY_LOG)
                return NULL;
        return (const ProtobufCMessage *) reply->get; /* all members are pointers to one */
}

static void document_log(JsonWriter *w, const Bytes *log) {
        size_t i = 0;

        json_writer_array(w, "log");
        while (i < log->size) {
                const uint8_t *start = log->data + i;
                const uint8_t *end = memchr(start, '\n', log->size - i);
                size_t n = end ? (size_t) (end - start) : log->size - i;

                json_writer_format(w, NULL, "%.*s", (int) n, (const char *) start);
                i += n + 1;
        }
        json_writer_end(w);
}

static void document_outcome(JsonWriter *w, int code) {
        if (code == CODE_UNREACHABLE)
                json_writer_string(w, "outcome", "unreachable");
        else
                document_enum(w, "outcome", &dpucc__wire__outcome__descriptor, code);
        json_writer_int64(w, "code", code);
}

static void document_reply(JsonWriter *w, const Exchange *x) {
        const ProtobufCMessage *body = document_body(x->reply);

        if (x->reply->message)
                json_writer_string(w, "message", x->reply->message);
        json_writer_array(w, "hints");
        for (size_t i = 0; i < x->reply->n_hints; i++)
                json_writer_string(w, NULL, x->reply->hints[i]);
        json_writer_end(w);
        if (body)
                document_message(w, body);
        if (x->log.size > 0)
                document_log(w, &x->log);
}

int document_of(const Exchange *x, Bytes *ret) {
        JsonWriter w = json_writer_begin(ret, JSON_WRITER_PRETTY);

        json_writer_object(&w, NULL);
        document_outcome(&w, x->code);
        if (x->reply) {
                document_reply(&w, x);
        } else {
                json_writer_string(&w, "message", x->problem.text);
                json_writer_array(&w, "hints");
                json_writer_end(&w);
        }
        json_writer_end(&w);
        return json_writer_finish(&w);
}

int document_of_event(const Dpucc__Wire__Event *event, Bytes *ret) {
        JsonWriter w = json_writer_begin(ret, JSON_WRITER_LINE);

        json_writer_object(&w, NULL);
        document_message(&w, &event->base);
        json_writer_end(&w);
        return json_writer_finish(&w);
}
