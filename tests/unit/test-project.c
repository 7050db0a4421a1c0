#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "daemon/config.h"
#include "daemon/project.h"
#include "tests/support/fail_alloc.h"

static Config *config;

static int setup(void **state) {
        static const char text[] = "{\"toolchains\":{\"vitis-3.5\":{\"kind\":\"native\"}}}";

        if (config_new(&config) < 0)
                return -1;
        return config_apply(config, slice_of_string(text), NULL);
}

static int teardown(void **state) {
        config = config_free(config);
        return 0;
}

static Project *parse(const char *text, bool trusted) {
        Problem problem = { "" };
        Project *project = NULL;
        int r;

        r = project_parse(&project, slice_of_string(text), trusted, config, &problem);
        if (r < 0)
                fail_msg("%s: %s", text, problem.text);
        return project;
}

static void assert_refused(const char *text, const char *expected) {
        Problem problem = { "" };
        Project *project = NULL;

        assert_true(project_parse(&project, slice_of_string(text), false, config, &problem) < 0);
        assert_null(project);
        if (!strstr(problem.text, expected))
                fail_msg("%s: \"%s\" has no \"%s\"", text, problem.text, expected);
        assert_null(strchr(problem.text, '\n'));
}

/* the shape that DESIGN and docs/CONFIGURATION.md show */
static const char tutorial[] =
        "{ \"targets\": { \"leopard\": \"Leopard/Zero-to-hero/04 Deep learning Processor Unit/"
        "arch.json\", \"antelope\": \"boards//./antelope/arch.json\" },\n"
        "  \"models\": [ { \"xmodel\": \"output/03-quantize/Unet_int.xmodel\",\n"
        "    \"net_name\": \"deep_globe_segmentation_unet_512_512\",\n"
        "    \"output_dir\": \"output/04-compile/{target}\",\n"
        "    \"targets\": [\"leopard\", \"antelope\"], \"toolchain\": \"vitis-3.5\",\n"
        "    \"limits\": { \"max_dpu_subgraphs\": 1, \"cpu_ops\": [\"softmax\", \"fix2float\"] } "
        "},\n"
        "    { \"xmodel\": \"b.xmodel\" } ],\n"
        "  \"ignore\": [\"*.tmp/\", \"/old/**\"] }";

static void reads_the_tutorial(void **state) {
        _cleanup_(project_freep) Project *project = parse(tutorial, false);
        _cleanup_(freep) char *output = NULL, *none = (char *) "x";
        const ProjectFields fields = { .net = "n", .target = "leopard", .toolchain = "t" };
        const ProjectModel *model = &project->models[0];

        assert_int_equal(project->n_targets, 2);
        assert_string_equal(project->targets[0].name, "antelope");
        assert_string_equal(project->targets[0].arch_path, "boards/antelope/arch.json");
        assert_string_equal(project_find_target(project, "leopard")->arch_path,
                            "Leopard/Zero-to-hero/04 Deep learning Processor Unit/arch.json");
        assert_null(project_find_target(project, "b1024"));

        assert_int_equal(project->n_models, 2);
        assert_string_equal(model->xmodel, "output/03-quantize/Unet_int.xmodel");
        assert_string_equal(model->net_name, "deep_globe_segmentation_unet_512_512");
        assert_false(model->is_pattern);
        assert_int_equal(model->toolchains.n, 1);
        assert_string_equal(model->toolchains.items[0], "vitis-3.5");
        assert_int_equal(model->targets.n, 2);
        assert_string_equal(model->targets.items[0], "leopard");
        assert_int_equal(model->max_dpu_subgraphs, 1);
        assert_true(model->limits_cpu_ops);
        assert_int_equal(model->cpu_ops.n, 2);
        assert_int_equal(project_output_dir(model, &fields, &output), 0);
        assert_string_equal(output, "output/04-compile/leopard");

        model = &project->models[1];
        assert_null(model->net_name);
        assert_int_equal(model->toolchains.n, 0);
        assert_int_equal(model->targets.n, 0);
        assert_int_equal(model->max_dpu_subgraphs, -1);
        assert_false(model->limits_cpu_ops);
        assert_int_equal(project_output_dir(model, &fields, &none), 0);
        assert_null(none);

        assert_true(project_ignores(project, "a/x.tmp", true));
        assert_false(project_ignores(project, "a/x.tmp", false));
        assert_true(project_ignores(project, "old/x", false));
        assert_false(project_ignores(project, "new/x", false));
}

static void an_empty_project_is_one(void **state) {
        _cleanup_(project_freep) Project *project = parse("{}", false);

        assert_int_equal(project->n_models, 0);
        assert_false(project_ignores(project, "x", false));
}

#define MODEL(_members)                                                                            \
        "{\"targets\":{\"a\":\"a.json\",\"b\":\"b.json\"},\"models\":[{" _members "}]}"

static void refuses_what_leads_out(void **state) {
        assert_refused(MODEL("\"xmodel\":\"/etc/x.xmodel\""),
                       "models[0].xmodel: \"/etc/x.xmodel\" leads out of the workspace");
        assert_refused(MODEL("\"xmodel\":\"../x.xmodel\""), "leads out of the workspace");
        assert_refused(MODEL("\"xmodel\":\"a/../../x.xmodel\""), "watch --trust");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"output_dir\":\"/tmp/{target}\""),
                       "models[0].output_dir: \"/tmp/{target}\" leads out");
        assert_refused("{\"targets\":{\"a\":\"../arch.json\"}}",
                       "targets.a: \"../arch.json\" leads");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"net_name\":\"../a\""),
                       "models[0].net_name: \"../a\" is not one plain file name");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"net_name\":\"..\""), "plain file name");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"net_name\":\"\""), "plain file name");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"net_name\":\"a\\nb\""), "plain file name");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"net_name\":\"a\\u0000b\""), "a NUL in it");
        assert_refused("{\"targets\":{\"..\":\"arch.json\"}}", "plain file name");
        assert_refused("{\"targets\":{\"a/b\":\"arch.json\"}}", "plain file name");
        assert_refused("{\"targets\":{\"a@b\":\"arch.json\"}}", "'@' is not allowed in \"a@b\"");
        assert_refused("{\"targets\":{\"{target}\":\"arch.json\"}}", "'{' is not allowed");
}

static void a_trusted_root_may_lead_out(void **state) {
        _cleanup_(project_freep) Project *project =
                parse("{\"targets\":{\"a\":\"/opt/arch.json\"},\"models\":[{\"xmodel\":"
                      "\"../x.xmodel\",\"output_dir\":\"/srv/out\"}]}",
                      true);
        Problem problem = { "" };
        Project *other = NULL;

        assert_string_equal(project->targets[0].arch_path, "/opt/arch.json");
        assert_string_equal(project->models[0].xmodel, "../x.xmodel");
        assert_string_equal(project->models[0].output_dir, "/srv/out");

        /* names stay names */
        assert_true(project_parse(&other,
                                  slice_of_string(MODEL("\"xmodel\":\"a.xmodel\","
                                                        "\"net_name\":\"/a\"")),
                                  true, config, &problem) < 0);
}

static void refuses_code(void **state) {
        assert_refused("{\"toolchains\":{\"x\":{\"kind\":\"native\",\"path\":\"/tmp/evil\"}}}",
                       "toolchains: a project file cannot define toolchains");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"toolchain\":{\"kind\":\"native\"}"),
                       "models[0].toolchain: a project file only names a toolchain");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"toolchain\":\"/tmp/evil\""),
                       "no toolchain \"/tmp/evil\" in your configuration");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"launcher\":[\"sh\"]"),
                       "models[0].launcher: no such setting");
        assert_refused("{\"hooks\":{}}", "hooks: no such setting");
}

static void errors_name_place_value_and_remedy(void **state) {
        assert_refused("{\"models\":[{}]}", "models[0]: \"xmodel\" is missing");
        assert_refused("{\"models\":[7]}", "models[0]: an object expected, not 7");
        assert_refused("{\"models\":{}}", "models: an array expected, not an object");
        assert_refused(MODEL("\"xmodel\":\"a.onnx\""), "does not end in \".xmodel\"");
        assert_refused(MODEL("\"xmodel\":\"\""), "a path of 1 to 4095 bytes expected");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"targets\":[\"c\"]"),
                       "models[0].targets[0]: no target \"c\"; did you mean \"a\"?");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"targets\":[\"leopard\"]"),
                       "add it to \"targets\" at the top");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"targets\":[\"a\",\"a\"]"),
                       "models[0].targets[1]: \"a\" a second time");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"targets\":[]"), "no target at all");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"net_nam\":\"x\""),
                       "models[0].net_nam: no such setting; did you mean \"net_name\"?");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"output_dir\":\"out\""),
                       "2 targets would write to \"out\"; add {target}");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"output_dir\":\"out/{board}\""),
                       "only {net}, {target} and {toolchain} may stand in braces");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"output_dir\":\"out}\""), "only {net}");
        assert_refused(MODEL("\"xmodel\":\"*.xmodel\",\"net_name\":\"n\""),
                       "models[0].net_name: one name for all that \"*.xmodel\" matches");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"output_dir\":\"out/{target}\","
                             "\"toolchain\":[\"dpucc\",\"vitis-3.5\"]"),
                       "2 toolchains would write to \"out/{target}\"; add {toolchain}");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"toolchain\":[\"dpucc\",\"dpucc\"]"),
                       "models[0].toolchain[1]: \"dpucc\" a second time");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"limits\":{\"max_dpu_subgraphs\":-1}"),
                       "models[0].limits.max_dpu_subgraphs: an integer from 0 to 100000 expected");
        assert_refused(MODEL("\"xmodel\":\"a.xmodel\",\"limits\":{\"cpu_ops\":\"softmax\"}"),
                       "models[0].limits.cpu_ops: an array expected");
        assert_refused("{\"ignore\":[\"\"]}", "ignore[0]: a pattern of 1 to 256 bytes expected");
        assert_refused("{\"ignore\":[\"!a\"]}", "exceptions");
        assert_refused("{\"targets\":{\"a\":null}}", "targets.a: a string expected, not null");
        assert_refused("{\"models\":[\n{\"xmodel\":\"a.xmodel\"}\n", "line 3, column 1");
}

static void a_pattern_means_many_files(void **state) {
        _cleanup_(project_freep) Project *project =
                parse("{\"models\":[{\"xmodel\":\"nets/**/*_int.xmodel\","
                      "\"toolchain\":[\"dpucc\",\"vitis-3.5\"],"
                      "\"output_dir\":\"out/{toolchain}/{net}/{target}/"
                      "{net}\"},{\"xmodel\":\"x?.xmodel\"}]}",
                      false);
        const ProjectFields fields = { .net = "n", .target = "t", .toolchain = "dpucc" };
        _cleanup_(freep) char *output = NULL;
        const ProjectModel *model = &project->models[0];

        assert_true(model->is_pattern);
        assert_null(model->net_name);
        assert_int_equal(model->toolchains.n, 2);
        assert_true(project_model_matches(model, "nets/a/b/n_int.xmodel"));
        assert_true(project_model_matches(model, "nets/n_int.xmodel"));
        assert_false(project_model_matches(model, "nets/n.xmodel"));
        assert_false(project_model_matches(model, "other/nets/n_int.xmodel"));
        assert_int_equal(project_output_dir(model, &fields, &output), 0);
        assert_string_equal(output, "out/dpucc/n/t/n");

        assert_true(project_model_matches(&project->models[1], "deep/down/x1.xmodel"));
        assert_false(project_model_matches(&project->models[1], "x12.xmodel"));
}

static void outputs_do_not_collide(void **state) {
        _cleanup_(project_freep) Project *project = NULL;

        assert_refused("{\"models\":[{\"xmodel\":\"x/a.xmodel\",\"output_dir\":\"o\"},"
                       "{\"xmodel\":\"y/a_int.xmodel\",\"output_dir\":\"./o\"}]}",
                       "models[1]: delivers to the same file as models[0]");
        project = parse("{\"targets\":{\"a\":\"a.json\",\"b\":\"b.json\"},\"models\":["
                        "{\"xmodel\":\"x/n.xmodel\",\"output_dir\":\"o\",\"targets\":[\"a\"]},"
                        "{\"xmodel\":\"y/n.xmodel\",\"output_dir\":\"o\",\"targets\":[\"b\"]},"
                        "{\"xmodel\":\"z/n.xmodel\"},"
                        "{\"xmodel\":\"z/m.xmodel\",\"output_dir\":\"o\",\"targets\":[\"b\"]}]}",
                        false);
        assert_int_equal(project->n_models, 4);
}

static void bounds_what_a_file_can_grow(void **state) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(2 * PROJECT_FILE_MAX);

        for (int i = 0; i <= PROJECT_MODELS_MAX; i++)
                assert_int_equal(bytes_printf(&text, "%s{\"xmodel\":\"%d.xmodel\"}",
                                              i ? "," : "{\"models\":[", i),
                                 0);
        assert_int_equal(bytes_append(&text, "]}", 3), 0);
        assert_refused((char *) text.data, "models: 1025 elements, more than the 1024 allowed");

        bytes_deinit(&text);
        for (int i = 0; i <= PROJECT_TARGETS_MAX; i++)
                assert_int_equal(
                        bytes_printf(&text, "%s\"%d\":\"x\"", i ? "," : "{\"targets\":{", i), 0);
        assert_int_equal(bytes_append(&text, "}}", 3), 0);
        assert_refused((char *) text.data, "targets: more than 256 targets");
}

static int parse_once(void *userdata) {
        const ProjectFields fields = { .net = "n", .target = "leopard", .toolchain = "t" };
        _cleanup_(project_freep) Project *project = NULL;
        _cleanup_(freep) char *output = NULL;
        int r;

        r = project_parse(&project, slice_of_string(tutorial), false, config, userdata);
        return r < 0 ? r : project_output_dir(&project->models[0], &fields, &output);
}

static void survives_failing_allocations(void **state) {
        Problem problem;

        assert_true(fail_alloc_sweep(parse_once, &problem) > 20);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_the_tutorial),
                cmocka_unit_test(an_empty_project_is_one),
                cmocka_unit_test(refuses_what_leads_out),
                cmocka_unit_test(a_trusted_root_may_lead_out),
                cmocka_unit_test(refuses_code),
                cmocka_unit_test(errors_name_place_value_and_remedy),
                cmocka_unit_test(a_pattern_means_many_files),
                cmocka_unit_test(outputs_do_not_collide),
                cmocka_unit_test(bounds_what_a_file_can_grow),
                cmocka_unit_test(survives_failing_allocations),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
