#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/describe.h"
#include "client/document.h"
#include "client/output.h"

const char command_monitor_help[] =
        "usage: dpucc-client monitor [PATH]\n"
        "\n"
        "Prints what happens as it happens, until it is interrupted: saves, compiles, results,\n"
        "deliveries, workspaces that lose track or are polled. With PATH only what lies there.\n"
        "With --json each event is one line. When the reader does not keep up, events are left "
        "out,\n"
        "and the next one says how many.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client monitor\n"
        "  dpucc-client monitor --json | jq -r 'select(.kind == \"unit\") | .unit.name'\n"
        "\n"
        "Exit status: 1 the daemon was stopped, 6 no daemon, 124 timed out (--timeout).\n";

#define MONITOR_EVENT_MAX (1024 * 1024)

typedef Dpucc__Wire__Event Event;

static const char *monitor_name(const Event *event) {
        static const char *const names[] = {
                [DPUCC__WIRE__EVENT_KIND__EVENT_MONITORING] = "monitoring",
                [DPUCC__WIRE__EVENT_KIND__EVENT_SAVED] = "saved",
                [DPUCC__WIRE__EVENT_KIND__EVENT_GONE] = "gone",
                [DPUCC__WIRE__EVENT_KIND__EVENT_UNIT] = "unit",
                [DPUCC__WIRE__EVENT_KIND__EVENT_DELIVERED] = "delivered",
                [DPUCC__WIRE__EVENT_KIND__EVENT_WITHDRAWN] = "withdrawn",
                [DPUCC__WIRE__EVENT_KIND__EVENT_QUEUED] = "queued",
                [DPUCC__WIRE__EVENT_KIND__EVENT_STARTED] = "started",
                [DPUCC__WIRE__EVENT_KIND__EVENT_PHASE] = "phase",
                [DPUCC__WIRE__EVENT_KIND__EVENT_ENDED] = "ended",
                [DPUCC__WIRE__EVENT_KIND__EVENT_ROOT] = "root",
                [DPUCC__WIRE__EVENT_KIND__EVENT_PAUSED] = "paused",
                [DPUCC__WIRE__EVENT_KIND__EVENT_RESUMED] = "resumed",
                [DPUCC__WIRE__EVENT_KIND__EVENT_RELOADED] = "reloaded",
        };

        return (size_t) event->kind < ARRAY_SIZE(names) ? names[event->kind] : "unknown";
}

static void monitor_print_time(const Event *event) {
        time_t seconds = (time_t) (event->time_ms / 1000);
        char text[16] = "";
        struct tm tm;

        if (localtime_r(&seconds, &tm))
                (void) strftime(text, sizeof(text), "%H:%M:%S", &tm);
        (void) printf("%s.%03d  ", text, (int) (event->time_ms % 1000));
}

static void monitor_print_unit(const Dpucc__Wire__Unit *unit) {
        output_text(OUTPUT_BOLD, unit->name);
        (void) fputs("  ", stdout);
        output_text(describe_state_colour(unit->state), describe_state(unit->state));
        if (unit->has_hit && unit->hit)
                (void) fputs(" (it was in the cache)", stdout);
        if (unit->detail) {
                (void) fputs(": ", stdout);
                output_text(OUTPUT_PLAIN, unit->detail);
        }
}

static void monitor_print_job(const Event *event) {
        const Dpucc__Wire__Job *job = event->job;
        char elapsed[16];

        output_text(OUTPUT_BOLD, job->name);
        if (event->kind == DPUCC__WIRE__EVENT_KIND__EVENT_PHASE)
                (void) printf("  %s", job->phase);
        if (event->outcome) {
                output_duration(job->elapsed_ms, elapsed);
                (void) fputs("  ", stdout);
                output_text(strcmp(event->outcome, "made") == 0 ? OUTPUT_GREEN : OUTPUT_YELLOW,
                            event->outcome);
                (void) printf(" after %s", elapsed);
        }
}

/* for people */
static void monitor_print(const Event *event) {
        monitor_print_time(event);
        output_padded(OUTPUT_DIM, monitor_name(event), 11);
        if (event->unit)
                monitor_print_unit(event->unit);
        else if (event->job)
                monitor_print_job(event);
        else if (event->has_path)
                output_bytes(event->path);
        if (event->root) {
                (void) fputs("  ", stdout);
                output_text(OUTPUT_PLAIN, event->root->state ?: "");
        }
        if (event->detail) {
                (void) fputs(": ", stdout);
                output_text(OUTPUT_PLAIN, event->detail);
        }
        if (event->n_left_out > 0)
                (void) printf("  (%u events before this one were left out)",
                              (unsigned) event->n_left_out);
        (void) putchar('\n');
}

/* A reader that went away ends it. */
static int monitor_take(const Event *event, void *userdata) {
        _cleanup_(bytes_cleanup) Bytes line = BYTES_INIT(MONITOR_EVENT_MAX);
        const Options *options = userdata;
        int r;

        if (options->json) {
                r = document_of_event(event, &line);
                if (r < 0)
                        return r;
                (void) fwrite(line.data, 1, line.size, stdout);
        } else {
                monitor_print(event);
        }
        return fflush(stdout) == 0 ? 0 : -ECANCELED;
}

int command_monitor(Options *options, int argc, char **argv) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__MonitorRequest monitor = DPUCC__WIRE__MONITOR_REQUEST__INIT;
        _cleanup_(freep) char *place = NULL;
        int r;

        r = ask_directory(options, argc, argv, 0, &monitor.path, &place);
        if (r < 0)
                return options_code(r);
        monitor.has_path = place != NULL;
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_MONITOR;
        x.request.monitor = &monitor;
        x.patient = true;
        x.on_event = monitor_take;
        x.on_event_userdata = options;
        return ask(options, &x, NULL);
}
