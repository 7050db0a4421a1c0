#include "base/json.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_scan.h"
#include "base/strings.h"

#define JSON_SHOWN_MAX 80 /* bytes of a value or key that a message quotes */

/* nearer names than this many edits are taken for typing errors */

static inline void json_tokener_freep(json_tokener **tokener) {
        if (*tokener)
                json_tokener_free(*tokener);
}

static Slice json_skip_bom(Slice text) {
        if (text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
                return slice_of(text.data + 3, text.size - 3);
        return text;
}

int json_parse(Slice text, json_object **ret, Problem *problem) {
        _cleanup_(json_tokener_freep) json_tokener *tokener = NULL;
        json_object *value;
        int r;

        if (text.size > JSON_TEXT_MAX)
                return problem_set(problem, -EBADMSG, "larger than %d MiB, which no JSON here is",
                                   JSON_TEXT_MAX >> 20);
        text = json_skip_bom(text);
        r = json_scan(text, problem);
        if (r < 0)
                return r;

        tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);

        /* The scan left only JSON, and json-c takes all of it: what fails now is memory. The
         * second call ends a number that stands alone. */
        value = json_tokener_parse_ex(tokener, (const char *) text.data, (int) text.size);
        if (json_tokener_get_error(tokener) == json_tokener_continue)
                value = json_tokener_parse_ex(tokener, "", 1);
        if (json_tokener_get_error(tokener) != json_tokener_success) {
                json_object_put(value);
                return -ENOMEM;
        }

        *ret = value;
        return 0;
}

static bool json_is_plain_key(const char *key) {
        size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

        return n > 0 && key[n] == '\0';
}

/* appends what fits */
__attribute__((format(printf, 4, 5))) static void json_put(char *text, size_t room, size_t *used,
                                                           const char *format, ...) {
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(text + *used, room - *used, format, ap);
        va_end(ap);
        if (n > 0)
                *used += (size_t) n < room - *used ? (size_t) n : room - *used - 1;
}

/* "models[2].net_name"; the document itself is "the document" */
static void json_place_name(const JsonPlace *place, char *ret, size_t room) {
        const JsonPlace *chain[JSON_DEPTH_MAX + 1];
        size_t n = 0, used = 0;

        for (; place->in && n < ARRAY_SIZE(chain); place = place->in)
                chain[n++] = place;

        ret[0] = '\0';
        if (n == 0)
                json_put(ret, room, &used, "the document");
        while (n-- > 0) {
                const char *key = chain[n]->key;

                if (!key)
                        json_put(ret, room, &used, "[%zu]", chain[n]->index);
                else if (json_is_plain_key(key))
                        json_put(ret, room, &used, "%s%.*s", used > 0 ? "." : "", JSON_SHOWN_MAX,
                                 key);
                else
                        json_put(ret, room, &used, "[\"%.*s\"]", JSON_SHOWN_MAX, key);
        }
}

int json_complain(const JsonPlace *place, Problem *problem, const char *format, ...) {
        char name[PROBLEM_MAX / 2], text[PROBLEM_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);

        json_place_name(place, name, sizeof(name));
        return problem_set(problem, -EINVAL, "%s: %s", name, text);
}

static int json_expected(const JsonPlace *place, Problem *problem, const char *what) {
        json_object *value = place->value;
        enum json_type type = json_object_get_type(value);

        if (type == json_type_object)
                return json_complain(place, problem, "%s expected, not an object", what);
        if (type == json_type_array)
                return json_complain(place, problem, "%s expected, not an array", what);
        if (type == json_type_string)
                return json_complain(place, problem, "%s expected, not the string \"%.*s\"", what,
                                     JSON_SHOWN_MAX, json_object_get_string(value));
        return json_complain(place, problem, "%s expected, not %.*s", what, JSON_SHOWN_MAX,
                             json_object_to_json_string(value));
}

int json_require_object(const JsonPlace *place, Problem *problem) {
        if (json_object_is_type(place->value, json_type_object))
                return 0;
        return json_expected(place, problem, "an object");
}

int json_require_array(const JsonPlace *place, Problem *problem) {
        if (json_object_is_type(place->value, json_type_array))
                return 0;
        return json_expected(place, problem, "an array");
}

int json_require_list(const JsonPlace *place, size_t max, Problem *problem) {
        int r;

        r = json_require_array(place, problem);
        if (r == 0 && json_length(place) > max)
                r = json_complain(place, problem, "%zu elements, more than the %zu allowed",
                                  json_length(place), max);
        return r;
}

size_t json_length(const JsonPlace *array) {
        return json_object_array_length(array->value);
}

int json_member(const JsonPlace *object, const char *key, JsonPlace *ret) {
        json_object *value;

        if (!json_object_object_get_ex(object->value, key, &value))
                return -ENOENT;

        *ret = (JsonPlace){ .in = object, .key = key, .value = value };
        return 0;
}

JsonPlace json_element(const JsonPlace *array, size_t index) {
        return (JsonPlace){
                .in = array,
                .index = index,
                .value = json_object_array_get_idx(array->value, index),
        };
}

int json_string(const JsonPlace *place, const char **ret, Problem *problem) {
        const char *string;

        if (!json_object_is_type(place->value, json_type_string))
                return json_expected(place, problem, "a string");

        string = json_object_get_string(place->value);
        if (strlen(string) != (size_t) json_object_get_string_len(place->value))
                return json_complain(place, problem, "a string with a NUL in it");
        *ret = string;
        return 0;
}

int json_integer(const JsonPlace *place, int64_t min, int64_t max, int64_t *ret, Problem *problem) {
        char what[80];
        int64_t value;

        (void) snprintf(what, sizeof(what), "an integer from %lld to %lld", (long long) min,
                        (long long) max);
        if (!json_object_is_type(place->value, json_type_int))
                return json_expected(place, problem, what);

        value = json_object_get_int64(place->value);
        if (value < min || value > max)
                return json_expected(place, problem, what);
        *ret = value;
        return 0;
}

int json_boolean(const JsonPlace *place, bool *ret, Problem *problem) {
        if (!json_object_is_type(place->value, json_type_boolean))
                return json_expected(place, problem, "true or false");

        *ret = json_object_get_boolean(place->value);
        return 0;
}

static void json_list_names(const char *const *known, char *ret, size_t room) {
        size_t used = 0;

        ret[0] = '\0';
        for (size_t i = 0; known[i]; i++)
                json_put(ret, room, &used, "%s%s", i > 0 ? ", " : "", known[i]);
}

static bool json_is_known(const char *key, const char *const *known) {
        for (; *known; known++)
                if (strcmp(key, *known) == 0)
                        return true;
        return false;
}

int json_reject_unknown(const JsonPlace *object, const char *const *known, Problem *problem) {
        json_object_object_foreach(object->value, key, value) {
                const JsonPlace member = { .in = object, .key = key, .value = value };
                char names[PROBLEM_MAX / 2];
                const char *nearest;

                if (json_is_known(key, known))
                        continue;

                nearest = strings_nearest(key, known);
                if (nearest)
                        return json_complain(&member, problem,
                                             "no such setting; did you mean \"%s\"?", nearest);
                json_list_names(known, names, sizeof(names));
                return json_complain(&member, problem, "no such setting; known here: %s", names);
        }
        return 0;
}
