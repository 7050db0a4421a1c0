#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "daemon/options.h"

static void expect(const char *text, const char *rendered) {
        _cleanup_(freep) char *got = NULL;
        Problem problem = {};
        Options options;

        assert_int_equal(options_parse(text, &options, &problem), 0);
        got = options_render(&options);
        assert_non_null(got);
        assert_string_equal(got, rendered);
        options_deinit(&options);
}

static void refuse(const char *text, const char *because) {
        Options options = { .n = 77 };
        Problem problem = {};

        assert_int_equal(options_parse(text, &options, &problem), -EINVAL);
        assert_non_null(strstr(problem.text, because));
        assert_int_equal(options.n, 77); /* not touched */
}

static void renders_what_it_understood(void **state) {
        expect(NULL, "");
        expect("", "");
        expect(" {} ", "");
        expect("{'prefetch': 'true'}", "{'prefetch': 'true'}");
        expect("{\"prefetch\":\"true\", 'hd_opt' : True}",
               "{'hd_opt': 'true', 'prefetch': 'true'}");
        expect("{'output_ops': 'a_fix,b/c:0', 'batchsize': 4,}",
               "{'batchsize': '4', 'output_ops': 'a_fix,b/c:0'}");
}

static void order_does_not_matter(void **state) {
        expect("{'mode': 'debug', 'hd_opt': 'false', 'batchsize': '1'}",
               "{'batchsize': '1', 'hd_opt': 'false', 'mode': 'debug'}");
}

static void code_never_gets_through(void **state) {
        refuse("{'plugins': 'p'}", "never passed");
        refuse("{'target': 'X'}", "unknown");
        refuse("{'fingerprint': '0x1'}", "unknown");
        refuse("__import__('os').system('id')", "dictionary");
        refuse("{'mode': __import__('os')}", "dictionary");
        refuse("{'output_ops': 'a\\'}", "dictionary");
        refuse("{'output_ops': \"a'+x+'\"}", "output_ops");
        refuse("{'output_ops': 'a\nb'}", "output_ops");
        refuse("{'prefetch': 'true'} or 1", "dictionary");
        refuse("{'prefetch': 'maybe'}", "'true' or 'false'");
        refuse("{'batchsize': '4x'}", "a number");
        refuse("{'batchsize': 12345678901}", "a number");
        refuse("{'prefetch': 'true', 'prefetch': 'true'}", "twice");
        refuse("{'prefetch' 'true'}", "dictionary");
        refuse("{'prefetch': }", "dictionary");
        refuse("{'prefetch': 'true'", "dictionary");
        refuse("{", "dictionary");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(renders_what_it_understood),
                cmocka_unit_test(order_does_not_matter),
                cmocka_unit_test(code_never_gets_through),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
