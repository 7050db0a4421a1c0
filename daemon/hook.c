#include "daemon/hook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/strings.h"
#include "daemon/config.h"
#include "daemon/proc.h"

#define HOOK_OUTPUT_MAX 512 /* of a failure, for the log */

typedef struct HookCall {
        Strings env;
        STAILQ_ENTRY(HookCall) link;
} HookCall;

struct Hook {
        Core *core;
        EventSink sink;
        Proc *proc; /* borrowed, while one runs */
        STAILQ_HEAD(, HookCall) waiting;
        unsigned n_waiting;
        bool stopped;
};

static HookCall *hook_call_free(HookCall *call) {
        if (!call)
                return NULL;
        strings_deinit(&call->env);
        free(call);
        return NULL;
}

static inline void hook_call_freep(HookCall **call) {
        (void) hook_call_free(*call);
}

static void hook_drop_first(Hook *hook) {
        HookCall *first = STAILQ_FIRST(&hook->waiting);

        STAILQ_REMOVE_HEAD(&hook->waiting, link);
        hook->n_waiting--;
        (void) hook_call_free(first);
}

/* --- running ---------------------------------------------------------------------------------- */

static void hook_run(Hook *hook);

static void hook_on_done(const ProcResult *result, void *userdata) {
        Hook *hook = userdata;

        hook->proc = NULL;
        if (result->error == -ETIMEDOUT)
                log_warning("the notify command was ended: it ran for more than %d s",
                            HOOK_TIMEOUT_S);
        else if (result->error == 0 && (result->exit_status != 0 || result->term_signal != 0))
                log_warning("the notify command failed (%s %d): %.*s",
                            result->term_signal ? "signal" : "status",
                            result->term_signal ?: (int) result->exit_status,
                            (int) result->output.size, (const char *) result->output.data);
        hook_run(hook);
}

static int hook_spawn(Hook *hook, const HookCall *call) {
        const ProcSpec spec = {
                .argv = (const char *const *) hook->core->config->notify.items,
                .env = (const char *const *) call->env.items,
                .cwd = "/",
                .timeout_ms = HOOK_TIMEOUT_S * 1000,
                .tail_max = HOOK_OUTPUT_MAX,
                .stdout_fd = -1,
        };
        int r;

        r = proc_spawn(&hook->proc, hook->core->loop, &spec, hook_on_done, hook);
        if (r == 0)
                statistics_count(&hook->core->statistics, STATISTIC_NOTIFICATIONS);
        return r;
}

static void hook_run(Hook *hook) {
        int r;

        while (!hook->proc && hook->n_waiting > 0) {
                r = hook->core->config->notify.n > 0
                            ? hook_spawn(hook, STAILQ_FIRST(&hook->waiting))
                            : 0;
                if (r < 0)
                        log_warning("the notify command %s cannot be run: %s",
                                    hook->core->config->notify.items[0], strerror(-r));
                hook_drop_first(hook);
        }
}

/* --- what is worth telling -------------------------------------------------------------------- */

/* NULL: nothing. What comes from the cache is no news. */
static const char *hook_event(const EventView *event) {
        if (event->kind != EVENT_UNIT || event->unit->hit)
                return NULL;
        if (event->unit->state == UNIT_READY)
                return "ready";
        if (event->unit->state == UNIT_FAILED)
                return "failed";
        return event->unit->state == UNIT_OVER_LIMIT ? "over-limit" : NULL;
}

static int hook_set(Strings *env, const char *name, const char *value) {
        _cleanup_(freep) char *text = NULL;

        if (asprintf(&text, "%s=%s", name, value ?: "") < 0)
                return -ENOMEM;
        return strings_add(env, text);
}

/* Ours, and then what the daemon has: a command for a desktop needs its session. */
static int hook_make_env(const EventView *event, const char *name, Strings *env) {
        const UnitView *unit = event->unit;
        _cleanup_(freep) char *unit_name = NULL;
        int r;

        if (asprintf(&unit_name, "%s%s%s", unit->net_name, unit->target ? "@" : "",
                     unit->target ?: "") < 0)
                return -ENOMEM;
        r = hook_set(env, "DPUCC_EVENT", name);
        if (r == 0)
                r = hook_set(env, "DPUCC_UNIT", unit_name);
        if (r == 0)
                r = hook_set(env, "DPUCC_SOURCE", unit->source_path);
        if (r == 0)
                r = hook_set(env, "DPUCC_ARTIFACT", unit->artifact_path);
        if (r == 0)
                r = hook_set(env, "DPUCC_OUTPUT", unit->output_path);
        if (r == 0)
                r = hook_set(env, "DPUCC_DETAIL", unit->detail);
        for (size_t i = 0; r == 0 && environ[i]; i++)
                r = strings_add(env, environ[i]);
        return r;
}

static int hook_enqueue(Hook *hook, const EventView *event, const char *name) {
        _cleanup_(hook_call_freep) HookCall *call = calloc(1, sizeof(*call));
        int r;

        if (!call)
                return -ENOMEM;
        r = hook_make_env(event, name, &call->env);
        if (r < 0)
                return r;
        if (hook->n_waiting == HOOK_WAITING_MAX)
                hook_drop_first(hook);
        STAILQ_INSERT_TAIL(&hook->waiting, call, link);
        TAKE_PTR(call);
        hook->n_waiting++;
        return 0;
}

static void hook_heard(const EventView *event, void *userdata) {
        Hook *hook = userdata;
        const char *name = hook_event(event);

        if (!name || hook->core->config->notify.n == 0)
                return;
        if (hook_enqueue(hook, event, name) == 0)
                hook_run(hook);
}

/* --- life ------------------------------------------------------------------------------------- */

int hook_new(Hook **ret, Core *core) {
        Hook *hook = calloc(1, sizeof(*hook));

        if (!hook)
                return -ENOMEM;
        hook->core = core;
        STAILQ_INIT(&hook->waiting);
        hook->sink = (EventSink){ .heard = hook_heard, .userdata = hook };
        events_listen(&core->events, &hook->sink);
        *ret = hook;
        return 0;
}

void hook_stop(Hook *hook) {
        if (hook->stopped)
                return;
        hook->stopped = true;
        events_leave(&hook->sink);
        while (hook->n_waiting > 0)
                hook_drop_first(hook);
        if (hook->proc)
                proc_cancel(hook->proc);
}

bool hook_is_idle(const Hook *hook) {
        return !hook->proc && hook->n_waiting == 0;
}

Hook *hook_free(Hook *hook) {
        if (!hook)
                return NULL;
        hook_stop(hook);
        free(hook);
        return NULL;
}
