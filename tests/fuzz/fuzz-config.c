/* dpuccd.json: refused with one line of reason, or complete */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(config_freep) Config *config = NULL;
        Problem problem = { "" };

        if (config_new(&config) < 0)
                return 0;
        if (config_apply(config, slice_of(data, size), &problem) < 0) {
                if (problem.text[0] == '\0' || strchr(problem.text, '\n'))
                        abort();
                return 0;
        }

        if (strcmp(config->toolchain, CONFIG_AUTO) != 0 &&
            !config_find_toolchain(config, config->toolchain))
                abort();
        if (!config_find_toolchain(config, CONFIG_DPUCC))
                abort();
        return 0;
}
