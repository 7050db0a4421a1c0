#include "cache/costs.h"

#include <stdbool.h>

#include "base/slice.h"
#include "cache/database.h"
#include "cache/state.h"

/* A stranger in size is a bad guide: no more than so much of its cost, up or down. */
#define COSTS_SCALE_MAX 4

typedef struct CostRow {
        Cost cost;
        bool found;
} CostRow;

static uint64_t cost_in_proportion(uint64_t value, uint64_t from, uint64_t to) {
        double factor = from > 0 && to > 0 ? (double) to / (double) from : 1;

        if (factor > COSTS_SCALE_MAX)
                factor = COSTS_SCALE_MAX;
        if (factor < 1.0 / COSTS_SCALE_MAX)
                factor = 1.0 / COSTS_SCALE_MAX;
        return (double) value * factor < (double) INT64_MAX ? (uint64_t) ((double) value * factor)
                                                            : INT64_MAX;
}

Cost cost_scale(const Cost *cost, uint64_t size) {
        return (Cost){
                .build_ms = cost_in_proportion(cost->build_ms, cost->size, size),
                .peak_memory = cost_in_proportion(cost->peak_memory, cost->size, size),
                .size = size,
        };
}

static uint64_t cost_mean(uint64_t a, uint64_t b) {
        if (a == 0 || b == 0)
                return a + b;
        return a / 2 + b / 2 + (a & b & 1);
}

Cost cost_blend(const Cost *known, const Cost *latest) {
        uint64_t faded = known->peak_memory - known->peak_memory / 8;

        return (Cost){
                .build_ms = cost_mean(known->build_ms, latest->build_ms),
                .peak_memory = latest->peak_memory > faded ? latest->peak_memory : faded,
                .size = latest->size,
        };
}

/* What nobody wrote (a damaged row) is not known. */
static uint64_t costs_number(const DatabaseRow *row, int column) {
        int64_t value = database_int(row, column);

        return value < 0 ? 0 : (uint64_t) value;
}

static int costs_take(const DatabaseRow *row, void *userdata) {
        CostRow *ret = userdata;

        *ret = (CostRow){
                .cost = { .build_ms = costs_number(row, 0),
                          .peak_memory = costs_number(row, 1),
                          .size = costs_number(row, 2) },
                .found = true,
        };
        return 0;
}

static int costs_find_own(State *state, const char *source, const char *target,
                          const char *toolchain, CostRow *ret) {
        Slice path = slice_of_string(source);

        return database_run(state_database(state), costs_take, ret,
                            "SELECT build_ms, peak_memory, size FROM costs"
                            " WHERE source = ? AND target = ? AND toolchain = ?",
                            "btt", &path, target ?: "", toolchain);
}

int costs_find(State *state, const char *source, const char *target, const char *toolchain,
               uint64_t size, Cost *ret) {
        CostRow row = {};
        int r;

        r = costs_find_own(state, source, target, toolchain, &row);
        if (r == 0 && !row.found)
                r = database_run(state_database(state), costs_take, &row,
                                 "SELECT build_ms, peak_memory, size FROM costs"
                                 " WHERE toolchain = ? AND size >= 0"
                                 " ORDER BY abs(size - ?), seq DESC LIMIT 1",
                                 "ti", toolchain, (int64_t) size);
        if (r < 0)
                return r;
        if (!row.found)
                return COSTS_UNKNOWN;
        *ret = cost_scale(&row.cost, size);
        return 0;
}

int costs_learn(State *state, const char *source, const char *target, const char *toolchain,
                const Cost *cost) {
        Slice path = slice_of_string(source);
        CostRow known = {};
        Cost learned = *cost;
        int r;

        r = costs_find_own(state, source, target, toolchain, &known);
        if (r == 0 && known.found)
                learned = cost_blend(&known.cost, cost);
        if (r == 0)
                r = database_run(state_database(state), NULL, NULL,
                                 "INSERT OR REPLACE INTO costs (source, target, toolchain,"
                                 " build_ms, peak_memory, size) VALUES (?, ?, ?, ?, ?, ?)",
                                 "bttiii", &path, target ?: "", toolchain,
                                 (int64_t) learned.build_ms, (int64_t) learned.peak_memory,
                                 (int64_t) learned.size);
        return r < 0 ? r : state_trim(state, "costs", COSTS_MAX);
}
