/*
 * The value of -e on the command line of `dpucc compile`: from a project file, by way of the daemon.
 */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/compile_options.h"

#define IGNORED_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *text = strndup((const char *) data, size);
        _cleanup_(bytes_cleanup) Bytes ignored = BYTES_INIT(IGNORED_MAX);
        Problem problem = {};

        if (text && compile_options_check(text, &ignored, &problem) < 0 &&
            (problem.text[0] == '\0' || strchr(problem.text, '\n')))
                abort();
        return 0;
}
