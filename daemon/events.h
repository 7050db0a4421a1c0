#pragma once

/*
 * Events: what happens, told to whoever listens
 *
 * The parts of the engine emit, monitors and the hook listen. An event is told at once, in the
 * order of what happens, from within the part that emits it: a sink records or sends, and
 * changes nothing. While nobody listens an event costs one comparison: ask events_are_wanted()
 * before a view is made. Loop thread.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include "daemon/view.h"

typedef struct EventSink {
        void (*heard)(const EventView *event, void *userdata);
        void *userdata;
        LIST_ENTRY(EventSink) link;
} EventSink;

typedef struct Events {
        LIST_HEAD(, EventSink) sinks;
} Events;

static inline bool events_are_wanted(const Events *events) {
        return !LIST_EMPTY(&events->sinks);
}

void events_init(Events *events);
/* @sink is the caller's, filled in, and stays until events_leave(). */
void events_listen(Events *events, EventSink *sink);
void events_leave(EventSink *sink);

/* The time is filled in. */
void events_emit(Events *events, EventView event);
void events_emit_root(Events *events, const RootView *root);
