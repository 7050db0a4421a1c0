#include "base/strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

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
