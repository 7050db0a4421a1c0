#include "daemon/schedule.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/estimate.h"

static int schedule_compare(const void *a, const void *b) {
        const ScheduleEntry *x = a, *y = b;

        if (x->state != y->state)
                return x->state < y->state ? -1 : 1;
        if (x->state == SCHEDULE_WAITING) {
                if (priority_is_before(x->priority, y->priority))
                        return -1;
                if (priority_is_before(y->priority, x->priority))
                        return 1;
        }
        return x->arrived < y->arrived ? -1 : 1;
}

static size_t schedule_count(const ScheduleEntry *entries, size_t n, ScheduleState state) {
        size_t count = 0;

        for (size_t i = 0; i < n; i++)
                count += entries[i].state == state;
        return count;
}

/* of those that wait */
static int schedule_estimate(ScheduleEntry *entries, size_t n_running, size_t n_waiting,
                             unsigned n_slots) {
        ScheduleEntry *waiting = entries + n_running;
        _cleanup_(freep) uint64_t *times = NULL;
        uint64_t *left, *predicted, *ends;

        times = calloc(n_running + 2 * n_waiting + 1, sizeof(*times));
        if (!times)
                return -ENOMEM;
        left = times;
        predicted = left + n_running;
        ends = predicted + n_waiting;
        for (size_t i = 0; i < n_running; i++)
                left[i] = entries[i].left_ms;
        for (size_t i = 0; i < n_waiting; i++)
                predicted[i] = waiting[i].predicted_ms;
        estimate_ends(left, n_running, predicted, n_waiting, n_slots, ends);
        for (size_t i = 0; i < n_waiting; i++)
                waiting[i].left_ms = ends[i];
        return 0;
}

int schedule_make(ScheduleEntry *entries, size_t n, unsigned n_slots, bool paused) {
        size_t n_running = schedule_count(entries, n, SCHEDULE_RUNNING);

        for (size_t i = 0; i < n; i++)
                entries[i].arrived = i;
        if (n > 1)
                qsort(entries, n, sizeof(*entries), schedule_compare);
        for (size_t i = 0; i < n; i++) {
                bool running = i < n_running;

                entries[i].position = running ? 0 : (uint32_t) (i - n_running + 1);
                entries[i].left_ms =
                        running ? estimate_left(entries[i].predicted_ms, entries[i].elapsed_ms)
                                : ESTIMATE_UNKNOWN;
        }
        if (paused)
                return 0;
        return schedule_estimate(entries, n_running, schedule_count(entries, n, SCHEDULE_WAITING),
                                 n_slots);
}
