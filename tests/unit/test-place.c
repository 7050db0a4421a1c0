#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "cache/place.h"

static Place parse(const char *url) {
        Problem problem = {};
        Place place;
        int r = place_parse(url, &place, &problem);

        if (r < 0)
                fail_msg("%s: %s", url, problem.text);
        return place;
}

static void test_http(void **state) {
        Place place = parse("http://cache.example:8080/team/dpucc/");

        assert_int_equal(place.scheme, PLACE_HTTP);
        assert_string_equal(place.url, "http://cache.example:8080/team/dpucc");
        assert_string_equal(place.host, "cache.example");
        assert_string_equal(place.authority, "cache.example:8080");
        assert_string_equal(place.path, "/team/dpucc");
        assert_int_equal(place.port, 8080);

        place = parse("https://s3.example/bucket%20one");
        assert_int_equal(place.scheme, PLACE_HTTPS);
        assert_int_equal(place.port, 443);
        assert_string_equal(place.authority, "s3.example");
        place = parse("https://s3.example:443///");
        assert_string_equal(place.authority, "s3.example");
        assert_string_equal(place.url, "https://s3.example:443");
        assert_string_equal(place.path, "");
        place = parse("http://[::1]:80/x");
        assert_string_equal(place.host, "::1");
        assert_string_equal(place.authority, "[::1]");
        place = parse("http://[fe80::2]:81");
        assert_string_equal(place.authority, "[fe80::2]:81");
}

static void test_redis(void **state) {
        Place place = parse("redis://localhost");

        assert_int_equal(place.scheme, PLACE_REDIS);
        assert_int_equal(place.port, 6379);
        assert_int_equal(place.database, 0);
        place = parse("redis://10.0.0.1:7000/12");
        assert_int_equal(place.port, 7000);
        assert_int_equal(place.database, 12);
        place = parse("redis+unix:///run/redis/redis.sock");
        assert_int_equal(place.scheme, PLACE_REDIS_UNIX);
        assert_string_equal(place.path, "/run/redis/redis.sock");
        assert_string_equal(place.host, "");
}

static void test_file(void **state) {
        Place place = parse("file:///srv/with space/dpucc");

        assert_int_equal(place.scheme, PLACE_FILE);
        assert_string_equal(place.path, "/srv/with space/dpucc");
}

static void test_refused(void **state) {
        static const char *const urls[] = {
                "",
                "cache.example",
                "ftp://x/",
                "http:/x",
                "http://",
                "http:///x",
                "http://:80/",
                "http://x:0/",
                "http://x:65536/",
                "http://x:80a/",
                "http://x:/",
                "http://[::1/",
                "http://[::1]80/",
                "http://x y/",
                "http://x/a b",
                "http://x/a?b=c",
                "http://x/#f",
                "http://x/../y",
                "http://x//y",
                "http://x/a\nb",
                "redis://x/one",
                "redis://x/1/2",
                "redis://x/70000",
                "redis+unix://host/x",
                "redis+unix://",
                "file://host/x",
                "file://",
                "file:relative",
                "rediss://x",
        };
        char large[PLACE_URL_MAX + 1];

        for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
                Problem problem = {};
                Place place;

                if (place_parse(urls[i], &place, &problem) != -EINVAL)
                        fail_msg("accepted: %s", urls[i]);
                assert_true(problem.text[0] != '\0');
        }
        memset(large, 'a', sizeof(large));
        memcpy(large, "http://x/", 9);
        large[PLACE_URL_MAX] = '\0';
        assert_int_equal(place_parse(large, &(Place){}, NULL), -EINVAL);
        large[PLACE_URL_MAX - 1] = '\0';
        assert_int_equal(place_parse(large, &(Place){}, NULL), 0);
}

/* what is refused because it shows a password does not show it */
static void test_password(void **state) {
        Problem problem = {};
        Place place;

        assert_int_equal(place_parse("redis://:hunter2@x/", &place, &problem), -EINVAL);
        assert_null(strstr(problem.text, "hunter2"));
        assert_non_null(strstr(problem.text, "password_file"));
        assert_int_equal(place_parse("http://bob:hunter2@x/", &place, &problem), -EINVAL);
        assert_null(strstr(problem.text, "hunter2"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_http),     cmocka_unit_test(test_redis),
                cmocka_unit_test(test_file),     cmocka_unit_test(test_refused),
                cmocka_unit_test(test_password),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
