#include "base/problem.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

__attribute__((format(printf, 2, 0))) static void problem_format(Problem *p, const char *format,
                                                                 va_list ap) {
        char raw[PROBLEM_MAX];
        int n;

        n = vsnprintf(raw, sizeof(raw), format, ap);
        if (n < 0)
                raw[0] = '\0';
        if (n >= (int) sizeof(raw))
                memcpy(raw + sizeof(raw) - 4, "...", 4);
        utf8_escape(raw, strlen(raw), p->text, sizeof(p->text));
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
        utf8_escape(joined, strlen(joined), p->text, sizeof(p->text)); /* cuts between characters */
        return r;
}
