#include "daemon/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "daemon/engine.h"

static int status_take_name(const JobView *job, void *userdata) {
        Status *status = userdata;
        _cleanup_(freep) char *name = NULL;

        if (!job->running || asprintf(&name, "%s@%s", job->net_name, job->target ?: "?") < 0) {
                name = NULL;
                return 1;
        }
        (void) utf8_escape(name, strlen(name), status->name, sizeof(status->name));
        return 1; /* the first of those that run */
}

static void status_look(Status *status, Engine *engine) {
        uint64_t n_started = engine_n_started(engine);
        uint32_t n_running = engine_n_running(engine);

        if (status->n_started == n_started && status->n_running == n_running)
                return;
        status->n_started = n_started;
        status->n_running = n_running;
        (void) snprintf(status->name, sizeof(status->name), "%" PRIu32 " models", n_running);
        if (n_running > 0)
                (void) engine_each_job(engine, status_take_name, status);
}

void status_write(Status *status, Engine *engine, char *ret, size_t room) {
        const uint32_t n_queued = engine_n_queued(engine);
        const size_t n_roots = engine_n_roots(engine);
        char more[32] = "", waiting[32] = "";

        status_look(status, engine);
        if (status->n_running > 1)
                (void) snprintf(more, sizeof(more), " and %" PRIu32 " more", status->n_running - 1);
        if (n_queued > 0)
                (void) snprintf(waiting, sizeof(waiting), ", %" PRIu32 " waiting", n_queued);

        if (status->n_running > 0)
                (void) snprintf(ret, room, "Compiling %s%s%s", status->name, more, waiting);
        else
                (void) snprintf(ret, room, "%s; %zu workspace%s%s",
                                engine_is_paused(engine) ? "Paused" : "Idle", n_roots,
                                n_roots == 1 ? "" : "s", waiting);
}
