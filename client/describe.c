#include "client/describe.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

static const struct {
        const char *name;
        OutputColour colour;
} describe_states[] = {
        [DPUCC__WIRE__UNIT_STATE__UNIT_NEW] = { "new", OUTPUT_DIM },
        [DPUCC__WIRE__UNIT_STATE__UNIT_WRITING] = { "being written", OUTPUT_YELLOW },
        [DPUCC__WIRE__UNIT_STATE__UNIT_SETTLING] = { "settling", OUTPUT_YELLOW },
        [DPUCC__WIRE__UNIT_STATE__UNIT_HASHING] = { "hashing", OUTPUT_YELLOW },
        [DPUCC__WIRE__UNIT_STATE__UNIT_QUEUED] = { "queued", OUTPUT_YELLOW },
        [DPUCC__WIRE__UNIT_STATE__UNIT_COMPILING] = { "compiling", OUTPUT_YELLOW },
        [DPUCC__WIRE__UNIT_STATE__UNIT_READY] = { "ready", OUTPUT_GREEN },
        [DPUCC__WIRE__UNIT_STATE__UNIT_FAILED] = { "failed", OUTPUT_RED },
        [DPUCC__WIRE__UNIT_STATE__UNIT_OVER_LIMIT] = { "over limit", OUTPUT_RED },
        [DPUCC__WIRE__UNIT_STATE__UNIT_NO_TARGET] = { "no target", OUTPUT_RED },
        [DPUCC__WIRE__UNIT_STATE__UNIT_NOT_SOURCE] = { "not a source", OUTPUT_DIM },
        [DPUCC__WIRE__UNIT_STATE__UNIT_INVALID] = { "invalid", OUTPUT_RED },
        [DPUCC__WIRE__UNIT_STATE__UNIT_FETCHING] = { "fetching", OUTPUT_YELLOW },
};

static bool describe_is_known(Dpucc__Wire__UnitState state) {
        return (size_t) state < ARRAY_SIZE(describe_states);
}

const char *describe_state(Dpucc__Wire__UnitState state) {
        return describe_is_known(state) ? describe_states[state].name : "unknown";
}

OutputColour describe_state_colour(Dpucc__Wire__UnitState state) {
        return describe_is_known(state) ? describe_states[state].colour : OUTPUT_PLAIN;
}

void describe_root(const Dpucc__Wire__Root *root) {
        bool is_well = root->state && strcmp(root->state, "watching") == 0;

        output_bytes(root->path);
        (void) fputs("  ", stdout);
        output_text(is_well ? OUTPUT_GREEN : OUTPUT_YELLOW, root->state ?: "");
        (void) printf(", %" PRIu64 " director%s, %" PRIu64 " model%s%s\n", root->n_directories,
                      root->n_directories == 1 ? "y" : "ies", root->n_sources,
                      root->n_sources == 1 ? "" : "s",
                      root->has_trusted && root->trusted ? ", trusted" : "");
        if (root->detail) {
                (void) fputs("  ", stdout);
                output_text(OUTPUT_YELLOW, root->detail);
                (void) putchar('\n');
        }
}

void describe_roots_left_out(uint32_t n) {
        if (n > 0)
                (void) printf("%u more workspace%s not shown\n", (unsigned) n,
                              n == 1 ? " is" : "s are");
}
