#pragma once

/*
 * Supervision: what the service manager makes of us, as a step of a checkup
 *
 * Whether this is a service, how long it lives, and whether its restrictions leave the compilers
 * what they need. Looks at the environment and at files; any thread.
 */

#include "daemon/findings.h"
#include "daemon/toolchains.h"

void supervision_check(const Toolchains *toolchains, Findings *ret);
