#pragma once

/*
 * Probes: is a toolchain ready, and if not, what is missing?
 *
 * Goes step by step and stops at the first that fails, because the next would only fail for the
 * same reason:
 *
 *      launcher     its program is on this machine
 *      environment  the conda environment that is configured is there            (native)
 *      program      vai_c_xir, or the compiler of our own, is there      (native, dpucc)
 *      engine       docker or podman is installed and answers, with its version   (container)
 *      image        is there, with its id                                         (container)
 *      start        vai_c_xir runs inside, as a compile would start it            (container)
 *      identity     it can be identified, through the launcher where that is remote
 *
 * Nothing is compiled. Blocks, for a minute if an engine hangs: pool threads only.
 */

#include "cache/state.h"
#include "daemon/toolchain.h"

typedef struct ProbeStep {
        const char *name; /* as above */
        int error;        /* 0: good */
        const char *text; /* what was found; or what is wrong, with the remedy */
} ProbeStep;

/* Borrowed for the call. */
typedef void (*ProbeFn)(const ProbeStep *step, void *userdata);

/* Returns 0 if every step was good, else the error of the one that was not. */
int probe_toolchain(Toolchain *toolchain, State *state, ProbeFn fn, void *userdata);
