#pragma once

/*
 * Estimates: how long it will take
 *
 * From what each job's like took before (cache/costs.h), how long those that run have been at it,
 * and the order in which the others wait. Nothing better than that: a model that changed may take
 * another time, and a save that comes later goes first. What nobody knows is ESTIMATE_UNKNOWN,
 * and so is everything that has to wait for it.
 *
 * Pure values and functions; times in milliseconds.
 */

#include <stddef.h>
#include <stdint.h>

#define ESTIMATE_UNKNOWN   UINT64_MAX
#define ESTIMATE_SLOTS_MAX 64 /* jobs at once; of more, only so many are looked at */

/* What is left of a job that was predicted to take @predicted (0: not known) and runs since
 * @elapsed. One that is over its time takes a while longer, the more the longer it runs. */
uint64_t estimate_left(uint64_t predicted, uint64_t elapsed);

/* When each of the @n_waiting jobs is done, if they start in this order as soon as one of @n_slots
 * is free. @left: of those that run; @predicted: 0 where it is not known. */
void estimate_ends(const uint64_t *left, size_t n_running, const uint64_t *predicted,
                   size_t n_waiting, unsigned n_slots, uint64_t *ret);
