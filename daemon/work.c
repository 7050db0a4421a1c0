#include "daemon/work.h"

#include <assert.h>
#include <errno.h>

/* Their sum is below WORK_THREADS: no class can occupy the whole pool, and one thread stays
 * free for what libuv itself sends there. */
static const unsigned work_caps[_WORK_CLASS_MAX] = {
        [WORK_QUICK] = 3,  [WORK_HASH] = 2,   [WORK_STORE] = 2, [WORK_UPKEEP] = 1,
        [WORK_REMOTE] = 4, [WORK_ENGINE] = 1, [WORK_PROBE] = 1,
};

void work_pool_init(WorkPool *pool, uv_loop_t *loop) {
        *pool = (WorkPool){ .loop = loop };
        for (size_t i = 0; i < _WORK_CLASS_MAX; i++) {
                pool->classes[i].cap = work_caps[i];
                pool->classes[i].tail = &pool->classes[i].head;
        }
}

static void work_enqueue(Work *work) {
        struct WorkClassState *class = &work->pool->classes[work->class];

        Work **link = work->first ? &class->head : class->tail;

        while (*link && (*link)->first)
                link = &(*link)->next;
        work->next = *link;
        work->waiting = true;
        *link = work;
        if (!work->next)
                class->tail = &work->next;
}

static void work_unlink(Work *work) {
        struct WorkClassState *class = &work->pool->classes[work->class];
        Work **link = &class->head;

        while (*link != work)
                link = &(*link)->next;
        *link = work->next;
        if (!*link)
                class->tail = link;
        work->waiting = false;
}

static void work_on_pool(uv_work_t *request) {
        Work *work = request->data;

        if (!work_cancelled(work))
                work->result = work->run(work);
}

static int work_submit(Work *work);

static void work_on_done(uv_work_t *request, int status) {
        Work *work = request->data;
        struct WorkClassState *class = &work->pool->classes[work->class];

        class->n_running--;
        while (class->head && class->n_running < class->cap) {
                Work *next = class->head;

                work_unlink(next);
                (void) work_submit(next);
        }

        work->busy = false;
        work->done(work, status < 0 ? status : work->result);
}

static int work_submit(Work *work) {
        int r;

        r = uv_queue_work(work->pool->loop, &work->request, work_on_pool, work_on_done);
        assert(r == 0); /* fails only without a callback */
        work->pool->classes[work->class].n_running++;
        return r;
}

int work_start(WorkPool *pool, Work *work, WorkClass class, WorkRunFn run, WorkDoneFn done) {
        assert(!work->busy);
        work->pool = pool;
        work->class = class;
        work->run = run;
        work->done = done;
        work->result = -ECANCELED;
        work->request.data = work;
        work->busy = true;
        work->first = false;
        atomic_store_explicit(&work->cancelled, false, memory_order_relaxed);

        if (pool->classes[class].n_running >= pool->classes[class].cap) {
                work_enqueue(work);
                return 0;
        }
        return work_submit(work);
}

int work_start_first(WorkPool *pool, Work *work, WorkClass class, WorkRunFn run, WorkDoneFn done) {
        int r;

        r = work_start(pool, work, class, run, done);
        work_prefer(work);
        return r;
}

void work_prefer(Work *work) {
        if (!work->waiting || work->first)
                return;
        work_unlink(work);
        work->first = true;
        work_enqueue(work);
}

void work_cancel(Work *work) {
        if (!work->busy)
                return;

        atomic_store_explicit(&work->cancelled, true, memory_order_relaxed);
        if (work->waiting) {
                /* passes through the pool without running, so that @done comes from the loop */
                work_unlink(work);
                (void) work_submit(work);
        }
        (void) uv_cancel((uv_req_t *) &work->request);
}

bool work_cancelled(const Work *work) {
        return atomic_load_explicit(&work->cancelled, memory_order_relaxed);
}

bool work_pool_is_busy(const WorkPool *pool) {
        for (size_t i = 0; i < _WORK_CLASS_MAX; i++)
                if (pool->classes[i].n_running > 0 || pool->classes[i].head)
                        return true;
        return false;
}
