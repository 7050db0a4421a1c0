#include "cache/references.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void references_begin(References *references, unsigned first, size_t max) {
        references->n = 0;
        references->max = max;
        references->first = first;
        references->last = UINT8_MAX;
}

void references_deinit(References *references) {
        free(references->items);
        *references = (References){};
}

static bool references_cover(const References *references, const Digest *object) {
        return object->bytes[0] >= references->first && object->bytes[0] <= references->last;
}

static void references_narrow(References *references) {
        size_t n = 0;

        references->last = references->first + (references->last - references->first) / 2;
        for (size_t i = 0; i < references->n; i++)
                if (references_cover(references, &references->items[i].object))
                        references->items[n++] = references->items[i];
        references->n = n;
}

int references_add(References *references, const Record *record) {
        for (size_t i = 0; i < record->n_objects; i++) {
                const RecordObject *object = &record->objects[i];
                int r;

                while (references->n >= references->max && references->first < references->last)
                        references_narrow(references);
                if (!references_cover(references, &object->digest))
                        continue;
                r = array_reserve(&references->items, &references->capacity, references->n + 1,
                                  sizeof(*references->items));
                if (r < 0)
                        return r;
                references->items[references->n++] = (Reference){
                        .object = object->digest,
                        .key = record->key,
                        .sha256 = object->sha256,
                        .size = object->size,
                        .role = object->role,
                };
        }
        return 0;
}

static int references_compare(const void *a, const void *b) {
        const Reference *x = a, *y = b;

        return memcmp(x->object.bytes, y->object.bytes, DIGEST_SIZE);
}

void references_sort(References *references) {
        if (references->n > 0)
                qsort(references->items, references->n, sizeof(*references->items),
                      references_compare);
}

Reference *references_find(References *references, const Digest *object, size_t *ret_n) {
        size_t low = 0, high = references->n, n = 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (memcmp(references->items[middle].object.bytes, object->bytes, DIGEST_SIZE) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        while (low + n < references->n && digest_equal(&references->items[low + n].object, object))
                n++;
        *ret_n = n;
        return n > 0 ? &references->items[low] : NULL;
}
