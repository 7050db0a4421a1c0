#include "dpu/attr_text.h"

#include <inttypes.h>

/* one element of a vector, as a value of its own */
static Attr attr_element(const Attr *vector, size_t i) {
        Attr element = { .kind = attr_kind_element(vector->kind) };

        if (vector->kind == ATTR_STRING_VEC)
                element.string = vector->strings[i];
        else if (vector->kind == ATTR_BYTES_VEC)
                element.bytes = vector->byteses[i];
        else if (vector->kind == ATTR_BOOL_VEC)
                element.boolean = vector->booleans[i];
        else if (attr_kind_size(vector->kind) == sizeof(uint32_t))
                element.uint32 = vector->uint32s[i];
        else
                element.uint64 = vector->uint64s[i];
        return element;
}

static bool attr_as_signed(const Attr *attr, int64_t *ret) {
        if (attr->kind != ATTR_INT32 && attr->kind != ATTR_INT64)
                return false;
        *ret = attr->kind == ATTR_INT32 ? attr->int32 : attr->int64;
        return true;
}

static bool attr_as_unsigned(const Attr *attr, uint64_t *ret) {
        if (attr->kind != ATTR_UINT32 && attr->kind != ATTR_UINT64)
                return false;
        *ret = attr->kind == ATTR_UINT32 ? attr->uint32 : attr->uint64;
        return true;
}

/* --- for people ----------------------------------------------------------------------------- */

static int text_scalar(const Attr *attr, Bytes *ret) {
        uint64_t u;
        int64_t i;

        if (attr_as_signed(attr, &i))
                return bytes_printf(ret, "%" PRId64, i);
        if (attr_as_unsigned(attr, &u))
                return bytes_printf(ret, "%" PRIu64, u);
        if (attr->kind == ATTR_BOOL)
                return bytes_append_string(ret, attr->boolean ? "true" : "false");
        if (attr->kind == ATTR_FLOAT)
                return bytes_printf(ret, "%.9g", (double) attr->float32);
        if (attr->kind == ATTR_DOUBLE)
                return bytes_printf(ret, "%.17g", attr->float64);
        if (attr->kind == ATTR_STRING)
                return bytes_printf(ret, "'%s'", attr->string);
        if (attr->kind == ATTR_BYTES)
                return bytes_printf(ret, "%zu bytes", attr->bytes.size);
        return bytes_append_string(ret, "none");
}

static int text_separator(size_t i, Bytes *ret) {
        return i > 0 ? bytes_append_string(ret, ", ") : 0;
}

static int text_rest(const Attr *attr, const char *closing, Bytes *ret) {
        if (attr->n <= ATTR_TEXT_ELEMENTS)
                return bytes_append_string(ret, closing);
        return bytes_printf(ret, ", ...%s, %zu in all", closing, attr->n);
}

static int text_vector(const Attr *attr, Bytes *ret) {
        int r;

        r = bytes_append_string(ret, "[");
        for (size_t i = 0; r == 0 && i < attr->n && i < ATTR_TEXT_ELEMENTS; i++) {
                const Attr element = attr_element(attr, i);

                r = text_separator(i, ret);
                if (r == 0)
                        r = text_scalar(&element, ret);
        }
        return r < 0 ? r : text_rest(attr, "]", ret);
}

static int text_map(const Attr *attr, Bytes *ret) {
        int r;

        r = bytes_append_string(ret, "{");
        for (size_t i = 0; r == 0 && i < attr->n && i < ATTR_TEXT_ELEMENTS; i++) {
                r = text_separator(i, ret);
                if (r == 0)
                        r = bytes_printf(ret, "%s: ", attr->pairs[i].key);
                if (r == 0)
                        r = attr_text(&attr->pairs[i].value, ret);
        }
        return r < 0 ? r : text_rest(attr, "}", ret);
}

/* recursion bounded by the kinds: map, vector, scalar */
int attr_text(const Attr *attr, Bytes *ret) {
        switch (attr_kind_shape(attr->kind)) {
        case ATTR_SHAPE_VECTOR:
                return text_vector(attr, ret);
        case ATTR_SHAPE_MAP:
                return text_map(attr, ret);
        case ATTR_SHAPE_NONE:
        case ATTR_SHAPE_SCALAR:
                break;
        }
        return text_scalar(attr, ret);
}

/* --- JSON -------------------------------------------------------------------------------------- */

static void json_value(const Attr *attr, JsonWriter *w, const char *key);

static void json_scalar(const Attr *attr, JsonWriter *w, const char *key) {
        uint64_t u;
        int64_t i;

        if (attr_as_signed(attr, &i))
                json_writer_int64(w, key, i);
        else if (attr_as_unsigned(attr, &u))
                json_writer_uint64(w, key, u);
        else if (attr->kind == ATTR_BOOL)
                json_writer_bool(w, key, attr->boolean);
        else if (attr->kind == ATTR_FLOAT)
                json_writer_double(w, key, (double) attr->float32);
        else if (attr->kind == ATTR_DOUBLE)
                json_writer_double(w, key, attr->float64);
        else if (attr->kind == ATTR_STRING)
                json_writer_string(w, key, attr->string);
        else if (attr->kind == ATTR_BYTES) {
                json_writer_object(w, key);
                json_writer_uint64(w, "size", attr->bytes.size);
                json_writer_end(w);
        } else
                json_writer_null(w, key);
}

static void json_vector(const Attr *attr, JsonWriter *w, const char *key) {
        json_writer_array(w, key);
        for (size_t i = 0; i < attr->n; i++) {
                const Attr element = attr_element(attr, i);

                json_scalar(&element, w, NULL);
        }
        json_writer_end(w);
}

static void json_map(const Attr *attr, JsonWriter *w, const char *key) {
        json_writer_object(w, key);
        for (size_t i = 0; i < attr->n; i++)
                json_value(&attr->pairs[i].value, w, attr->pairs[i].key);
        json_writer_end(w);
}

static void json_value(const Attr *attr, JsonWriter *w, const char *key) {
        switch (attr_kind_shape(attr->kind)) {
        case ATTR_SHAPE_VECTOR:
                json_vector(attr, w, key);
                return;
        case ATTR_SHAPE_MAP:
                json_map(attr, w, key);
                return;
        case ATTR_SHAPE_NONE:
        case ATTR_SHAPE_SCALAR:
                break;
        }
        json_scalar(attr, w, key);
}

static void json_named(const NamedAttr *named, JsonWriter *w) {
        const Attr *attr = &named->value;

        json_writer_object(w, NULL);
        json_writer_string(w, "name", named->name);
        json_writer_string(w, "kind", attr_kind_name(attr->kind));
        if (attr->kind == ATTR_BYTES)
                json_writer_uint64(w, "size", attr->bytes.size);
        else
                json_value(attr, w, "value");
        json_writer_end(w);
}

void attr_text_json(const Attrs *attrs, JsonWriter *w, const char *key) {
        json_writer_array(w, key);
        for (size_t i = 0; i < attrs->n; i++)
                json_named(&attrs->items[i], w);
        json_writer_end(w);
}
