#include "base/strings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define STRINGS_TYPO_MAX 2  /* mistakes in a name that is still near */
#define STRINGS_NAME_MAX 48 /* bytes; longer ones are never near */

int strings_add(Strings *list, const char *string) {
        char *copy;
        int r;

        r = array_reserve(&list->items, &list->capacity, list->n + 2, sizeof(*list->items));
        if (r < 0)
                return r;
        copy = strdup(string);
        if (!copy)
                return -ENOMEM;

        list->items[list->n++] = copy;
        list->items[list->n] = NULL;
        return 0;
}

int strings_add_all(Strings *list, const Strings *other) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < other->n; i++)
                r = strings_add(list, other->items[i]);
        return r;
}

char *strings_pop(Strings *list) {
        char *last;

        if (list->n == 0)
                return NULL;
        last = list->items[--list->n];
        list->items[list->n] = NULL;
        return last;
}

int strings_vprintf(char **ret, const char *format, va_list arguments) {
        char *text;

        if (vasprintf(&text, format, arguments) < 0)
                return -ENOMEM; /* and text is undefined */
        *ret = text;
        return 0;
}

void strings_deinit(Strings *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->items[i]);
        free(list->items);
        *list = (Strings){};
}

bool strings_contain(const Strings *list, const char *string) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], string) == 0)
                        return true;
        return false;
}

bool strings_are_same(const Strings *a, const Strings *b) {
        for (size_t i = 0; i < a->n && i < b->n; i++)
                if (strcmp(a->items[i], b->items[i]) != 0)
                        return false;
        return a->n == b->n;
}

int strings_dup(char **ret, const char *string) {
        char *copy = string ? strdup(string) : NULL;

        if (string && !copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

bool strings_equal(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

/* the Levenshtein distance; names longer than STRINGS_NAME_MAX are never near */
static size_t strings_distance(const char *a, const char *b) {
        size_t n = strlen(a), m = strlen(b), row[STRINGS_NAME_MAX + 1];

        if (n > STRINGS_NAME_MAX || m > STRINGS_NAME_MAX)
                return STRINGS_NAME_MAX;
        for (size_t k = 0; k <= m; k++)
                row[k] = k;
        for (size_t i = 1; i <= n; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t k = 1; k <= m; k++) {
                        size_t best = diagonal + (a[i - 1] != b[k - 1]);

                        diagonal = row[k];
                        if (row[k] + 1 < best)
                                best = row[k] + 1;
                        if (row[k - 1] + 1 < best)
                                best = row[k - 1] + 1;
                        row[k] = best;
                }
        }
        return row[m];
}

const char *strings_nearest(const char *name, const char *const *known) {
        size_t best = STRINGS_TYPO_MAX + 1;
        const char *nearest = NULL;

        for (; *known; known++) {
                size_t distance = strings_distance(name, *known);

                if (distance < best) {
                        best = distance;
                        nearest = *known;
                }
        }
        return nearest;
}
