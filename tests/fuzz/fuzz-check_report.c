/*
 * What a child says of a compiled file: `dpucc check --json`, which may have read a hostile one.
 */

#include <stdlib.h>
#include <string.h>

#include "daemon/check_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        CheckReport report = {};
        Problem problem = {};

        if (check_report_parse(slice_of(data, size), &report, &problem) < 0) {
                if (problem.text[0] == '\0' || strchr(problem.text, '\n'))
                        abort();
                return 0;
        }
        if (report.compiler && strchr(report.compiler, '\n'))
                abort();
        check_report_deinit(&report);
        return 0;
}
