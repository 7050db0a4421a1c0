#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "tests/support/fail_alloc.h"

static int parse(const char *text, json_object **ret, Problem *problem) {
        *problem = (Problem){ "" };
        return json_parse(slice_of_string(text), ret, problem);
}

static void assert_refused(const char *text, const char *expected) {
        json_object *value = NULL;
        Problem problem;

        assert_int_equal(parse(text, &value, &problem), -EBADMSG);
        assert_null(value);
        assert_string_equal(problem.text, expected);
}

static void takes_what_is_json(void **state) {
        static const struct {
                const char *text, *rendered;
        } cases[] = {
                { "{}", "{}" },
                { " [ ] ", "[]" },
                { "\xef\xbb\xbf{\"a\":1}\r\n", "{\"a\":1}" },
                { "17", "17" },
                { "-0.5e+2", "-0.5e+2" },
                { "0", "0" },
                { "true", "true" },
                { "\"\\u00e9\\ud83d\\ude00\\n\"", "\"\xc3\xa9\xf0\x9f\x98\x80\\n\"" },
                { "[1,[2,{\"b\":[null,false]}],\"x\"]", "[1,[2,{\"b\":[null,false]}],\"x\"]" },
                { "9223372036854775807", "9223372036854775807" },
                { "-9223372036854775808\n\t ", "-9223372036854775808" },
                { "{\"a\":{\"a\":1},\"b\":{\"a\":2}}", "{\"a\":{\"a\":1},\"b\":{\"a\":2}}" },
                { "{\"\":1,\"\\\\\":2}", "{\"\":1,\"\\\\\":2}" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(json_putp) json_object *value = NULL;
                Problem problem;

                assert_int_equal(parse(cases[i].text, &value, &problem), 0);
                assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
                                    cases[i].rendered);
        }
}

static void null_is_a_value(void **state) {
        json_object *value = (json_object *) &value;
        Problem problem;

        assert_int_equal(parse("null", &value, &problem), 0);
        assert_null(value);
}

static void names_line_and_column(void **state) {
        assert_refused("", "line 1, column 1: a value expected, but the text ends here");
        assert_refused("  \n ", "line 2, column 2: a value expected, but the text ends here");
        assert_refused("{\n  \"a\": 1\n  \"b\": 2\n}",
                       "line 3, column 3: ',' or '}' expected, not '\"'");
        assert_refused("{\"\xc3\xa9\xc3\xa9\": x}", "line 1, column 8: a value expected, not 'x'");
        assert_refused("{\r\n\"a\":,}", "line 2, column 5: a value expected, not ','");
        assert_refused("{\"a\":1", "line 1, column 7: ',' or '}' expected, but the text ends here");
        assert_refused("{} {}", "line 1, column 4: the end of the text expected, not '{'");
        assert_refused("\xef\xbb\xbf]", "line 1, column 1: a value expected, not ']'");
}

static void names_the_remedy(void **state) {
        assert_refused("{} // x",
                       "line 1, column 4: the end of the text expected, not '/' (JSON has no "
                       "comments)");
        assert_refused("{'a': 1}", "line 1, column 2: a string expected, not ''' (JSON strings "
                                   "have double quotes)");
        assert_refused("{\"a\": 1,}", "line 1, column 9: a comma before '}': remove it");
        assert_refused("[1,]", "line 1, column 4: a value expected, not ']'");
        assert_refused("{\"fingerprint\": 0x1}",
                       "line 1, column 17: a number beginning with 0; write decimal numbers "
                       "without it, hexadecimal ones as strings");
        assert_refused("\"a\xff\"",
                       "line 1, column 3: byte 0xff is not UTF-8; save the file as UTF-8");
        assert_refused("\"a\nb\"", "line 1, column 3: control character 0x0a in a string; write "
                                   "it as \\u000a");
}

static void refuses_what_json_c_takes(void **state) {
        assert_refused("{\"a\":1,\"b\":{},\"\\u0061\":2}",
                       "line 1, column 15: a second member \"a\"");
        assert_refused("{\"\":1,\"\":2}", "line 1, column 7: a second member \"\"");
        assert_refused("{\"a\\u0000b\":1}", "line 1, column 2: a member name with a NUL in it");
        assert_refused("NaN", "line 1, column 1: a value expected, not 'N'");
        assert_refused("-Infinity", "line 1, column 2: a digit expected, not 'I'");
        assert_refused("01", "line 1, column 1: a number beginning with 0; write decimal numbers "
                             "without it, hexadecimal ones as strings");
        assert_refused("9223372036854775808",
                       "line 1, column 1: an integer that does not fit in 64 bits");
        assert_refused("123456789012345678901234567890",
                       "line 1, column 1: an integer that does not fit in 64 bits");
        assert_refused("\"\\ud800\"", "line 1, column 2: half of a surrogate pair");
        assert_refused("\"\\udc00\\ud800\"", "line 1, column 2: half of a surrogate pair");
        assert_refused("\"\\ud83d\\u0041\"", "line 1, column 2: half of a surrogate pair");
        assert_refused("1.", "line 1, column 3: a digit expected, but the text ends here");
        assert_refused("TRUE", "line 1, column 1: a value expected, not 'T'");
        assert_refused("\"\\x41\"",
                       "line 1, column 3: one of \" \\ / b f n r t u after a backslash expected, "
                       "not 'x'");
}

static void bounds_depth(void **state) {
        char text[2 * (JSON_DEPTH_MAX + 1) + 1];
        _cleanup_(json_putp) json_object *value = NULL;
        Problem problem;

        memset(text, '[', JSON_DEPTH_MAX);
        memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
        text[2 * JSON_DEPTH_MAX] = '\0';
        assert_int_equal(parse(text, &value, &problem), 0);

        memset(text, '[', JSON_DEPTH_MAX + 1);
        memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
        text[2 * JSON_DEPTH_MAX + 2] = '\0';
        assert_refused(text, "line 1, column 33: nested deeper than 32 levels");
}

static void bounds_size(void **state) {
        Problem problem = { "" };
        json_object *value = NULL;
        char *text;

        text = malloc(JSON_TEXT_MAX + 1);
        assert_non_null(text);
        memset(text, ' ', JSON_TEXT_MAX + 1);
        assert_int_equal(json_parse(slice_of(text, JSON_TEXT_MAX + 1), &value, &problem), -EBADMSG);
        assert_string_equal(problem.text, "larger than 16 MiB, which no JSON here is");
        free(text);
}

/* every cut of a good text is refused, and every text that the scan takes json-c takes too */
static void refuses_every_truncation(void **state) {
        static const char whole[] =
                "{\"a\\n\":[1.5e3,true,null,\"\xc3\xa9\\ud83d\\ude00\"],\"b\":{}}";

        for (size_t n = 0; n < sizeof(whole) - 1; n++) {
                json_object *value = NULL;
                Problem problem;

                assert_int_equal(json_parse(slice_of(whole, n), &value, &problem), -EBADMSG);
        }
}

static void mutations_agree_with_json_c(void **state) {
        static const char seed[] =
                "{\"a\":[1,-2.5e1,true,null],\"b\":{\"c\":\"\\u00e9\"},\"d\":\"x\"}";
        static const char alphabet[] = "{}[]\",:0129.-eE+\\utrnfa \n\xc3\xa9";
        unsigned random = 1, taken = 0;

        for (unsigned round = 0; round < 20000; round++) {
                char text[sizeof(seed)];
                json_object *value = NULL;
                Problem problem;
                int scanned, parsed;

                memcpy(text, seed, sizeof(seed));
                for (unsigned k = 0; k <= round % 3; k++) {
                        size_t at;

                        random = random * 1103515245 + 12345;
                        at = (random >> 16) % (sizeof(seed) - 1);
                        random = random * 1103515245 + 12345;
                        text[at] = alphabet[(random >> 16) % (sizeof(alphabet) - 1)];
                }
                scanned = json_scan(slice_of(text, sizeof(seed) - 1), &problem);
                parsed = json_parse(slice_of(text, sizeof(seed) - 1), &value, &problem);
                assert_int_equal(scanned, parsed);
                taken += parsed == 0;
                json_object_put(value);
        }
        assert_true(taken > 100 && taken < 19000);
}

typedef struct Document {
        json_object *value;
        JsonPlace root, inner, element, odd;
} Document;

static void open_document(Document *d, const char *text) {
        Problem problem;

        assert_int_equal(parse(text, &d->value, &problem), 0);
        d->root = (JsonPlace){ .value = d->value };
        assert_int_equal(json_member(&d->root, "models", &d->inner), 0);
        d->element = json_element(&d->inner, 1);
        assert_int_equal(json_member(&d->element, "odd key", &d->odd), 0);
}

static const char document[] =
        "{\"models\":[0,{\"odd key\":{\"n\":\"x\",\"i\":7,\"f\":2.5,\"b\":true,"
        "\"z\":\"a\\u0000b\",\"q\":null}}]}";

static void accessors_give_values(void **state) {
        Problem problem = { "" };
        const char *string;
        JsonPlace place;
        int64_t integer;
        Document d;
        bool yes;

        open_document(&d, document);
        assert_int_equal(json_require_object(&d.odd, &problem), 0);
        assert_int_equal(json_require_array(&d.inner, &problem), 0);
        assert_int_equal(json_member(&d.odd, "n", &place), 0);
        assert_int_equal(json_string(&place, &string, &problem), 0);
        assert_string_equal(string, "x");
        assert_int_equal(json_member(&d.odd, "i", &place), 0);
        assert_int_equal(json_integer(&place, 7, 7, &integer, &problem), 0);
        assert_int_equal(integer, 7);
        assert_int_equal(json_member(&d.odd, "b", &place), 0);
        assert_int_equal(json_boolean(&place, &yes, &problem), 0);
        assert_true(yes);
        assert_int_equal(json_member(&d.odd, "none", &place), -ENOENT);
        assert_string_equal(problem.text, "");
        json_object_put(d.value);
}

static void accessors_name_the_place(void **state) {
        Problem problem = { "" };
        const char *string = NULL;
        JsonPlace place;
        int64_t integer;
        Document d;

        open_document(&d, document);
        assert_int_equal(json_member(&d.odd, "i", &place), 0);
        assert_int_equal(json_string(&place, &string, &problem), -EINVAL);
        assert_string_equal(problem.text, "models[1][\"odd key\"].i: a string expected, not 7");
        assert_int_equal(json_integer(&place, 8, 9, &integer, &problem), -EINVAL);
        assert_string_equal(problem.text, "models[1][\"odd key\"].i: an integer from 8 to 9 "
                                          "expected, not 7");
        assert_int_equal(json_member(&d.odd, "z", &place), 0);
        assert_int_equal(json_string(&place, &string, &problem), -EINVAL);
        assert_string_equal(problem.text, "models[1][\"odd key\"].z: a string with a NUL in it");
        assert_int_equal(json_member(&d.odd, "f", &place), 0);
        assert_int_equal(json_integer(&place, 0, 9, &integer, &problem), -EINVAL);
        assert_int_equal(json_member(&d.odd, "q", &place), 0);
        assert_int_equal(json_string(&place, &string, &problem), -EINVAL);
        assert_string_equal(problem.text, "models[1][\"odd key\"].q: a string expected, not null");
        assert_int_equal(json_require_array(&d.root, &problem), -EINVAL);
        assert_string_equal(problem.text, "the document: an array expected, not an object");
        assert_null(string);
        json_object_put(d.value);
}

static void unknown_members_get_a_suggestion(void **state) {
        static const char *const near[] = { "modles", "targets", NULL };
        static const char *const far[] = { "targets", "ignore", NULL };
        static const char *const exact[] = { "ignore", "models", NULL };
        Problem problem = { "" };
        Document d;

        open_document(&d, document);
        assert_int_equal(json_reject_unknown(&d.root, exact, &problem), 0);
        assert_int_equal(json_reject_unknown(&d.root, near, &problem), -EINVAL);
        assert_string_equal(problem.text, "models: no such setting; did you mean \"modles\"?");
        assert_int_equal(json_reject_unknown(&d.root, far, &problem), -EINVAL);
        assert_string_equal(problem.text, "models: no such setting; known here: targets, ignore");
        json_object_put(d.value);
}

/* a file cannot put a terminal escape into a message */
static void messages_are_escaped(void **state) {
        assert_refused("{\"\\u001b[31m\":1,\"\\u001b[31m\":2}",
                       "line 1, column 17: a second member \"\\x1b[31m\"");
}

static int parse_once(void *userdata) {
        static const char text[] = "{\"a\":{\"b\":[1,{\"c\":2}]},\"d\":\"e\"}";
        json_object *value;
        int r;

        r = json_parse(slice_of_string(text), &value, userdata);
        if (r == 0)
                json_object_put(value);
        return r;
}

static void survives_failing_allocations(void **state) {
        Problem problem;

        assert_true(fail_alloc_sweep(parse_once, &problem) >= 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_what_is_json),
                cmocka_unit_test(null_is_a_value),
                cmocka_unit_test(names_line_and_column),
                cmocka_unit_test(names_the_remedy),
                cmocka_unit_test(refuses_what_json_c_takes),
                cmocka_unit_test(bounds_depth),
                cmocka_unit_test(bounds_size),
                cmocka_unit_test(refuses_every_truncation),
                cmocka_unit_test(mutations_agree_with_json_c),
                cmocka_unit_test(accessors_give_values),
                cmocka_unit_test(accessors_name_the_place),
                cmocka_unit_test(unknown_members_get_a_suggestion),
                cmocka_unit_test(messages_are_escaped),
                cmocka_unit_test(survives_failing_allocations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
