#pragma once

/*
 * Verdicts: will the same compile fail again?
 *
 * Judged from how the process ended and from what its log says (compiler_log.h). A verdict is
 * about failures only: that a compile was right is never concluded from its log or status, it
 * prints FATAL and ends with 0, or ends with 0 after it did nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "xmodel/compiler_log.h"

typedef enum CompilerVerdict {
        COMPILER_FINE,          /* nothing says that it failed */
        COMPILER_DETERMINISTIC, /* the same input fails in the same way */
        COMPILER_TRANSIENT,     /* the machine was in the way */
        COMPILER_FLAKY,         /* worth one more try: it was seen to succeed then */
} CompilerVerdict;

const char *compiler_verdict_name(CompilerVerdict verdict); /* "deterministic" */

/* how the process ended */
typedef struct CompilerExit {
        int status;      /* 128 + signal as a shell gives it is understood, too */
        int term_signal; /* 0: it ended by itself */
        bool timed_out;
        bool no_memory; /* the container or control group says that memory ran out */
} CompilerExit;

/* @ret_why: what failed and what that means, one line; unchanged if nothing did. */
CompilerVerdict compiler_verdict(const CompilerLog *log, const CompilerExit *end, Problem *ret_why);

/* What a fatal code means, for a person; NULL if we do not know it. */
const char *compiler_code_meaning(const char *code);

/* which part of the tools prints codes that begin like this one: "compiler"; never NULL */
const char *compiler_code_family(const char *code);
