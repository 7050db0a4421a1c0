#include "daemon/findings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/strings.h"

static void finding_deinit(Finding *finding) {
        free((char *) finding->subject);
        free((char *) finding->step);
        free((char *) finding->text);
}

/* takes over @text */
static int findings_put(Findings *list, const char *subject, const char *step, FindingState state,
                        char *text) {
        Finding finding = {
                .subject = strdup(subject),
                .step = strdup(step),
                .state = state,
                .text = text,
        };
        int r = -ENOMEM;

        if (finding.subject && finding.step)
                r = array_reserve(&list->items, &list->capacity, list->n + 1, sizeof(Finding));
        if (r < 0)
                finding_deinit(&finding);
        else
                list->items[list->n++] = finding;
        return r;
}

void findings_add(Findings *list, const char *subject, const char *step, FindingState state,
                  const char *format, ...) {
        va_list arguments;
        char *text;
        int r;

        if (list->error < 0 || list->n == FINDINGS_MAX)
                return;
        va_start(arguments, format);
        r = strings_vprintf(&text, format, arguments);
        va_end(arguments);
        list->error = r < 0 ? r : findings_put(list, subject, step, state, text);
}

void findings_deinit(Findings *list) {
        for (size_t i = 0; i < list->n; i++)
                finding_deinit(&list->items[i]);
        free(list->items);
        *list = (Findings){};
}
