#pragma once

/* Targets as commands take them: an arch.json, a name, or a fingerprint. */

#include "base/problem.h"
#include "xmodel/target.h"

/* Reads an arch.json. -errno with @problem, which names the file. */
int target_argument_read(const char *path, Target *ret, Problem *problem);

/* What @arch (a path) or @text (a name or a fingerprint), one of them NULL, means for a compiler
 * of ours. -errno with @problem. */
int target_argument_resolve(const char *arch, const char *text, uint64_t *ret, Problem *problem);
