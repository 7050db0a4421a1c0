#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/compile_options.h"

/* the names without effect, or NULL when refused; the caller frees */
static char *check(const char *text, Problem *problem) {
        Bytes ignored = BYTES_INIT(1024);
        int r = compile_options_check(text, &ignored, problem);
        char *names = r == 0 ? bytes_take_string(&ignored) : NULL;

        if (r < 0)
                assert_int_equal(r, -EINVAL);
        bytes_deinit(&ignored);
        return names;
}

static void takes_plain_dictionaries(void **state) {
        static const struct {
                const char *text, *ignored;
        } rows[] = {
                { "", "" },
                { "  ", "" },
                { "{}", "" },
                { "{'hd_opt': 'true'}", "hd_opt" },
                { "{\"mode\":\"debug\",\"prefetch\":True}", "mode, prefetch" },
                { " { 'hd_opt' : false , 'dump' : -12 , } ", "hd_opt, dump" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Problem problem = { "" };
                _cleanup_(freep) char *ignored = check(rows[i].text, &problem);

                if (!ignored)
                        fail_msg("%s: %s", rows[i].text, problem.text);
                assert_string_equal(ignored, rows[i].ignored);
        }
}

static void refuses_what_would_count(void **state) {
        static const struct {
                const char *text, *says;
        } rows[] = {
                { "{'plugins': 'x'}", "'plugins': plugins are programs" },
                { "{'output_ops': 'a'}", "'output_ops'" },
                { "{'fingerprint': '0x1'}", "use --fingerprint" },
                { "{'hd_opt': 'true', 'new': 1}", "'new' is not known" },
                { "__import__('os')", "column 1" },
                { "{'hd_opt': __import__('os')}", "column 12" },
                { "{'hd_opt': 'true'} + 1", "column 20" },
                { "{'hd_opt'}", "column 10" },
                { "{'hd_opt': 'true", "column 12" },
                { "{'hd\\x5fopt': 1}", "column 2" },
                { "{'hd_opt': 1 'mode': 2}", "column 14" },
                { "{'hd_opt': 1", "column 13" },
                { "{,}", "column 2" },
                { "{'hd_opt': -}", "column 12" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Problem problem = { "" };

                assert_null(check(rows[i].text, &problem));
                if (!strstr(problem.text, rows[i].says))
                        fail_msg("%s: %s", rows[i].text, problem.text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_plain_dictionaries),
                cmocka_unit_test(refuses_what_would_count),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
