#include "daemon/ask.h"

#include <assert.h>

void asks_init(Asks *asks, Core *core) {
        *asks = (Asks){ .core = core };
        TAILQ_INIT(&asks->list);
}

bool asks_are_over(const Asks *asks) {
        return TAILQ_EMPTY(&asks->list);
}

void asks_stop(Asks *asks, bool again) {
        Ask *ask;

        asks->again = again;
        TAILQ_FOREACH(ask, &asks->list, link)
        ask_cancel(ask);
}

bool asks_want_barrier(const Asks *asks) {
        const Ask *ask;

        TAILQ_FOREACH(ask, &asks->list, link)
        if (ask->wants_barrier)
                return true;
        return false;
}

void asks_pass_barrier(Asks *asks) {
        Ask *ask;

        TAILQ_FOREACH(ask, &asks->list, link) {
                if (!ask->wants_barrier)
                        continue;
                ask->wants_barrier = false;
                ask->event = asks->core->event;
        }
}

void asks_check(Asks *asks) {
        Ask *next;

        for (Ask *ask = TAILQ_FIRST(&asks->list); ask; ask = next) {
                next = TAILQ_NEXT(ask, link);
                ask->kind->check(ask);
        }
}

/* --- one ask ---------------------------------------------------------------------------------- */

void ask_init(Ask *ask, Asks *asks, const AskKind *kind, const AskHandlers *handlers,
              void *userdata) {
        *ask = (Ask){
                .asks = asks,
                .kind = kind,
                .handlers = *handlers,
                .userdata = userdata,
                .started_ms = uv_now(asks->core->loop),
        };
        TAILQ_INSERT_TAIL(&asks->list, ask, link);
}

void ask_deinit(Ask *ask) {
        TAILQ_REMOVE(&ask->asks->list, ask, link);
        strings_deinit(&ask->hints);
        strings_deinit(&ask->notes);
}

void ask_cancel(Ask *ask) {
        if (ask->cancelled)
                return;
        ask->cancelled = true;
        if (ask->kind->cancel)
                ask->kind->cancel(ask);
}

uint64_t ask_elapsed_ms(const Ask *ask) {
        return uv_now(ask->asks->core->loop) - ask->started_ms;
}

void ask_report(Ask *ask, const char *phase, uint32_t position, int64_t left_ms) {
        const AskProgress progress = {
                .phase = phase,
                .elapsed_ms = ask_elapsed_ms(ask),
                .queue_position = position,
                .left_ms = left_ms,
        };

        if (ask->handlers.progress && !ask->answered && !ask->cancelled)
                ask->handlers.progress(&progress, ask->userdata);
}

int ask_hint(Ask *ask, const char *text) {
        return ask->hints.n < ASK_HINTS_MAX ? strings_add(&ask->hints, text) : 0;
}

void ask_note(Ask *ask, const char *text) {
        if (text && text[0] != '\0' && ask->notes.n < ASK_HINTS_MAX)
                (void) strings_add(&ask->notes, text);
}

void ask_tell(Ask *ask, AskResult *result) {
        assert(!ask->answered);
        ask->answered = true;
        result->hints = (const char *const *) ask->hints.items;
        result->n_hints = ask->hints.n;
        result->notes = (const char *const *) ask->notes.items;
        result->n_notes = ask->notes.n;
        result->again = ask->cancelled && ask->asks->again;
        ask->handlers.done(result, ask->userdata);
}

void ask_answer(Ask *ask, AskOutcome outcome, const char *message) {
        if (!ask->answered)
                ask->kind->answer(ask, outcome, message);
}

void ask_finish(Ask *ask, AskOutcome outcome, const char *message) {
        if (ask->cancelled)
                ask_answer(ask, ASK_FAILED, "cancelled");
        else
                ask_answer(ask, outcome, message);
        ask->kind->free(ask);
}
