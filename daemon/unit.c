#include "daemon/unit.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/path.h"
#include "base/strings.h"
#include "daemon/core.h"
#include "daemon/deliver.h"
#include "daemon/salvage.h"
#include "daemon/workspace.h"

/* So many jobs in a row give way to newer saves; the next one is let through to its end, or a file
 * that is saved more often than it can be compiled would never be compiled at all. */
#define UNIT_SUPERSEDED_MAX 3

/* So often in a row a delivery may lose its directory, or what it delivers, and nobody is told. */
#define UNIT_LOST_MAX 5

typedef enum Delivering {
        DELIVERING_NOTHING,
        DELIVERING,
        WITHDRAWING,
} Delivering;

struct Unit {
        Core *core;
        Source *source;
        Pair pair;
        bool dead;

        Build *probe;          /* for what the source is now */
        Build *running;        /* has a job; perhaps for what it was */
        bool again;            /* the probe is out of date */
        bool dropped;          /* the probe was cancelled for the running build's sake */
        bool outdated;         /* the running build judges by a pair that is not ours any more */
        bool may_pass;         /* the source settled before the probe came to the gate */
        unsigned n_superseded; /* jobs in a row */

        /* the latest result that counts */
        UnitState state;
        char *detail;
        char *toolchain;
        Digest key;
        bool has_key, hit, no_dpu_code;
        bool passing;     /* it failed for a reason that may pass: says nothing of the model */
        bool unavailable; /* its toolchain or its artifact was not to be had */
        char *artifact_path;
        Salvage *salvage; /* holds artifact_path */
        uint64_t changed_ms;

        Work work; /* delivery */
        Delivering delivering, next;
        char *output_path;
        char *delivery_problem;
        bool is_rival; /* in core->rivals */
        LIST_ENTRY(Unit) rivals;
        bool owing;      /* is to deliver when its source is quiet */
        unsigned n_lost; /* deliveries in a row that lost something */
        bool undone;     /* delivery or withdrawal, for a reason that may pass: to be tried again */
        /* what the worker sees: copies, for the pair may change meanwhile */
        DeliverSpec deliver_spec;
        char *deliver_dir, *deliver_name, *view;
        Digest deliver_key;
        Problem deliver_result;
};

static void unit_set_string(char **place, const char *text) {
        char *copy = text ? strdup(text) : NULL;

        free(*place);
        *place = copy;
}

static void unit_enter(Unit *unit, UnitState state, const char *detail) {
        if (unit->state != state)
                unit->changed_ms = uv_now(unit->core->loop);
        unit->state = state;
        unit_set_string(&unit->detail, detail && detail[0] ? detail : NULL);
}

static DeliverSpec unit_deliver_spec(const Unit *unit) {
        return (DeliverSpec){
                .root = workspace_root(source_workspace(unit->source)),
                .trusted = workspace_is_trusted(source_workspace(unit->source)),
                .directory_fd = -1,
                .output_dir = unit->pair.output_dir,
                .net_name = unit->pair.net_name,
                .state = unit->core->state,
                .umask = unit->core->umask,
        };
}

static char *unit_find_output(const Unit *unit) {
        const DeliverSpec spec = unit_deliver_spec(unit);

        return unit->pair.output_dir ? deliver_path(&spec) : NULL;
}

int unit_new(Unit **ret, Source *source, const Pair *pair) {
        Unit *unit = calloc(1, sizeof(*unit));
        int r;

        if (!unit)
                return -ENOMEM;
        r = pair_copy(&unit->pair, pair);
        if (r < 0) {
                free(unit);
                return r;
        }
        unit->core = workspace_core(source_workspace(source));
        unit->source = source;
        unit->changed_ms = uv_now(unit->core->loop);
        unit->output_path = unit_find_output(unit);
        *ret = unit;
        return 0;
}

Unit *unit_free(Unit *unit) {
        if (!unit)
                return NULL;

        assert(unit_is_idle(unit));
        pair_deinit(&unit->pair);
        free(unit->detail);
        free(unit->toolchain);
        free(unit->artifact_path);
        (void) salvage_unref(unit->salvage);
        free(unit->output_path);
        free(unit->delivery_problem);
        free(unit->deliver_dir);
        free(unit->deliver_name);
        free(unit->view);
        free(unit);
        return NULL;
}

const Pair *unit_pair(const Unit *unit) {
        return &unit->pair;
}

bool unit_is_dead(const Unit *unit) {
        return unit->dead;
}

bool unit_is_idle(const Unit *unit) {
        return !unit->probe && !unit->running && !unit->work.busy && !unit->owing;
}

const char *unit_output_path(const Unit *unit) {
        return unit->output_path;
}

static void unit_tell(const Unit *unit, const char *what) {
        Problem line;

        (void) problem_set(&line, 0, "%s (%s@%s): %s", source_path(unit->source),
                           unit->pair.net_name, unit->pair.target_name, what);
        log_warning("%s", line.text);
}

static void unit_emit(const Unit *unit, EventKind kind, const char *detail) {
        Events *events = &unit->core->events;
        UnitView view;

        if (!events_are_wanted(events))
                return;
        view = unit_view(unit);
        view.state = unit->state; /* whatever is next */
        view.detail = unit->detail;
        events_emit(events, (EventView){ .kind = kind,
                                         .path = view.source_path,
                                         .unit = &view,
                                         .detail = detail });
}

/* --- delivery --------------------------------------------------------------------------------- */

static void unit_start_delivery(Unit *unit);
static void unit_deliver_later(Unit *unit);

static int unit_deliver_work(Work *work) {
        Unit *unit = container_of(work, Unit, work);

        return unit->delivering == WITHDRAWING
                       ? deliver_withdraw(&unit->deliver_spec, &unit->deliver_result)
                       : deliver(&unit->deliver_spec, &unit->deliver_result);
}

static void unit_count_delivery(Unit *unit, int r) {
        Statistics *statistics = &unit->core->statistics;

        if (r < 0)
                statistics_count(statistics, STATISTIC_DELIVERIES_REFUSED);
        else if (unit->delivering == WITHDRAWING)
                statistics_count(statistics, STATISTIC_WITHDRAWALS);
        else if (r == 0)
                statistics_count(statistics, STATISTIC_DELIVERIES);
}

/* Something that was there a moment ago. */
static bool unit_lost_something(Unit *unit, int r) {
        if (r != -ENOENT && r != -ESTALE)
                unit->n_lost = 0;
        return (r == -ENOENT || r == -ESTALE) && unit->n_lost++ < UNIT_LOST_MAX;
}

static bool unit_has_artifact(const Unit *unit) {
        return unit->state == UNIT_READY && unit->artifact_path;
}

/* What it had was evicted, perhaps long ago. */
static void unit_make_again(Unit *unit) {
        unit_enter(unit, UNIT_NEW, NULL);
        unit->has_key = false;
        unit_set_string(&unit->artifact_path, NULL);
        unit_refresh(unit);
}

/* What there is to do about something newer is in next. */
static void unit_take_loss(Unit *unit, int r) {
        if (unit->next != DELIVERING_NOTHING)
                return;
        if (r == -ESTALE && unit->delivering == DELIVERING && unit_has_artifact(unit))
                unit_make_again(unit);
        else /* directories are made: whoever removed this one under us is not through yet */
                unit_deliver_later(unit);
}

/* Nothing that somebody has to see to. */
static bool unit_delivery_may_pass(int r) {
        return r == -ENOENT || r == -ESTALE ||
               (r < 0 && !error_is_of_file(r) && r != -EEXIST && r != -EROFS && r != -ENOSYS);
}

static void unit_end_delivery(Unit *unit, int r) {
        bool news = r >= 0 || !strings_equal(unit->delivery_problem, unit->deliver_result.text);

        unit_count_delivery(unit, r);
        unit_set_string(&unit->delivery_problem, r < 0 ? unit->deliver_result.text : NULL);
        unit->undone = unit_delivery_may_pass(r);
        unit->core->unavailable |= unit->undone;
        if (r < 0 && news && !unit->dead)
                unit_tell(unit, unit->deliver_result.text);
        if (r <= 0 && news) /* else the file was there */
                unit_emit(unit, unit->delivering == WITHDRAWING ? EVENT_WITHDRAWN : EVENT_DELIVERED,
                          unit->delivery_problem);
}

static void unit_on_delivered(Work *work, int r) {
        Unit *unit = container_of(work, Unit, work);

        if (unit_lost_something(unit, r))
                unit_take_loss(unit, r);
        else
                unit_end_delivery(unit, r);
        unit->delivering = DELIVERING_NOTHING;
        unit_start_delivery(unit);
        source_unit_changed(unit->source);
}

static void unit_set_rival(Unit *unit, bool is_rival) {
        if (unit->is_rival == is_rival)
                return;
        unit->is_rival = is_rival;
        if (is_rival)
                LIST_INSERT_HEAD(&unit->core->rivals, unit, rivals);
        else
                LIST_REMOVE(unit, rivals);
}

/* Two units for one file, as patterns can have it: neither would be the right one. */
static bool unit_has_rival(Unit *unit) {
        const char *rival = workspace_find_rival(source_workspace(unit->source), unit);
        Problem problem;

        unit_set_rival(unit, rival);
        if (!rival)
                return false;
        (void) problem_set(&problem, -EEXIST,
                           "%s delivers the same file %s, so it is not delivered: give them "
                           "different output_dirs ({net}, {target}, {toolchain}) or names",
                           rival, unit->output_path);
        if (strings_equal(unit->delivery_problem, problem.text))
                return true;
        statistics_count(&unit->core->statistics, STATISTIC_DELIVERIES_REFUSED);
        unit_tell(unit, problem.text);
        unit_set_string(&unit->delivery_problem, problem.text);
        return true;
}

/* false: there is no memory */
static bool unit_fill_delivery(Unit *unit) {
        unit_set_string(&unit->deliver_dir, unit->pair.output_dir);
        unit_set_string(&unit->deliver_name, unit->pair.net_name);
        free(unit->view);
        unit->view = unit->artifact_path ? path_dirname(unit->artifact_path) : NULL;
        unit->deliver_key = unit->key;
        unit->deliver_spec = unit_deliver_spec(unit);
        unit->deliver_spec.output_dir = unit->deliver_dir;
        unit->deliver_spec.net_name = unit->deliver_name;
        unit->deliver_spec.view = unit->view;
        unit->deliver_spec.key = &unit->deliver_key;
        unit->deliver_result = (Problem){};
        return unit->deliver_dir && unit->deliver_name && (unit->view || !unit->artifact_path);
}

/* Otherwise there is no reason to take away what was good yesterday. */
static bool unit_failed_for_good(const Unit *unit) {
        return unit->state == UNIT_OVER_LIMIT || (unit->state == UNIT_FAILED && !unit->passing);
}

static void unit_start_delivery(Unit *unit) {
        Delivering next = unit->next;

        if (unit->work.busy || next == DELIVERING_NOTHING || unit->dead)
                return;
        unit->next = DELIVERING_NOTHING;
        if (next == DELIVERING && !unit_has_artifact(unit)) /* any more */
                return;
        if (!unit->pair.output_dir || unit_has_rival(unit))
                return;
        unit->undone = !unit_fill_delivery(unit);
        unit->core->unavailable |= unit->undone;
        if (unit->undone) {
                unit_set_string(&unit->delivery_problem, strerror(ENOMEM));
                return;
        }

        unit->delivering = next;
        unit->undone = work_start(&unit->core->pool, &unit->work, WORK_STORE, unit_deliver_work,
                                  unit_on_delivered) < 0;
        unit->core->unavailable |= unit->undone;
        if (source_is_preferred(unit->source))
                work_prefer(&unit->work);
}

static void unit_deliver(Unit *unit) {
        if (!unit->pair.output_dir || unit->dead)
                return;
        if (unit_has_artifact(unit))
                unit->next = DELIVERING;
        else if (unit_failed_for_good(unit))
                unit->next = WITHDRAWING;
        unit_start_delivery(unit);
}

void unit_redeliver(Unit *unit) {
        if (unit->state != UNIT_READY)
                return;
        unit->owing = false;
        unit_deliver(unit);
}

static void unit_deliver_later(Unit *unit) {
        Core *core = unit->core;
        const char *path = source_path(unit->source);
        int r = 0;

        if (unit->dead)
                return;
        if (settle_is_settled(core->settle, path))
                r = settle_saved(core->settle, path, clock_monotonic_ns());
        if (r < 0) {
                unit->undone = core->unavailable = true;
                unit_set_string(&unit->delivery_problem, strerror(-r));
                return;
        }
        unit->owing = true;
        source_unit_busy(unit->source);
}

/* What it delivered to may be another's alone now. Not at once: the others may be about to change
 * as well. */
static void unit_leave_output(Unit *unit) {
        Unit *other;

        unit_set_rival(unit, false);
        LIST_FOREACH(other, &unit->core->rivals, rivals)
        if (strings_equal(other->output_path, unit->output_path))
                unit_deliver_later(other);
}

/* What was wrong with the old place says nothing of the new one. */
static void unit_set_output(Unit *unit, char *path) {
        if (!strings_equal(unit->output_path, path)) {
                unit_leave_output(unit);
                unit_set_string(&unit->delivery_problem, NULL);
        }
        free(unit->output_path);
        unit->output_path = path;
}

/* Not at once: whoever removed it may be about to remove its directory. */
void unit_output_gone(Unit *unit) {
        if (unit->state == UNIT_READY)
                unit_deliver_later(unit);
}

Delivered unit_delivered(const Unit *unit, const Digest *key, const char **ret_problem) {
        *ret_problem = NULL;
        if (unit->state != UNIT_READY || !unit->has_key || !digest_equal(&unit->key, key))
                return DELIVERED_ELSEWHERE;
        if (unit->work.busy || unit->owing)
                return DELIVERED_LATER;
        *ret_problem = unit->delivery_problem;
        return unit->delivery_problem ? DELIVERED_REFUSED : DELIVERED;
}

/* --- results ---------------------------------------------------------------------------------- */

static UnitState unit_state_of(BuildOutcome outcome) {
        switch (outcome) {
        case BUILD_READY:
                return UNIT_READY;
        case BUILD_NOT_SOURCE:
        case BUILD_UNREADABLE:
                return UNIT_NOT_SOURCE;
        case BUILD_FAILED:
        case BUILD_TRANSIENT:
                return UNIT_FAILED;
        case BUILD_OVER_LIMIT:
                return UNIT_OVER_LIMIT;
        case BUILD_INVALID:
                return UNIT_INVALID;
        case BUILD_NOT_RIGHT: /* units adopt nothing */
        case BUILD_CANCELLED:
                break;
        }
        return UNIT_NEW;
}

/* A toolchain that is still not to be had is no news. */
static bool unit_is_news(const Unit *unit, const BuildResult *result) {
        const char *detail = result->detail.text[0] ? result->detail.text : NULL;

        return result->key || unit->has_key || unit->state != unit_state_of(result->outcome) ||
               !strings_equal(unit->detail, detail);
}

static void unit_take_result(Unit *unit, const BuildResult *result) {
        UnitState state = unit_state_of(result->outcome);
        bool news = unit_is_news(unit, result);

        if (result->outcome == BUILD_CANCELLED || unit->dead)
                return;
        unit->may_pass = false;
        unit_enter(unit, state, result->detail.text);
        unit_set_string(&unit->toolchain, result->toolchain);
        unit->has_key = result->key;
        if (result->key)
                unit->key = *result->key;
        unit->passing = result->outcome == BUILD_TRANSIENT;
        /* what is not installed may be so for as long as an update takes */
        unit->unavailable = (unit->passing && (!result->key || result->unread)) ||
                            result->outcome == BUILD_INVALID;
        unit->core->unavailable |= unit->unavailable;
        unit->hit = result->hit;
        unit->no_dpu_code = result->no_dpu_code;
        unit_set_string(&unit->artifact_path, result->path);
        if (result->salvage)
                (void) salvage_ref(result->salvage);
        (void) salvage_unref(unit->salvage);
        unit->salvage = result->salvage;

        if (news && state != UNIT_READY)
                unit_tell(unit, result->detail.text);
        if (news)
                unit_emit(unit, EVENT_UNIT, NULL);
        unit_deliver(unit);
}

/* --- builds ----------------------------------------------------------------------------------- */

static void unit_start_probe(Unit *unit);

/* An older job is in the way of the probe, which stays at the gate until that is over. */
static void unit_supersede(Unit *unit) {
        if (unit->n_superseded == UNIT_SUPERSEDED_MAX)
                return;
        unit->n_superseded++;
        statistics_count(&unit->core->statistics, STATISTIC_JOBS_SUPERSEDED);
        build_cancel(unit->running);
}

/* The probe and a job of its key: the job is enough, unless the limits changed. Then the probe stays
 * at the gate, and finds and judges what the job made. */
static void unit_leave_to_job(Unit *unit) {
        build_hurry(unit->running);
        if (unit->outdated)
                return;
        unit->dropped = true;
        build_cancel(unit->probe);
}

static bool unit_runs_what_it_probes(const Unit *unit) {
        const Digest *older = build_key(unit->running);

        return older && digest_equal(older, build_key(unit->probe));
}

/* The probe waits at the gate: what is in its way? One that was cancelled makes nothing any more,
 * whatever its key; its end brings us back here. */
static void unit_gate(Unit *unit) {
        if (unit->again || unit->dead) {
                build_cancel(unit->probe);
                return;
        }
        if (unit->running) {
                if (build_is_cancelled(unit->running))
                        return;
                if (unit_runs_what_it_probes(unit))
                        unit_leave_to_job(unit);
                else
                        unit_supersede(unit);
                return;
        }
        if (!unit->may_pass && !settle_is_settled(unit->core->settle, source_path(unit->source)))
                return;

        unit->may_pass = unit->outdated = false;
        unit->running = TAKE_PTR(unit->probe);
        build_go(unit->running);
}

static bool unit_is_at_gate(const Unit *unit) {
        return unit->probe && build_is_at_gate(unit->probe);
}

static void unit_on_gate(Build *build, void *userdata) {
        Unit *unit = userdata;

        if (build == unit->running) {
                build_go(build); /* its source changed under it, and it looked again */
                return;
        }
        unit_gate(unit);
}

static void unit_on_job_done(Unit *unit, bool cancelled, const BuildResult *result) {
        unit->running = NULL;
        if (!cancelled)
                unit->n_superseded = 0;
        if (unit_is_at_gate(unit))
                unit_gate(unit);
        else if (!cancelled && !unit->outdated && (!unit->probe || unit->dropped))
                unit_take_result(unit, result);
}

static void unit_on_done(Build *build, const BuildResult *result, void *userdata) {
        Unit *unit = userdata;

        if (build == unit->running) {
                unit_on_job_done(unit, build_is_cancelled(build), result);
        } else {
                unit->probe = NULL;
                unit->dropped = false;
                if (!unit->again)
                        unit_take_result(unit, result);
                /* an answer without a job: whatever the older one makes is of no interest */
                if (unit->running && result->outcome != BUILD_CANCELLED)
                        build_cancel(unit->running);
        }
        if (unit->again && !unit->probe)
                unit_start_probe(unit);
        source_unit_changed(unit->source);
}

/* What still runs was for something else. */
static void unit_cannot_start(Unit *unit, UnitState state, const char *why) {
        if (unit->running)
                build_cancel(unit->running);
        unit_enter(unit, state, why);
        unit->passing = unit->unavailable = state == UNIT_FAILED;
        unit->core->unavailable |= unit->unavailable;
        unit_tell(unit, why);
        unit_emit(unit, EVENT_UNIT, NULL);
}

static void unit_start_probe(Unit *unit) {
        static const BuildHandlers handlers = { .gate = unit_on_gate, .done = unit_on_done };
        Workspace *workspace = source_workspace(unit->source);
        Problem problem = {};
        BuildSpec spec;
        int r;

        unit->again = false;
        /* no model now: it is cut short while somebody writes it, and when it is one again, or that
         * is settled, this unit hears of it */
        if (unit->dead || !source_is_model(unit->source))
                return;
        if (unit->pair.problem) {
                unit_cannot_start(unit, UNIT_INVALID, unit->pair.problem);
                return;
        }
        r = toolchains_check(unit->core->toolchains, unit->pair.toolchain, &problem);
        if (r < 0) {
                unit_cannot_start(unit, UNIT_INVALID, problem.text);
                return;
        }

        spec = (BuildSpec){
                .source_path = source_path(unit->source),
                .source_fd = -1,
                .adopt_fd = -1,
                .identity = source_identity(unit->source),
                .pair = &unit->pair,
                .root = workspace_root(workspace),
                .toolchain = unit->pair.toolchain,
                .verbatim = unit->core->config->snapshot == SNAPSHOT_VERBATIM,
                .priority = { .client = source_is_preferred(unit->source),
                              .saved = source_saved(unit->source) },
        };
        r = build_start(&unit->probe, unit->core, &spec, &handlers, unit);
        if (r < 0)
                unit_cannot_start(unit, UNIT_FAILED, strerror(-r));
}

void unit_refresh(Unit *unit) {
        if (unit->probe) {
                unit->again = true;
                build_cancel(unit->probe);
                return;
        }
        unit_start_probe(unit);
}

/* Something is under way that will say what it is. */
static bool unit_has_result_coming(const Unit *unit) {
        return unit->probe || (unit->running && !build_is_cancelled(unit->running));
}

void unit_retry(Unit *unit) {
        if (unit->undone) {
                unit->n_lost = 0;
                unit_deliver(unit);
        }
        if (unit->unavailable && !unit_has_result_coming(unit))
                unit_start_probe(unit);
}

int unit_set_pair(Unit *unit, const Pair *pair) {
        Pair copy;
        int r;

        if (pair_equal(&unit->pair, pair))
                return 0;
        r = pair_copy(&copy, pair);
        if (r < 0)
                return r;
        pair_deinit(&unit->pair);
        unit->pair = copy;
        unit_set_output(unit, unit_find_output(unit));
        unit->outdated = unit->running;
        unit_refresh(unit);
        return 0;
}

void unit_settled(Unit *unit) {
        if (unit->owing) {
                unit->owing = false;
                unit_deliver(unit);
        }
        if (unit_is_at_gate(unit))
                unit_gate(unit);
        else
                unit->may_pass = unit->probe != NULL;
}

void unit_prefer(Unit *unit) {
        work_prefer(&unit->work);
        if (unit->probe)
                build_prefer(unit->probe);
        if (unit->running)
                build_prefer(unit->running);
}

void unit_kill(Unit *unit) {
        if (unit->dead)
                return;
        unit->dead = true;
        unit->owing = false;
        unit_leave_output(unit);
        unit->next = DELIVERING_NOTHING;
        if (unit->probe)
                build_cancel(unit->probe);
        if (unit->running)
                build_cancel(unit->running);
}

void unit_revive(Unit *unit) {
        if (!unit->dead)
                return;
        unit->dead = false;
        unit_refresh(unit);
}

/* --- what one can see of it ------------------------------------------------------------------- */

static UnitState unit_visible_state(const Unit *unit) {
        if (unit->running)
                return build_phase(unit->running) == BUILD_QUEUED ? UNIT_QUEUED : UNIT_COMPILING;
        if (source_is_writing(unit->source))
                return UNIT_WRITING;
        if (unit_is_at_gate(unit))
                return UNIT_SETTLING;
        if (unit->probe && build_phase(unit->probe) == BUILD_FETCHING)
                return UNIT_FETCHING;
        if (unit->probe || !source_is_idle(unit->source))
                return unit->work.busy || unit->owing ? unit->state : UNIT_HASHING;
        return unit->state;
}

/* the one at work, or else of the last result */
static const char *unit_toolchain(const Unit *unit) {
        const Build *build = unit->running ?: unit->probe;
        const char *name = build ? build_toolchain(build) : NULL;

        return name ?: unit->toolchain;
}

UnitView unit_view(const Unit *unit) {
        const Identity *identity = source_identity(unit->source);
        const char *trouble = unit->delivery_problem ?: unit->pair.warning;
        UnitState state = unit_visible_state(unit);
        /* of an older content as soon as there is something newer to say */
        const char *detail = state == unit->state ? unit->detail : NULL;

        return (UnitView){
                .net_name = unit->pair.net_name,
                .target = unit->pair.target_name,
                .root = workspace_root(source_workspace(unit->source)),
                .source_path = source_path(unit->source),
                .arch_path = unit->pair.arch_path,
                .state = state,
                .source_class = identity ? (int) identity->class : -1,
                .detail = detail ?: trouble,
                .trouble = trouble,
                .toolchain = unit_toolchain(unit),
                .key = unit->has_key ? &unit->key : NULL,
                .job_key = unit->running ? build_key(unit->running) : NULL,
                .artifact_path = unit->artifact_path,
                .output_path = unit->output_path,
                .elapsed_ms = uv_now(unit->core->loop) - unit->changed_ms,
                .fingerprint = unit->pair.target.fingerprint,
                .no_dpu_code = unit->no_dpu_code,
                .hit = unit->hit,
        };
}
