#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "daemon/config.h"
#include "tests/support/fail_alloc.h"

static const char all[] =
        "{\"remotes\": ["
        "{\"name\": \"a-1\", \"url\": \"https://h:8443/x\", \"access\": \"read-only\","
        " \"secret_file\": \"/s\", \"user\": \"bob\", \"password_file\": \"/p\", \"ca_file\": "
        "\"/c\","
        " \"connect_timeout_ms\": 7, \"timeout_ms\": 8, \"size_limit_mib\": 9},"
        "{\"name\": \"b\", \"url\": \"https://h/bucket\", \"trusted\": true, \"access\": "
        "\"write-only\","
        " \"s3\": {\"region\": \"r\", \"access_key\": \"k\", \"secret_file\": \"/k\"}},"
        "{\"name\": \"c\", \"url\": \"redis+unix:///x\", \"secret_file\": \"/s\","
        " \"password_file\": \"/p\"},"
        "{\"name\": \"d\", \"url\": \"http://h\", \"secret_file\": \"/s\", \"trusted\": false,"
        " \"token_file\": \"/t\"},"
        "{\"name\": \"e\", \"url\": \"file:///srv\", \"secret_file\": \"/s\"}]}";

static void test_all(void **state) {
        _cleanup_(config_freep) Config *config = NULL;
        Problem problem = {};
        ConfigRemote copy;
        int r;

        assert_int_equal(config_new(&config), 0);
        r = config_apply(config, slice_of_string(all), &problem);
        if (r < 0)
                fail_msg("%s", problem.text);
        assert_int_equal(config->n_remotes, 5);
        assert_true(config->remotes[0].read && !config->remotes[0].write);
        assert_true(!config->remotes[1].read && config->remotes[1].write);
        assert_true(config->remotes[2].read && config->remotes[2].write);
        assert_string_equal(config->remotes[0].user, "bob");
        assert_int_equal(config->remotes[0].connect_ms, 7);
        assert_int_equal(config->remotes[0].transfer_ms, 8);
        assert_int_equal(config->remotes[0].size_max, 9 << 20);
        assert_int_equal(config->remotes[1].connect_ms, 1000);
        assert_null(config->remotes[1].secret_file);
        assert_string_equal(config->remotes[1].s3_access_key, "k");
        assert_string_equal(config->remotes[3].token_file, "/t");

        assert_int_equal(config_remote_copy(&config->remotes[0], &copy), 0);
        assert_string_equal(copy.ca_file, "/c");
        config_remote_deinit(&copy);
        /* a later file replaces the list */
        assert_int_equal(config_apply(config, slice_of_string("{\"remotes\": []}"), &problem), 0);
        assert_int_equal(config->n_remotes, 0);
}

static void refuse(const char *remote, const char *expected) {
        _cleanup_(config_freep) Config *config = NULL;
        Problem problem = {};
        char text[1024];

        (void) snprintf(text, sizeof(text), "{\"remotes\": [%s]}", remote);
        assert_int_equal(config_new(&config), 0);
        if (config_apply(config, slice_of_string(text), &problem) != -EINVAL)
                fail_msg("accepted: %s", text);
        if (!strstr(problem.text, expected) || !strstr(problem.text, "remotes"))
                fail_msg("%s: %s", text, problem.text);
}

#define FILE_TIER "\"name\": \"a\", \"url\": \"file:///x\""
#define HTTP_TIER "\"name\": \"a\", \"url\": \"http://x\", \"secret_file\": \"/s\""

static void test_refused(void **state) {
        refuse("7", "object");
        refuse("{\"url\": \"file:///x\", \"trusted\": true}", "\"name\" is missing");
        refuse("{\"name\": \"a b\", \"url\": \"file:///x\", \"trusted\": true}", "name");
        refuse("{\"name\": \"\", \"url\": \"file:///x\", \"trusted\": true}", "name");
        refuse("{\"name\": \"a\", \"trusted\": true}", "\"url\" is missing");
        refuse("{\"name\": \"a\", \"url\": \"ftp://x\", \"trusted\": true}", "url");
        refuse("{" FILE_TIER "}", "\"secret_file\" is missing");
        refuse("{" FILE_TIER ", \"trusted\": false}", "\"secret_file\" is missing");
        refuse("{" FILE_TIER ", \"trusted\": true, \"secret_file\": \"/s\"}", "remove one");
        refuse("{" FILE_TIER ", \"secret_file\": \"s\"}", "absolute path");
        refuse("{" FILE_TIER ", \"trusted\": true, \"access\": \"none\"}", "access");
        refuse("{" FILE_TIER ", \"trusted\": true, \"password_file\": \"/p\"}", "no password");
        refuse("{" FILE_TIER ", \"trusted\": true, \"passwort_file\": \"/p\"}", "password_file");
        refuse("{" HTTP_TIER ", \"user\": \"bob\"}", "password_file");
        refuse("{" HTTP_TIER ", \"password_file\": \"/p\"}", "user");
        refuse("{" HTTP_TIER ", \"user\": \"a\\nb\", \"password_file\": \"/p\"}", "ASCII");
        refuse("{" HTTP_TIER ", \"ca_file\": \"/c\"}", "https");
        refuse("{" HTTP_TIER ", \"s3\": {\"region\": \"r\"}}", "access_key");
        refuse("{" HTTP_TIER
               ", \"token_file\": \"/t\", \"user\": \"u\", \"password_file\": \"/p\"}",
               "keep one");
        refuse("{" HTTP_TIER ", \"timeout_ms\": 0}", "timeout_ms");
        refuse("{\"name\": \"a\", \"url\": \"redis://x\", \"trusted\": true, \"token_file\": "
               "\"/t\"}",
               "for http");
        refuse("{" HTTP_TIER "}, {" HTTP_TIER "}", "twice");
        refuse("{" HTTP_TIER "},{" HTTP_TIER "},{" HTTP_TIER "},{" HTTP_TIER "},{" HTTP_TIER
               "},{" HTTP_TIER "},{" HTTP_TIER "},{" HTTP_TIER "},{" HTTP_TIER "}",
               "8");
}

static int load_once(void *userdata) {
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        r = config_new(&config);
        return r < 0 ? r : config_apply(config, slice_of_string(all), userdata);
}

static void test_failing_allocations(void **state) {
        Problem problem = {};

        assert_true(fail_alloc_sweep(load_once, &problem) > 20);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_failing_allocations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
