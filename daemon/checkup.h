#pragma once

/*
 * A checkup of this installation: what works, what does not, and the remedy
 *
 *      configuration   is valid
 *      cache, state,   can be written, and there is room
 *      jobs
 *      dpucc           the program runs and is of our version
 *      service         what the service manager makes of the daemon (supervision.h)
 *      openat2         the kernel has it, and no filter takes it away (base/file.h)
 *      inotify         there is room below the kernel's limits
 *      files           may be opened in a sufficient number
 *      choice          which toolchain a new workspace gets, and what others keep to
 *      toolchain NAME  each of them, step by step (probe.h)
 *
 * A toolchain that nobody asked for (it is there by default, and no setting, workspace or request
 * names it) may be missing: that is a warning.
 *
 * Blocks, for minutes if an engine hangs: pool threads only. It looks at nothing but what it was
 * given, and at this process.
 */

#include <stdatomic.h>
#include <stdbool.h>

#include "base/problem.h"
#include "base/strings.h"
#include "cache/cache.h"
#include "cache/state.h"
#include "daemon/findings.h"
#include "daemon/toolchains.h"

typedef struct Checkup {
        /* all strings are its own */
        char *conf_file, *conf_default; /* NULL: there is none */
        char *cache_dir, *state_dir, *jobs;
        CacheMode cache_mode;
        /* what is known to be wrong; "" if nothing is */
        Problem config_problem, cache_problem, state_problem;
        char *dpucc;
        char *toolchain;        /* NULL: all of them, else only this one */
        char *preferred;        /* the configured one */
        Strings roots;          /* workspaces */
        Toolchains *toolchains; /* a reference */
        State *state;           /* borrowed */
        const atomic_bool *cancelled;

        bool once;         /* no daemon */
        Findings findings; /* the result */
} Checkup;

void checkup_run(Checkup *checkup);
void checkup_deinit(Checkup *checkup);
