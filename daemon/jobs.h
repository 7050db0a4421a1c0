#pragma once

/*
 * Jobs as people see them: what runs and waits, and which of it X means
 *
 * X is a source's path, a delivered file, NET@TARGET, or the first JOBS_KEY_MIN digits or more of
 * a key: of a unit that has the job, or of what the job was ordered for. Loop thread.
 */

#include "base/problem.h"
#include "daemon/core.h"
#include "daemon/view.h"

#define JOBS_KEY_MIN    8
#define JOBS_CANCEL_MAX 1000 /* at once */

/* Those that run, those that wait in their order. Stops early when @fn returns non-zero and returns
 * that. -ENOMEM. */
int jobs_each(const Core *core, JobViewFn fn, void *userdata);

/* The QueueOps.tell of an engine's queue: makes events of it. */
void jobs_emit(Core *core, QueueEvent event, const QueueView *view, const JobResult *result);

/* Ends those that @text means, for everybody who wants them, and tells @fn of each before; @path is
 * @text made absolute, or NULL. -ENOENT with @problem: there is none. */
int jobs_cancel(Core *core, const char *text, const char *path, JobViewFn fn, void *userdata,
                Problem *problem);
