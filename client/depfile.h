#pragma once

/*
 * Depfile: what an artifact was made from, as a rule that make, ninja and CMake read
 *
 *      OUT: SOURCE ARCH PROJECT
 *      SOURCE ARCH PROJECT:
 *
 * The second line keeps make going when one of them is gone (as gcc -MP does); names with '%' or
 * '=' are not in it.
 */

#include "base/problem.h"
#include "proto/dpucc.pb-c.h"

typedef struct DepfileRule {
        const char *out;
        const char *source; /* these two as they were named; NULL: as the daemon found them */
        const char *arch;
        const Dpucc__Wire__Unit *unit;
} DepfileRule;

/* Replaces @path in one step. -EINVAL with @problem: a name that no rule can hold; -EFBIG, I/O. */
int depfile_write(const char *path, const DepfileRule *rule, Problem *problem);
