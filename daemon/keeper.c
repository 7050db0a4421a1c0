#include "daemon/keeper.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cache/index.h"
#include "daemon/config.h"

#define KEEPER_LOOK_MS  5000                      /* after a use: more of them will come */
#define KEEPER_IDLE_MS  (60 * 60 * 1000)          /* what else may have happened: age, the disk */
#define KEEPER_RETRY_NS (5 * 60 * CLOCK_NS_PER_S) /* after a pass that could not do all */
#define KEEPER_PAUSE_MS 3 /* between two slices: those who wait have their turn */
#define KEEPER_BUSY_MS  5

typedef enum KeeperPhase {
        KEEPER_IDLE,
        KEEPER_LOOKING,
        KEEPER_COLLECTING,
} KeeperPhase;

typedef struct KeeperWait {
        TAILQ_ENTRY(KeeperWait) link;
        uint64_t pass; /* its number */
        KeeperDoneFn done;
        void *userdata;
} KeeperWait;

struct Keeper {
        Core *core;
        bool automatic;
        KeeperPhase phase;
        uv_timer_t timer;
        bool soon; /* it is set for a look soon, not for the hourly one */
        bool look; /* one is due */
        Work work;

        Collector *collector;  /* COLLECTING; a worker's while it works */
        uint64_t n_started;    /* passes */
        bool wanted;           /* another one */
        int64_t not_before_ns; /* of itself */
        int64_t started_ns;    /* the last pass */
        uint64_t n_published;  /* by the cache, when last looked at */
        TAILQ_HEAD(, KeeperWait) waits;

        CollectorResult total;
        Problem warning;

        bool stopping;
        KeeperStoppedFn stopped;
        void *userdata;
};

static void keeper_run(Keeper *keeper);

int keeper_new(Keeper **ret, Core *core, bool automatic) {
        Keeper *keeper = calloc(1, sizeof(*keeper));

        if (!keeper)
                return -ENOMEM;
        keeper->core = core;
        keeper->automatic = automatic;
        keeper->wanted = automatic && cache_mode(core->cache) == CACHE_NORMAL;
        TAILQ_INIT(&keeper->waits);
        *ret = keeper;
        return 0;
}

Keeper *keeper_free(Keeper *keeper) {
        free(keeper);
        return NULL;
}

void keeper_start(Keeper *keeper) {
        (void) uv_timer_init(keeper->core->loop, &keeper->timer);
        keeper->timer.data = keeper;
        keeper_run(keeper);
}

static CollectorSpec keeper_spec(const Keeper *keeper) {
        return (CollectorSpec){
                .root = cache_directory(keeper->core->cache),
                .index = cache_index(keeper->core->cache),
                .state = keeper->core->state,
                .limits = keeper->core->config->cache_limits,
                .now_ns = clock_real_ns(),
        };
}

static uint64_t keeper_count_published(const Keeper *keeper) {
        CacheCounters counters;

        cache_counters(keeper->core->cache, &counters);
        return counters.published;
}

static void keeper_on_timer(uv_timer_t *timer) {
        Keeper *keeper = timer->data;

        if (keeper->phase == KEEPER_IDLE) {
                keeper->soon = false;
                keeper->look |= keeper->automatic;
        }
        keeper_run(keeper);
}

static void keeper_set_timer(Keeper *keeper, uint64_t ms) {
        uv_update_time(keeper->core->loop);
        (void) uv_timer_start(&keeper->timer, keeper_on_timer, ms, 0);
}

/* --- COLLECTING ------------------------------------------------------------------------------- */

static void keeper_add_total(Keeper *keeper, const CollectorResult *result) {
        CollectorResult *total = &keeper->total;

        total->evicted += result->evicted;
        total->expired += result->expired;
        total->freed_bytes += result->freed_bytes;
        total->orphans += result->orphans;
        total->failed += result->failed;
        total->pinned = result->pinned; /* how things are, not how often */
        total->leased = result->leased;
        total->in_use = result->in_use;
}

static void keeper_warn(Keeper *keeper, int r, const CollectorResult *result) {
        if (r == -ECANCELED)
                return;
        keeper->warning.text[0] = '\0';
        if (r < 0)
                (void) problem_set(&keeper->warning, 0, "nothing is evicted from the cache: %s",
                                   strerror(-r));
        else if (!result->satisfied)
                (void) problem_set(&keeper->warning, 0,
                                   "the cache is over its limits, and what is left must stay: %llu "
                                   "pinned, %llu asked for within the hour, %llu in use; unpin "
                                   "some, or raise \"cache\" in the configuration",
                                   (unsigned long long) result->pinned,
                                   (unsigned long long) result->leased,
                                   (unsigned long long) result->in_use);
        if (keeper->warning.text[0])
                log_warning("%s", keeper->warning.text);
        if (result->evicted + result->orphans > 0)
                log_notice("evicted %llu artifact(s), removed %llu object(s) of nobody: %llu bytes",
                           (unsigned long long) result->evicted,
                           (unsigned long long) result->orphans,
                           (unsigned long long) result->freed_bytes);
}

/* Those who waited for a pass that is over; all, when there will be no more. */
static void keeper_tell(Keeper *keeper, int r, const CollectorResult *result) {
        KeeperWait *wait, *next;

        for (wait = TAILQ_FIRST(&keeper->waits); wait; wait = next) {
                next = TAILQ_NEXT(wait, link);
                if (wait->pass > keeper->n_started && !keeper->stopping)
                        continue;
                TAILQ_REMOVE(&keeper->waits, wait, link);
                wait->done(r, result, wait->userdata);
                free(wait);
        }
}

static void keeper_end_pass(Keeper *keeper, int r) {
        CollectorResult result = *collector_result(keeper->collector);

        keeper->collector = collector_free(keeper->collector);
        keeper->phase = KEEPER_IDLE;
        keeper_add_total(keeper, &result);
        keeper_warn(keeper, r, &result);
        if (r < 0 || !result.satisfied)
                keeper->not_before_ns = clock_monotonic_ns() + KEEPER_RETRY_NS;
        keeper_tell(keeper, r, &result);
        keeper->wanted = !TAILQ_EMPTY(&keeper->waits);
}

static int keeper_collect_work(Work *work) {
        return collector_step(container_of(work, Keeper, work)->collector);
}

static void keeper_on_collected(Work *work, int r) {
        Keeper *keeper = container_of(work, Keeper, work);

        if (keeper->stopping)
                r = -ECANCELED;
        if (r == COLLECTOR_MORE)
                keeper_set_timer(keeper, KEEPER_PAUSE_MS);
        else if (r == COLLECTOR_BUSY)
                keeper_set_timer(keeper, KEEPER_BUSY_MS);
        else
                keeper_end_pass(keeper, r);
        if (keeper->phase == KEEPER_IDLE)
                keeper_run(keeper);
}

static int keeper_start_pass(Keeper *keeper) {
        const CollectorSpec spec = keeper_spec(keeper);
        int r;

        keeper->wanted = false;
        r = collector_new(&keeper->collector, &spec);
        if (r < 0)
                return r;
        keeper->n_started++;
        keeper->started_ns = clock_monotonic_ns();
        keeper->phase = KEEPER_COLLECTING;
        return 0;
}

/* --- LOOKING ---------------------------------------------------------------------------------- */

static int keeper_look_work(Work *work) {
        Keeper *keeper = container_of(work, Keeper, work);
        const CollectorSpec spec = keeper_spec(keeper);

        return collector_is_due(&spec);
}

/* Age is nothing that has to be looked at all the time. */
static bool keeper_is_age_due(const Keeper *keeper, int64_t now_ns) {
        return keeper->core->config->cache_limits.max_idle_s > 0 &&
               now_ns - keeper->started_ns >= KEEPER_IDLE_MS * CLOCK_NS_PER_MS;
}

static void keeper_on_looked(Work *work, int r) {
        Keeper *keeper = container_of(work, Keeper, work);
        int64_t now_ns = clock_monotonic_ns();

        keeper->phase = KEEPER_IDLE;
        if (r == 0) /* whatever it was, it is over: somebody else made room, say */
                keeper->warning.text[0] = '\0';
        keeper->wanted |= (r > 0 || keeper_is_age_due(keeper, now_ns)) &&
                          cache_mode(keeper->core->cache) == CACHE_NORMAL &&
                          now_ns >= keeper->not_before_ns;
        keeper_run(keeper);
}

/* --- the machine ------------------------------------------------------------------------------ */

static void keeper_on_closed(uv_handle_t *handle) {
        Keeper *keeper = handle->data;
        KeeperStoppedFn stopped = keeper->stopped;
        void *userdata = keeper->userdata;

        assert(TAILQ_EMPTY(&keeper->waits));
        free(keeper);
        stopped(userdata);
}

static void keeper_start_work(Keeper *keeper) {
        bool looking = keeper->phase == KEEPER_LOOKING;

        (void) work_start(&keeper->core->pool, &keeper->work, WORK_UPKEEP,
                          looking ? keeper_look_work : keeper_collect_work,
                          looking ? keeper_on_looked : keeper_on_collected);
}

static void keeper_finish(Keeper *keeper) {
        const CollectorResult nothing = {};

        if (keeper->phase == KEEPER_COLLECTING)
                keeper_end_pass(keeper, -ECANCELED);
        keeper_tell(keeper, -ECANCELED, &nothing);
        if (!uv_is_closing((uv_handle_t *) &keeper->timer))
                uv_close((uv_handle_t *) &keeper->timer, keeper_on_closed);
}

/* No work is under way, and no timer that has to be waited for. */
static void keeper_run(Keeper *keeper) {
        if (keeper->stopping) {
                keeper_finish(keeper);
                return;
        }
        if (keeper->phase == KEEPER_IDLE && keeper->wanted && keeper_start_pass(keeper) < 0)
                keeper->wanted = true; /* no memory: with the next timer */
        if (keeper->phase == KEEPER_IDLE && keeper->look && cache_index(keeper->core->cache)) {
                keeper->look = false;
                keeper->n_published = keeper_count_published(keeper);
                keeper->phase = KEEPER_LOOKING;
        }
        if (keeper->phase != KEEPER_IDLE)
                keeper_start_work(keeper);
        else if (keeper->automatic)
                keeper_set_timer(keeper, KEEPER_IDLE_MS);
}

static void keeper_look_in(Keeper *keeper, uint64_t ms) {
        keeper->soon = true;
        keeper_set_timer(keeper, ms);
}

void keeper_turn(Keeper *keeper) {
        Index *index = cache_index(keeper->core->cache);

        if (!keeper->automatic || keeper->stopping || keeper->soon || !index ||
            keeper->phase != KEEPER_IDLE)
                return;
        if (index_has_touches(index) || keeper_count_published(keeper) != keeper->n_published)
                keeper_look_in(keeper, KEEPER_LOOK_MS);
}

void keeper_hurry(Keeper *keeper) {
        keeper->not_before_ns = keeper->started_ns = 0; /* the age may be another one, too */
        keeper->look |= keeper->automatic;
        if (keeper->automatic && keeper->phase == KEEPER_IDLE && !keeper->stopping)
                keeper_look_in(keeper, 0);
}

int keeper_collect(Keeper *keeper, KeeperDoneFn done, void *userdata) {
        KeeperWait *wait;

        if (keeper->stopping || cache_mode(keeper->core->cache) != CACHE_NORMAL)
                return keeper->stopping ? -ESHUTDOWN : -EROFS;
        wait = calloc(1, sizeof(*wait));
        if (!wait)
                return -ENOMEM;
        wait->pass = keeper->n_started + 1;
        wait->done = done;
        wait->userdata = userdata;
        TAILQ_INSERT_TAIL(&keeper->waits, wait, link);
        keeper->wanted = true;
        if (keeper->phase == KEEPER_IDLE)
                keeper_set_timer(keeper, 0);
        return 0;
}

void keeper_stop(Keeper *keeper, KeeperStoppedFn stopped, void *userdata) {
        keeper->stopping = true;
        keeper->stopped = stopped;
        keeper->userdata = userdata;
        if (!keeper->work.busy)
                keeper_set_timer(keeper, 0);
}

const CollectorResult *keeper_total(const Keeper *keeper) {
        return &keeper->total;
}

uint64_t keeper_n_passes(const Keeper *keeper) {
        return keeper->n_started;
}

const char *keeper_warning(const Keeper *keeper) {
        return keeper->warning.text;
}
