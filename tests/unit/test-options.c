#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "daemon/options.h"
#include "tests/support/fail_alloc.h"

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

static int parse_and_render(void *userdata) {
        _cleanup_(freep) char *text = NULL;
        Options options;
        int r;

        r = options_parse("{'hd_opt': 'true', 'output_ops': 'a,b', 'batchsize': 3}", &options,
                          NULL);
        if (r < 0)
                return r;
        text = options_render(&options);
        options_deinit(&options);
        return text ? 0 : -ENOMEM;
}

static void out_of_memory_leaks_nothing(void **state) {
        assert_true(fail_alloc_sweep(parse_and_render, NULL) > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(renders_what_it_understood),
                cmocka_unit_test(order_does_not_matter),
                cmocka_unit_test(code_never_gets_through),
                cmocka_unit_test(out_of_memory_leaks_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
