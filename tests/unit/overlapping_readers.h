#pragma once

/* Three threads of which one always shares the store lock: each lets go only when another one has
 * it and stays, or if none comes, which is so while the turnstile is closed. */

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/lock.h"

#define READERS       3
#define READERS_STAYS 50 /* ms */

typedef struct Readers {
        const char *root;
        atomic_uint n_holding; /* and staying */
        atomic_bool end;
        pthread_t threads[READERS];
} Readers;

static inline bool readers_may_leave(Readers *readers) {
        unsigned n = readers->n_holding;

        while (n > 1)
                if (atomic_compare_exchange_weak(&readers->n_holding, &n, n - 1))
                        return true;
        return false;
}

static inline void readers_stay(Readers *readers) {
        for (unsigned ms = 0; ms < READERS_STAYS; ms++) {
                if (readers_may_leave(readers))
                        return;
                (void) poll(NULL, 0, 1);
        }
        readers->n_holding--;
}

static inline void *readers_run(void *userdata) {
        Readers *readers = userdata;
        int fd;

        while (!readers->end) {
                if (lock_store_shared(readers->root, true, &fd) != 0)
                        abort();
                readers->n_holding++;
                readers_stay(readers);
                close(fd);
        }
        return NULL;
}

static inline void readers_start(Readers *readers, const char *root) {
        readers->root = root;
        readers->n_holding = 0;
        readers->end = false;
        for (unsigned i = 0; i < READERS; i++)
                if (pthread_create(&readers->threads[i], NULL, readers_run, readers) != 0)
                        abort();
        while (readers->n_holding == 0)
                (void) poll(NULL, 0, 1);
}

static inline void readers_stop(Readers *readers) {
        readers->end = true;
        for (unsigned i = 0; i < READERS; i++)
                (void) pthread_join(readers->threads[i], NULL);
}
