#pragma once

/*
 * Child processes
 *
 * A Proc runs one command and reports back exactly once.
 *
 *   - proc_spawn() either fails synchronously and never calls @done, or succeeds and calls
 *     @done exactly once, later, from the loop.
 *   - @done runs after the child was reaped, after its output was read to the end (or given
 *     up), and after every handle was closed. The Proc is freed as soon as @done returns;
 *     nobody else ever frees it.
 *   - proc_cancel() only asks. It never frees and never calls @done itself.
 *
 *      RUNNING ──cancel, time-out──> STOPPING (TERM; KILL after a grace)
 *         │                              │
 *         └──────────exit────────────────┴──> DRAINING ──end of output──> CLOSING ──> @done
 *
 * The child leads a session and process group of its own; signals go to the group. Standard
 * output and error share one pipe, so their lines keep their order. What is kept of it is
 * bounded: the first part and the last part, with a line in between that tells what is missing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/bytes.h"

typedef struct Proc Proc;

/* Output as it comes, all of it, also what is not kept. Called from the loop, before @done. */
typedef void (*ProcOutputFn)(Slice output, void *userdata);

/* All borrowed for the call only. */
typedef struct ProcSpec {
        const char *const *argv; /* NULL-terminated; argv[0] is a path or found on our PATH */
        const char *const *env;  /* NULL-terminated, the whole environment; NULL: inherit */
        const char *cwd;         /* NULL: inherit */
        uint64_t timeout_ms;     /* 0: none */
        uint64_t memory_max;     /* bytes of address space of each process; 0: no limit */
        int nice;                /* added to ours, 0 to 19 */
        bool idle_io;            /* reads and writes when nobody else does; else as little as any */
        bool measured;           /* look at its memory again and again */
        size_t head_max;         /* bytes of output to keep from its beginning */
        size_t tail_max;         /* and from its end */
        int stdout_fd;           /* >= 0: standard output goes there, the pipe gets the errors */
        ProcOutputFn on_output;  /* NULL: nobody listens; has the userdata of @done */
} ProcSpec;

typedef struct ProcResult {
        int error; /* 0, -ECANCELED, -ETIMEDOUT, or why its output could not be read */
        int64_t exit_status;
        int term_signal;
        Slice output;        /* valid until @done returns */
        uint64_t n_left_out; /* bytes between head and tail */
        uint64_t elapsed_ms;
        uint64_t peak_memory; /* bytes, as far as it was seen; 0: not measured, or too short */
} ProcResult;

typedef void (*ProcDoneFn)(const ProcResult *result, void *userdata);

int proc_spawn(Proc **ret, uv_loop_t *loop, const ProcSpec *spec, ProcDoneFn done, void *userdata);
void proc_cancel(Proc *proc);
pid_t proc_pid(const Proc *proc); /* of the child, which is also its process group */
