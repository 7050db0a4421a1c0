#pragma once

/*
 * Monitors: asks that are told what happens until they are cancelled (contract: engine_monitor())
 */

#include "daemon/ask.h"

/* @beneath NULL: everywhere. */
int monitor_start(Asks *asks, const char *beneath, const AskHandlers *handlers, void *userdata,
                  Ask **ret);
