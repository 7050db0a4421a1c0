#pragma once

/*
 * Where jobs run: the place of their directories
 *
 * Beside the cache, so that what a compiler leaves is on the cache's disk; where that cannot be
 * written, beside the state. Both are directories that only we can write to. Where neither can be
 * written, where temporary files go, in a directory for this run only, with a name that nobody can
 * know before. Beside the state there is another place, too, for the day when the cache's disk is
 * full.
 */

#include "base/problem.h"
#include "daemon/core.h"

typedef struct JobDir JobDir; /* jobdir.h */

/* Sets core->jobs and core->spare_jobs (NULL: there is none), and *@ret_scratch to a directory that
 * is to be removed in the end, or NULL. A place that cannot be written is still one: what is in
 * the cache can be had all the same. -ENOMEM. */
int jobplace_find(Core *core, const char *state_dir, char **ret_scratch);

/* A directory for a job, in one of the two places: *@ret_jobs, which the core owns. A full or broken
 * disk below the cache shall not keep anything from being compiled. Any thread. Failures come with a
 * problem; none is -ENOENT. */
int jobplace_open(const Core *core, JobDir **ret, const char **ret_jobs, Problem *problem);
