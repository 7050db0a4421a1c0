#pragma once

/*
 * Inventory: roots, units, jobs and warnings of the engine, collected for one reply. Capped; holds
 * borrowed strings, so it lives no longer than the request that asked.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/engine.h"
#include "daemon/message.h"

#define INVENTORY_ROOTS_MAX    256
#define INVENTORY_UNITS_MAX    1000
#define INVENTORY_JOBS_MAX     200
#define INVENTORY_WARNINGS_MAX 64

typedef struct Inventory {
        const char *beneath; /* borrowed; only what lies there; NULL: everything */

        Dpucc__Wire__Root **roots;
        size_t n_roots, roots_capacity;
        uint32_t n_roots_left_out;
        Dpucc__Wire__Unit **units; /* each inside its UnitMessage */
        size_t n_units, units_capacity;
        uint32_t n_units_left_out;
        Dpucc__Wire__Job **jobs; /* each inside its JobMessage */
        size_t n_jobs, jobs_capacity;
        uint32_t n_jobs_left_out;
        char **warnings;
        size_t n_warnings, warnings_capacity;
} Inventory;

/* @ret->beneath is set by the caller, the rest zero. -ENOMEM. */
int inventory_take_roots(Inventory *inventory, Engine *engine);
int inventory_take_units(Inventory *inventory, Engine *engine);
int inventory_take_jobs(Inventory *inventory, Engine *engine);
int inventory_take_warnings(Inventory *inventory, Engine *engine);
int inventory_add_job(const JobView *job, void *inventory); /* a JobViewFn */
void inventory_deinit(Inventory *inventory);
