#pragma once

/*
 * Fault injection: allocations that fail
 *
 * A test that links `fail_alloc` has malloc, calloc, realloc, strdup and strndup of all our code
 * (not of shared libraries) go through here. Sweeping a function fails its first allocation, then
 * its second and so on, until it gets through; under ASan that also proves that no path leaks.
 */

#include <stdbool.h>

/* From now on count, and fail allocation number @nth (0 is the next one); -1: none. */
void fail_alloc_arm(long nth);

/* True if the armed allocation was reached already. */
bool fail_alloc_is_reached(void);

/* The allocations of this thread do not count: it is the other end of what is tested. */
void fail_alloc_spare(bool on);

/* Back to normal. True if the armed allocation was reached. */
bool fail_alloc_disarm(void);

/* Calls @run with every allocation failing in turn. Returns the number of allocations it makes,
 * or -1 after printing why: a run in which one failed must return -ENOMEM, and the undisturbed
 * one 0. */
long fail_alloc_sweep(int (*run)(void *userdata), void *userdata);
