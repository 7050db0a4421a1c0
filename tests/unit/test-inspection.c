#include "unit.h"

#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "dpu/attr_text.h"
#include "dpu/inspect_json.h"
#include "dpu/inspection.h"
#include "dpu/table.h"
#include "tests/support/corpus.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/sample_graph.h"

#define TEXT_MAX ((size_t) 16 << 20)

/* --- attributes in writing -------------------------------------------------------------------- */

static void assert_text(const Attr *attr, const char *expected) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(4096);

        assert_int_equal(attr_text(attr, &text), 0);
        assert_int_equal(text.size, strlen(expected));
        assert_memory_equal(text.data, expected, text.size);
}

static void writes_values_for_people(void **state) {
        static const int32_t numbers[20] = { -1, 2 };
        static const bool flags[] = { true, false };
        static const char *const words[] = { "a", "" };
        static const uint64_t large[] = { UINT64_MAX };
        static const Slice blobs[] = { { (const uint8_t *) "abc", 3 } };
        const AttrPair pairs[] = {
                { "k", { .kind = ATTR_INT32_VEC, .n = 2, .int32s = numbers } },
                { "l", { .kind = ATTR_INT32_VEC } },
        };

        assert_text(&(Attr){ .kind = ATTR_NONE }, "none");
        assert_text(&(Attr){ .kind = ATTR_BOOL, .boolean = true }, "true");
        assert_text(&(Attr){ .kind = ATTR_INT32, .int32 = -5 }, "-5");
        assert_text(&(Attr){ .kind = ATTR_UINT32, .uint32 = UINT32_MAX }, "4294967295");
        assert_text(&(Attr){ .kind = ATTR_INT64, .int64 = INT64_MIN }, "-9223372036854775808");
        assert_text(&(Attr){ .kind = ATTR_FLOAT, .float32 = 0.1f }, "0.100000001");
        assert_text(&(Attr){ .kind = ATTR_DOUBLE, .float64 = 0.5 }, "0.5");
        assert_text(&(Attr){ .kind = ATTR_STRING, .string = "FLOOR" }, "'FLOOR'");
        assert_text(&(Attr){ .kind = ATTR_BYTES, .bytes = { NULL, 7 } }, "7 bytes");
        assert_text(&(Attr){ .kind = ATTR_INT32_VEC, .n = 2, .int32s = numbers }, "[-1, 2]");
        assert_text(&(Attr){ .kind = ATTR_INT32_VEC, .n = 20, .int32s = numbers },
                    "[-1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...], 20 in all");
        assert_text(&(Attr){ .kind = ATTR_BOOL_VEC, .n = 2, .booleans = flags }, "[true, false]");
        assert_text(&(Attr){ .kind = ATTR_STRING_VEC, .n = 2, .strings = words }, "['a', '']");
        assert_text(&(Attr){ .kind = ATTR_UINT64_VEC, .n = 1, .uint64s = large },
                    "[18446744073709551615]");
        assert_text(&(Attr){ .kind = ATTR_BYTES_VEC, .n = 1, .byteses = blobs }, "[3 bytes]");
        assert_text(&(Attr){ .kind = ATTR_MAP_STRING_INT32_VEC, .n = 2, .pairs = pairs },
                    "{k: [-1, 2], l: []}");
}

static void writes_values_as_json(void **state) {
        static const float scales[] = { 2, INFINITY };
        const AttrPair pairs[] = { { "REG_0", { .kind = ATTR_INT32, .int32 = 4096 } } };
        NamedAttr items[] = {
                { "data", { .kind = ATTR_BYTES, .bytes = { NULL, 7 } } },
                { "empty", { .kind = ATTR_NONE } },
                { "map", { .kind = ATTR_MAP_STRING_INT32, .n = 1, .pairs = pairs } },
                { "scale", { .kind = ATTR_FLOAT_VEC, .n = 2, .floats = scales } },
        };
        const Attrs attrs = { items, ARRAY_SIZE(items), ARRAY_SIZE(items) };
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(4096);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_LINE);
        static const char expected[] =
                "{\"a\": [{\"name\": \"data\", \"kind\": \"bytes\", \"size\": 7}, "
                "{\"name\": \"empty\", \"kind\": \"none\", \"value\": null}, "
                "{\"name\": \"map\", \"kind\": \"map_string_int32\", "
                "\"value\": {\"REG_0\": 4096}}, "
                "{\"name\": \"scale\", \"kind\": \"float_vec\", \"value\": [2, null]}]}\n";

        json_writer_object(&w, NULL);
        attr_text_json(&attrs, &w, "a");
        json_writer_end(&w);
        assert_int_equal(json_writer_finish(&w), 0);
        assert_int_equal(out.size, strlen(expected));
        assert_memory_equal(out.data, expected, out.size);
}

/* --- tables ------------------------------------------------------------------------------------- */

static void lines_cells_up_and_escapes_them(void **state) {
        _cleanup_(table_cleanup) Table table = TABLE_INIT(2);
        char text[128] = "";
        FILE *out = fmemopen(text, sizeof(text), "w");

        assert_non_null(out);
        table_cell(&table, "%s", "a\x1b");
        table_cell(&table, "%d", 1);
        table_cell(&table, "%s", "größer"); /* six characters, eight bytes */
        table_cell(&table, "%s", "two\n");
        assert_int_equal(table_print(&table, 2, out), 0);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, "  a\\x1b   1\n  größer  two\\n\n");
}

/* --- files --------------------------------------------------------------------------------------- */

static void save(const UnitDir *dir, Graph *graph, char path[static 128]) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(TEXT_MAX);

        assert_int_equal(graph_write(graph, true, &bytes, NULL), 0);
        assert_int_equal(file_write_durable(dir->fd, "x", bytes.data, bytes.size, 0600), 0);
        (void) snprintf(path, 128, "%s/x", dir->path);
        graph_free(graph);
}

static void inspects_a_quantized_model(void **state) {
        Inspection inspection;
        char path[128];
        int32_t fix_point;

        save(*state, sample_graph_quantized(), path);
        assert_int_equal(inspection_init(&inspection, path, NULL), 0);
        assert_int_equal(inspection.class, XMODEL_QUANTIZED);
        assert_string_equal(inspection.counts[0].type, "fix");
        assert_int_equal(inspection.counts[0].n, 3);
        assert_string_equal(inspection.counts[1].type, "const");
        assert_int_equal(inspection.ports.n_inputs, 1);
        assert_int_equal(inspection.ports.inputs[0].fix_point, 6);
        assert_true(inspection_fix_point(graph_find_op(inspection.graph, "conv_fix"), &fix_point));
        assert_int_equal(fix_point, 3);
        assert_false(inspection_fix_point(graph_find_op(inspection.graph, "conv"), &fix_point));
        inspection_deinit(&inspection);
}

static void refuses_what_is_no_graph(void **state) {
        const UnitDir *dir = *state;
        Problem problem = { "" };
        Inspection inspection;
        char path[128];

        (void) snprintf(path, sizeof(path), "%s/x", dir->path);
        assert_int_equal(inspection_init(&inspection, path, &problem), -ENOENT);
        assert_int_equal(file_write_durable(dir->fd, "x", "text", 4, 0600), 0);
        assert_int_equal(inspection_init(&inspection, path, &problem), -EBADMSG);
        assert_non_null(strstr(problem.text, "/x: "));
}

/* The JSON of @inspection, complete, as the strict reader takes it. */
static json_object *write_json(const Inspection *inspection) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TEXT_MAX);
        const InspectJsonSpec spec = {
                .inspection = inspection,
                .with_ops = true,
                .op = inspection->graph->ops[inspection->graph->n_ops - 1],
        };
        json_object *document = NULL;
        Problem problem = { "" };

        assert_int_equal(inspect_json_write(&spec, &text), 0);
        if (json_parse(bytes_slice(&text), &document, &problem) < 0)
                fail_msg("%s: %s", inspection->path, problem.text);
        return document;
}

static json_object *member(json_object *object, const char *name) {
        json_object *value = NULL;

        if (!json_object_object_get_ex(object, name, &value))
                fail_msg("no member %s", name);
        return value;
}

static void tells_all_in_json(void **state) {
        Inspection inspection;
        json_object *document, *subgraph;
        char path[128];

        save(*state, sample_graph_compiled(), path);
        assert_int_equal(inspection_init(&inspection, path, NULL), 0);
        document = write_json(&inspection);
        assert_string_equal(json_object_get_string(member(document, "class")), "compiled");
        assert_int_equal(json_object_array_length(member(document, "ops")),
                         inspection.graph->n_ops);
        subgraph = json_object_array_get_idx(member(document, "subgraphs"), 0);
        assert_string_equal(json_object_get_string(member(subgraph, "name")), "subgraph_in");
        assert_string_equal(json_object_get_string(member(subgraph, "device")), "USER");
        assert_int_equal(json_object_get_int(member(subgraph, "depth")), 1);
        assert_string_equal(json_object_get_string(member(member(document, "op"), "name")),
                            inspection.graph->ops[inspection.graph->n_ops - 1]->name);
        json_object_put(document);
        inspection_deinit(&inspection);
}

static void inspect_one(const char *name, const Bytes *content, void *userdata) {
        const UnitDir *dir = userdata;
        Problem problem = { "" };
        Inspection inspection;
        char path[128];

        assert_int_equal(file_write_durable(dir->fd, "x", content->data, content->size, 0600), 0);
        (void) snprintf(path, sizeof(path), "%s/x", dir->path);
        if (inspection_init(&inspection, path, &problem) < 0)
                fail_msg("%s: %s", name, problem.text);
        assert_true(inspection.ports.n_inputs > 0 && inspection.ports.n_outputs > 0);
        json_object_put(write_json(&inspection));
        inspection_deinit(&inspection);
}

static void works_on_every_model(void **state) {
        if (!corpus_present())
                skip();
        assert_int_equal(corpus_each("quantized", inspect_one, *state), 4);
        assert_int_equal(corpus_each("compiled", inspect_one, *state), 19);
}

static int inspect_path(void *userdata) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TEXT_MAX);
        InspectJsonSpec spec = { .with_ops = true };
        Inspection inspection;
        int r;

        r = inspection_init(&inspection, userdata, NULL);
        if (r < 0)
                return r;
        spec.inspection = &inspection;
        r = inspect_json_write(&spec, &text);
        inspection_deinit(&inspection);
        return r;
}

static void every_allocation_may_fail(void **state) {
        char path[128];

        save(*state, sample_graph_compiled(), path);
        assert_true(fail_alloc_sweep(inspect_path, path) > 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_values_for_people),
                cmocka_unit_test(writes_values_as_json),
                cmocka_unit_test(lines_cells_up_and_escapes_them),
                cmocka_unit_test_setup_teardown(inspects_a_quantized_model, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(refuses_what_is_no_graph, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(tells_all_in_json, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(works_on_every_model, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(every_allocation_may_fail, unit_dir_setup,
                                                unit_dir_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
