#include "daemon/estimate.h"

/* a slot that is busy for nobody knows how long is never free */

uint64_t estimate_left(uint64_t predicted, uint64_t elapsed) {
        if (predicted == 0)
                return ESTIMATE_UNKNOWN;
        if (elapsed < predicted)
                return predicted - elapsed;
        return elapsed / 4;
}

static size_t estimate_first_free(const uint64_t *free_at, size_t n) {
        size_t best = 0;

        for (size_t i = 1; i < n; i++)
                if (free_at[i] < free_at[best])
                        best = i;
        return best;
}

static uint64_t estimate_add(uint64_t a, uint64_t b) {
        return a < ESTIMATE_UNKNOWN - b ? a + b : ESTIMATE_UNKNOWN;
}

void estimate_ends(const uint64_t *left, size_t n_running, const uint64_t *predicted,
                   size_t n_waiting, unsigned n_slots, uint64_t *ret) {
        uint64_t free_at[ESTIMATE_SLOTS_MAX] = {};
        size_t n = n_slots > n_running ? n_slots : n_running;

        n = n > ESTIMATE_SLOTS_MAX ? ESTIMATE_SLOTS_MAX : n;
        for (size_t i = 0; i < n_running && i < n; i++)
                free_at[i] = left[i];
        for (size_t i = 0; i < n_waiting; i++) {
                size_t slot = n > 0 ? estimate_first_free(free_at, n) : 0;

                ret[i] = n > 0 && predicted[i] > 0 ? estimate_add(free_at[slot], predicted[i])
                                                   : ESTIMATE_UNKNOWN;
                free_at[slot] = ret[i];
        }
}
