#pragma once

/*
 * Gets: asks for one artifact (contract: engine_get())
 *
 *   IDENTIFYING ──> PAIRING ──> LOOKING ──miss──> AT_GATE
 *        │             │           │                │ made, or failed
 *        │             │           │ hit            ▼
 *        │             │           └───────────> JUDGING ──> COPYING ──> DELIVERING ──> AWAITING
 *        │             │                            │           │            │             │
 *        └── no source, no target, cancelled ... ───┴───────────┴──> OVER <──┴─────────────┘
 *
 *   IDENTIFYING  what the source is now, on a pool thread
 *   PAIRING      what it is for (choice.h)
 *   LOOKING      its build looks the key up
 *   AT_GATE      there is nothing: the build goes on if somebody waits, else the answer is "not
 *                ready" and what comes after the build has no listener
 *   JUDGING      what came of the build, and whether it is what was asked for
 *   COPYING      into the output_dir that was named, on a pool thread
 *   DELIVERING   into the unit's output_dir, which is the unit's matter ...
 *   AWAITING     ... and may take a while
 *   OVER         answered, if nobody did yet, and freed
 *
 * PAIRING goes back to IDENTIFYING if the source was replaced since the client opened it.
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
