#pragma once

/*
 * Waits: asks that hold until the saves before them are accounted for (contract: engine_wait())
 *
 *      started ──barrier passed──> nothing busy since before it ──> answered
 */

#include "daemon/ask.h"

/* @root NULL: all workspaces. */
int wait_start(Asks *asks, const char *root, const AskHandlers *handlers, void *userdata,
               Ask **ret);
