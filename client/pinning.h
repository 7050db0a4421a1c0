#pragma once

/*
 * What `pin` and `unpin` have in common: all but a flag
 */

#include <stdbool.h>

#include "client/options.h"

/* Returns an exit code. */
int pinning_run(Options *options, int argc, char **argv, bool unpin);
