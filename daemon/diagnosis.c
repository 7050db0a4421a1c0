#include "daemon/diagnosis.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "daemon/artifact.h"
#include "daemon/salvage.h"

void diagnosis_init(Diagnosis *diagnosis, const Order *order) {
        *diagnosis = (Diagnosis){ .order = order, .log = BYTES_INIT(ARTIFACT_LOG_MAX) };
}

void diagnosis_deinit(Diagnosis *diagnosis) {
        (void) salvage_unref(diagnosis->result.salvage);
        check_report_deinit(&diagnosis->report);
        free(diagnosis->cpu_ops);
        bytes_deinit(&diagnosis->log);
        (void) compiler_log_free(diagnosis->compiler_log);
}

void diagnosis_clear(Diagnosis *diagnosis) {
        Problem none = {};

        diagnosis->result.outcome = JOB_MADE;
        diagnosis->result.failure_class[0] = '\0';
        diagnosis->result.diagnosis = none;
        diagnosis->compiler_log = compiler_log_free(diagnosis->compiler_log);
        bytes_deinit(&diagnosis->log);
}

void diagnosis_judge(Diagnosis *diagnosis, JobOutcome outcome, const char *class,
                     const Problem *problem) {
        if (diagnosis->result.outcome != JOB_MADE)
                return;
        diagnosis->result.outcome = outcome;
        (void) snprintf(diagnosis->result.failure_class, sizeof(diagnosis->result.failure_class),
                        "%s", class);
        diagnosis->result.diagnosis = *problem;
}

void diagnosis_judge_error(Diagnosis *diagnosis, int r, const Problem *problem, const char *what) {
        Problem full = *problem;

        if (r == -ESTALE || r == -ENOENT) {
                diagnosis_judge(diagnosis, JOB_STALE, "", &full);
                return;
        }
        if (full.text[0] == '\0')
                (void) problem_set(&full, r, "%s: %s", what, file_error_text(r));
        diagnosis_judge(diagnosis, JOB_TRANSIENT, "resources", &full);
}

/* The last line that is not blank, cut to @room. */
static void diagnosis_last_line(Slice log, char *ret, size_t room) {
        size_t end = log.size, start;

        while (end > 0 &&
               (log.data[end - 1] == '\n' || log.data[end - 1] == '\r' || log.data[end - 1] == ' '))
                end--;
        start = end;
        while (start > 0 && log.data[start - 1] != '\n' && end - start < room - 1)
                start--;
        (void) snprintf(ret, room, "%.*s", (int) (end - start), (const char *) log.data + start);
}

static const char *diagnosis_failure_class(const Diagnosis *diagnosis) {
        const CompilerExit *end = &diagnosis->end;

        if (end->timed_out)
                return "timeout";
        if (compiler_log_failure(diagnosis->compiler_log)->fatal)
                return "fatal";
        return end->term_signal != 0 || end->status > 128 ? "killed" : "exit-status";
}

/* The log may give a reason. If not, its last line has to do. */
static void diagnosis_judge_failure(Diagnosis *diagnosis) {
        const CompilerLogFailure *failure = compiler_log_failure(diagnosis->compiler_log);
        bool explained = failure->fatal || failure->exception || failure->error || failure->thrown;
        Problem problem = {};
        char last[256] = "";

        if (!explained)
                diagnosis_last_line(bytes_slice(&diagnosis->log), last, sizeof(last));
        (void) problem_set(&problem, 0, "the compiler (%s) failed after %" PRIu64 " s: %s%s%s",
                           toolchain_name(diagnosis->order->toolchain),
                           diagnosis->elapsed_ms / 1000, diagnosis->why.text, last[0] ? ": " : "",
                           last);
        diagnosis_judge(diagnosis,
                        diagnosis->verdict == COMPILER_TRANSIENT ? JOB_TRANSIENT : JOB_FAILED,
                        diagnosis_failure_class(diagnosis), &problem);
}

/* With status 0 only a fatal error is certain: what else the log complains of is remembered, and
 * counts if the outputs are not right. */
void diagnosis_judge_exit(Diagnosis *diagnosis) {
        const CompilerExit *end = &diagnosis->end;

        diagnosis->verdict = compiler_verdict(diagnosis->compiler_log, end, &diagnosis->why);
        if (end->status != 0 || end->term_signal != 0 || end->timed_out ||
            compiler_log_failure(diagnosis->compiler_log)->fatal)
                diagnosis_judge_failure(diagnosis);
}

/* The client said why there was no run: that is the rest of the story. */
static void diagnosis_explain_engine(const Diagnosis *diagnosis, Problem *problem) {
        Problem why = *problem;
        char last[256];

        diagnosis_last_line(bytes_slice(&diagnosis->log), last, sizeof(last));
        if (last[0])
                (void) problem_set(problem, 0, "%s: %s", why.text, last);
}

/* What the log said is nearer to the cause than what is missing. */
void diagnosis_judge_output(Diagnosis *diagnosis, const Problem *problem) {
        Problem full = *problem;

        if (diagnosis->verdict != COMPILER_FINE)
                (void) problem_set(&full, 0, "the compiler (%s): %s; %s",
                                   toolchain_name(diagnosis->order->toolchain), diagnosis->why.text,
                                   problem->text);
        diagnosis_judge(diagnosis,
                        diagnosis->verdict == COMPILER_TRANSIENT ? JOB_TRANSIENT : JOB_FAILED,
                        "output", &full);
}

/* What a program of ours said to be in the way of it; false if that is something of the file. */
static bool diagnosis_is_machine(int status, Slice output) {
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
        const CompilerExit end = { .status = status };
        Problem why = {};

        return compiler_log_new(&log) < 0 || compiler_log_feed(log, output) < 0 ||
               compiler_log_end(log) < 0 || compiler_verdict(log, &end, &why) == COMPILER_TRANSIENT;
}

void diagnosis_judge_no_check(Diagnosis *diagnosis, int status, Slice output) {
        Problem problem = {};
        char last[256];

        diagnosis_last_line(output, last, sizeof(last));
        (void) problem_set(&problem, 0, "the output cannot be checked: %s", last);
        if (diagnosis_is_machine(status, output))
                diagnosis_judge(diagnosis, JOB_TRANSIENT, "check", &problem);
        else /* it could not even look at the file, which therefore is no good */
                diagnosis_judge(diagnosis, JOB_FAILED, "output", &problem);
}

/* Docker says so of a container that ended while it was not there itself (20.10, measured). A
 * compiler may end so, too, but then the client knows. */
#define DIAGNOSIS_END_UNSEEN 255

/* A client of a container engine has a status of its own: only the container's counts. */
void diagnosis_conclude(Diagnosis *diagnosis, Command *command) {
        Toolchain *toolchain = diagnosis->order->toolchain;
        bool container = toolchain_kind(toolchain) == TOOLCHAIN_CONTAINER;
        ContainerEnd end = {};
        Problem problem = {};
        int r;

        r = toolchain_conclude(toolchain, command, &end, &problem);
        if (diagnosis->stopped) /* how is known */
                return;
        if (r < 0) {
                diagnosis_explain_engine(diagnosis, &problem);
                diagnosis_judge(diagnosis, JOB_TRANSIENT, DIAGNOSIS_ENGINE, &problem);
        } else if (end.out_of_memory) {
                (void) problem_set(&problem, 0,
                                   "the compiler (%s) ran out of memory in its container; raise "
                                   "memory_limit_mib, or close something else",
                                   toolchain_name(toolchain));
                diagnosis_judge(diagnosis, JOB_TRANSIENT, "memory", &problem);
        } else if (container && end.exit_status == DIAGNOSIS_END_UNSEEN &&
                   diagnosis->end.status != DIAGNOSIS_END_UNSEEN) {
                (void) problem_set(&problem, 0,
                                   "toolchain %s: the engine did not see how the compile ended",
                                   toolchain_name(toolchain));
                diagnosis_explain_engine(diagnosis, &problem);
                diagnosis_judge(diagnosis, JOB_TRANSIENT, DIAGNOSIS_ENGINE, &problem);
        } else if (container) {
                diagnosis->end.status = (int) end.exit_status;
                diagnosis->end.term_signal = 0;
        }
}

/* Overrules everything: what another compiler made, success or failure, is not this key's. */
void diagnosis_judge_toolchain(Diagnosis *diagnosis, State *state) {
        const Order *order = diagnosis->order;
        ToolchainIdentity identity;
        Problem problem = {};
        int r;

        r = toolchain_identify(order->toolchain, state, true, &identity, &problem);
        if (r == 0 && digest_equal(&identity.digest, &order->toolchain_identity))
                return;
        if (r < 0 && r != -ENODATA && !error_is_of_file(r)) {
                if (problem.text[0] == '\0')
                        (void) problem_set(&problem, 0, "looking at the toolchain %s: %s",
                                           toolchain_name(order->toolchain), strerror(-r));
                diagnosis->result.outcome = JOB_TRANSIENT;
                diagnosis->result.unread = true;
                diagnosis->result.diagnosis = problem;
                return;
        }
        diagnosis->result.outcome = JOB_STALE;
        (void) problem_set(&diagnosis->result.diagnosis, 0,
                           "the toolchain %s changed while it compiled",
                           toolchain_name(order->toolchain));
}

static int diagnosis_join_cpu_ops(Diagnosis *diagnosis) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(64 * 1024);
        int r = 0;

        for (size_t i = 0; r == 0 && i < diagnosis->report.cpu_ops.n; i++)
                r = bytes_printf(&text, "%s%s", i > 0 ? "," : "",
                                 diagnosis->report.cpu_ops.items[i]);
        if (r < 0)
                return r;
        diagnosis->cpu_ops = bytes_take_string(&text);
        return diagnosis->cpu_ops ? 0 : -ENOMEM;
}

void diagnosis_judge_report(Diagnosis *diagnosis, int dir_fd, const char *name) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(CHECK_REPORT_MAX);
        Problem problem = {};
        int r;

        r = file_read_plain(dir_fd, name, &text);
        if (r == 0)
                r = check_report_parse(bytes_slice(&text), &diagnosis->report, &problem);
        if (r == 0)
                r = diagnosis_join_cpu_ops(diagnosis);
        if (r < 0) {
                (void) problem_prefix(&problem, r, "the check of the output");
                diagnosis_judge(diagnosis, JOB_TRANSIENT, "check", &problem);
                return;
        }
        if (!diagnosis->report.ok) {
                (void) problem_set(&problem, 0, "%s",
                                   diagnosis->report.problems.n > 0
                                           ? diagnosis->report.problems.items[0]
                                           : "the output failed its check");
                diagnosis_judge(diagnosis, JOB_FAILED, "check", &problem);
        }
        if (order_adopts(diagnosis->order) &&
            diagnosis->report.by_dpucc !=
                    (toolchain_kind(diagnosis->order->toolchain) == TOOLCHAIN_DPUCC)) {
                (void) problem_set(&problem, 0, "the file is the work of %s, not of toolchain %s",
                                   diagnosis->report.compiler ?: "an unknown compiler",
                                   toolchain_name(diagnosis->order->toolchain));
                diagnosis_judge(diagnosis, JOB_FAILED, "compiler", &problem);
        }
}
