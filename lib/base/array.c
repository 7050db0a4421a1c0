#include "base/array.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_MIN 16 /* items of the first allocation */

int array_reserve(void *items, size_t *capacity, size_t needed, size_t item_size) {
        size_t wanted = *capacity < ARRAY_MIN ? ARRAY_MIN : *capacity;
        void *old, *grown;

        if (needed <= *capacity)
                return 0;
        if (needed > SIZE_MAX / 2 / item_size)
                return -ENOMEM;
        while (wanted < needed)
                wanted *= 2;

        memcpy(&old, items, sizeof(old));
        grown = realloc(old, wanted * item_size);
        if (!grown)
                return -ENOMEM;
        memcpy(items, &grown, sizeof(grown));
        *capacity = wanted;
        return 0;
}
