#pragma once

/*
 * Writing JSON
 *
 * A JsonWriter appends one document to a Bytes, member by member, in the order of the calls: the
 * same calls give the same bytes. The first failure sticks; json_writer_finish() tells it, so the
 * calls between need no checks.
 *
 *      JsonWriter w = json_writer_begin(&out, JSON_WRITER_PRETTY);
 *      json_writer_object(&w, NULL);
 *      json_writer_string(&w, "name", op->name);
 *      json_writer_end(&w);
 *      r = json_writer_finish(&w);
 *
 * Every value takes its key: NULL inside an array and for the document itself. Strings are bytes;
 * what is not UTF-8 or is a control character is made readable as in utf8.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define JSON_WRITER_DEPTH_MAX 16

typedef enum JsonStyle {
        JSON_WRITER_PRETTY, /* four spaces for each level, ends with a newline */
        JSON_WRITER_LINE,   /* one line, ends with a newline */
} JsonStyle;

typedef struct JsonWriter {
        Bytes *out; /* borrowed */
        JsonStyle style;
        int error;
        size_t depth;
        struct {
                char closing; /* '}' or ']' */
                bool empty;
        } levels[JSON_WRITER_DEPTH_MAX];
} JsonWriter;

JsonWriter json_writer_begin(Bytes *out, JsonStyle style);

void json_writer_object(JsonWriter *w, const char *key);
void json_writer_array(JsonWriter *w, const char *key);
void json_writer_end(JsonWriter *w); /* of the innermost object or array */

void json_writer_string(JsonWriter *w, const char *key, const char *value); /* NULL: null */
void json_writer_format(JsonWriter *w, const char *key, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void json_writer_bool(JsonWriter *w, const char *key, bool value);
void json_writer_int64(JsonWriter *w, const char *key, int64_t value);
void json_writer_uint64(JsonWriter *w, const char *key, uint64_t value);
/* 17 digits, so that it reads back the same; JSON has no infinities, they become null */
void json_writer_double(JsonWriter *w, const char *key, double value);
void json_writer_null(JsonWriter *w, const char *key);

/* Ends the document. 0, or the first of -ENOMEM, -EFBIG, or -EINVAL: not one complete value. */
int json_writer_finish(JsonWriter *w);
