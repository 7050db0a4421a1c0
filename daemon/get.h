#pragma once

/*
 * Gets: asks for one artifact (contract: engine_get())
 *
 *      IDENTIFYING ──> pairing ──> BUILDING ──> DELIVERING ──> answered
 *           └── no source, no target, several targets ... ────────^
 *
 * A get does not ask the units: it identifies, pairs and looks up by itself, by the same
 * functions, and shares their jobs through the queue. That is why it cannot be stale.
 *
 * A get that does not wait and whose source is in no workspace leaves its build going after it
 * was answered, so that the next get finds something.
 */

#include "daemon/ask.h"

int get_start(Asks *asks, const GetSpec *spec, const AskHandlers *handlers, void *userdata,
              Ask **ret, Problem *problem);
