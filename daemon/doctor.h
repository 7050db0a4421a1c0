#pragma once

/*
 * The doctor: a checkup (checkup.h) as an ask
 *
 * The checks run on a pool thread, a class of their own, so that a compiler or an engine that
 * hangs keeps nobody else waiting; what the loop thread knows of the workspaces comes last.
 * Contract: engine.h.
 */

#include "base/problem.h"
#include "daemon/ask.h"

/* What the engine knows; borrowed for the call. */
typedef struct DoctorSpec {
        const char *toolchain; /* NULL: all */
        const char *conf_file, *conf_default;
        const char *state_dir;
        const Problem *config_problem, *cache_problem, *state_problem;
} DoctorSpec;

/* -EINVAL with @problem: there is no such toolchain. */
int doctor_start(Asks *asks, const DoctorSpec *spec, const AskHandlers *handlers, void *userdata,
                 Ask **ret, Problem *problem);
