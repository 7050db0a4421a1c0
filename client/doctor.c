/*
 * The daemon examines itself, because what matters is what it can reach: with its PATH, its
 * groups, its mount namespace. If there is none, a `dpuccd --once` does it with ours, and that
 * there is none is the first finding.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/program.h"
#include "client/answer.h"
#include "client/command.h"
#include "client/exchange.h"
#include "client/masquerade.h"
#include "client/output.h"

const char command_doctor_help[] =
        "usage: dpucc-client doctor\n"
        "\n"
        "Goes through everything that has to work, and tells for each step that fails what to do:\n"
        "the daemon and its socket, the configuration, the cache, the kernel's limits, the\n"
        "workspaces and their units, and each toolchain: its launcher, conda environment,\n"
        "container engine, image and program. Nothing is compiled. The daemon looks for itself, "
        "so\n"
        "what counts is its PATH and its rights; without a daemon, and with --no-daemon, they are\n"
        "those of this shell.\n"
        "\n"
        "With --toolchain NAME only that one is tried.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client doctor\n"
        "  dpucc-client doctor --json | jq '.findings[] | select(.state != \"ok\")'\n"
        "  dpucc-client --no-daemon --toolchain vitis-3.5 doctor\n"
        "\n"
        "Exit status: 0 nothing failed (there may be warnings), 1 something did.\n";

typedef Dpucc__Wire__DoctorReply Doctor;
typedef Dpucc__Wire__Finding Finding;
typedef Dpucc__Wire__FindingState State;

#define DOCTOR_OK      DPUCC__WIRE__FINDING_STATE__FINDING_OK
#define DOCTOR_WARNING DPUCC__WIRE__FINDING_STATE__FINDING_WARNING
#define DOCTOR_FAILED  DPUCC__WIRE__FINDING_STATE__FINDING_FAILED

static bool doctor_has_answer(const Exchange *x) {
        return x->reply && x->reply->body_case == DPUCC__WIRE__REPLY__BODY_DOCTOR;
}

static void doctor_ask(Exchange *x, const Options *options) {
        Dpucc__Wire__DoctorRequest request = DPUCC__WIRE__DOCTOR_REQUEST__INIT;

        request.toolchain = (char *) options->toolchain;
        x->patient = true;
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY_DOCTOR;
        x->request.doctor = &request;
        (void) exchange_run(x, options);
        x->request.doctor = NULL; /* it goes out of scope */
}

/* --- what only this side can tell --------------------------------------------------------------- */

/* Puts a finding before the others; what is added is the message's and freed with it. For want of
 * memory it is left out. */
static void doctor_add(Doctor *doctor, State state, const char *subject, const char *text) {
        Finding *finding = malloc(sizeof(*finding));
        Finding **findings = NULL;

        if (!finding)
                return;
        dpucc__wire__finding__init(finding);
        finding->subject = strdup(subject);
        finding->text = strdup(text);
        finding->state = state;
        if (finding->subject && finding->text)
                findings = realloc(doctor->findings, (doctor->n_findings + 1) * sizeof(finding));
        if (!findings) {
                dpucc__wire__finding__free_unpacked(finding, NULL);
                return;
        }
        doctor->findings = findings;
        memmove(findings + 1, findings, doctor->n_findings * sizeof(finding));
        findings[0] = finding;
        doctor->n_findings++;
}

/* Which tool scripts get by the vendor's name, in this shell: ours, and is there another behind it? */
static void doctor_add_tool(Doctor *doctor) {
        _cleanup_(freep) char *first = NULL, *other = NULL;
        Problem text;

        if (program_find(MASQUERADE_NAME, &first) < 0)
                return;
        (void) program_find_other(MASQUERADE_NAME, &other);
        if (!other)
                (void) problem_set(&text, 0,
                                   "%s is dpucc's: what scripts compile goes through the cache, "
                                   "with the toolchain that is configured",
                                   first);
        else if (strcmp(first, other) != 0)
                (void) problem_set(&text, 0,
                                   "%s is dpucc's: what scripts compile goes through the cache, "
                                   "with %s behind it",
                                   first, other);
        else
                (void) problem_set(&text, 0,
                                   "%s is not dpucc's: what scripts compile with it is not cached "
                                   "until share/dpucc/masquerade comes before it on PATH",
                                   first);
        doctor_add(doctor, DOCTOR_OK, MASQUERADE_NAME, text.text);
}

/* Variables that a daemon reads when it starts: in this shell they have no effect on it. */
static void doctor_add_environment(Doctor *doctor) {
        static const char *const names[] = { "DPUCC_CACHE_DIR", "DPUCC_CONFIG" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const char *value = getenv(names[i]);
                Problem text;

                if (!value || !value[0])
                        continue;
                (void) problem_set(
                        &text, 0,
                        "%s is %s in this shell; a daemon that runs has it from where it "
                        "was started",
                        names[i], value);
                doctor_add(doctor, DOCTOR_OK, "environment", text.text);
        }
}

static void doctor_add_daemon(Doctor *doctor, const Options *options) {
        _cleanup_(freep) char *fallback = options->socket ? NULL : path_default_socket();
        Problem text;

        (void) problem_set(&text, 0, "dpuccd %s, process %u, at %s", doctor->version,
                           (unsigned) doctor->pid, options->socket ?: fallback ?: "");
        if (strcmp(doctor->version, DPUCC_VERSION) != 0) {
                (void) problem_set(&text, 0,
                                   "dpuccd is version %s, dpucc-client %s: start the daemon again "
                                   "('systemctl --user restart dpuccd')",
                                   doctor->version, DPUCC_VERSION);
                doctor_add(doctor, DOCTOR_WARNING, "daemon", text.text);
                return;
        }
        doctor_add(doctor, DOCTOR_OK, "daemon", text.text);
}

static void doctor_add_ours(Doctor *doctor, const Options *options) {
        if (!options->toolchain)
                doctor_add_tool(doctor);
        if (options->no_daemon)
                return;
        doctor_add_environment(doctor);
        doctor_add_daemon(doctor, options);
}

/* No daemon: that is a finding, and we look for ourselves. */
static void doctor_do_without(Exchange *x, const Options *options) {
        Options direct = *options;
        Problem why = x->problem;

        exchange_deinit(x);
        *x = (Exchange) EXCHANGE_INIT;
        direct.no_daemon = true;
        doctor_ask(x, &direct);
        if (!doctor_has_answer(x)) {
                output_complain(why.text);
                return;
        }
        doctor_add_ours(x->reply->doctor, &direct);
        doctor_add(x->reply->doctor, DOCTOR_FAILED, "daemon", why.text);
        if (x->code == CODE_DONE) /* even if there was no memory to say so */
                x->code = CODE_ERROR;
}

/* --- for people --------------------------------------------------------------------------------- */

static void doctor_print_finding(const Finding *finding) {
        static const struct {
                const char *word;
                OutputColour colour;
        } states[] = {
                [DOCTOR_OK] = { "ok", OUTPUT_GREEN },
                [DOCTOR_WARNING] = { "warning", OUTPUT_YELLOW },
                [DOCTOR_FAILED] = { "failed", OUTPUT_RED },
        };
        bool known = (size_t) finding->state < ARRAY_SIZE(states);

        output_padded(known ? states[finding->state].colour : OUTPUT_PLAIN,
                      known ? states[finding->state].word : "unknown", 8);
        (void) putchar(' ');
        output_text(OUTPUT_BOLD, finding->subject);
        if (finding->step) {
                (void) fputs(", ", stdout);
                output_text(OUTPUT_PLAIN, finding->step);
        }
        (void) fputs(": ", stdout);
        output_text(OUTPUT_PLAIN, finding->text);
        (void) putchar('\n');
}

static unsigned doctor_count(const Doctor *doctor, State state) {
        unsigned n = 0;

        for (size_t i = 0; i < doctor->n_findings; i++)
                n += doctor->findings[i]->state == state;
        return n;
}

static void doctor_print(const Doctor *doctor) {
        unsigned n_failed = doctor_count(doctor, DOCTOR_FAILED);
        unsigned n_warnings = doctor_count(doctor, DOCTOR_WARNING);

        for (size_t i = 0; i < doctor->n_findings; i++)
                doctor_print_finding(doctor->findings[i]);
        (void) printf("\n%u failed, %u warning%s\n", n_failed, n_warnings,
                      n_warnings == 1 ? "" : "s");
}

int command_doctor(Options *options, int argc, char **argv) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        int first = options_operands(options, argc, argv, NULL, 0, 0);

        if (first < 0)
                return options_code(first);
        doctor_ask(&x, options);
        if (!options->no_daemon && x.code == CODE_UNREACHABLE)
                doctor_do_without(&x, options);
        else if (doctor_has_answer(&x))
                doctor_add_ours(x.reply->doctor, options);

        if (doctor_has_answer(&x) && x.code == CODE_DONE &&
            doctor_count(x.reply->doctor, DOCTOR_FAILED) > 0)
                x.code = CODE_ERROR;
        if (options->json || !doctor_has_answer(&x))
                (void) answer_print(&x, options);
        else
                doctor_print(x.reply->doctor);
        return x.code;
}
