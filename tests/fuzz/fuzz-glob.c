/*
 * Patterns of a project file against paths: the automaton and a matcher that goes back and tries
 * again must agree. The input is a pattern, a NUL, and a path; a byte before them says whether that
 * is a directory.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/glob.h"

#define TEXT_MAX 96 /* of each: the other matcher takes its time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* what is known of "the rest of the pattern matches the rest of the path" */
typedef struct Known {
        const char *pattern, *path; /* whole */
        signed char answer[TEXT_MAX + 1][TEXT_MAX + 1];
} Known;

static bool match(Known *known, const char *p, const char *s);

/* whole names, or none: what "**" and a slash stand for */
static bool match_names(Known *known, const char *p, const char *rest, const char *s) {
        const char *slash;

        if (match(known, rest, s))
                return true;
        slash = strchr(s, '/');
        return slash && slash > s && match_names(known, p, rest, slash + 1);
}

static bool match_any(Known *known, const char *rest, const char *s, bool over_slashes) {
        for (;; s++) {
                if (match(known, rest, s))
                        return true;
                if (*s == '\0' || (*s == '/' && !over_slashes))
                        return false;
        }
}

static bool match_now(Known *known, const char *p, const char *s) {
        const char *rest;

        if (*p == '\0')
                return *s == '\0';
        if (p[0] == '*') {
                rest = p + strspn(p, "*");
                if (rest - p == 1)
                        return match_any(known, rest, s, false);
                return *rest == '/' ? match_names(known, p, rest + 1, s)
                                    : match_any(known, rest, s, true);
        }
        if (*s == '\0')
                return false;
        if (p[0] == '?')
                return *s != '/' && match(known, p + 1, s + 1);
        if (p[0] == '\\' && p[1] != '\0')
                p++;
        return *p == *s && match(known, p + 1, s + 1);
}

static bool match(Known *known, const char *p, const char *s) {
        signed char *answer = &known->answer[p - known->pattern][s - known->path];

        if (*answer == 0)
                *answer = match_now(known, p, s) ? 1 : -1;
        return *answer > 0;
}

static bool expected(const char *pattern, const char *path, bool is_directory) {
        Known known = { .path = path };
        char text[TEXT_MAX + 1];
        size_t n = strlen(pattern);

        if (n == 0)
                return false;
        memcpy(text, pattern, n + 1);
        if (text[n - 1] == '/') {
                if (!is_directory)
                        return false;
                text[n - 1] = '\0';
        }
        known.pattern = text;
        if (!strchr(text, '/')) /* a name, wherever it is */
                return match_names(&known, text, text, path);
        return match(&known, text + (text[0] == '/'), path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char pattern[TEXT_MAX + 1] = {}, path[TEXT_MAX + 1] = {};
        const uint8_t *end;
        size_t n, rest;

        if (size < 2)
                return 0;
        end = memchr(data + 1, '\0', size - 1);
        n = end ? (size_t) (end - data) - 1 : size - 1;
        rest = end ? size - n - 2 : 0;
        if (n > TEXT_MAX || rest > TEXT_MAX)
                return 0;
        memcpy(pattern, data + 1, n);
        if (rest > 0)
                memcpy(path, end + 1, rest);
        if (glob_match(pattern, path, data[0] & 1) != expected(pattern, path, data[0] & 1))
                abort();
        return 0;
}
