#include "daemon/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "daemon/estimate.h"
#include "daemon/workspaces.h"

static JobView jobs_view(const QueueView *view) {
        const Order *order = view->order;

        return (JobView){
                .net_name = order->net_name,
                .target = order->unit_target,
                .source_path = order->source_path,
                .toolchain = toolchain_name(order->toolchain),
                .key = &order->key,
                .phase = queue_phase_name(view->phase),
                .running = view->running,
                .position = view->position,
                .n_clients = view->n_clients,
                .n_failures = view->n_tries,
                .elapsed_ms = view->elapsed_ms,
                .predicted_ms = view->predicted_ms,
                .left_ms = view->left_ms == ESTIMATE_UNKNOWN ? -1 : (int64_t) view->left_ms,
        };
}

/* --- each ------------------------------------------------------------------------------------- */

typedef struct JobsVisit {
        JobViewFn fn;
        void *userdata;
} JobsVisit;

static int jobs_visit(const QueueView *view, void *userdata) {
        const JobsVisit *visit = userdata;
        const JobView job = jobs_view(view);

        return visit->fn(&job, visit->userdata);
}

int jobs_each(const Core *core, JobViewFn fn, void *userdata) {
        JobsVisit visit = { .fn = fn, .userdata = userdata };

        return queue_each(core->queue, jobs_visit, &visit);
}

/* --- events ----------------------------------------------------------------------------------- */

void jobs_emit(Core *core, QueueEvent event, const QueueView *view, const JobResult *result) {
        static const EventKind kinds[] = {
                [QUEUE_QUEUED] = EVENT_QUEUED,
                [QUEUE_STARTED] = EVENT_STARTED,
                [QUEUE_PHASE] = EVENT_PHASE,
                [QUEUE_ENDED] = EVENT_ENDED,
        };
        const JobView job = jobs_view(view);
        EventView told = { .kind = kinds[event], .path = job.source_path, .job = &job };

        if (result) {
                told.outcome = queue_outcome_name(result->outcome);
                if (result->diagnosis.text[0])
                        told.detail = result->diagnosis.text;
        }
        events_emit(&core->events, told);
}

/* --- cancelling ------------------------------------------------------------------------------- */

typedef struct JobsSearch {
        const char *text, *path;
        Digest *keys; /* JOBS_CANCEL_MAX of them */
        size_t n;
        JobViewFn fn;
        void *userdata;
} JobsSearch;

static bool jobs_is_found(const JobsSearch *search, const Digest *key) {
        for (size_t i = 0; i < search->n; i++)
                if (digest_equal(&search->keys[i], key))
                        return true;
        return false;
}

static void jobs_add(JobsSearch *search, const Digest *key) {
        if (search->n < JOBS_CANCEL_MAX && !jobs_is_found(search, key))
                search->keys[search->n++] = *key;
}

static int jobs_search_unit(const UnitView *unit, void *userdata) {
        JobsSearch *search = userdata;

        if (unit->job_key && workspaces_unit_is(unit, search->text, search->path))
                jobs_add(search, unit->job_key);
        return 0;
}

static bool jobs_key_begins(const Digest *key, const char *text) {
        char hex[DIGEST_HEX];
        size_t n = strlen(text);

        digest_to_hex(key, hex);
        return n >= JOBS_KEY_MIN && n < DIGEST_HEX && strncmp(hex, text, n) == 0;
}

static bool jobs_order_is(const Order *order, const char *text, const char *path) {
        size_t n = strlen(order->net_name);

        if (path && strcmp(order->source_path, path) == 0)
                return true;
        if (jobs_key_begins(&order->key, text))
                return true;
        return order->unit_target && strncmp(text, order->net_name, n) == 0 && text[n] == '@' &&
               strcmp(text + n + 1, order->unit_target) == 0;
}

/* What a unit has is found by the unit, whoever else shares it; this finds what clients ask for. */
static int jobs_search_order(const QueueView *view, void *userdata) {
        JobsSearch *search = userdata;

        if (jobs_order_is(view->order, search->text, search->path))
                jobs_add(search, &view->order->key);
        return 0;
}

static int jobs_tell(const QueueView *view, void *userdata) {
        const JobsSearch *search = userdata;
        const JobView job = jobs_view(view);

        return jobs_is_found(search, &view->order->key) ? search->fn(&job, search->userdata) : 0;
}

int jobs_cancel(Core *core, const char *text, const char *path, JobViewFn fn, void *userdata,
                Problem *problem) {
        _cleanup_(freep) Digest *keys = calloc(JOBS_CANCEL_MAX, sizeof(Digest));
        JobsSearch search = {
                .text = text, .path = path, .keys = keys, .fn = fn, .userdata = userdata
        };
        size_t n = 0;
        int r;

        if (!keys)
                return -ENOMEM;
        (void) workspaces_each_unit(core->workspaces, jobs_search_unit, &search);
        r = queue_each(core->queue, jobs_search_order, &search);
        if (r == 0)
                r = queue_each(core->queue, jobs_tell, &search);
        if (r < 0)
                return r;
        for (size_t i = 0; i < search.n; i++)
                n += queue_cancel(core->queue, &keys[i]) == 0;
        return n > 0 ? 0
                     : problem_set(problem, -ENOENT,
                                   "no compile of %s runs or waits; 'dpucc-client status' shows "
                                   "those that do",
                                   text);
}
