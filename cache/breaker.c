#include "cache/breaker.h"

int64_t breaker_probe_ns(const Breaker *breaker) {
        return breaker->state == BREAKER_OPEN ? breaker->until_ns : BREAKER_NEVER;
}

bool breaker_probe(Breaker *breaker, int64_t now_ns) {
        if (breaker->state != BREAKER_OPEN || now_ns < breaker->until_ns)
                return false;
        breaker->state = BREAKER_PROBING;
        return true;
}

void breaker_succeed(Breaker *breaker) {
        if (breaker->state == BREAKER_OPEN)
                return;
        breaker->state = BREAKER_CLOSED;
        breaker->n_failures = 0;
        breaker->pause_ns = 0;
}

static void breaker_open(Breaker *breaker, int64_t pause_ns, int64_t now_ns) {
        breaker->state = BREAKER_OPEN;
        breaker->pause_ns = pause_ns < BREAKER_PAUSE_MAX_NS ? pause_ns : BREAKER_PAUSE_MAX_NS;
        breaker->until_ns = now_ns + breaker->pause_ns;
}

void breaker_fail(Breaker *breaker, bool costly, int64_t now_ns) {
        switch (breaker->state) {
        case BREAKER_CLOSED:
                if (++breaker->n_failures < BREAKER_FAILURES && !costly)
                        return;
                breaker->n_opened++;
                breaker_open(breaker, BREAKER_PAUSE_NS, now_ns);
                break;
        case BREAKER_PROBING:
                breaker_open(breaker, 2 * breaker->pause_ns, now_ns);
                break;
        case BREAKER_OPEN:
                break;
        }
}
