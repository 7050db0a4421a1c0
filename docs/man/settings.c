/*
 * The settings of a configuration file, for its manual page: made from its schema
 *
 *      settings SCHEMA.json >PART-OF-A-PAGE
 *
 * The schemas in conf/ are where settings are described; tests hold the parsers and
 * docs/CONFIGURATION.md against them (tests/unit/test-settings.c, tests/lint/settings.sh). A
 * setting without a description is an error. Runs while the pages are made, and is not installed.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"

#define SETTINGS_PATH_MAX 256

typedef struct Settings {
        json_object *root;
        const char *missing; /* a setting that nobody describes; static storage */
} Settings;

static json_object *settings_get(json_object *object, const char *key) {
        json_object *value = NULL;

        if (json_object_is_type(object, json_type_object))
                (void) json_object_object_get_ex(object, key, &value);
        return value;
}

static const char *settings_text(json_object *object, const char *key) {
        json_object *value = settings_get(object, key);

        return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

/* what "$ref" means */
static json_object *settings_follow(const Settings *s, json_object *schema) {
        static const char prefix[] = "#/$defs/";
        const char *ref = settings_text(schema, "$ref");

        if (!ref || strncmp(ref, prefix, strlen(prefix)) != 0)
                return schema;
        return settings_get(settings_get(s->root, "$defs"), ref + strlen(prefix));
}

/* --- mdoc ------------------------------------------------------------------------------------- */

/* each sentence on a line of its own; nothing is a request */
static void settings_print(const char *text) {
        bool begins = true;

        for (; *text; text++) {
                if (begins && (*text == '.' || *text == '\''))
                        (void) fputs("\\&", stdout);
                begins = false;
                if (*text == '\\') {
                        (void) fputs("\\e", stdout);
                } else if (*text == ' ' && text[-1] == '.' && text[1] >= 'A' && text[1] <= 'Z') {
                        (void) putchar('\n');
                        begins = true;
                } else {
                        (void) putchar(*text);
                }
        }
        (void) putchar('\n');
}

static void settings_print_words(const char *label, json_object *list) {
        (void) fputs(label, stdout);
        for (size_t i = 0; i < json_object_array_length(list); i++)
                (void) printf("%s%s", i > 0 ? ", " : "",
                              json_object_get_string(json_object_array_get_idx(list, i)));
}

static void settings_print_range(json_object *schema) {
        json_object *from = settings_get(schema, "minimum"), *to = settings_get(schema, "maximum");

        if (from && to)
                (void) printf(" from %" PRId64 " to %" PRId64, json_object_get_int64(from),
                              json_object_get_int64(to));
}

static void settings_print_type(const Settings *s, json_object *schema);

/* "a or b" */
static void settings_print_choice(const Settings *s, json_object *list) {
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                if (i > 0)
                        (void) fputs(" or ", stdout);
                settings_print_type(s, json_object_array_get_idx(list, i));
        }
}

static void settings_print_type(const Settings *s, json_object *schema) {
        json_object *choice = settings_get(schema, "anyOf") ?: settings_get(schema, "oneOf");
        const char *type;

        schema = settings_follow(s, schema);
        type = settings_text(schema, "type");
        if (settings_get(schema, "enum"))
                settings_print_words("one of ", settings_get(schema, "enum"));
        else if (choice && !type)
                settings_print_choice(s, choice);
        else if (type && strcmp(type, "array") == 0)
                (void) fputs("list", stdout);
        else
                (void) fputs(type ?: "anything", stdout);
        settings_print_range(schema);
}

static void settings_print_one(Settings *s, const char *path, json_object *schema, bool required) {
        static char missing[SETTINGS_PATH_MAX];
        const char *description = settings_text(schema, "description");
        json_object *otherwise = settings_get(schema, "default");

        if (!description) {
                (void) snprintf(missing, sizeof(missing), "%s", path);
                s->missing = missing;
                return;
        }
        (void) printf(".It Li %s\n(", path);
        settings_print_type(s, schema);
        if (otherwise)
                (void) printf("; default %s", json_object_get_string(otherwise));
        (void) printf("%s)\n", required ? "; required" : "");
        settings_print(description);
}

/* --- the tree --------------------------------------------------------------------------------- */

static bool settings_is_required(json_object *schema, const char *name) {
        json_object *list = settings_get(schema, "required");

        for (size_t i = 0; list && i < json_object_array_length(list); i++)
                if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), name) == 0)
                        return true;
        return false;
}

static void settings_walk(Settings *s, const char *prefix, json_object *schema);

/* one setting, and what is in it */
static void settings_visit(Settings *s, const char *path, json_object *schema, bool required) {
        json_object *members = settings_get(schema, "additionalProperties");
        json_object *items = settings_get(schema, "items");
        char inner[SETTINGS_PATH_MAX];

        settings_print_one(s, path, schema, required);
        (void) snprintf(inner, sizeof(inner), "%s.", path);
        settings_walk(s, inner, schema);
        (void) snprintf(inner, sizeof(inner), "%s.NAME.", path);
        settings_walk(s, inner, members);
        (void) snprintf(inner, sizeof(inner), "%s[].", path);
        settings_walk(s, inner, items);
}

static void settings_walk(Settings *s, const char *prefix, json_object *schema) {
        json_object *properties = settings_get(schema, "properties");
        char path[SETTINGS_PATH_MAX];

        if (!properties)
                return;
        json_object_object_foreach(properties, name, value) {
                if (name[0] == '$')
                        continue;
                (void) snprintf(path, sizeof(path), "%s%s", prefix, name);
                settings_visit(s, path, value, settings_is_required(schema, name));
        }
}

int main(int argc, char **argv) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(1024 * 1024);
        _cleanup_(json_putp) json_object *root = NULL;
        Problem problem = {};
        Settings s;
        int r;

        if (argc != 2)
                return 2;
        r = file_read(AT_FDCWD, argv[1], &text);
        if (r == 0)
                r = json_parse(bytes_slice(&text), &root, &problem);
        if (r < 0) {
                (void) fprintf(stderr, "settings: %s: %s\n", argv[1],
                               problem.text[0] ? problem.text : strerror(-r));
                return 1;
        }
        s = (Settings){ .root = root };
        (void) puts(".Bl -tag -width Ds");
        settings_walk(&s, "", root);
        (void) puts(".El");
        if (s.missing)
                (void) fprintf(stderr, "settings: %s: %s has no description\n", argv[1], s.missing);
        return s.missing || fflush(stdout) != 0 ? 1 : 0;
}
