#include "unit.h"

#include <errno.h>
#include <math.h>

#include "base/json.h"
#include "base/json_writer.h"

static void write_sample(JsonWriter *w) {
        json_writer_object(w, NULL);
        json_writer_string(w, "name", "a\"b\\c\n\xff");
        json_writer_array(w, "list");
        json_writer_uint64(w, NULL, INT64_MAX);
        json_writer_int64(w, NULL, INT64_MIN);
        json_writer_object(w, NULL);
        json_writer_end(w);
        json_writer_end(w);
        json_writer_bool(w, "yes", true);
        json_writer_null(w, "nothing");
        json_writer_format(w, "hex", "0x%x", 255);
        json_writer_double(w, "tenth", 0.1);
        json_writer_double(w, "infinity", INFINITY);
        json_writer_end(w);
}

static void writes_one_line(void **state) {
        Bytes out = BYTES_INIT(4096);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_LINE);
        char *text;

        write_sample(&w);
        assert_int_equal(json_writer_finish(&w), 0);
        text = bytes_take_string(&out);
        assert_string_equal(text, "{\"name\": \"a\\\"b\\\\c\\\\n\\\\xff\", "
                                  "\"list\": [9223372036854775807, -9223372036854775808, {}], "
                                  "\"yes\": true, \"nothing\": null, \"hex\": \"0xff\", "
                                  "\"tenth\": 0.10000000000000001, \"infinity\": null}\n");
        free(text);
}

static void writes_levels_indented(void **state) {
        Bytes out = BYTES_INIT(4096);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_PRETTY);
        char *text;

        json_writer_object(&w, NULL);
        json_writer_array(&w, "list");
        json_writer_int64(&w, NULL, 1);
        json_writer_int64(&w, NULL, 2);
        json_writer_end(&w);
        json_writer_array(&w, "none");
        json_writer_end(&w);
        json_writer_end(&w);
        assert_int_equal(json_writer_finish(&w), 0);
        text = bytes_take_string(&out);
        assert_string_equal(text, "{\n    \"list\": [\n        1,\n        2\n    ],\n"
                                  "    \"none\": []\n}\n");
        free(text);
}

/* what is written is what the strict reader accepts */
static void is_read_back_by_the_strict_reader(void **state) {
        for (int style = JSON_WRITER_PRETTY; style <= JSON_WRITER_LINE; style++) {
                Bytes out = BYTES_INIT(4096);
                JsonWriter w = json_writer_begin(&out, (JsonStyle) style);
                json_object *document = NULL;
                Problem p;

                write_sample(&w);
                assert_int_equal(json_writer_finish(&w), 0);
                if (json_parse(bytes_slice(&out), &document, &p) < 0)
                        fail_msg("%s", p.text);
                json_object_put(document);
                bytes_deinit(&out);
        }
}

static void refuses_what_is_no_document(void **state) {
        Bytes out = BYTES_INIT(4096);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_LINE);

        json_writer_object(&w, NULL);
        json_writer_bool(&w, NULL, true); /* a member without a key */
        json_writer_end(&w);
        assert_int_equal(json_writer_finish(&w), -EINVAL);
        bytes_deinit(&out);

        w = json_writer_begin(&out, JSON_WRITER_LINE);
        json_writer_array(&w, NULL);
        assert_int_equal(json_writer_finish(&w), -EINVAL); /* not ended */
        bytes_deinit(&out);

        w = json_writer_begin(&out, JSON_WRITER_LINE);
        for (int i = 0; i <= JSON_WRITER_DEPTH_MAX; i++)
                json_writer_array(&w, NULL);
        assert_int_equal(json_writer_finish(&w), -EINVAL);
        bytes_deinit(&out);
}

static void stops_at_the_maximum(void **state) {
        Bytes out = BYTES_INIT(16);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_LINE);

        json_writer_array(&w, NULL);
        for (int i = 0; i < 8; i++)
                json_writer_int64(&w, NULL, 1000);
        json_writer_end(&w);
        assert_int_equal(json_writer_finish(&w), -EFBIG);
        bytes_deinit(&out);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_one_line),
                cmocka_unit_test(writes_levels_indented),
                cmocka_unit_test(is_read_back_by_the_strict_reader),
                cmocka_unit_test(refuses_what_is_no_document),
                cmocka_unit_test(stops_at_the_maximum),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
