#include "base/clock.h"

#include <time.h>

static int64_t clock_ns(clockid_t id) {
        struct timespec ts;

        (void) clock_gettime(id, &ts); /* cannot fail for these two clocks */
        return (int64_t) ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

int64_t clock_monotonic_ns(void) {
        return clock_ns(CLOCK_MONOTONIC);
}

int64_t clock_real_ns(void) {
        return clock_ns(CLOCK_REALTIME);
}
