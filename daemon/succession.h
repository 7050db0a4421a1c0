#pragma once

/*
 * Succession: the chains of shared caches, one for each configuration that was in force
 *
 * The present one is core.tiers. When another configuration comes its chain takes that place, and
 * the one before ends in its own time, for what it was told to send is still to be sent. One at a
 * time is given that: when a third one comes, both before it hurry. Whoever waits for what was not
 * found there by then asks the new one (TIERS_RETIRED).
 *
 * Owned by the engine, whose core it borrows and where it sets the present one. Loop thread.
 */

#include <stdbool.h>

#include "daemon/core.h"
#include "daemon/helper.h"

typedef struct Succession {
        Core *core;
        Tiers *retired;  /* the one before, while it has its time */
        unsigned n;      /* that have not ended, the present one included */
        HelperLeft left; /* of those that have */
} Succession;

void succession_init(Succession *succession, Core *core);
/* All must have ended. For the end of the loop: whoever reaps our children then reaps what is left of
 * helpers. */
void succession_deinit(Succession *succession);

/* The chain of @config, of which nothing is kept, takes the place of the present one; either may be
 * none. On failure (as tiers_new()) the present one stays. */
int succession_follow(Succession *succession, const Config *config);

/* Ends all of them, soon. */
void succession_stop(Succession *succession);
bool succession_is_over(const Succession *succession);
