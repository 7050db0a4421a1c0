#pragma once

/*
 * The log of the vendor's compiler, read line by line
 *
 * Bytes are fed as they come, in pieces of any size; the log of a running compile answers
 * questions at any time. What is looked for is what `vai_c_xir` of releases 1.2 to 3.5 and the
 * library below it print (forms: Xilinx/Vitis-AI issues, Vitis-AI-Tutorials reference logs,
 * src/vai_runtime/unilog; inventory in docs/FORMATS.md, "Compiler log").
 *
 * A log may hold many compiles: the quantizer's inspector compiles a few ops at a time. Facts
 * are those of the last compile that said where its file was saved; if none did, or if a later
 * one failed, of the last that began.
 *
 * A log names only part of the layers that are off the DPU, and success is never judged by it
 * (compiler_verdict.h judges failures). Everything here is for people and for progress.
 *
 * Ownership: a CompilerLog owns all texts that it returns; they live until the next feed. One
 * thread at a time. Text comes from another program: it may hold anything but NUL, line breaks
 * and escape sequences. Memory is bounded by the limits below, whatever is fed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define COMPILER_LOG_LINE_MAX   8192 /* bytes; the rest of a longer line is not looked at */
#define COMPILER_LOG_OPS_MAX    1024 /* entries of each list */
#define COMPILER_LOG_TEXT_TOTAL ((size_t) 4 << 20) /* bytes of text kept for one compile */

typedef struct CompilerLog CompilerLog;

/* in the order in which a compile goes through them */
typedef enum CompilerPhase {
        COMPILER_PHASE_SILENT,    /* nothing that we know was printed */
        COMPILER_PHASE_STARTED,   /* its banner, or what it will compile for */
        COMPILER_PHASE_FRONT_END, /* a framework's model is being translated */
        COMPILER_PHASE_COMPILING,
        COMPILER_PHASE_PARTITIONED, /* the subgraphs are counted: almost there */
        COMPILER_PHASE_COMPILED,
        COMPILER_PHASE_SAVED,
} CompilerPhase;

const char *compiler_phase_name(CompilerPhase phase); /* "compiling" */

typedef struct CompilerLogOp {
        const char *name;
        const char *type;
        const char *reason; /* NULL: the log gives none */
} CompilerLogOp;

/* Each op once. */
typedef struct CompilerLogOps {
        CompilerLogOp *items;
        size_t n, capacity;
        size_t n_more; /* that there was no room for */
} CompilerLogOps;

/* One compile. Texts are NULL where the log says nothing. */
typedef struct CompilerLogFacts {
        const char *target;       /* name, with 16 digits behind it if no release knows it */
        const char *graph;        /* name */
        const char *mode;         /* "dpu" */
        const char *debug_mode;   /* "function", "null" */
        const char *meta_path;    /* of meta.json */
        const char *xmodel_path;  /* of the compiled file */
        const char *md5_path;     /* of md5sum.txt */
        const char *md5;          /* of the compiled file: 32 digits */
        const char *own_log_path; /* where 1.3 and 1.4 write another log */
        bool has_ops;
        uint64_t n_ops; /* of the graph that was read */
        bool has_subgraphs;
        uint64_t n_subgraphs; /* of all devices */
        uint64_t n_dpu;
        CompilerLogOps cpu;     /* assigned to the CPU */
        CompilerLogOps removed; /* superfluous, harmless */
        CompilerLogOps custom;  /* of types that XIR does not define */
} CompilerLogFacts;

/* how a process ended, by what was printed about it */
typedef enum CompilerCrash {
        COMPILER_CRASH_NONE,
        COMPILER_CRASH_KILLED,
        COMPILER_CRASH_ABORTED,
        COMPILER_CRASH_SEGFAULT,
        COMPILER_CRASH_OTHER, /* "This program has crashed!" */
} CompilerCrash;

/* What went wrong, in the whole log: of each kind the first, but the last exception. Texts are
 * NULL where there was none. */
typedef struct CompilerLogFailure {
        bool fatal;              /* a FATAL line */
        const char *code;        /* XCOM_PM_FAIL; NULL if the line has none */
        const char *description; /* what belongs to the code */
        const char *detail;      /* of this case; may have been on the next line */
        const char *exception;   /* last line of a traceback of Python */
        const char *thrown;      /* type of a C++ exception that nothing caught */
        const char *what;        /* and its text */
        const char *error;       /* an "ERROR: " line, without that word */
        const char *machine;     /* what of the machine was in the way: "memory ran out" */
        CompilerCrash crash;
} CompilerLogFailure;

int compiler_log_new(CompilerLog **ret); /* -ENOMEM */
CompilerLog *compiler_log_free(CompilerLog *log);

static inline void compiler_log_freep(CompilerLog **log) {
        (void) compiler_log_free(*log);
}

int compiler_log_feed(CompilerLog *log, Slice bytes); /* -ENOMEM */
int compiler_log_end(CompilerLog *log);               /* the last line may have no end; -ENOMEM */

CompilerPhase compiler_log_phase(const CompilerLog *log); /* of the last compile */
size_t compiler_log_saved(const CompilerLog *log);        /* compiles that saved a file */
const CompilerLogFacts *compiler_log_facts(const CompilerLog *log);
const CompilerLogFailure *compiler_log_failure(const CompilerLog *log);

/* NULL if it is not in @ops */
const CompilerLogOp *compiler_log_find(const CompilerLogOps *ops, const char *name);
