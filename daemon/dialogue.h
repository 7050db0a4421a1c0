#pragma once

/*
 * Dialogues: what the engine is asked, and what it answers
 *
 * The values that go between whoever asks (engine.h has the calls) and the parts that find the
 * answer. An Ask is a question in flight: its handlers are called from the loop, done() exactly
 * once, later.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/stat_id.h"
#include "daemon/view.h"

typedef struct Ask Ask;
typedef struct Fsck Fsck;

/* numbers of the wire's Outcome and of the client's exit codes (dpucc.proto, client/code.h) */
typedef enum AskOutcome {
        ASK_DONE = 0,
        ASK_FAILED = 1,
        ASK_USAGE = 2,
        ASK_NOT_READY = 3,
        ASK_COMPILE_FAILED = 4,
        ASK_NOT_FOUND = 5,
        ASK_LIMIT_EXCEEDED = 7,
        ASK_NOT_RIGHT = 8,
} AskOutcome;

/* What an answer rests on. */
typedef struct AskBasis {
        StatId source_stat;
        Digest source_digest;
        Digest snapshot_digest;
        StatId arch_stat;
        const char *target;             /* as keyed */
        const char *toolchain_identity; /* as keyed */
} AskBasis;

/* Borrowed for the duration of the callback. */
typedef struct AskResult {
        AskOutcome outcome;
        const char *message;      /* NULL when done */
        const char *const *hints; /* further lines, e.g. the candidates of an ambiguous name */
        size_t n_hints;
        bool again;               /* not done because we end; whoever comes after us may be asked */
        const char *const *notes; /* for stderr even on success: "holds no DPU code" */
        size_t n_notes;
        const UnitView *unit; /* NULL if none was found */
        const char *path;     /* .../NET.xmodel */
        int artifact_fd;      /* open for reading, position 0; -1 if not asked for; borrowed */
        int log_fd;           /* likewise; the compiler's log, of a failure too */
        bool hit;
        AskBasis basis;
        const Finding *findings; /* of a checkup */
        size_t n_findings;
        const Fsck *fsck; /* of an audit that came to its end, or NULL */
} AskResult;

typedef struct AskProgress {
        const char *phase; /* "hashing", "queued", "compiling", "writing", "checking", "storing" */
        uint64_t elapsed_ms;
        uint32_t queue_position; /* 0: running */
        int64_t left_ms;         /* until it is done, as far as anybody knows; -1 */
} AskProgress;

typedef struct AskHandlers {
        void (*progress)(const AskProgress *progress, void *userdata); /* may be NULL */
        void (*event)(const EventView *event, void *userdata);         /* of monitors only */
        void (*done)(const AskResult *result, void *userdata);
} AskHandlers;

/* Strings are borrowed for the call. The descriptors are taken over when it succeeds. */
typedef struct GetSpec {
        int source_fd;           /* -1: open source_path (a request without descriptors) */
        const char *source_path; /* absolute */
        int arch_fd;             /* -1 unless an arch file was named */
        const char *arch_path;
        const char *target;     /* NULL: the only one there is */
        const char *toolchain;  /* NULL: as configured */
        const char *net_name;   /* NULL: the unit's */
        const char *output_dir; /* NULL: do not deliver beyond the unit's own output_dir */
        int output_dir_fd;      /* -1 unless output_dir is named: where it really is */
        int adopt_fd;           /* -1, or a compiled file to be checked and kept instead of
                                 * compiling; needs arch_fd and toolchain */
        const char *adopt_path;
        const char *options; /* compiler options, NULL: none */
        int umask;           /* for delivered files; -1: the daemon's */
        bool overwrite;      /* foreign files in output_dir may be replaced */
        bool wait;
        bool force;
        bool want_fd;
        bool want_log;
        bool require_dpu; /* an artifact without DPU code, from a toolchain that nobody named, is
                           * a failure */
} GetSpec;

/* Only asks: done() comes all the same. */
void ask_cancel(Ask *ask);
