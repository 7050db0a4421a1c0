#pragma once

/*
 * Diagnoses: what is known of how a job went, and what follows for its outcome
 *
 * Gathered step by step: how the compiler ended and what its log says, what it left, what the
 * check of that says. The first verdict stays, save that a toolchain which changed meanwhile
 * overrules everything: see job.h for what is for good and what is transient.
 *
 * The job fills in how the compiler ended, and its log; it does so on the loop, or a worker judges,
 * never both at the same time. The order is borrowed. diagnosis_conclude(),
 * diagnosis_judge_report() and diagnosis_judge_toolchain() block.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "cache/state.h"
#include "daemon/check_report.h"
#include "daemon/command.h"
#include "daemon/order.h"
#include "daemon/queue.h"
#include "xmodel/compiler_verdict.h"

#define DIAGNOSIS_ENGINE "engine" /* failure class of a compile that did not run to its end */

typedef struct Diagnosis {
        const Order *order;

        CompilerExit end; /* of the compiler */
        bool stopped;     /* by us */
        uint64_t elapsed_ms;
        uint64_t peak_memory; /* of the compiler; 0: not known */
        Bytes log;
        CompilerLog *compiler_log; /* the same, read; all of it */
        CompilerVerdict verdict;   /* of that and of how it ended */
        Problem why;               /* of the verdict */
        CheckReport report;
        char *cpu_ops; /* of the report, separated by commas */

        JobResult result; /* JOB_MADE until something else is known */
} Diagnosis;

void diagnosis_init(Diagnosis *diagnosis, const Order *order);
void diagnosis_deinit(Diagnosis *diagnosis);
/* Forgets how the compiler went: it is to run once more. */
void diagnosis_clear(Diagnosis *diagnosis);

void diagnosis_judge(Diagnosis *diagnosis, JobOutcome outcome, const char *class,
                     const Problem *problem);
/* @r: why we could not do @what; -ESTALE and -ENOENT mean that the source changed. */
void diagnosis_judge_error(Diagnosis *diagnosis, int r, const Problem *problem, const char *what);

/* Asks the container engine, if there is one, how the compiler in @command ended. */
void diagnosis_conclude(Diagnosis *diagnosis, Command *command);
void diagnosis_judge_exit(Diagnosis *diagnosis);
/* @problem: what is wrong with the files that the compiler left */
void diagnosis_judge_output(Diagnosis *diagnosis, const Problem *problem);
/* The check ended with @status, which is none of a check, and said @output: what was in its way? */
void diagnosis_judge_no_check(Diagnosis *diagnosis, int status, Slice output);
/* @name in @dir_fd: what the check of the output says */
void diagnosis_judge_report(Diagnosis *diagnosis, int dir_fd, const char *name);
void diagnosis_judge_toolchain(Diagnosis *diagnosis, State *state);
