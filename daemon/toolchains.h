#pragma once

/*
 * The toolchains of the user's configuration, ready for use
 *
 * One Toolchains per configuration; a reload makes a new one, and builds that run keep theirs by
 * reference (counted on the loop thread; the members never change).
 */

#include <stddef.h>

#include "base/problem.h"
#include "cache/state.h"
#include "daemon/config.h"
#include "daemon/toolchain.h"

typedef struct Toolchains Toolchains;

int toolchains_new(Toolchains **ret, const Config *config, const char *dpucc);
Toolchains *toolchains_ref(Toolchains *toolchains);
Toolchains *toolchains_unref(Toolchains *toolchains);

static inline void toolchains_unrefp(Toolchains **toolchains) {
        (void) toolchains_unref(*toolchains);
}

size_t toolchains_count(const Toolchains *toolchains);
Toolchain *toolchains_at(const Toolchains *toolchains, size_t index); /* borrowed */

/* Whether there is one of that name; NULL and "auto" always are. -ENOENT with @problem. Quick. */
int toolchains_check(const Toolchains *toolchains, const char *name, Problem *problem);

/* By name; NULL is the configured default. "auto" is what was picked for @root: the first that
 * is installed of native, container and dpucc, and from then on the same, recorded in @state; an
 * error if that one is not configured any more. @root NULL: no workspace, nothing is recorded. *ret
 * is borrowed. -ENOENT with @problem; -EAGAIN: an engine is installed but does not answer, so nothing
 * was picked; TOOLCHAIN_UNKNOWN: an engine would have to be asked, and @question does not allow it. */
int toolchains_find(const Toolchains *toolchains, State *state, const char *root, const char *name,
                    const ToolchainQuestion *question, Toolchain **ret, Problem *problem);

/* Ends the containers that dead owners of directories in @jobs left. Blocks. */
unsigned toolchains_reap(const Toolchains *toolchains, const char *jobs);
