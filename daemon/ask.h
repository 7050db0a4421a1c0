#pragma once

/*
 * Asks: what clients wait for (contract: engine.h)
 *
 * What all asks have in common: the list of them, who listens, one answer, further lines. What
 * is asked is the matter of get, wait, monitor, doctor and audit, which embed an Ask and bring the
 * functions of their kind.
 *
 * An ask is answered at most once and may go on after that, without a listener. Everything runs
 * on the loop thread.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/strings.h"
#include "daemon/core.h"
#include "daemon/dialogue.h"

#define ASK_HINTS_MAX 64

TAILQ_HEAD(AskList, Ask);

/* All asks of an engine, answered ones that still have a build included. */
typedef struct Asks {
        Core *core;
        struct AskList list;
        bool again; /* asks_stop() */
} Asks;

typedef struct AskKind {
        /* Before the loop sleeps; may finish the ask. */
        void (*check)(Ask *ask);
        /* What is under way shall end; NULL: check() sees that it was cancelled. */
        void (*cancel)(Ask *ask);
        /* Completes the result and gives it to ask_tell(). Called once at most. */
        void (*answer)(Ask *ask, AskOutcome outcome, const char *message);
        /* Frees what embeds the ask, ask_deinit() included. */
        void (*free)(Ask *ask);
} AskKind;

struct Ask {
        Asks *asks;
        const AskKind *kind;
        AskHandlers handlers;
        void *userdata;
        bool cancelled, answered;
        bool wants_barrier; /* until asks_pass_barrier() */
        uint64_t event;     /* the engine's, when the barrier was passed */
        uint64_t started_ms;
        Strings hints, notes;
        TAILQ_ENTRY(Ask) link;
};

void asks_init(Asks *asks, Core *core);
bool asks_are_over(const Asks *asks);
/* Cancels all; @again: what they ask for may be asked of the next daemon. */
void asks_stop(Asks *asks, bool again);

/* The watcher has nothing more to tell: what is accounted for from here on? */
void asks_pass_barrier(Asks *asks);
bool asks_want_barrier(const Asks *asks);
/* Answers the waits and the deliveries that are over. Call before the loop sleeps. */
void asks_check(Asks *asks);

/* --- for the kinds ---------------------------------------------------------------------------- */

/* Puts @ask into the list, where it stays until ask_deinit(). */
void ask_init(Ask *ask, Asks *asks, const AskKind *kind, const AskHandlers *handlers,
              void *userdata);
void ask_deinit(Ask *ask);

uint64_t ask_elapsed_ms(const Ask *ask);
void ask_report(Ask *ask, const char *phase, uint32_t position, int64_t left_ms);
/* Further lines of the answer. Those above the cap, and empty notes, are left out. */
int ask_hint(Ask *ask, const char *text);
void ask_note(Ask *ask, const char *text);

/* Calls the listener with @result, to which hints and notes are added. */
void ask_tell(Ask *ask, AskResult *result);
/* Answers once; what is still under way goes on without a listener. */
void ask_answer(Ask *ask, AskOutcome outcome, const char *message);
/* Answers, if nobody did, and frees. A cancelled ask says so whatever @outcome is. */
void ask_finish(Ask *ask, AskOutcome outcome, const char *message);
