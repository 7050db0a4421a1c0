#include "dpu/sim/crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct Crew {
        pthread_mutex_t lock;
        pthread_cond_t more, done;
        void (*work)(void *userdata, unsigned part);
        void *userdata;
        unsigned next, parts; /* the first part that nobody has taken */
        unsigned unfinished;  /* parts taken or not */
        bool ending;
        unsigned n_threads; /* besides the caller's */
        pthread_t threads[];
};

/* Takes parts until there are none; with the lock held, and not while working. */
static void crew_take_parts(Crew *crew) {
        while (crew->next < crew->parts) {
                unsigned part = crew->next++;

                (void) pthread_mutex_unlock(&crew->lock);
                crew->work(crew->userdata, part);
                (void) pthread_mutex_lock(&crew->lock);
                if (--crew->unfinished == 0)
                        (void) pthread_cond_signal(&crew->done);
        }
}

static void *crew_main(void *userdata) {
        Crew *crew = userdata;

        (void) pthread_mutex_lock(&crew->lock);
        while (!crew->ending) {
                crew_take_parts(crew);
                if (!crew->ending)
                        (void) pthread_cond_wait(&crew->more, &crew->lock);
        }
        (void) pthread_mutex_unlock(&crew->lock);
        return NULL;
}

/* signals are for the caller's thread */
static int crew_start(Crew *crew, unsigned threads) {
        sigset_t all, before;
        int r = 0;

        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_BLOCK, &all, &before);
        while (r == 0 && crew->n_threads + 1 < threads) {
                r = pthread_create(&crew->threads[crew->n_threads], NULL, crew_main, crew);
                if (r == 0)
                        crew->n_threads++;
        }
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        return -r;
}

int crew_new(Crew **ret, unsigned threads) {
        Crew *crew;
        int r;

        crew = calloc(1, sizeof(*crew) + threads * sizeof(crew->threads[0]));
        if (!crew)
                return -ENOMEM;
        (void) pthread_mutex_init(&crew->lock, NULL);
        (void) pthread_cond_init(&crew->more, NULL);
        (void) pthread_cond_init(&crew->done, NULL);
        r = crew_start(crew, threads);
        if (r < 0) {
                (void) crew_free(crew);
                return r;
        }
        *ret = crew;
        return 0;
}

Crew *crew_free(Crew *crew) {
        if (!crew)
                return NULL;
        (void) pthread_mutex_lock(&crew->lock);
        crew->ending = true;
        (void) pthread_cond_broadcast(&crew->more);
        (void) pthread_mutex_unlock(&crew->lock);
        for (unsigned i = 0; i < crew->n_threads; i++)
                (void) pthread_join(crew->threads[i], NULL);
        (void) pthread_cond_destroy(&crew->done);
        (void) pthread_cond_destroy(&crew->more);
        (void) pthread_mutex_destroy(&crew->lock);
        free(crew);
        return NULL;
}

void crew_run(Crew *crew, void (*work)(void *userdata, unsigned part), void *userdata,
              unsigned parts) {
        if (parts == 0)
                return;
        (void) pthread_mutex_lock(&crew->lock);
        crew->work = work;
        crew->userdata = userdata;
        crew->next = 0;
        crew->parts = parts;
        crew->unfinished = parts;
        (void) pthread_cond_broadcast(&crew->more);
        crew_take_parts(crew);
        while (crew->unfinished > 0)
                (void) pthread_cond_wait(&crew->done, &crew->lock);
        (void) pthread_mutex_unlock(&crew->lock);
}
