/*
 * The list of idle boxes is all that pool threads and the loop share, hence the lock. The engine is
 * asked without it.
 */

#include "daemon/warm.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"

TAILQ_HEAD(BoxList, Box);

struct Warm {
        WorkPool *pool;
        uv_timer_t timer;
        Work work;

        pthread_mutex_t lock;
        struct BoxList idle; /* the last used first */
        bool stopping;

        void (*stopped)(void *userdata);
        void *userdata;
};

int warm_new(Warm **ret, WorkPool *pool) {
        Warm *warm = calloc(1, sizeof(*warm));

        if (!warm)
                return -ENOMEM;
        warm->pool = pool;
        (void) pthread_mutex_init(&warm->lock, NULL);
        TAILQ_INIT(&warm->idle);
        (void) uv_timer_init(pool->loop, &warm->timer);
        warm->timer.data = warm;
        *ret = warm;
        return 0;
}

/* --- pool threads ------------------------------------------------------------------------------- */

int warm_take(Warm *warm, const Toolchain *toolchain, const Digest *identity, const char *jobs,
              Box **ret, Problem *problem) {
        const ConfigToolchain *config = toolchain_config(toolchain);
        Box *box;

        *ret = NULL;
        if (config->kind != TOOLCHAIN_CONTAINER || config->warm_idle_s == 0)
                return 0;

        (void) pthread_mutex_lock(&warm->lock);
        TAILQ_FOREACH(box, &warm->idle, link)
        if (box_fits(box, config, identity))
                break;
        if (box)
                TAILQ_REMOVE(&warm->idle, box, link);
        (void) pthread_mutex_unlock(&warm->lock);
        if (!box)
                return toolchain_new_box(toolchain, identity, jobs, ret, problem);
        *ret = box;
        return 0;
}

void warm_give(Warm *warm, Box *box, bool intact) {
        if (!intact || !box->dir || box_renew(box) < 0) {
                (void) box_free(box);
                return;
        }
        box->idle_since_ns = clock_monotonic_ns();
        (void) pthread_mutex_lock(&warm->lock);
        TAILQ_INSERT_HEAD(&warm->idle, box, link);
        (void) pthread_mutex_unlock(&warm->lock);
}

/* for how long it may still be kept; <= 0: not any longer */
static int64_t warm_left_ns(const Box *box) {
        int64_t limit_ns = (int64_t) box->config.warm_idle_s * CLOCK_NS_PER_S;

        return box->idle_since_ns + limit_ns - clock_monotonic_ns();
}

/* one whose time is over, off the list; or NULL */
static Box *warm_pop(Warm *warm) {
        Box *box;

        (void) pthread_mutex_lock(&warm->lock);
        TAILQ_FOREACH(box, &warm->idle, link)
        if (warm->stopping || warm_left_ns(box) <= 0)
                break;
        if (box)
                TAILQ_REMOVE(&warm->idle, box, link);
        (void) pthread_mutex_unlock(&warm->lock);
        return box;
}

static int warm_end_some(Work *work) {
        Warm *warm = container_of(work, Warm, work);
        Box *box;

        while ((box = warm_pop(warm)))
                (void) box_free(box);
        return 0;
}

/* --- the loop ----------------------------------------------------------------------------------- */

static void warm_on_timer(uv_timer_t *timer) {
        warm_tend(timer->data);
}

static void warm_on_ended(Work *work, int r) {
        (void) r;
        warm_tend(container_of(work, Warm, work));
}

static void warm_on_closed(uv_handle_t *handle) {
        Warm *warm = handle->data;

        warm->stopped(warm->userdata);
        (void) pthread_mutex_destroy(&warm->lock);
        free(warm);
}

/* Returns false if there is no box. */
static bool warm_next(Warm *warm, int64_t *ret_ns) {
        int64_t least_ns = INT64_MAX;
        const Box *box;

        (void) pthread_mutex_lock(&warm->lock);
        TAILQ_FOREACH(box, &warm->idle, link) {
                int64_t left_ns = warm->stopping ? 0 : warm_left_ns(box);

                if (left_ns < least_ns)
                        least_ns = left_ns;
        }
        (void) pthread_mutex_unlock(&warm->lock);
        *ret_ns = least_ns;
        return least_ns != INT64_MAX;
}

void warm_tend(Warm *warm) {
        int64_t left_ns;
        bool any;

        if (warm->work.busy || uv_is_closing((uv_handle_t *) &warm->timer))
                return;
        any = warm_next(warm, &left_ns);
        if (!any && warm->stopping)
                uv_close((uv_handle_t *) &warm->timer, warm_on_closed);
        else if (any && left_ns > 0)
                (void) uv_timer_start(&warm->timer, warm_on_timer,
                                      (uint64_t) (left_ns / CLOCK_NS_PER_MS) + 1, 0);
        else if (any)
                (void) work_start(warm->pool, &warm->work, WORK_STORE, warm_end_some,
                                  warm_on_ended);
}

void warm_stop(Warm *warm, void (*stopped)(void *userdata), void *userdata) {
        (void) pthread_mutex_lock(&warm->lock);
        warm->stopping = true;
        (void) pthread_mutex_unlock(&warm->lock);
        warm->stopped = stopped;
        warm->userdata = userdata;
        warm_tend(warm);
}
