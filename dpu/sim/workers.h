#pragma once

/*
 * Workers: one loop on several cores
 *
 * The items of the loop are dealt to threads in runs of neighbours; the caller's thread is one of
 * them. The function must not depend on how they are dealt: results are then the same for any
 * number of threads.
 */

#include <stddef.h>

#define WORKERS_MAX 64

/* Items @begin to @end - 1. Negative: the loop fails with it (the first run's if several do). */
typedef int (*WorkersFn)(size_t begin, size_t end, void *userdata);

unsigned workers_default(void); /* the cores that this process may use, at most WORKERS_MAX */

/* Where no thread can be had the caller does all. What a run returned, or 0. */
int workers_run(unsigned n_threads, size_t n_items, WorkersFn fn, void *userdata);
