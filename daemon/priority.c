#include "daemon/priority.h"

static uint64_t priority_cost(Priority p) {
        return p.cost_ms > 0 ? p.cost_ms : UINT64_MAX;
}

Priority priority_join(Priority a, Priority b) {
        return (Priority){
                .client = a.client || b.client,
                .saved = a.saved > b.saved ? a.saved : b.saved,
                .cost_ms = priority_cost(a) < priority_cost(b) ? a.cost_ms : b.cost_ms,
        };
}

bool priority_is_before(Priority a, Priority b) {
        if (a.client != b.client)
                return a.client;
        if (a.saved != b.saved)
                return a.saved > b.saved;
        return priority_cost(a) < priority_cost(b);
}
