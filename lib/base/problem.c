#include "base/problem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define PROBLEM_CUT "..."

/* escaped, and cut between characters where it does not fit */
static void problem_store(Problem *p, const char *raw, bool cut) {
        char whole[4 * 2 * PROBLEM_MAX];
        size_t n = utf8_escape(raw, strlen(raw), whole, sizeof(whole));

        if (!cut && n < sizeof(p->text)) {
                memcpy(p->text, whole, n + 1);
                return;
        }
        n = utf8_escape(whole, n, p->text, sizeof(p->text) - strlen(PROBLEM_CUT));
        memcpy(p->text + n, PROBLEM_CUT, sizeof(PROBLEM_CUT));
}

__attribute__((format(printf, 2, 0))) static void problem_format(Problem *p, const char *format,
                                                                 va_list ap) {
        char raw[PROBLEM_MAX];
        int n;

        n = vsnprintf(raw, sizeof(raw), format, ap);
        if (n < 0)
                raw[0] = '\0';
        problem_store(p, raw, n >= (int) sizeof(raw));
}

int problem_set(Problem *p, int r, const char *format, ...) {
        va_list ap;

        if (!p)
                return r;

        va_start(ap, format);
        problem_format(p, format, ap);
        va_end(ap);
        return r;
}

int problem_prefix(Problem *p, int r, const char *format, ...) {
        Problem head;
        char joined[2 * PROBLEM_MAX];
        va_list ap;

        if (!p)
                return r;

        va_start(ap, format);
        problem_format(&head, format, ap);
        va_end(ap);

        (void) snprintf(joined, sizeof(joined), "%s%s%s", head.text, p->text[0] ? ": " : "",
                        p->text);
        problem_store(p, joined, false);
        return r;
}
