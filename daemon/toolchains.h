#pragma once

/*
 * The toolchains of the user's configuration, ready for use
 *
 * One Toolchains per configuration; a reload makes a new one, and jobs that run keep theirs by
 * reference. Loop thread only.
 */

#include "base/problem.h"
#include "cache/state.h"
#include "daemon/config.h"
#include "daemon/toolchain.h"

typedef struct Toolchains Toolchains;

int toolchains_new(Toolchains **ret, const Config *config, const char *dpucc);
Toolchains *toolchains_free(Toolchains *toolchains);

static inline void toolchains_freep(Toolchains **toolchains) {
        (void) toolchains_free(*toolchains);
}

/* By name; NULL is the configured default. "auto" is what was picked for @root: the first that
 * is installed, native ones first, and from then on the same, recorded in @state; an error if that
 * one is not configured any more. @root NULL:
 * no workspace, nothing is recorded. *ret is borrowed. -ENOENT with @problem. */
int toolchains_find(Toolchains *toolchains, State *state, const char *root, const char *name,
                    Toolchain **ret, Problem *problem);
