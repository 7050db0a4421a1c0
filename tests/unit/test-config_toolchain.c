#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/config_toolchain.h"
#include "tests/support/fail_alloc.h"

static int read_text(const char *name, const char *text, ConfigToolchain *ret, Problem *problem) {
        _cleanup_(json_putp) json_object *value = NULL;
        const JsonPlace document = {};
        int r;

        r = json_parse(slice_of_string(text), &value, problem);
        if (r < 0)
                return r;
        return config_toolchain_read(&(JsonPlace){ .in = &document, .key = name, .value = value },
                                     ret, problem);
}

static ConfigToolchain toolchain_of(const char *text) {
        ConfigToolchain toolchain = {};
        Problem problem = { "" };

        if (read_text("x", text, &toolchain, &problem) < 0)
                fail_msg("%s: %s", text, problem.text);
        assert_string_equal(toolchain.name, "x");
        return toolchain;
}

static void assert_name_refused(const char *name, const char *text, const char *expected) {
        ConfigToolchain toolchain = {}, untouched = {};
        Problem problem = { "" };

        assert_int_equal(read_text(name, text, &toolchain, &problem), -EINVAL);
        if (!strstr(problem.text, expected))
                fail_msg("%s: \"%s\" has no \"%s\"", text, problem.text, expected);
        assert_memory_equal(&toolchain, &untouched, sizeof(toolchain));
}

static void assert_refused(const char *text, const char *expected) {
        assert_name_refused("x", text, expected);
}

static void the_embedded_one_is_as_if_it_was_written(void **state) {
        _cleanup_(config_toolchain_cleanup) ConfigToolchain written =
                toolchain_of("{\"kind\":\"dpucc\"}");
        _cleanup_(config_toolchain_cleanup) ConfigToolchain embedded = {};

        assert_int_equal(config_toolchain_embedded(&embedded), 0);
        assert_string_equal(embedded.name, CONFIG_DPUCC);
        assert_int_equal(embedded.kind, written.kind);
        assert_int_equal(embedded.verify, written.verify);
        assert_int_equal(embedded.time_limit_s, written.time_limit_s);
        assert_int_equal(embedded.memory_limit, written.memory_limit);
        assert_false(embedded.installed);
}

static const char every_setting[] =
        "{\"kind\":\"container\",\"image\":[\"x/y:1\",\"z@sha256:0a\"],\"engine\":\"podman\","
        "\"path\":\"/usr//bin/podman\",\"conda\":\"env-2\",\"conda_root\":\"/opt/c\",\"cpus\":4,"
        "\"memory_limit_mib\":8,\"time_limit_s\":60,\"launcher\":[\"nice\",\"-n\",\"9\"],"
        "\"environment\":[\"A\",\"_b1\"]}";

static void assert_every_setting(const ConfigToolchain *toolchain) {
        assert_int_equal(toolchain->kind, TOOLCHAIN_CONTAINER);
        assert_int_equal(toolchain->engine, ENGINE_PODMAN);
        assert_string_equal(toolchain->path, "/usr/bin/podman");
        assert_int_equal(toolchain->images.n, 2);
        assert_string_equal(toolchain->images.items[1], "z@sha256:0a");
        assert_string_equal(toolchain->conda, "env-2");
        assert_string_equal(toolchain->conda_root, "/opt/c");
        assert_int_equal(toolchain->cpus, 4);
        assert_int_equal(toolchain->memory_limit, 8 << 20);
        assert_int_equal(toolchain->time_limit_s, 60);
        assert_int_equal(toolchain->launcher.n, 3);
        assert_string_equal(toolchain->launcher.items[2], "9");
        assert_int_equal(toolchain->environment.n, 2);
        assert_string_equal(toolchain->environment.items[1], "_b1");
}

static void reads_every_setting(void **state) {
        _cleanup_(config_toolchain_cleanup) ConfigToolchain toolchain = toolchain_of(every_setting);

        assert_every_setting(&toolchain);
}

static void a_copy_stands_alone(void **state) {
        ConfigToolchain toolchain = toolchain_of(every_setting);
        _cleanup_(config_toolchain_cleanup) ConfigToolchain copy = {};

        assert_int_equal(config_toolchain_copy(&toolchain, &copy), 0);
        config_toolchain_deinit(&toolchain);
        assert_string_equal(copy.name, "x");
        assert_every_setting(&copy);
}

static void containers_need_little(void **state) {
        _cleanup_(config_toolchain_cleanup) ConfigToolchain toolchain =
                toolchain_of("{\"kind\":\"container\",\"image\":\"a/b:1.0\",\"warm_idle_s\":90}");

        assert_int_equal(toolchain.engine, ENGINE_ANY);
        assert_int_equal(toolchain.images.n, 1);
        assert_null(toolchain.conda);
        assert_int_equal(toolchain.cpus, 0);
        assert_int_equal(toolchain.warm_idle_s, 90);
}

static void assert_remote(const char *text, bool remote) {
        _cleanup_(config_toolchain_cleanup) ConfigToolchain toolchain = toolchain_of(text);

        assert_int_equal(toolchain.remote, remote);
}

static void knows_launchers_that_leave_the_machine(void **state) {
        assert_remote("{\"kind\":\"dpucc\",\"launcher\":[\"nice\"]}", false);
        assert_remote("{\"kind\":\"native\",\"conda\":\"/opt/e\",\"launcher\":[\"srun\"]}", true);
        assert_remote("{\"kind\":\"native\",\"path\":\"/o/vai_c_xir\",\"launcher\":[\"/x/run\"],"
                      "\"launcher_remote\":true}",
                      true);
        assert_remote("{\"kind\":\"native\",\"launcher\":[\"srun\"],\"launcher_remote\":false}",
                      false);
}

static void refuses_names(void **state) {
        assert_name_refused("auto", "{\"kind\":\"dpucc\"}", "auto: \"auto\" stands for a choice");
        assert_name_refused("a/b", "{\"kind\":\"dpucc\"}", "one plain word");
        assert_name_refused("dpucc", "{\"kind\":\"native\"}", "choose another name");
}

static void refuses_values(void **state) {
        assert_refused("{\"kind\":\"docker\"}",
                       "\"docker\" is none of \"native\", \"container\", \"dpucc\"");
        assert_refused("{\"kind\":\"native\",\"path\":\"bin/vai\"}",
                       "x.path: \"bin/vai\" is not an absolute path");
        assert_refused("{\"kind\":\"native\",\"environment\":[\"A=b\"]}",
                       "x.environment[0]: \"A=b\" is not the name");
        assert_refused("{\"kind\":\"dpucc\",\"verify\":\"some\"}",
                       "x.verify: \"some\" is none of \"none\", \"small\", \"full\"");
        assert_refused("{\"kind\":\"native\",\"time_limit_s\":0}",
                       "x.time_limit_s: an integer from 1 to 604800 expected, not 0");
        assert_refused("{\"kind\":\"container\"}", "a container needs \"image\"");
        assert_refused("{\"kind\":\"container\",\"image\":[]}", "x.image: a list of at least");
        assert_refused("{\"kind\":\"container\",\"image\":\"-v/:/x\"}", "is no reference");
        assert_refused("{\"kind\":\"container\",\"image\":[\"a\",\"b c\"]}",
                       "x.image[1]: \"b c\" is no reference of an image; write NAME:TAG");
        assert_refused("{\"kind\":\"container\",\"image\":\"a\",\"engine\":\"lxc\"}",
                       "\"lxc\" is neither \"docker\" nor \"podman\"");
        assert_refused("{\"kind\":\"container\",\"image\":\"a\",\"conda\":\"a/b\"}",
                       "neither the name of a conda environment");
        assert_refused("{\"kind\":\"container\",\"image\":\"a\",\"conda_root\":\"opt\"}",
                       "x.conda_root: \"opt\" is not an absolute path");
        assert_refused("{\"kind\":\"native\",\"launcher\":\"nice\"}",
                       "x.launcher: an array expected");
        assert_refused("{\"kind\":\"native\",\"launcher\":[\"./nice\"]}",
                       "x.launcher[0]: \"./nice\" is neither the name of a program");
        assert_refused("{\"kind\":\"native\",\"launcher\":[\"nice\",\"\"]}",
                       "x.launcher[1]: a word of 1 to 4096 bytes expected");
}

static void refuses_what_a_kind_has_not(void **state) {
        assert_refused("{\"kind\":\"dpucc\",\"path\":\"/x\"}", "x.path: the embedded compiler");
        assert_refused("{\"kind\":\"dpucc\",\"conda\":\"b\"}", "x.conda: the embedded compiler");
        assert_refused("{\"kind\":\"native\",\"image\":\"a\"}",
                       "x.image: only a \"container\" has this setting");
        assert_refused("{\"kind\":\"native\",\"verify\":\"full\"}",
                       "x.verify: only the embedded compiler, \"dpucc\", has this setting");
}

static void refuses_what_does_not_go_together(void **state) {
        assert_refused("{\"kind\":\"container\",\"image\":\"a\",\"path\":\"/bin/d\"}",
                       "say in \"engine\" whether");
        assert_refused("{\"kind\":\"native\",\"path\":\"/a\",\"conda\":\"b\"}",
                       "both say where vai_c_xir is");
        assert_refused("{\"kind\":\"native\",\"launcher_remote\":true}",
                       "there is no \"launcher\"");
        assert_refused("{\"kind\":\"native\",\"launcher\":[\"srun\"]}",
                       "say where it is there: the absolute \"path\"");
        assert_refused("{\"kind\":\"container\",\"image\":\"a\",\"launcher\":[\"srun\"]}",
                       "give \"engine\" and the absolute \"path\"");
        assert_refused("{\"kind\":\"container\",\"image\":\"a\",\"launcher\":[\"nice\"],"
                       "\"warm_idle_s\":1}",
                       "x.warm_idle_s: containers that a launcher starts are not kept");
}

static int read_and_copy(void *userdata) {
        _cleanup_(config_toolchain_cleanup) ConfigToolchain toolchain = {}, copy = {};
        int r;

        r = read_text("x", every_setting, &toolchain, userdata);
        return r < 0 ? r : config_toolchain_copy(&toolchain, &copy);
}

static void survives_failing_allocations(void **state) {
        Problem problem;

        assert_true(fail_alloc_sweep(read_and_copy, &problem) > 20);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_embedded_one_is_as_if_it_was_written),
                cmocka_unit_test(reads_every_setting),
                cmocka_unit_test(a_copy_stands_alone),
                cmocka_unit_test(containers_need_little),
                cmocka_unit_test(knows_launchers_that_leave_the_machine),
                cmocka_unit_test(refuses_names),
                cmocka_unit_test(refuses_values),
                cmocka_unit_test(refuses_what_a_kind_has_not),
                cmocka_unit_test(refuses_what_does_not_go_together),
                cmocka_unit_test(survives_failing_allocations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
