/* arch.json: whatever is accepted must read back the same after our own rendering of it */

#include <stdlib.h>
#include <string.h>

#include "xmodel/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[TARGET_ARCH_MAX], identity[FINGERPRINT_NAME_MAX], name[FINGERPRINT_NAME_MAX];
        Target target, again;
        Problem problem = { "" };

        if (target_parse_arch(slice_of(data, size), &target, &problem) < 0) {
                if (problem.text[0] == '\0' || strchr(problem.text, '\n'))
                        abort();
                return 0;
        }

        target_identity(&target, identity);
        target_short_name(&target, name);
        target_render_arch(&target, text);
        if (target_parse_arch(slice_of_string(text), &again, &problem) < 0 ||
            !target_equal(&target, &again) || name[0] == '\0' || strchr(name, '/'))
                abort();
        return 0;
}
