#pragma once

/*
 * Workers: the threads that talk to places
 *
 * Two lanes, so that what somebody waits for never queues behind what nobody does: reading, and
 * writing. A thread keeps a link to each tier that it has used. What is done comes back through
 * workers_take(), and the descriptor of workers_fd() becomes readable.
 */

#include "cache/remote/access.h"
#include "cache/remote/task.h"

#define WORKERS_TASKS_MAX 256 /* queued in one lane */

typedef struct Workers Workers;

/* @access is borrowed and constant. */
int workers_new(Workers **ret, const Access *access, size_t n_tiers);

/* Stops reading at once, waits for the end of what is being written unless @now, and frees. */
Workers *workers_stop(Workers *workers, bool now);

int workers_fd(const Workers *workers);
/* Takes over. -EBUSY: too many wait already. */
int workers_give(Workers *workers, Task *task);
Task *workers_take(Workers *workers); /* NULL: none is done */
