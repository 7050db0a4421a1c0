#pragma once

/*
 * Priorities: which of two jobs goes first
 *
 * One that a client waits for; then the one that was saved last, for that is what somebody works
 * on; then the cheapest, by what its like took before: where one save means several compiles,
 * most of them are ready soonest that way. What nobody knows anything of is the dearest.
 *
 * Pure values and functions.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Priority {
        bool client;      /* somebody waits for it */
        uint64_t saved;   /* a number that grows with each save */
        uint64_t cost_ms; /* predicted; 0: not known */
} Priority;

/* of a job that both want */
Priority priority_join(Priority a, Priority b);

/* true if @a goes before @b; false for equals, which go in the order of arrival */
bool priority_is_before(Priority a, Priority b);
