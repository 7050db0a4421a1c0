#pragma once

/*
 * Attribute values as protobuf-c messages, both ways
 *
 * Private to the graph reader and writer. Numeric vectors and bytes are shared with the message,
 * not copied; everything else is made in the arena that is passed.
 */

#include <string.h>

#include "base/problem.h"
#include "base/random.h"
#include "xmodel/attrs.h"
#include "xmodel/xir.pb-c.h"

/* The text of a name or string. -EBADMSG if there is a NUL in it. The copy lies in @arena. */
int string_from_message(Arena *arena, const ProtobufCBinaryData *data, const char **ret,
                        Problem *problem);

/* -EBADMSG: @message has fields that the schema does not know. */
int message_reject_unknown(const ProtobufCMessage *message, Problem *problem);

/* A whole map of attributes, ascending by name. -EBADMSG with @problem, -ENOMEM. */
int attrs_from_messages(Arena *arena, SerialV2__Attr *const *messages, size_t n, Attrs *ret,
                        Problem *problem);

int attr_to_message(Arena *arena, const Attr *attr, SerialV2__AttrValue **ret);
int attrs_to_messages(Arena *arena, const Attrs *attrs, SerialV2__Attr ***ret, size_t *ret_n);

/* Puts the entries of a map in another order; other kinds have no order to change. */
void attr_message_shuffle(SerialV2__AttrValue *message, Random *random);

static inline ProtobufCBinaryData string_to_message(const char *string) {
        return (ProtobufCBinaryData){ .len = strlen(string), .data = (uint8_t *) string };
}
