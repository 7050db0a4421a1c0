#pragma once

/*
 * Work: blocking calls on pool threads
 *
 * libuv's pool is one for all. A WorkPool puts a cap on each class of work, so that hashing a
 * hundred models cannot keep a two-byte answer waiting. Work above its cap queues here, in the
 * order of arrival, but for what goes first.
 *
 * A Work is embedded in what it works for. work_start() fails synchronously and never calls
 * @done, or succeeds and calls it exactly once, later, on the loop thread. @run is called on a
 * pool thread, at most once, and may touch only what its owner leaves alone meanwhile; between
 * chunks it polls work_cancelled(). @done gets what @run returned, or -ECANCELED if it never
 * ran. work_cancel() only asks; freeing the owner before @done is always wrong.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

typedef enum WorkClass {
        WORK_QUICK,  /* a few system calls: lookups, stats */
        WORK_HASH,   /* reads whole models */
        WORK_STORE,  /* writes and syncs */
        WORK_UPKEEP, /* what nobody waits for, in slices */
        WORK_REMOTE, /* waits for what comes from a shared cache */
        WORK_ENGINE, /* asks container engines and other machines: may take half a minute */
        WORK_PROBE,  /* tries whether things work: may take minutes */
        _WORK_CLASS_MAX,
} WorkClass;

typedef struct Work Work;

typedef int (*WorkRunFn)(Work *work);
typedef void (*WorkDoneFn)(Work *work, int r);

typedef struct WorkPool {
        uv_loop_t *loop;
        struct WorkClassState {
                unsigned cap, n_running;
                Work *head, **tail; /* waiting, oldest first */
        } classes[_WORK_CLASS_MAX];
} WorkPool;

struct Work {
        uv_work_t request;
        WorkPool *pool;
        WorkClass class;
        WorkRunFn run;
        WorkDoneFn done;
        Work *next;
        int result;
        bool busy; /* between work_start() and @done */
        bool waiting;
        bool first;            /* of those that wait */
        atomic_bool cancelled; /* the only member that both threads touch at once */
};

/* Threads that libuv's pool must have for the caps below; main() exports it as
 * UV_THREADPOOL_SIZE before the first use of the pool. */
#define WORK_THREADS 15

void work_pool_init(WorkPool *pool, uv_loop_t *loop);

int work_start(WorkPool *pool, Work *work, WorkClass class, WorkRunFn run, WorkDoneFn done);
/* The same, before everything of its class that waits and was not started so: somebody waits for
 * it, or a compile. After a start thousands of files wait to be hashed. */
int work_start_first(WorkPool *pool, Work *work, WorkClass class, WorkRunFn run, WorkDoneFn done);
/* As if it had been started so; no effect on what does not wait. */
void work_prefer(Work *work);
void work_cancel(Work *work); /* no effect on idle work */
bool work_cancelled(const Work *work);

bool work_pool_is_busy(const WorkPool *pool); /* some @done is still to come */
