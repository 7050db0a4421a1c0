#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/path.h"
#include "daemon/config.h"
#include "tests/support/fail_alloc.h"

static Config *apply(const char *text) {
        Problem problem = { "" };
        Config *config = NULL;
        int r;

        assert_int_equal(config_new(&config), 0);
        r = config_apply(config, slice_of_string(text), &problem);
        if (r < 0)
                fail_msg("%s: %s", text, problem.text);
        return config;
}

static void assert_refused(const char *text, const char *expected) {
        _cleanup_(config_freep) Config *config = NULL;
        Problem problem = { "" };

        assert_int_equal(config_new(&config), 0);
        assert_true(config_apply(config, slice_of_string(text), &problem) < 0);
        if (!strstr(problem.text, expected))
                fail_msg("%s: \"%s\" has no \"%s\"", text, problem.text, expected);
        assert_null(strchr(problem.text, '\n'));
}

static void nothing_is_needed(void **state) {
        _cleanup_(config_freep) Config *config = NULL;
        Problem problem = { "" };

        assert_int_equal(config_load(&config, NULL, "/nonexistent/dpuccd.json", &problem), 0);
        assert_null(config->cache_dir);
        assert_int_equal(config->cache_mode, CACHE_NORMAL);
        assert_int_equal(config->cache_limits.max_bytes, UINT64_C(32) << 30);
        assert_int_equal(config->cache_limits.max_entries, 0);
        assert_int_equal(config->cache_limits.max_idle_s, 0);
        assert_int_equal(config->cache_limits.min_free_bytes, UINT64_C(512) << 20);
        assert_int_equal(config->n_toolchains, 1);
        assert_string_equal(config->toolchains[0].name, "dpucc");
        assert_int_equal(config->toolchains[0].kind, TOOLCHAIN_DPUCC);
        assert_int_equal(config->toolchains[0].time_limit_s, 3600);
        assert_int_equal(config->toolchains[0].verify, TOOLCHAIN_VERIFY_SMALL);
        assert_string_equal(config->toolchain, "auto");
        assert_int_equal(config->settle_ms, 30);
        assert_int_equal(config->settle_max_ms, 2000);
        assert_int_equal(config->snapshot, SNAPSHOT_CANONICAL);
        assert_int_equal(config->log_level, LOG_LEVEL_INFO);
        assert_int_equal(config->roots.n, 0);
}

static const char every_setting[] =
        "{\"$schema\":\"x\",\"cache\":{\"directory\":\"/var//cache/./d\",\"mode\":\"read_only\","
        "\"max_size_mib\":9000000,\"max_entries\":7,\"max_idle_days\":30,\"min_free_mib\":0},"
        "\"toolchains\":{\"vitis-3.5\":{\"kind\":\"native\",\"path\":\"/opt/vai_c_xir\","
        "\"environment\":[\"LM_LICENSE_FILE\",\"_x1\"],\"time_limit_s\":60,"
        "\"memory_limit_mib\":4096},"
        "\"found\":{\"kind\":\"native\",\"path\":\"PATH\",\"launcher\":[\"nice\"]},"
        "\"box\":{\"kind\":\"container\",\"image\":[\"a\",\"b\"],\"conda\":\"c\"}},"
        "\"toolchain\":\"vitis-3.5\",\"concurrency\":3,\"memory_mib\":2048,\"nice\":3,\"notify\":["
        "\"notify-send\",\"dpucc\"],\"idle_io\":"
        "true,\"settle_ms\":10,"
        "\"settle_max_ms\":100,\"snapshot\":\"verbatim\",\"roots\":[\"/a/b/\",\"/c\"],"
        "\"log_level\":\"debug\"}";

static void reads_every_setting(void **state) {
        _cleanup_(config_freep) Config *config = apply(every_setting);
        const ConfigToolchain *toolchain = config_find_toolchain(config, "vitis-3.5");

        assert_string_equal(config->cache_dir, "/var/cache/d");
        assert_int_equal(config->cache_mode, CACHE_READ_ONLY);
        assert_int_equal(config->cache_limits.max_bytes, UINT64_C(9000000) << 20);
        assert_int_equal(config->cache_limits.max_entries, 7);
        assert_int_equal(config->cache_limits.max_idle_s, UINT64_C(30) * 24 * 3600);
        assert_int_equal(config->cache_limits.min_free_bytes, 0);
        assert_non_null(toolchain);
        assert_int_equal(toolchain->kind, TOOLCHAIN_NATIVE);
        assert_string_equal(toolchain->path, "/opt/vai_c_xir");
        assert_int_equal(toolchain->environment.n, 2);
        assert_string_equal(toolchain->environment.items[0], "LM_LICENSE_FILE");
        assert_int_equal(toolchain->time_limit_s, 60);
        assert_int_equal(toolchain->memory_limit, UINT64_C(4096) << 20);
        assert_null(config_find_toolchain(config, "found")->path);
        assert_non_null(config_find_toolchain(config, "dpucc"));
        assert_string_equal(config->toolchain, "vitis-3.5");
        assert_int_equal(config->concurrency, 3);
        assert_int_equal(config->memory, (uint64_t) 2 << 30);
        assert_int_equal(config->nice, 3);
        assert_true(config->idle_io);
        assert_int_equal(config->notify.n, 2);
        assert_string_equal(config->notify.items[1], "dpucc");
        assert_int_equal(config->settle_ms, 10);
        assert_int_equal(config->settle_max_ms, 100);
        assert_int_equal(config->snapshot, SNAPSHOT_VERBATIM);
        assert_int_equal(config->roots.n, 2);
        assert_string_equal(config->roots.items[0], "/a/b");
        assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
}

static void errors_name_place_value_and_remedy(void **state) {
        assert_refused("{\"toolchain\":\"vitis\"}",
                       "toolchain: no toolchain \"vitis\" in \"toolchains\"; define it there");
        assert_refused("{\"tolchain\":\"vitis\"}", "tolchain: no such setting; did you mean "
                                                   "\"toolchain\"?");
        assert_refused("{\"toolchains\":{\"x\":{}}}", "toolchains.x: \"kind\" is missing");
        assert_refused("{\"cache\":{\"directory\":\"~/c\"}}", "cache.directory: \"~/c\" is not an");
        assert_refused("{\"cache\":{\"mode\":\"readonly\"}}",
                       "cache.mode: \"readonly\" is none of");
        assert_refused("{\"cache\":{\"max_entries\":-1}}",
                       "cache.max_entries: an integer from 0 to");
        assert_refused("{\"cache\":{\"max_size\":1}}", "cache.max_size: no such setting");
        assert_refused("{\"roots\":[\"/a\",7]}", "roots[1]: a string expected, not 7");
        assert_refused("{\"roots\":{}}", "roots: an array expected, not an object");
        assert_refused("{\"concurrency\":0}", "concurrency: an integer from 1 to 64 expected");
        assert_refused("{\"nice\":20}", "nice: an integer from 0 to 19 expected");
        assert_refused("{\"memory_mib\":-1}", "memory_mib: an integer from 0 to");
        assert_refused("{\"idle_io\":1}", "idle_io: ");
        assert_refused("{\"notify\":\"beep\"}", "notify: ");
        assert_refused("{\"notify\":[\"./beep\"]}", "notify[0]: ");
        assert_refused("{\"settle_ms\":5000}",
                       "settle_max_ms (2000) is less than settle_ms (5000)");
        assert_refused("{\"snapshot\":\"raw\"}", "snapshot: \"raw\" is neither");
        assert_refused("{\"log_level\":\"loud\"}", "log_level: \"loud\" is none of");
        assert_refused("{\"log_level\":null}", "log_level: a string expected, not null");
        assert_refused("[]", "the document: an object expected");
        assert_refused("{\n\"roots\": [\"/a\",]}", "line 2, column 16");
        assert_refused("", "line 1, column 1");
}

static void bounds_what_a_file_can_grow(void **state) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(2 * CONFIG_FILE_MAX);

        for (int i = 0; i <= CONFIG_ROOTS_MAX; i++)
                assert_int_equal(bytes_printf(&text, "%s\"/r%d\"", i ? "," : "{\"roots\":[", i), 0);
        assert_int_equal(bytes_append(&text, "]}", 3), 0);
        assert_refused((char *) text.data, "roots: 257 elements, more than the 256 allowed");

        bytes_deinit(&text);
        for (int i = 0; i <= CONFIG_TOOLCHAINS_MAX; i++)
                assert_int_equal(bytes_printf(&text, "%s\"t%d\":{\"kind\":\"native\"}",
                                              i ? "," : "{\"toolchains\":{", i),
                                 0);
        assert_int_equal(bytes_append(&text, "}}", 3), 0);
        assert_refused((char *) text.data, "toolchains: more than 32 toolchains");

        bytes_deinit(&text);
        for (int i = 0; i <= CONFIG_FILE_MAX; i++)
                assert_int_equal(bytes_append(&text, " ", i == CONFIG_FILE_MAX ? 2 : 1), 0);
        assert_refused((char *) text.data, "larger than 256 KiB");
}

static void write_text(const UnitDir *dir, const char *name, const char *text) {
        assert_int_equal(file_write_durable(dir->fd, name, text, strlen(text), 0600), 0);
}

static void the_user_overrides_the_default(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(freep) char *installed = path_join(dir->path, "default.json");
        _cleanup_(freep) char *user = path_join(dir->path, "user.json");
        _cleanup_(config_freep) Config *config = NULL;
        Config *old;
        Problem problem = { "" };

        write_text(dir, "default.json",
                   "{\"concurrency\":4,\"roots\":[\"/a\"],\"toolchains\":"
                   "{\"native\":{\"kind\":\"native\"},\"other\":{\"kind\":\"native\"}}}");
        write_text(dir, "user.json",
                   "{\"roots\":[],\"toolchain\":\"native\",\"toolchains\":"
                   "{\"native\":{\"kind\":\"native\",\"path\":\"/opt/x\"}}}");
        assert_int_equal(config_load(&config, installed, user, &problem), 0);
        assert_int_equal(config->concurrency, 4);
        assert_int_equal(config->roots.n, 0);
        assert_int_equal(config->n_toolchains, 3);
        assert_string_equal(config_find_toolchain(config, "native")->path, "/opt/x");
        assert_non_null(config_find_toolchain(config, "other"));

        /* a bad file names itself and leaves what there is */
        old = config;
        write_text(dir, "user.json", "{\"concurrency\":\"x\"}");
        assert_int_equal(config_load(&config, installed, user, &problem), -EINVAL);
        assert_ptr_equal(config, old);
        assert_memory_equal(problem.text, user, strlen(user));
        assert_non_null(strstr(problem.text, ": concurrency: an integer"));

        assert_int_equal(config_load(&config, installed, dir->path, &problem), -EISDIR);
        assert_ptr_equal(config, old);
        assert_non_null(strstr(problem.text, dir->path));
}

/* what we install must be what we accept, and mean what is built in */
static void the_installed_default_is_good(void **state) {
        _cleanup_(config_freep) Config *config = NULL, *builtin = NULL;
        Problem problem = { "" };

        if (config_load(&config, TEST_SOURCE_DIR "/conf/dpuccd.json", NULL, &problem) < 0)
                fail_msg("%s", problem.text);
        assert_int_equal(config_new(&builtin), 0);
        assert_int_equal(config->settle_ms, builtin->settle_ms);
        assert_int_equal(config->settle_max_ms, builtin->settle_max_ms);
        assert_int_equal(config->concurrency, builtin->concurrency);
        assert_int_equal(config->memory, builtin->memory);
        assert_int_equal(config->nice, builtin->nice);
        assert_int_equal(config->idle_io, builtin->idle_io);
        assert_int_equal(config->snapshot, builtin->snapshot);
        assert_int_equal(config->log_level, builtin->log_level);
        assert_string_equal(config->toolchain, builtin->toolchain);
        assert_int_equal(config_find_toolchain(config, "native")->kind, TOOLCHAIN_NATIVE);
        assert_int_equal(config_find_toolchain(config, "container")->kind, TOOLCHAIN_CONTAINER);
        assert_int_equal(config_find_toolchain(config, "dpucc")->kind, TOOLCHAIN_DPUCC);
}

/* a setting that the schema describes is one that we know, down to toolchains */
static void the_schema_describes_what_is_known(void **state) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(1024 * 1024);
        _cleanup_(json_putp) json_object *schema = NULL;
        json_object *properties = NULL;
        Problem problem = { "" };

        assert_int_equal(file_read(AT_FDCWD, TEST_SOURCE_DIR "/conf/dpuccd.schema.json", &text), 0);
        assert_int_equal(json_parse(bytes_slice(&text), &schema, &problem), 0);
        assert_true(json_object_object_get_ex(schema, "properties", &properties));
        json_object_object_foreach(properties, key, value) {
                _cleanup_(config_freep) Config *config = NULL;
                char document[128];

                (void) value;
                (void) snprintf(document, sizeof(document), "{\"%s\": null}", key);
                assert_int_equal(config_new(&config), 0);
                (void) config_apply(config, slice_of_string(document), &problem);
                assert_null(strstr(problem.text, "no such setting"));
        }
        assert_int_equal(json_object_object_length(properties), 15);
}

static int load_once(void *userdata) {
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        r = config_new(&config);
        return r < 0 ? r : config_apply(config, slice_of_string(every_setting), userdata);
}

static void survives_failing_allocations(void **state) {
        Problem problem;

        assert_true(fail_alloc_sweep(load_once, &problem) > 20);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_needed),
                cmocka_unit_test(reads_every_setting),
                cmocka_unit_test(errors_name_place_value_and_remedy),
                cmocka_unit_test(bounds_what_a_file_can_grow),
                cmocka_unit_test_setup_teardown(the_user_overrides_the_default, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test(the_installed_default_is_good),
                cmocka_unit_test(the_schema_describes_what_is_known),
                cmocka_unit_test(survives_failing_allocations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
