#pragma once

/*
 * Status: one line about what the daemon does, for the service manager
 *
 * Asked for at every turn of the loop, so it looks at the queue only when jobs came or went.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Engine Engine;

#define STATUS_NAME_MAX 128 /* bytes; a longer name of a unit is cut */

typedef struct Status {
        uint64_t n_started; /* jobs, when the name was looked up */
        uint32_t n_running;
        char name[STATUS_NAME_MAX]; /* of the unit that compiles the longest */
} Status;

/* Names of files in it are escaped: the manager reads one statement from each line. */
void status_write(Status *status, Engine *engine, char *ret, size_t room);
