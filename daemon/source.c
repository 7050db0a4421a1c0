#include "daemon/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "daemon/core.h"
#include "daemon/pairing.h"
#include "daemon/unit.h"
#include "daemon/workspace.h"
#include "xmodel/filename.h"

struct Source {
        Core *core;
        Workspace *workspace;
        char *path;
        char *net_name; /* for views, while there are no units */
        StatId id;
        uint64_t event; /* of the latest change */

        bool gone, writing;
        bool again; /* changed while it was being identified */
        Work work;
        Identity found; /* what the work found */

        Identity *identity; /* what it is; NULL: not known */
        bool doubtful;      /* no model, says identity, but somebody may still be writing it */
        bool unread;        /* the machine kept it from being read: to be tried again */
        char *detail;       /* why it has no units, for people; or NULL */
        UnitState state;    /* without units: NEW, HASHING, NOT_SOURCE, NO_TARGET */

        Unit **units;
        size_t n_units, units_capacity;

        bool is_busy;
        bool preferred; /* until it is idle, or saved again */
        uint64_t busy_since;
        TAILQ_ENTRY(Source) busy;
};

int source_new(Source **ret, Core *core, Workspace *workspace, const char *path) {
        Source *source = calloc(1, sizeof(*source));

        if (!source)
                return -ENOMEM;
        source->core = core;
        source->workspace = workspace;
        source->path = strdup(path);
        source->net_name = filename_net(path);
        if (!source->path || !source->net_name) {
                free(source->path);
                free(source->net_name);
                free(source);
                return -ENOMEM;
        }
        *ret = source;
        return 0;
}

static void source_set_busy(Source *source, bool busy) {
        if (busy == source->is_busy)
                return;
        source->is_busy = busy;
        if (busy) {
                source->busy_since = source->core->event;
                TAILQ_INSERT_TAIL(&source->core->busy, source, busy);
        } else {
                TAILQ_REMOVE(&source->core->busy, source, busy);
        }
}

Source *source_free(Source *source) {
        if (!source)
                return NULL;

        assert(!source->work.busy);
        source_set_busy(source, false);
        for (size_t i = 0; i < source->n_units; i++)
                (void) unit_free(source->units[i]);
        free(source->units);
        free(source->identity);
        free(source->detail);
        free(source->path);
        free(source->net_name);
        free(source);
        return NULL;
}

const char *source_path(const Source *source) {
        return source->path;
}

Workspace *source_workspace(const Source *source) {
        return source->workspace;
}

const Identity *source_identity(const Source *source) {
        return source->identity;
}

/* The inode's change time says when it was saved; unlike an event's number it also orders what
 * the first scan finds. */
uint64_t source_saved(const Source *source) {
        return source->id.ctime_ns > 0 ? (uint64_t) source->id.ctime_ns : 0;
}

bool source_is_writing(const Source *source) {
        return source->writing;
}

bool source_is_idle(const Source *source) {
        return !source->is_busy;
}

bool source_is_model(const Source *source) {
        return !source->gone && source->identity && source->identity->class == XMODEL_QUANTIZED;
}

/* gone, and nothing under way */
static bool source_is_over(const Source *source) {
        return source->gone && !source->is_busy;
}

uint64_t source_busy_since(const Source *source) {
        return source->busy_since;
}

static UnitView source_view(const Source *source) {
        return (UnitView){
                .net_name = source->net_name,
                .root = workspace_root(source->workspace),
                .source_path = source->path,
                .state = source->writing || source->doubtful ? UNIT_WRITING : source->state,
                .source_class = source->identity ? (int) source->identity->class : -1,
                .detail = source->detail,
        };
}

static void source_emit(const Source *source) {
        Events *events = &source->core->events;
        UnitView view;

        if (!events_are_wanted(events) || workspace_is_output(source->workspace, source->path))
                return;
        view = source_view(source);
        view.state = source->state;
        events_emit(events, (EventView){ .kind = EVENT_UNIT, .path = source->path, .unit = &view });
}

static void source_set_state(Source *source, UnitState state, const char *detail) {
        bool news = source->state != state || !strings_equal(source->detail, detail);

        free(source->detail);
        source->detail = detail ? strdup(detail) : NULL;
        source->state = state;
        if (news && state != UNIT_NEW) /* there are no units that would tell */
                source_emit(source);
}

/* Units that are dead and done go; then the source knows whether it is busy. */
static void source_update(Source *source) {
        bool busy = source->work.busy || source->doubtful;
        size_t n = 0;

        for (size_t i = 0; i < source->n_units; i++) {
                Unit *unit = source->units[i];

                if (unit_is_dead(unit) && unit_is_idle(unit)) {
                        (void) unit_free(unit);
                        continue;
                }
                busy |= !unit_is_idle(unit);
                source->units[n++] = unit;
        }
        source->n_units = n;
        source_set_busy(source, busy);
        source->preferred &= busy;
        if (source_is_over(source))
                workspace_source_over(source->workspace, source); /* may free it */
}

void source_unit_changed(Source *source) {
        source_update(source);
}

void source_unit_busy(Source *source) {
        source_set_busy(source, true);
}

static void source_kill_units(Source *source) {
        for (size_t i = 0; i < source->n_units; i++)
                unit_kill(source->units[i]);
}

/* --- pairing ---------------------------------------------------------------------------------- */

static bool source_is_pair_of(const Unit *unit, const Pair *pair) {
        const Pair *own = unit_pair(unit);

        return strings_equal(own->net_name, pair->net_name) &&
               strings_equal(own->target_name, pair->target_name) &&
               strings_equal(own->arch_path, pair->arch_path) &&
               strings_equal(own->toolchain, pair->toolchain);
}

static Unit *source_find_unit(const Source *source, const Pair *pair) {
        for (size_t i = 0; i < source->n_units; i++)
                if (source_is_pair_of(source->units[i], pair))
                        return source->units[i];
        return NULL;
}

static int source_add_unit(Source *source, const Pair *pair) {
        Unit *unit;
        int r;

        r = array_reserve(&source->units, &source->units_capacity, source->n_units + 1,
                          sizeof(Unit *));
        if (r == 0)
                r = unit_new(&unit, source, pair);
        if (r < 0)
                return r;
        source->units[source->n_units++] = unit;
        unit_refresh(unit);
        return 0;
}

static void source_kill_unpaired(Source *source, const Pairs *pairs) {
        for (size_t i = 0; i < source->n_units; i++) {
                bool paired = false;

                for (size_t k = 0; k < pairs->n && !paired; k++)
                        paired = source_is_pair_of(source->units[i], &pairs->items[k]);
                if (!paired)
                        unit_kill(source->units[i]);
        }
}

static int source_apply_pairs(Source *source, const Pairs *pairs, bool refresh) {
        int r = 0;

        source_kill_unpaired(source, pairs);
        for (size_t i = 0; r == 0 && i < pairs->n; i++) {
                Unit *unit = source_find_unit(source, &pairs->items[i]);

                if (!unit) {
                        r = source_add_unit(source, &pairs->items[i]);
                        continue;
                }
                unit_revive(unit);
                r = unit_set_pair(unit, &pairs->items[i]);
                if (r == 0 && refresh)
                        unit_refresh(unit);
        }
        return r;
}

static void source_pair_now(Source *source, bool refresh) {
        _cleanup_(pairs_cleanup) Pairs pairs = {};
        int r;

        if (!source_is_model(source))
                return;

        r = workspace_pair(source->workspace, source->path, &pairs);
        if (r == 0)
                r = source_apply_pairs(source, &pairs, refresh);
        if (r < 0)
                log_warning("%s", strerror(-r));
        else if (pairs.n == 0)
                source_set_state(source, UNIT_NO_TARGET, pairs.problem.text);
        else
                source_set_state(source, UNIT_NEW, NULL);
}

void source_pair(Source *source, bool refresh) {
        source_pair_now(source, refresh);
        source_update(source);
}

/* --- identity --------------------------------------------------------------------------------- */

static void source_tell(const Source *source, const char *what) {
        Problem line;

        (void) problem_set(&line, 0, "%s: %s", source->path, what);
        log_info("%s", line.text);
}

/* Everything but a quantized graph: no units, and a reason. What we delivered ourselves is of
 * that kind, too, and not worth a line. */
static void source_is_no_source(Source *source, const char *why) {
        bool news = !source->detail || strcmp(source->detail, why) != 0;

        source_kill_units(source);
        source_set_state(source, UNIT_NOT_SOURCE, why);
        if (news && !workspace_is_output(source->workspace, source->path))
                source_tell(source, why);
}

/* What lacks passes: until then nothing is concluded, and its units stay what they are. */
static void source_is_unread(Source *source, int r) {
        Problem why;

        (void) problem_set(&why, r, "could not be read, will be tried again: %s", strerror(-r));
        if (!strings_equal(source->detail, why.text))
                source_tell(source, why.text);
        source_set_state(source, UNIT_NOT_SOURCE, why.text);
        source->unread = true;
        source->core->unavailable = true;
}

static void source_take_identity(Source *source) {
        Identity *identity = malloc(sizeof(*identity));

        if (!identity) {
                source_is_unread(source, -ENOMEM);
                return;
        }
        *identity = source->found;
        free(source->identity);
        source->identity = identity;
        statistics_count(&source->core->statistics,
                         identity->was_read ? STATISTIC_HASHES : STATISTIC_MEMO_HITS);
        if (identity->class == XMODEL_QUANTIZED)
                source_pair_now(source, true);
        else if (settle_is_settled(source->core->settle, source->path))
                source_is_no_source(source, identity->reason.text);
        else
                source->doubtful = true;
}

static void source_identify(Source *source);

static void source_is_unreadable(Source *source, int r) {
        Problem why;

        if (r == -ECANCELED || r == -ENOENT)
                return;
        if (!error_is_of_file(r) && r != -EAGAIN) {
                source_is_unread(source, r);
                return;
        }
        /* -EAGAIN: it is being written to; its close will be a save */
        (void) problem_set(&why, r, "cannot be read: %s",
                           r == -EAGAIN ? "it does not stop changing" : strerror(-r));
        source_is_no_source(source, why.text);
}

static void source_on_identified(Work *work, int r) {
        Source *source = container_of(work, Source, work);

        if (source->gone) {
                source->again = false;
        } else {
                /* true a moment ago, if it is to be read again: saves that come faster than they
                 * are read must not keep it from being known at all */
                if (r == 0)
                        source_take_identity(source);
                else if (!source->again)
                        source_is_unreadable(source, r);
                if (source->again)
                        source_identify(source);
        }
        source_update(source);
}

static int source_identify_work(Work *work) {
        Source *source = container_of(work, Source, work);
        _cleanup_(closep) int fd = file_open_regular(AT_FDCWD, source->path);

        return fd < 0 ? fd : identify_fd(source->core->state, fd, work, &source->found);
}

static void source_identify(Source *source) {
        int r;

        source->again = source->work.busy;
        if (source->again)
                return;
        source->doubtful = false;
        source->unread = false;
        if (source->n_units == 0)
                source->state = UNIT_HASHING;
        r = work_start(&source->core->pool, &source->work, WORK_HASH, source_identify_work,
                       source_on_identified);
        if (r < 0)
                source_is_unread(source, r);
        else if (source->preferred)
                work_prefer(&source->work);
}

void source_retry(Source *source) {
        if (source->unread) {
                source_identify(source);
        } else {
                for (size_t i = 0; i < source->n_units; i++)
                        unit_retry(source->units[i]);
        }
        source_update(source);
}

/* --- events ----------------------------------------------------------------------------------- */

void source_changed(Source *source, const StatId *id, uint64_t event) {
        source->gone = false;
        source->writing = false;
        source->id = *id;
        source->event = event;
        source->preferred = false; /* whoever still waits says so again */
        source_identify(source);
        source_update(source);
}

void source_writing(Source *source) {
        source->writing = true;
}

void source_gone(Source *source) {
        source->gone = true;
        source->writing = false;
        source->doubtful = false;
        source->unread = false;
        work_cancel(&source->work);
        source_kill_units(source);
        source_update(source); /* may free it */
}

/* A file that is empty or cut short now may be a model in a moment: nothing is concluded from
 * that, and nothing of what was under way is given up, before it is quiet. */
void source_settled(Source *source) {
        if (source->doubtful) {
                source->doubtful = false;
                source_is_no_source(source, source->identity->reason.text);
        } else {
                for (size_t i = 0; i < source->n_units; i++)
                        unit_settled(source->units[i]);
        }
        source_update(source); /* may free it */
}

bool source_output_gone(Source *source, const char *path) {
        for (size_t i = 0; i < source->n_units; i++) {
                const char *output = unit_output_path(source->units[i]);

                if (output && strcmp(output, path) == 0 && !unit_is_dead(source->units[i])) {
                        unit_output_gone(source->units[i]);
                        return true;
                }
        }
        return false;
}

bool source_has_rival(const Source *source, const Unit *unit) {
        for (size_t i = 0; !source->gone && i < source->n_units; i++)
                if (source->units[i] != unit && !unit_is_dead(source->units[i]) &&
                    strings_equal(unit_output_path(source->units[i]), unit_output_path(unit)))
                        return true;
        return false;
}

void source_prefer(Source *source) {
        if (source->preferred || !source->is_busy)
                return;
        source->preferred = true;
        work_prefer(&source->work);
        for (size_t i = 0; i < source->n_units; i++)
                unit_prefer(source->units[i]);
}

bool source_is_preferred(const Source *source) {
        return source->preferred;
}

void source_redeliver(Source *source, const Pair *pair, const Digest *key) {
        Unit *unit = source_find_unit(source, pair);
        const char *problem;

        if (!unit || unit_is_dead(unit) ||
            unit_delivered(unit, key, &problem) == DELIVERED_ELSEWHERE)
                return;
        unit_redeliver(unit);
        source_update(source);
}

Delivered source_delivered(const Source *source, const Pair *pair, const Digest *key,
                           const char **ret_problem) {
        const Unit *unit = source_find_unit(source, pair);
        Delivered delivered = DELIVERED_ELSEWHERE;

        *ret_problem = NULL;
        if (unit && !unit_is_dead(unit))
                delivered = unit_delivered(unit, key, ret_problem);
        return delivered == DELIVERED_ELSEWHERE && source->is_busy ? DELIVERED_LATER : delivered;
}

/* --- views ------------------------------------------------------------------------------------ */

int source_each_unit(Source *source, UnitViewFn fn, void *userdata) {
        bool any = false;
        UnitView view;
        int r = 0;

        if (source->gone)
                return 0;
        for (size_t i = 0; r == 0 && i < source->n_units; i++) {
                if (unit_is_dead(source->units[i]))
                        continue;
                any = true;
                view = unit_view(source->units[i]);
                r = fn(&view, userdata);
        }
        if (any || r != 0 || workspace_is_output(source->workspace, source->path))
                return r;

        view = source_view(source);
        return fn(&view, userdata);
}

Source *source_next_busy(const Source *source) {
        return TAILQ_NEXT(source, busy);
}
