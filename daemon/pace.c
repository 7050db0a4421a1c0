#include "daemon/pace.h"

#include "base/clock.h"

#define PACE_REST 9 /* times what the round took */

void pace_init(Pace *pace, unsigned least_ms) {
        *pace = (Pace){ .least_ms = least_ms, .wait_ms = least_ms };
}

void pace_begin(Pace *pace, int64_t now) {
        if (pace->running)
                return;
        pace->running = true;
        pace->began = now;
}

void pace_end(Pace *pace, int64_t now) {
        int64_t took_ms = (now - pace->began) / CLOCK_NS_PER_MS;

        if (!pace->running)
                return;
        pace->running = false;
        pace->wait_ms = pace->least_ms;
        if (took_ms > PACE_WAIT_MAX_MS / PACE_REST)
                pace->wait_ms = PACE_WAIT_MAX_MS;
        else if (took_ms > 0)
                pace->wait_ms += PACE_REST * (unsigned) took_ms;
        if (pace->wait_ms > PACE_WAIT_MAX_MS)
                pace->wait_ms = PACE_WAIT_MAX_MS;
}

unsigned pace_wait_ms(const Pace *pace) {
        return pace->wait_ms;
}
