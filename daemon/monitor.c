#include "daemon/monitor.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/path.h"

typedef struct Monitor {
        Ask ask;
        char *beneath; /* NULL: everywhere */
        bool begun;    /* it was told that it listens */
        EventSink sink;
} Monitor;

/* What concerns no place concerns everybody. */
static bool monitor_wants(const Monitor *monitor, const EventView *event) {
        return !monitor->beneath || !event->path ||
               path_is_beneath(event->path, monitor->beneath) ||
               (event->root && path_is_beneath(monitor->beneath, event->path));
}

static void monitor_heard(const EventView *event, void *userdata) {
        Monitor *monitor = userdata;

        if (!monitor->ask.cancelled && monitor_wants(monitor, event))
                monitor->ask.handlers.event(event, monitor->ask.userdata);
}

static void monitor_check(Ask *ask) {
        const EventView begin = { .kind = EVENT_MONITORING, .time_ns = clock_real_ns() };
        Monitor *monitor = container_of(ask, Monitor, ask);

        if (!ask->cancelled && !monitor->begun) {
                monitor->begun = true;
                ask->handlers.event(&begin, ask->userdata);
        }
        if (ask->cancelled)
                ask_finish(ask, ASK_FAILED, NULL);
}

/* Who cancelled it hears nothing any more, unless it was the daemon's end. */
static void monitor_answer(Ask *ask, AskOutcome outcome, const char *message) {
        AskResult result = {
                .outcome = outcome,
                .message = "the daemon is stopping",
                .artifact_fd = -1,
                .log_fd = -1,
        };

        (void) message;
        ask_tell(ask, &result);
}

static void monitor_free(Ask *ask) {
        Monitor *monitor = container_of(ask, Monitor, ask);

        events_leave(&monitor->sink);
        ask_deinit(ask);
        free(monitor->beneath);
        free(monitor);
}

int monitor_start(Asks *asks, const char *beneath, const AskHandlers *handlers, void *userdata,
                  Ask **ret) {
        static const AskKind kind = {
                .check = monitor_check,
                .answer = monitor_answer,
                .free = monitor_free,
        };
        Monitor *monitor = calloc(1, sizeof(*monitor));

        if (!monitor || strings_dup(&monitor->beneath, beneath) < 0) {
                free(monitor);
                return -ENOMEM;
        }
        ask_init(&monitor->ask, asks, &kind, handlers, userdata);
        monitor->sink = (EventSink){ .heard = monitor_heard, .userdata = monitor };
        events_listen(&asks->core->events, &monitor->sink);
        *ret = &monitor->ask;
        return 0;
}
