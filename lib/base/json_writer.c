#include "base/json_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "base/utf8.h"

#define JSON_WRITER_INDENT 4

JsonWriter json_writer_begin(Bytes *out, JsonStyle style) {
        return (JsonWriter){ .out = out, .style = style };
}

static void json_writer_raw(JsonWriter *w, const char *text, size_t n) {
        if (w->error == 0)
                w->error = bytes_append(w->out, text, n);
}

static void json_writer_text(JsonWriter *w, const char *text) {
        json_writer_raw(w, text, strlen(text));
}

static void json_writer_break(JsonWriter *w) {
        if (w->style == JSON_WRITER_LINE)
                return;
        json_writer_text(w, "\n");
        for (size_t i = 0; i < JSON_WRITER_INDENT * w->depth; i++)
                json_writer_text(w, " ");
}

/* @text is valid UTF-8 without control characters */
static void json_writer_quoted(JsonWriter *w, const char *text) {
        json_writer_text(w, "\"");
        for (;;) {
                size_t n = strcspn(text, "\"\\");

                json_writer_raw(w, text, n);
                if (text[n] == '\0')
                        break;
                json_writer_text(w, "\\");
                json_writer_raw(w, text + n, 1);
                text += n + 1;
        }
        json_writer_text(w, "\"");
}

static void json_writer_bytes(JsonWriter *w, const char *value) {
        size_t n = strlen(value);
        _cleanup_(freep) char *readable = NULL;

        if (n > (SIZE_MAX - 1) / 4) { /* one byte becomes \xNN at most */
                w->error = -EFBIG;
                return;
        }
        readable = malloc(4 * n + 1);
        if (!readable) {
                w->error = -ENOMEM;
                return;
        }
        (void) utf8_escape(value, n, readable, 4 * n + 1);
        json_writer_quoted(w, readable);
}

/* separator, line break and key: everything before a value */
static bool json_writer_before(JsonWriter *w, const char *key) {
        bool in_object = w->depth > 0 && w->levels[w->depth - 1].closing == '}';

        if (w->error == 0 && in_object != (key != NULL))
                w->error = -EINVAL;
        if (w->error < 0)
                return false;

        if (w->depth > 0) {
                if (!w->levels[w->depth - 1].empty)
                        json_writer_text(w, w->style == JSON_WRITER_LINE ? ", " : ",");
                w->levels[w->depth - 1].empty = false;
                json_writer_break(w);
        }
        if (key) {
                json_writer_bytes(w, key);
                json_writer_text(w, ": ");
        }
        return w->error == 0;
}

static void json_writer_open(JsonWriter *w, const char *key, const char *opening, char closing) {
        if (!json_writer_before(w, key))
                return;
        if (w->depth == JSON_WRITER_DEPTH_MAX) {
                w->error = -EINVAL;
                return;
        }
        json_writer_text(w, opening);
        w->levels[w->depth].closing = closing;
        w->levels[w->depth].empty = true;
        w->depth++;
}

void json_writer_object(JsonWriter *w, const char *key) {
        json_writer_open(w, key, "{", '}');
}

void json_writer_array(JsonWriter *w, const char *key) {
        json_writer_open(w, key, "[", ']');
}

void json_writer_end(JsonWriter *w) {
        if (w->error == 0 && w->depth == 0)
                w->error = -EINVAL;
        if (w->error < 0)
                return;

        w->depth--;
        if (!w->levels[w->depth].empty)
                json_writer_break(w);
        json_writer_raw(w, &w->levels[w->depth].closing, 1);
}

void json_writer_string(JsonWriter *w, const char *key, const char *value) {
        if (!value)
                json_writer_null(w, key);
        else if (json_writer_before(w, key))
                json_writer_bytes(w, value);
}

void json_writer_format(JsonWriter *w, const char *key, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = strings_vprintf(&text, format, ap);
        va_end(ap);
        if (r == 0)
                json_writer_string(w, key, text);
        else if (w->error == 0)
                w->error = r;
}

void json_writer_bool(JsonWriter *w, const char *key, bool value) {
        if (json_writer_before(w, key))
                json_writer_text(w, value ? "true" : "false");
}

void json_writer_int64(JsonWriter *w, const char *key, int64_t value) {
        if (json_writer_before(w, key))
                w->error = bytes_printf(w->out, "%" PRId64, value);
}

void json_writer_uint64(JsonWriter *w, const char *key, uint64_t value) {
        if (json_writer_before(w, key))
                w->error = bytes_printf(w->out, "%" PRIu64, value);
}

void json_writer_double(JsonWriter *w, const char *key, double value) {
        if (!isfinite(value))
                json_writer_null(w, key);
        else if (json_writer_before(w, key))
                w->error = bytes_printf(w->out, "%.17g", value);
}

void json_writer_null(JsonWriter *w, const char *key) {
        if (json_writer_before(w, key))
                json_writer_text(w, "null");
}

int json_writer_finish(JsonWriter *w) {
        if (w->error == 0 && (w->depth > 0 || w->out->size == 0))
                w->error = -EINVAL;
        json_writer_text(w, "\n");
        return w->error;
}
