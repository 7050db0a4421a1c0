#include "daemon/tiers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/program.h"
#include "daemon/helper.h"
#include "daemon/upload.h"

#define TIERS_PROGRAM  "dpucc-remote"
#define TIERS_TICK_MS  1000
#define TIERS_PROBE_MS 130000 /* the longest that a connection may take, and a little */

/* At once. The helper has as many threads that read, and the pool as many for what they send. With
 * more, the pool could begin with one object and the helper with another, and each would wait for
 * the other. */
#define TIERS_FLIGHTS_MAX 4

/* The list that a flight is in. */
typedef enum FlightPlace {
        FLIGHT_UNDER_WAY,
        FLIGHT_FIRST,   /* in the line, before the others: a client waits for it */
        FLIGHT_IN_LINE, /* and nobody but the background does */
        FLIGHT_NOWHERE, /* new, or over: those who wait are being told */
} FlightPlace;

TAILQ_HEAD(FlightList, Flight);

/* one fetch, and those who wait for it */
typedef struct Flight {
        TAILQ_ENTRY(Flight) link;
        FlightPlace place;
        Tiers *tiers;
        Fetch *fetch;
        LIST_HEAD(, TiersWait) waits;
} Flight;

struct TiersWait {
        LIST_ENTRY(TiersWait) link;
        Flight *flight;
        TiersDoneFn done;
        void *userdata;
};

struct Tiers {
        uv_loop_t *loop;
        WorkPool *pool;
        Cache *cache;
        Tier tiers[CONFIG_REMOTES_MAX];
        const ConfigRemote *configs[CONFIG_REMOTES_MAX];
        size_t n_tiers;

        Helper *helper; /* NULL: there is no such program, or it was stopped */
        HelperLeft *left;
        Problem problem;
        Uploads *uploads;
        struct FlightList flights[FLIGHT_NOWHERE]; /* the oldest first */
        unsigned n_flights;                        /* under way */
        unsigned n_probes;
        uv_timer_t timer;

        bool stopping, patient, helper_stopping, helper_stopped;
        void (*stopped)(void *userdata);
        void *userdata;
};

static void tiers_go_on_stopping(Tiers *tiers);
static void tiers_set_timer(Tiers *tiers);

/* --- flights ----------------------------------------------------------------------------- */

static Flight *tiers_find_flight_at(Tiers *tiers, FlightPlace place, const Digest *key) {
        Flight *flight;

        TAILQ_FOREACH(flight, &tiers->flights[place], link)
        if (digest_equal(fetch_key(flight->fetch), key))
                return flight;
        return NULL;
}

static Flight *tiers_find_flight(Tiers *tiers, const Digest *key) {
        return tiers_find_flight_at(tiers, FLIGHT_UNDER_WAY, key)
                       ?: tiers_find_flight_at(tiers, FLIGHT_FIRST, key)
                       ?: tiers_find_flight_at(tiers, FLIGHT_IN_LINE, key);
}

static void flight_move(Flight *flight, FlightPlace place) {
        if (flight->place != FLIGHT_NOWHERE)
                TAILQ_REMOVE(&flight->tiers->flights[flight->place], flight, link);
        if (place != FLIGHT_NOWHERE)
                TAILQ_INSERT_TAIL(&flight->tiers->flights[place], flight, link);
        flight->place = place;
}

static int flight_start(Flight *flight) {
        int r;

        r = fetch_start(flight->fetch);
        if (r < 0)
                return r;
        flight_move(flight, FLIGHT_UNDER_WAY);
        flight->tiers->n_flights++;
        return 0;
}

static void flight_prefer(Flight *flight) {
        if (flight->place == FLIGHT_NOWHERE)
                return;
        if (flight->place == FLIGHT_IN_LINE)
                flight_move(flight, FLIGHT_FIRST);
        fetch_prefer(flight->fetch);
}

/* those who wait are told, and may ask again at once */
static void flight_end(Flight *flight, TiersAnswer answer) {
        TiersWait *wait;

        flight_move(flight, FLIGHT_NOWHERE);
        while ((wait = LIST_FIRST(&flight->waits))) {
                LIST_REMOVE(wait, link);
                wait->done(answer, wait->userdata);
                free(wait);
        }
        free(flight);
}

static bool flight_is_in_line(const Flight *flight) {
        return flight->place == FLIGHT_FIRST || flight->place == FLIGHT_IN_LINE;
}

/* of the line: nobody is asked on behalf of those who wait for it */
static void flight_abandon(Flight *flight) {
        flight->fetch = fetch_free(flight->fetch);
        flight_end(flight, TIERS_RETIRED);
}

/* the line's first; NULL: nobody waits */
static Flight *tiers_next_flight(const Tiers *tiers) {
        return TAILQ_FIRST(&tiers->flights[FLIGHT_FIRST])
                       ?: TAILQ_FIRST(&tiers->flights[FLIGHT_IN_LINE]);
}

/* Those that found no room. Meanwhile there may be nobody left to ask. */
static void tiers_start_flights(Tiers *tiers) {
        Flight *flight;

        while (!tiers->stopping && tiers->n_flights < TIERS_FLIGHTS_MAX &&
               (flight = tiers_next_flight(tiers)))
                if (flight_start(flight) < 0)
                        flight_end(flight, TIERS_NOT_FOUND);
}

static void tiers_end_line(Tiers *tiers) {
        Flight *flight;

        while ((flight = tiers_next_flight(tiers)))
                flight_abandon(flight);
}

/* The nearest first: those that were asked before the one that had it. */
static void tiers_back_fill(Tiers *tiers, uint32_t found, const Digest *key) {
        for (uint32_t i = 0; i < found; i++)
                uploads_add(tiers->uploads, i, key);
}

/* What is nowhere in a chain that is ending may be in the one that took its place. */
static TiersAnswer tiers_answer(const Tiers *tiers, uint32_t tier) {
        if (tier != FETCH_TIER_NONE)
                return TIERS_FOUND;
        return tiers->stopping ? TIERS_RETIRED : TIERS_NOT_FOUND;
}

static void tiers_on_fetched(Fetch *fetch, uint32_t tier, void *userdata) {
        Flight *flight = userdata;
        Tiers *tiers = flight->tiers;

        if (tier != FETCH_TIER_NONE)
                tiers_back_fill(tiers, tier, fetch_key(fetch));
        tiers->n_flights--;
        flight_end(flight, tiers_answer(tiers, tier));
        tiers_start_flights(tiers);
        tiers_set_timer(tiers);
        tiers_go_on_stopping(tiers);
}

static int tiers_new_flight(Tiers *tiers, const FetchSpec *spec, Flight **ret) {
        const FetchContext context = {
                .pool = tiers->pool,
                .cache = tiers->cache,
                .helper = tiers->helper,
                .tiers = tiers->tiers,
                .n_tiers = tiers->n_tiers,
        };
        _cleanup_(freep) Flight *flight = calloc(1, sizeof(*flight));
        int r;

        if (!flight)
                return -ENOMEM;
        flight->tiers = tiers;
        flight->place = FLIGHT_NOWHERE;
        LIST_INIT(&flight->waits);
        r = fetch_new(&flight->fetch, &context, spec, tiers_on_fetched, flight);
        if (r < 0)
                return r;
        if (tiers->n_flights < TIERS_FLIGHTS_MAX && !tiers_next_flight(tiers))
                r = flight_start(flight);
        else
                flight_move(flight, spec->first ? FLIGHT_FIRST : FLIGHT_IN_LINE);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(flight);
        return 0;
}

int tiers_fetch(Tiers *tiers, const FetchSpec *spec, TiersDoneFn done, void *userdata,
                TiersWait **ret) {
        _cleanup_(freep) TiersWait *wait = NULL;
        Flight *flight;
        int r = 0;

        if (!tiers || !tiers->helper || tiers->stopping || cache_mode(tiers->cache) != CACHE_NORMAL)
                return -ENOENT; /* what cannot be kept is not fetched */
        wait = calloc(1, sizeof(*wait));
        if (!wait)
                return -ENOMEM;
        flight = tiers_find_flight(tiers, &spec->key);
        if (!flight)
                r = tiers_new_flight(tiers, spec, &flight);
        else if (spec->first)
                flight_prefer(flight);
        tiers_set_timer(tiers);
        if (r < 0)
                return r;
        wait->flight = flight;
        wait->done = done;
        wait->userdata = userdata;
        LIST_INSERT_HEAD(&flight->waits, wait, link);
        *ret = TAKE_PTR(wait);
        return 0;
}

void tiers_prefer(TiersWait *wait) {
        flight_prefer(wait->flight);
}

void tiers_leave(TiersWait *wait) {
        Flight *flight = wait->flight;

        LIST_REMOVE(wait, link);
        free(wait);
        if (LIST_EMPTY(&flight->waits) && flight_is_in_line(flight))
                flight_abandon(flight);
}

/* --- what goes out ----------------------------------------------------------------------- */

void tiers_upload(Tiers *tiers, const Digest *key) {
        if (!tiers || !tiers->helper)
                return;
        for (size_t i = 0; i < tiers->n_tiers; i++)
                uploads_add(tiers->uploads, i, key);
        tiers_set_timer(tiers);
}

static void tiers_on_idle(void *userdata) {
        Tiers *tiers = userdata;

        tiers_set_timer(tiers);
        tiers_go_on_stopping(tiers);
}

/* --- probes ------------------------------------------------------------------------------ */

typedef struct Probe {
        Tiers *tiers;
        size_t tier;
} Probe;

static void tiers_on_probed(const HelperAnswer *answer, void *userdata) {
        _cleanup_(freep) Probe *probe = userdata;
        Tiers *tiers = probe->tiers;

        tiers->n_probes--;
        tier_judge(&tiers->tiers[probe->tier], answer->result, answer->detail);
        uploads_go_on(tiers->uploads);
        tiers_set_timer(tiers);
        tiers_go_on_stopping(tiers);
}

static int tiers_probe(Tiers *tiers, size_t tier) {
        Dpucc__Remote__Request request = DPUCC__REMOTE__REQUEST__INIT;
        Dpucc__Remote__Probe message = DPUCC__REMOTE__PROBE__INIT;
        _cleanup_(freep) Probe *probe = calloc(1, sizeof(*probe));
        int r;

        if (!probe)
                return -ENOMEM;
        *probe = (Probe){ .tiers = tiers, .tier = tier };
        message.tier = (uint32_t) tier;
        request.probe = &message;
        r = helper_ask(tiers->helper, &request, NULL, 0, TIERS_PROBE_MS, tiers_on_probed, probe);
        if (r < 0)
                return r;
        TAKE_PTR(probe);
        tiers->n_probes++;
        return 0;
}

static void tiers_on_tick(uv_timer_t *timer) {
        Tiers *tiers = timer->data;
        int64_t now = clock_monotonic_ns();

        if (tiers->stopping)
                tiers_end_line(tiers);
        for (size_t i = 0; i < tiers->n_tiers; i++) {
                int r;

                if (!breaker_probe(&tiers->tiers[i].breaker, now))
                        continue;
                r = tiers_probe(tiers, i);
                if (r < 0)
                        tier_judge(&tiers->tiers[i], r, NULL);
        }
        uploads_go_on(tiers->uploads);
        tiers_set_timer(tiers);
        tiers_go_on_stopping(tiers);
}

static bool tiers_want_tick(const Tiers *tiers) {
        if (tiers->stopping && tiers_next_flight(tiers))
                return true;
        for (size_t i = 0; i < tiers->n_tiers; i++)
                if (!breaker_allows(&tiers->tiers[i].breaker))
                        return true;
        return uploads_wait(tiers->uploads);
}

static void tiers_set_timer(Tiers *tiers) {
        if (tiers->helper_stopping)
                return;
        if (!tiers_want_tick(tiers))
                (void) uv_timer_stop(&tiers->timer);
        else if (!uv_is_active((uv_handle_t *) &tiers->timer))
                (void) uv_timer_start(&tiers->timer, tiers_on_tick, TIERS_TICK_MS, TIERS_TICK_MS);
}

/* --- starting and stopping --------------------------------------------------------------- */

static void tiers_on_problem(uint32_t tier, const char *detail, void *userdata) {
        Tiers *tiers = userdata;

        tier_give_up(&tiers->tiers[tier], detail);
}

static void tiers_free(Tiers *tiers) {
        (void) uploads_free(tiers->uploads);
        (void) helper_free(tiers->helper);
        for (size_t i = 0; i < tiers->n_tiers; i++)
                tier_deinit(&tiers->tiers[i]);
        free(tiers);
}

static inline void tiers_freep(Tiers **tiers) {
        if (*tiers)
                tiers_free(*tiers);
}

static int tiers_start_helper(Tiers *tiers) {
        _cleanup_(freep) char *program = NULL;
        HelperSpec spec = {
                .loop = tiers->loop,
                .remotes = tiers->configs,
                .n_remotes = tiers->n_tiers,
                .left = tiers->left,
                .problem = tiers_on_problem,
                .userdata = tiers,
        };
        int r;

        r = program_find(TIERS_PROGRAM, &program);
        if (r == -ENOENT) {
                (void) problem_set(&tiers->problem, 0,
                                   "remote caches are not used: there is no program " TIERS_PROGRAM
                                   " beside dpuccd");
                log_warning("%s", tiers->problem.text);
                return 0;
        }
        spec.program = program;
        if (r == 0)
                r = helper_new(&tiers->helper, &spec);
        if (r == 0)
                uploads_use(tiers->uploads, tiers->helper);
        return r;
}

static int tiers_new_uploads(Tiers *tiers) {
        const UploadContext context = {
                .pool = tiers->pool,
                .cache = tiers->cache,
                .tiers = tiers->tiers,
                .n_tiers = tiers->n_tiers,
        };

        return uploads_new(&tiers->uploads, &context, tiers_on_idle, tiers);
}

int tiers_new(Tiers **ret, uv_loop_t *loop, WorkPool *pool, Cache *cache, const Config *config,
              HelperLeft *left) {
        _cleanup_(tiers_freep) Tiers *tiers = NULL;
        int r = 0;

        if (config->n_remotes == 0) {
                *ret = NULL;
                return 0;
        }
        tiers = calloc(1, sizeof(*tiers));
        if (!tiers)
                return -ENOMEM;
        tiers->loop = loop;
        tiers->pool = pool;
        tiers->cache = cache;
        tiers->left = left;
        for (size_t i = 0; i < FLIGHT_NOWHERE; i++)
                TAILQ_INIT(&tiers->flights[i]);
        while (r == 0 && tiers->n_tiers < config->n_remotes) {
                r = tier_init(&tiers->tiers[tiers->n_tiers], &config->remotes[tiers->n_tiers],
                              (uint32_t) tiers->n_tiers);
                tiers->configs[tiers->n_tiers] = &tiers->tiers[tiers->n_tiers].config;
                if (r == 0)
                        tiers->n_tiers++;
        }
        if (r == 0)
                r = tiers_new_uploads(tiers);
        if (r == 0) /* last, for it has a handle that must be closed */
                r = tiers_start_helper(tiers);
        if (r < 0)
                return r;
        (void) uv_timer_init(loop, &tiers->timer);
        tiers->timer.data = tiers;
        *ret = TAKE_PTR(tiers);
        return 0;
}

static void tiers_on_timer_closed(uv_handle_t *handle) {
        Tiers *tiers = handle->data;
        void (*stopped)(void *userdata) = tiers->stopped;
        void *userdata = tiers->userdata;

        tiers_free(tiers);
        stopped(userdata);
}

static void tiers_on_helper_stopped(void *userdata) {
        Tiers *tiers = userdata;

        tiers->helper_stopped = true;
        tiers_go_on_stopping(tiers);
}

/* nothing more is for the helper to be told */
static bool tiers_have_handed_over(const Tiers *tiers) {
        if (tiers_next_flight(tiers))
                return false;
        if (!tiers->patient)
                return uploads_are_handed_over(tiers->uploads);
        /* what still waits, waits for a tier that is down */
        return tiers->n_flights == 0 && uploads_are_idle(tiers->uploads);
}

/* First what waits is handed over; then the helper answers everything that is under way; then
 * workers come to their end. */
static void tiers_go_on_stopping(Tiers *tiers) {
        if (!tiers->stopping)
                return;
        if (!tiers->helper_stopping && tiers_have_handed_over(tiers)) {
                tiers->helper_stopping = true;
                (void) uv_timer_stop(&tiers->timer);
                if (tiers->helper)
                        helper_stop(tiers->helper, tiers_on_helper_stopped, tiers);
                else
                        tiers->helper_stopped = true;
        }
        if (tiers->helper_stopped && tiers->n_flights == 0 && uploads_are_idle(tiers->uploads) &&
            !uv_is_closing((uv_handle_t *) &tiers->timer))
                uv_close((uv_handle_t *) &tiers->timer, tiers_on_timer_closed);
}

void tiers_stop(Tiers *tiers, bool patient, void (*stopped)(void *userdata), void *userdata) {
        tiers->stopping = true;
        tiers->patient = true;
        tiers->stopped = stopped;
        tiers->userdata = userdata;
        if (tiers_next_flight(tiers)) /* those do not wait any longer */
                (void) uv_timer_start(&tiers->timer, tiers_on_tick, 0, TIERS_TICK_MS);
        if (patient)
                tiers_go_on_stopping(tiers);
        else
                tiers_hurry(tiers);
}

void tiers_hurry(Tiers *tiers) {
        tiers->patient = false;
        uploads_flush(tiers->uploads);
        tiers_go_on_stopping(tiers);
}

/* --- for people -------------------------------------------------------------------------- */

void tiers_each_statistic(const Tiers *tiers, TierStatFn fn, void *userdata) {
        if (!tiers)
                return;
        for (size_t i = 0; i < tiers->n_tiers; i++)
                tier_each_statistic(&tiers->tiers[i], fn, userdata);
        fn("remote_helper_deaths", tiers->helper ? helper_n_deaths(tiers->helper) : 0, userdata);
}

int tiers_each_warning(const Tiers *tiers, int (*fn)(const char *text, void *userdata),
                       void *userdata) {
        Problem problem;
        int r = 0;

        if (!tiers)
                return 0;
        if (tiers->problem.text[0])
                return fn(tiers->problem.text, userdata);
        if (tiers->helper && helper_warning(tiers->helper, &problem))
                r = fn(problem.text, userdata);
        for (size_t i = 0; r == 0 && i < tiers->n_tiers; i++)
                if (tier_warning(&tiers->tiers[i], &problem))
                        r = fn(problem.text, userdata);
        return r;
}
