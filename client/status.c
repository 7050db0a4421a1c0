#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "client/answer.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/describe.h"
#include "client/overview.h"

const char command_status_help[] =
        "usage: dpucc-client status [PATH]\n"
        "\n"
        "Shows the workspaces and their units, what compiles and what waits, in the order in which "
        "it\n"
        "will start, with the time that the history of each predicts. With PATH only what lies\n"
        "there. On a terminal it fits the screen: problems come first, the newest on top, and "
        "what\n"
        "is well is counted where there is no room for it. In a pipe everything is listed.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client status\n"
        "  dpucc-client status .\n"
        "  dpucc-client status --json | jq '.units[] | select(.state == \"failed\")'\n"
        "  dpucc-client status --json | jq '.jobs[] | {name, phase, left_ms}'\n"
        "\n"
        "Exit status: 0 done, 5 nothing at PATH is watched, 6 no daemon.\n";

#define STATUS_NAME_MAX 40 /* columns */

typedef Dpucc__Wire__StatusReply Status;
typedef Dpucc__Wire__Unit Unit;

static int status_name_width(const Status *status) {
        size_t width = 4;

        for (size_t i = 0; i < status->n_units; i++) {
                size_t n = strlen(status->units[i]->name);

                width = n > width ? n : width;
        }
        return width < STATUS_NAME_MAX ? (int) width : STATUS_NAME_MAX;
}

static bool status_same(ProtobufCBinaryData a, ProtobufCBinaryData b) {
        return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* the source's path, below the root it is in */
static ProtobufCBinaryData status_source(const Unit *unit) {
        ProtobufCBinaryData path = unit->source_path;
        size_t n = unit->has_root ? unit->root.len : 0;

        if (n > 0 && path.len > n && memcmp(path.data, unit->root.data, n) == 0 &&
            path.data[n] == '/') {
                path.data += n + 1;
                path.len -= n + 1;
        }
        return path;
}

static void status_print_unit(const Unit *unit, int width) {
        (void) fputs("  ", stdout);
        output_padded(OUTPUT_BOLD, unit->name, width);
        (void) fputs("  ", stdout); /* after a longer name, too */
        output_padded(describe_state_colour(unit->state), describe_state(unit->state), 15);
        output_padded(OUTPUT_DIM, unit->toolchain ?: "", 10);
        output_bytes(status_source(unit));
        (void) putchar('\n');
        if (unit->detail && unit->detail[0] != '\0') {
                (void) printf("  %*s", width + 2, "");
                output_text(OUTPUT_PLAIN, unit->detail);
                (void) putchar('\n');
        }
}

/* those of @root, or with NULL those that are in none */
static void status_print_units(const Status *status, const Dpucc__Wire__Root *root, int width) {
        for (size_t i = 0; i < status->n_units; i++) {
                const Unit *unit = status->units[i];

                if (root ? unit->has_root && status_same(unit->root, root->path) : !unit->has_root)
                        status_print_unit(unit, width);
        }
}

static bool status_has_strays(const Status *status) {
        for (size_t i = 0; i < status->n_units; i++)
                if (!status->units[i]->has_root)
                        return true;
        return false;
}

static void status_print_head(const Status *status) {
        (void) fputs("dpuccd ", stdout);
        output_text(OUTPUT_PLAIN, status->version);
        (void) printf(", process %u: %u compiling, %u waiting%s\n", (unsigned) status->pid,
                      (unsigned) status->n_running, (unsigned) status->n_queued,
                      status->has_paused && status->paused
                              ? ", paused ('dpucc-client resume' lets compiles start)"
                              : "");
        for (size_t i = 0; i < status->n_warnings; i++) {
                output_text(OUTPUT_YELLOW, "warning: ");
                output_text(OUTPUT_PLAIN, status->warnings[i]);
                (void) putchar('\n');
        }
}

static void status_print_times(const Dpucc__Wire__Job *job) {
        char elapsed[16], left[16];

        output_duration(job->elapsed_ms, elapsed);
        (void) printf("%s %s", job->running ? "for" : "since", elapsed);
        if (job->has_left_ms) {
                output_duration(job->left_ms, left);
                (void) printf(", done in about %s", left);
        }
}

static void status_print_job(const Dpucc__Wire__Job *job, int width) {
        (void) fputs("  ", stdout);
        output_padded(OUTPUT_BOLD, job->name, width);
        (void) fputs("  ", stdout);
        output_padded(job->running ? OUTPUT_YELLOW : OUTPUT_DIM, job->phase, 15);
        output_padded(OUTPUT_DIM, job->toolchain ?: "", 10);
        status_print_times(job);
        if (job->n_clients > 0)
                (void) printf(", %u wait%s for it", (unsigned) job->n_clients,
                              job->n_clients == 1 ? "s" : "");
        if (job->n_failures > 0)
                (void) printf(", failed %u time%s and is tried again", (unsigned) job->n_failures,
                              job->n_failures == 1 ? "" : "s");
        (void) putchar('\n');
}

static void status_print_jobs(const Status *status, int width) {
        if (status->n_jobs == 0)
                return;
        (void) puts("\nqueue");
        for (size_t i = 0; i < status->n_jobs; i++)
                status_print_job(status->jobs[i], width);
        if (status->n_jobs_left_out > 0)
                (void) printf("  and %u more\n", (unsigned) status->n_jobs_left_out);
}

/* in a pipe: everything, in a form that stays */
static void status_print_plain(const Status *status) {
        int width = status_name_width(status);

        status_print_head(status);
        status_print_jobs(status, width);
        for (size_t i = 0; i < status->n_roots; i++) {
                (void) putchar('\n');
                describe_root(status->roots[i]);
                status_print_units(status, status->roots[i], width);
        }
        if (status_has_strays(status)) {
                (void) puts("\nasked for by path");
                status_print_units(status, NULL, width);
        }
        if (status->n_roots_left_out > 0) {
                (void) putchar('\n');
                describe_roots_left_out(status->n_roots_left_out);
        }
        if (status->n_units_left_out > 0)
                (void) printf("\n%u more units are not shown\n",
                              (unsigned) status->n_units_left_out);
        if (status->n_roots == 0)
                (void) puts("\nno workspace is watched: 'dpucc-client watch DIR' adds one");
}

static void status_print(const Exchange *x) {
        const Status *status = x->reply->status;

        if (x->reply->body_case != DPUCC__WIRE__REPLY__BODY_STATUS)
                return;
        if (!output_is_terminal(stdout) || overview_print(status, screen_of_terminal()) < 0)
                status_print_plain(status);
}

/* Anything that is watched at @place or below? A root that is gone still counts. */
static bool status_has_anything(const Status *status, const char *place) {
        for (size_t i = 0; i < status->n_roots; i++) {
                _cleanup_(freep) char *root = strndup((const char *) status->roots[i]->path.data,
                                                      status->roots[i]->path.len);

                if (root && path_is_beneath(root, place))
                        return true;
        }
        return status->n_units > 0 || (status->n_roots > 0 && access(place, F_OK) == 0);
}

/* A slip in PATH must not look like a quiet workspace. */
static void status_check_place(Exchange *x, const char *place) {
        if (x->code != CODE_DONE || x->reply->body_case != DPUCC__WIRE__REPLY__BODY_STATUS ||
            status_has_anything(x->reply->status, place))
                return;
        (void) problem_set(
                &x->problem, -ENOENT, "%s: %s", place,
                access(place, F_OK) < 0 ? strerror(errno) : "not in a watched workspace");
        dpucc__wire__reply__free_unpacked(TAKE_PTR(x->reply), NULL);
        x->code = CODE_NOT_FOUND;
}

int command_status(Options *options, int argc, char **argv) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__StatusRequest status = DPUCC__WIRE__STATUS_REQUEST__INIT;
        _cleanup_(freep) char *place = NULL;
        int r;

        r = ask_directory(options, argc, argv, 0, &status.path, &place);
        if (r < 0)
                return options_code(r);
        status.has_path = place != NULL;
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_STATUS;
        x.request.status = &status;
        (void) exchange_run(&x, options);
        if (place)
                status_check_place(&x, place);
        if (!answer_print(&x, options))
                status_print(&x);
        return x.code;
}
