#include "daemon/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/queue.h"
#include "daemon/source.h"
#include "daemon/workspace.h"
#include "daemon/workspaces.h"

typedef struct Wait {
        Ask ask;
        char *root;  /* NULL: all */
        bool paused; /* as it was told */
} Wait;

static bool wait_concerns(const Wait *wait, const Workspace *workspace) {
        return !wait->root || strcmp(wait->root, workspace_root(workspace)) == 0;
}

static bool wait_is_accounted_for(const Wait *wait) {
        const Core *core = wait->ask.asks->core;
        const Source *source;

        if (wait->ask.wants_barrier)
                return false;
        for (size_t i = 0; i < core->workspaces->n; i++)
                if (wait_concerns(wait, core->workspaces->items[i]) &&
                    workspace_is_scanning(core->workspaces->items[i]))
                        return false;
        for (source = TAILQ_FIRST(&core->busy); source; source = source_next_busy(source))
                if (source_busy_since(source) <= wait->ask.event &&
                    wait_concerns(wait, source_workspace(source)))
                        return false;
        return true;
}

static int wait_add_hint(const char *text, void *userdata) {
        Wait *wait = userdata;

        return ask_hint(&wait->ask, text);
}

/* What keeps a unit's artifact from being what the files say; NULL: nothing. */
static const char *wait_what_is_wrong(const UnitView *unit) {
        bool failed = unit->state == UNIT_FAILED || unit->state == UNIT_OVER_LIMIT ||
                      unit->state == UNIT_INVALID || unit->state == UNIT_NO_TARGET;

        return failed ? unit->detail ?: "" : unit->trouble;
}

static int wait_collect_unit(const UnitView *unit, void *userdata) {
        const char *why = wait_what_is_wrong(unit);
        Problem line;

        if (!why)
                return 0;
        (void) problem_set(&line, 0, "%s%s%s (%s): %s", unit->net_name, unit->target ? "@" : "",
                           unit->target ?: "", unit->source_path, why);
        return wait_add_hint(line.text, userdata);
}

static void wait_finish(Wait *wait) {
        const Workspaces *workspaces = wait->ask.asks->core->workspaces;

        for (size_t i = 0; i < workspaces->n; i++) {
                if (!wait_concerns(wait, workspaces->items[i]))
                        continue;
                (void) workspace_each_problem(workspaces->items[i], wait_add_hint, wait);
                (void) workspace_each_unit(workspaces->items[i], wait_collect_unit, wait);
        }
        if (wait->ask.hints.n > 0)
                ask_finish(&wait->ask, ASK_COMPILE_FAILED,
                           "not everything is compiled and delivered as the files say");
        else
                ask_finish(&wait->ask, ASK_DONE, NULL);
}

/* It may take for ever, and is told why. */
static void wait_look_at_pause(Wait *wait) {
        bool paused = queue_is_paused(wait->ask.asks->core->queue);

        if (wait->paused == paused)
                return;
        wait->paused = paused;
        ask_report(&wait->ask, paused ? "waiting while compiling is paused" : "waiting", 0, -1);
}

static void wait_check(Ask *ask) {
        Wait *wait = container_of(ask, Wait, ask);

        if (ask->cancelled)
                ask_finish(ask, ASK_FAILED, "cancelled");
        else if (wait_is_accounted_for(wait))
                wait_finish(wait);
        else
                wait_look_at_pause(wait);
}

static void wait_answer(Ask *ask, AskOutcome outcome, const char *message) {
        AskResult result = {
                .outcome = outcome,
                .message = message,
                .artifact_fd = -1,
                .log_fd = -1,
        };

        ask_tell(ask, &result);
}

static void wait_free(Ask *ask) {
        Wait *wait = container_of(ask, Wait, ask);

        ask_deinit(ask);
        free(wait->root);
        free(wait);
}

int wait_start(Asks *asks, const char *root, const AskHandlers *handlers, void *userdata,
               Ask **ret) {
        static const AskKind kind = {
                .check = wait_check,
                .answer = wait_answer,
                .free = wait_free,
        };
        Wait *wait = calloc(1, sizeof(*wait));
        int r;

        if (!wait)
                return -ENOMEM;
        ask_init(&wait->ask, asks, &kind, handlers, userdata);
        wait->ask.wants_barrier = true;
        r = strings_dup(&wait->root, root);
        if (r < 0) {
                wait_free(&wait->ask);
                return r;
        }
        statistics_count(&asks->core->statistics, STATISTIC_ASKS);
        *ret = &wait->ask;
        return 0;
}
