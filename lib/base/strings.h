#pragma once

/*
 * Strings: a growing list of strings that it owns. Zero-initialised is empty. A list that is not
 * empty is followed by a NULL, as execve() wants it.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Strings {
        char **items;
        size_t n;
        size_t capacity;
} Strings;

int strings_add(Strings *list, const char *string);       /* a copy; -ENOMEM */
int strings_add_all(Strings *list, const Strings *other); /* on error a part may be there */
char *strings_pop(Strings *list);                         /* the last, the caller's; NULL: none */
int strings_dup(char **ret, const char *string);          /* one copy; NULL of NULL; -ENOMEM */

/* one string, as vprintf() would print it; -ENOMEM */
int strings_vprintf(char **ret, const char *format, va_list arguments)
        __attribute__((format(printf, 2, 0)));

void strings_deinit(Strings *list); /* back to empty */
bool strings_contain(const Strings *list, const char *string);
bool strings_are_same(const Strings *a, const Strings *b); /* in the same order */

bool strings_equal(const char *a, const char *b); /* NULL is only equal to NULL */

/* the one of @known (NULL-terminated) that is at most two typing errors away, or NULL */
const char *strings_nearest(const char *name, const char *const *known);

static inline void strings_cleanup(Strings *list) {
        strings_deinit(list);
}
