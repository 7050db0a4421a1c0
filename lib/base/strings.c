#include "base/strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

int strings_add(Strings *list, const char *string) {
        char *copy;
        int r;

        r = array_reserve(&list->items, &list->capacity, list->n + 1, sizeof(*list->items));
        if (r < 0)
                return r;
        copy = strdup(string);
        if (!copy)
                return -ENOMEM;

        list->items[list->n++] = copy;
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

int strings_dup(char **ret, const char *string) {
        char *copy = string ? strdup(string) : NULL;

        if (string && !copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}
