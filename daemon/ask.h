#pragma once

/*
 * Asks: what a client waits for (contract: engine.h)
 *
 *      get    IDENTIFYING ──> pairing ──> BUILDING ──> DELIVERING ──> answered
 *                 └── no source, no target, several targets ... ──────────^
 *      wait   holds until the saves before it are accounted for ─────────^
 *
 * A get does not ask the units: it identifies, pairs and looks up by itself, by the same
 * functions, and shares their jobs through the queue. That is why it cannot be stale.
 *
 * A get that does not wait and whose source is in no workspace leaves its build going after it
 * was answered, so that the next get finds something.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include "daemon/core.h"
#include "daemon/engine.h"

TAILQ_HEAD(AskList, Ask);

/* All asks of an engine, answered ones that still have a build included. */
typedef struct Asks {
        Core *core;
        struct AskList list;
} Asks;

void asks_init(Asks *asks, Core *core);
bool asks_are_over(const Asks *asks);
void asks_stop(Asks *asks);

int ask_get(Asks *asks, const GetSpec *spec, const AskHandlers *handlers, void *userdata, Ask **ret,
            Problem *problem);
int ask_wait(Asks *asks, const char *root, const AskHandlers *handlers, void *userdata, Ask **ret);

/* The watcher has nothing more to tell: what is accounted for from here on? */
void asks_pass_barrier(Asks *asks);
bool asks_want_barrier(const Asks *asks);
/* Answers the waits and the deliveries that are over. Call before the loop sleeps. */
void asks_check(Asks *asks);
