#pragma once

/*
 * Strict JSON, on json-c
 *
 * Exactly RFC 8259: no comments, trailing commas, single quotes, NaN, invalid UTF-8 or text
 * after the value. Of what that allows we refuse duplicate keys, keys with NUL, integers that
 * do not fit in int64_t, and more than JSON_DEPTH_MAX levels. A leading byte order mark is
 * skipped, for Windows editors.
 *
 * Syntax errors name line and column (in characters, from 1); the accessors name the JSON path
 * ("models[2].net_name"), the value found and what is expected.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/slice.h"

#define JSON_DEPTH_MAX 32
#define JSON_TEXT_MAX  (16 << 20) /* bytes */

/* The caller owns *ret (json_object_put); as everywhere in json-c, null is NULL. -EBADMSG with
 * @problem set, or -ENOMEM. */
int json_parse(Slice text, json_object **ret, Problem *problem);

/* A place inside a document: how errors know where they are. Lives on the stack; each points
 * to the place it is in. */
typedef struct JsonPlace {
        const struct JsonPlace *in; /* NULL for the document itself */
        const char *key;            /* member name, or NULL for an array element */
        size_t index;
        json_object *value; /* borrowed */
} JsonPlace;

/* Every function below: 0, or -EINVAL with @problem set; -ENOENT without a problem when an
 * optional member is missing; outputs are borrowed from the document. */
int json_require_object(const JsonPlace *place, Problem *problem);
int json_require_array(const JsonPlace *place, Problem *problem);
int json_member(const JsonPlace *object, const char *key, JsonPlace *ret);
int json_require_list(const JsonPlace *place, size_t max, Problem *problem); /* an array, bounded */
size_t json_length(const JsonPlace *array);
JsonPlace json_element(const JsonPlace *array, size_t index);
int json_string(const JsonPlace *place, const char **ret, Problem *problem); /* no NUL inside */
int json_integer(const JsonPlace *place, int64_t min, int64_t max, int64_t *ret, Problem *problem);
int json_boolean(const JsonPlace *place, bool *ret, Problem *problem);

/* -EINVAL naming the first member that is not in @known (NULL-terminated) and the nearest
 * known one */
int json_reject_unknown(const JsonPlace *object, const char *const *known, Problem *problem);

/* Sets "PATH: TEXT" and returns -EINVAL: for rules that only the caller knows. */
int json_complain(const JsonPlace *place, Problem *problem, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static inline void json_putp(json_object **value) {
        (void) json_object_put(*value);
}
