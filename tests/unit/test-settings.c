/*
 * The parsers of dpuccd.json and dpucc.json take what the schemas in conf/ say, and refuse what they
 * do not allow: each setting of the schemas is tried at its limits. (That there are no others is
 * tests/lint/settings.sh.)
 */

#include "unit.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "daemon/config.h"
#include "daemon/project.h"

typedef int (*ParseFn)(const char *text, Problem *problem);

/* a document around one setting, or one for a setting that needs others or excludes them */
typedef struct Frame {
        const char *object;  /* where in the schema: keys with '/' between them */
        const char *setting; /* NULL: any other */
        const char *before, *after;
} Frame;

static int parse_config(const char *text, Problem *problem) {
        _cleanup_(config_freep) Config *config = NULL;

        assert_int_equal(config_new(&config), 0);
        return config_apply(config, slice_of_string(text), problem);
}

static int parse_project(const char *text, Problem *problem) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_(project_freep) Project *project = NULL;

        assert_int_equal(config_new(&config), 0);
        return project_parse(&project, slice_of_string(text), false, config, problem);
}

/* --- one setting ------------------------------------------------------------------------------ */

typedef struct Trial {
        ParseFn parse;
        const Frame *frame;
        const char *setting;
        size_t n; /* values that were tried */
} Trial;

static int try_value(Trial *trial, const char *value, Problem *problem) {
        char text[1024];

        (void) snprintf(text, sizeof(text), "%s\"%s\":%s%s", trial->frame->before, trial->setting,
                        value, trial->frame->after);
        problem->text[0] = '\0';
        trial->n++;
        return trial->parse(text, problem);
}

/* Some values need another setting: that this one is missing is no complaint about the value. */
static void takes(Trial *trial, const char *value) {
        Problem problem;

        if (try_value(trial, value, &problem) < 0 && strstr(problem.text, trial->setting))
                fail_msg("%s: %s is refused: %s", trial->setting, value, problem.text);
}

static void refuses(Trial *trial, const char *value) {
        Problem problem;

        if (try_value(trial, value, &problem) >= 0)
                fail_msg("%s: %s is taken", trial->setting, value);
        if (!strstr(problem.text, trial->setting))
                fail_msg("%s: %s: the message does not name it: %s", trial->setting, value,
                         problem.text);
}

static json_object *member(json_object *object, const char *key) {
        json_object *value = NULL;

        (void) json_object_object_get_ex(object, key, &value);
        return value;
}

static void try_range(Trial *trial, json_object *schema) {
        int64_t min = json_object_get_int64(member(schema, "minimum"));
        int64_t max = json_object_get_int64(member(schema, "maximum"));
        char value[32];

        assert_non_null(member(schema, "minimum"));
        assert_non_null(member(schema, "maximum"));
        for (int i = 0; i < 4; i++) {
                const int64_t values[] = { min, max, min - 1, max + 1 };

                (void) snprintf(value, sizeof(value), "%" PRId64, values[i]);
                if (i < 2)
                        takes(trial, value);
                else
                        refuses(trial, value);
        }
}

static void try_enum(Trial *trial, json_object *list) {
        char value[64];

        for (size_t i = 0; i < json_object_array_length(list); i++) {
                (void) snprintf(value, sizeof(value), "\"%s\"",
                                json_object_get_string(json_object_array_get_idx(list, i)));
                takes(trial, value);
        }
        refuses(trial, "\"bogus\"");
        refuses(trial, "\"\"");
}

static void try_setting(Trial *trial, json_object *schema) {
        const char *type = json_object_get_string(member(schema, "type"));

        if (member(schema, "enum"))
                try_enum(trial, member(schema, "enum"));
        else if (type && strcmp(type, "integer") == 0)
                try_range(trial, schema);
        else if (type && strcmp(type, "boolean") == 0)
                takes(trial, "false");
        refuses(trial, "-1.5"); /* of no setting's type */
}

/* --- all of them ------------------------------------------------------------------------------ */

static json_object *load(const char *name) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(1024 * 1024);
        json_object *schema = NULL;
        char path[512];

        (void) snprintf(path, sizeof(path), TEST_SOURCE_DIR "/conf/%s", name);
        assert_int_equal(file_read(AT_FDCWD, path, &text), 0);
        assert_int_equal(json_parse(bytes_slice(&text), &schema, NULL), 0);
        return schema;
}

static json_object *descend(json_object *schema, const char *path) {
        char key[64];

        while (*path) {
                size_t n = strcspn(path, "/");

                (void) snprintf(key, sizeof(key), "%.*s", (int) n, path);
                schema = member(schema, key);
                assert_non_null(schema);
                path += n + (path[n] == '/');
        }
        return schema;
}

static const Frame *find_frame(const Frame *frames, const char *object, const char *setting) {
        const Frame *found = NULL;

        for (; frames->object; frames++) {
                if (strcmp(frames->object, object) != 0)
                        continue;
                if (frames->setting && strcmp(frames->setting, setting) == 0)
                        return frames;
                if (!frames->setting)
                        found = frames;
        }
        assert_non_null(found);
        return found;
}

static size_t try_all(const char *file, const Frame *frames, ParseFn parse) {
        _cleanup_(json_putp) json_object *schema = load(file);
        size_t n = 0;

        for (const Frame *f = frames; f->object; f++) {
                json_object *properties = member(descend(schema, f->object), "properties");

                if (f->setting)
                        continue;
                assert_non_null(properties);
                json_object_object_foreach(properties, name, value) {
                        Trial trial = { parse, find_frame(frames, f->object, name), name, 0 };

                        if (name[0] != '$')
                                try_setting(&trial, value);
                        n += trial.n;
                }
        }
        return n;
}

static void the_users_configuration(void **state) {
#define TOOLCHAIN "{\"toolchains\":{\"t\":{\"kind\":\"container\",\"image\":\"i\","
#define REMOTE    "{\"remotes\":[{\"name\":\"n\",\"url\":\"https://h/\","
        static const char toolchain[] = "properties/toolchains/additionalProperties";
        static const char remote[] = "properties/remotes/items";
        static const char s3[] = "properties/remotes/items/properties/s3";
        static const Frame frames[] = {
                { "", NULL, "{", "}" },
                { "", "settle_ms", "{\"settle_max_ms\":60000,", "}" },
                { "", "settle_max_ms", "{\"settle_ms\":0,", "}" },
                { "properties/cache", NULL, "{\"cache\":{", "}}" },
                { toolchain, NULL, TOOLCHAIN "\"engine\":\"docker\",", "}}}" },
                { toolchain, "engine", TOOLCHAIN, "}}}" },
                /* of the kinds each needs something else */
                { toolchain, "kind", "{\"toolchains\":{\"t\":{", ",\"launcher\":[]}}}" },
                { toolchain, "image", "{\"toolchains\":{\"t\":{\"kind\":\"container\",", "}}}" },
                { toolchain, "launcher_remote", TOOLCHAIN "\"launcher\":[\"nice\"],", "}}}" },
                { toolchain, "verify", "{\"toolchains\":{\"t\":{\"kind\":\"dpucc\",", "}}}" },
                { remote, NULL, REMOTE "\"trusted\":true,", "}]}" },
                { remote, "name", "{\"remotes\":[{\"url\":\"https://h/\",\"trusted\":true,",
                  "}]}" },
                { remote, "url", "{\"remotes\":[{\"name\":\"n\",\"trusted\":true,", "}]}" },
                { remote, "trusted", REMOTE "\"secret_file\":\"/s\",", "}]}" },
                { remote, "secret_file", REMOTE, "}]}" },
                { s3, NULL, REMOTE "\"trusted\":true,\"s3\":{", "}}]}" },
                {},
        };

        assert_true(try_all("dpuccd.schema.json", frames, parse_config) > 100);
}

static void the_project_file(void **state) {
        static const char model[] = "properties/models/items";
        static const char limits[] = "properties/models/items/properties/limits";
        static const Frame frames[] = {
                { "", NULL, "{", "}" },
                { model, NULL, "{\"models\":[{\"xmodel\":\"a.xmodel\",", "}]}" },
                { model, "xmodel", "{\"models\":[{", "}]}" },
                { limits, NULL, "{\"models\":[{\"xmodel\":\"a.xmodel\",\"limits\":{", "}}]}" },
                {},
        };

        assert_true(try_all("dpucc.schema.json", frames, parse_project) >= 15);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_users_configuration),
                cmocka_unit_test(the_project_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
