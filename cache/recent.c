#include "cache/recent.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A place is: used or not (one byte), the digest, the value. One allocation, which the kernel fills
 * page by page as places are taken. */
#define RECENT_HEAD (1 + DIGEST_SIZE)

struct Recent {
        pthread_mutex_t mutex;
        size_t n_places, value_size;
        bool used; /* what was never written to costs no memory */
        uint8_t *places;
};

int recent_new(Recent **ret, size_t places, size_t value_size) {
        Recent *recent = calloc(1, sizeof(*recent));

        assert(places > 0 && value_size <= RECENT_VALUE_MAX);
        if (!recent)
                return -ENOMEM;
        recent->n_places = places;
        recent->value_size = value_size;
        recent->places = calloc(places, RECENT_HEAD + value_size);
        if (!recent->places) {
                free(recent);
                return -ENOMEM;
        }
        (void) pthread_mutex_init(&recent->mutex, NULL);
        *ret = recent;
        return 0;
}

Recent *recent_free(Recent *recent) {
        if (!recent)
                return NULL;

        (void) pthread_mutex_destroy(&recent->mutex);
        free(recent->places);
        free(recent);
        return NULL;
}

/* digests are as good as random */
static uint8_t *recent_place(const Recent *recent, const Digest *what) {
        uint64_t number;

        memcpy(&number, what->bytes, sizeof(number));
        return recent->places + number % recent->n_places * (RECENT_HEAD + recent->value_size);
}

bool recent_find(Recent *recent, const Digest *what, void *ret) {
        const uint8_t *place = recent_place(recent, what);
        bool found;

        (void) pthread_mutex_lock(&recent->mutex);
        found = place[0] && memcmp(place + 1, what->bytes, DIGEST_SIZE) == 0;
        if (found)
                memcpy(ret, place + RECENT_HEAD, recent->value_size);
        (void) pthread_mutex_unlock(&recent->mutex);
        return found;
}

void recent_note(Recent *recent, const Digest *what, const void *value) {
        uint8_t *place = recent_place(recent, what);

        (void) pthread_mutex_lock(&recent->mutex);
        recent->used = true;
        place[0] = 1;
        memcpy(place + 1, what->bytes, DIGEST_SIZE);
        memcpy(place + RECENT_HEAD, value, recent->value_size);
        (void) pthread_mutex_unlock(&recent->mutex);
}

bool recent_is(Recent *recent, const Digest *what, const void *value) {
        uint8_t found[RECENT_VALUE_MAX];

        return recent_find(recent, what, found) && memcmp(found, value, recent->value_size) == 0;
}

void recent_forget(Recent *recent) {
        (void) pthread_mutex_lock(&recent->mutex);
        if (recent->used)
                memset(recent->places, 0, recent->n_places * (RECENT_HEAD + recent->value_size));
        recent->used = false;
        (void) pthread_mutex_unlock(&recent->mutex);
}
