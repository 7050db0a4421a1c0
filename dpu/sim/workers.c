#include "dpu/sim/workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

typedef struct Worker {
        pthread_t thread;
        bool started;
        size_t begin, end;
        WorkersFn fn;
        void *userdata;
        int result;
} Worker;

unsigned workers_default(void) {
        cpu_set_t set;
        int n;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return 1;
        n = CPU_COUNT(&set);
        return n > WORKERS_MAX ? WORKERS_MAX : (unsigned) n;
}

static void *workers_main(void *userdata) {
        Worker *worker = userdata;

        worker->result = worker->fn(worker->begin, worker->end, worker->userdata);
        return NULL;
}

int workers_run(unsigned n_threads, size_t n_items, WorkersFn fn, void *userdata) {
        Worker workers[WORKERS_MAX];
        size_t n = n_threads > WORKERS_MAX ? WORKERS_MAX : n_threads;
        int r = 0;

        n = n > n_items ? n_items : n;
        if (n <= 1)
                return n_items > 0 ? fn(0, n_items, userdata) : 0;

        for (size_t i = 0; i < n; i++) {
                Worker *worker = &workers[i];

                *worker = (Worker){ .begin = n_items * i / n,
                                    .end = n_items * (i + 1) / n,
                                    .fn = fn,
                                    .userdata = userdata };
                worker->started =
                        i > 0 && pthread_create(&worker->thread, NULL, workers_main, worker) == 0;
        }
        for (size_t i = 0; i < n; i++) {
                if (workers[i].started)
                        (void) pthread_join(workers[i].thread, NULL);
                else
                        (void) workers_main(&workers[i]);
                if (r == 0 && workers[i].result < 0)
                        r = workers[i].result;
        }
        return r;
}
