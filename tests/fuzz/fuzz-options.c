/* Compiler options of anybody: what comes out is a Python literal of quoted plain strings, and
 * means the same when it is read again. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* {'name': 'value', ...} and inside of quotes nothing that could end them */
static void check_literal(const char *text) {
        bool quoted = false;

        for (const char *p = text; *p; p++) {
                if (*p == '\'')
                        quoted = !quoted;
                else if (quoted ? *p == '\\' || *p == '"' || (unsigned char) *p < ' '
                                : !strchr("{}:, ", *p))
                        abort();
        }
        if (quoted)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *text = strndup((const char *) data, size), *once = NULL,
                              *twice = NULL;
        Options options;
        Problem problem = { "" };

        if (!text)
                return 0;
        if (options_parse(text, &options, &problem) < 0) {
                if (problem.text[0] == '\0' || strchr(problem.text, '\n'))
                        abort();
                return 0;
        }
        once = options_render(&options);
        options_deinit(&options);
        if (!once)
                abort();
        check_literal(once);

        if (options_parse(once, &options, NULL) < 0)
                abort();
        twice = options_render(&options);
        options_deinit(&options);
        if (!twice || strcmp(once, twice) != 0)
                abort();
        return 0;
}
