#pragma once

/*
 * In the place of vai_c_xir (docs/MASQUERADE.md)
 *
 * Called by that name, dpucc-client takes that tool's arguments and answers from the cache: asked
 * of the daemon, or, if none answers, done here by `dpuccd --once`. What the tool prints is
 * printed, what it leaves is left. Unlike the tool it fails when it failed.
 */

#define MASQUERADE_NAME "vai_c_xir"

/* Returns 0 or 1. */
int masquerade(int argc, char **argv);
