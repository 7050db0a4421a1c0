#include "daemon/events.h"

#include "base/clock.h"

void events_init(Events *events) {
        LIST_INIT(&events->sinks);
}

void events_listen(Events *events, EventSink *sink) {
        LIST_INSERT_HEAD(&events->sinks, sink, link);
}

void events_leave(EventSink *sink) {
        LIST_REMOVE(sink, link);
}

void events_emit(Events *events, EventView event) {
        const EventSink *sink;

        if (!events_are_wanted(events))
                return;
        event.time_ns = clock_real_ns();
        LIST_FOREACH(sink, &events->sinks, link)
        sink->heard(&event, sink->userdata);
}

void events_emit_root(Events *events, const RootView *root) {
        events_emit(events, (EventView){ .kind = EVENT_ROOT, .path = root->path, .root = root });
}
