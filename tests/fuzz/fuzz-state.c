/*
 * Rows of state.db that nobody wrote: of any table, with values of any type, some of them what is
 * asked for afterwards. Whatever is there, questions are answered, what is told is what there can be,
 * and what is stored then is found.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cache/costs.h"
#include "cache/database.h"
#include "cache/memo.h"
#include "cache/state.h"
#include "rows.h"

#define SOURCE      "/w/a.xmodel"
#define TOOLCHAIN   "vitis"
#define VERSION     1
#define OBSERVED_NS INT64_C(1000000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const RowsTable tables[] = {
        { "roots", 3 },     { "toolchains", 2 }, { "deliveries", 4 }, { "builds", 10 },
        { "file_memo", 7 }, { "model_memo", 7 }, { "verified", 8 },   { "pins", 2 },
        { "costs", 7 },     { "intents", 3 },
};

static const Digest wanted = { .bytes = "a wanted digest" };
static const StatId stat_id = { .dev = 1, .ino = 2, .size = 3, .mtime_ns = 4, .ctime_ns = 5 };

static void insert(const char *sql, void *userdata) {
        (void) database_run(state_database(userdata), NULL, NULL, sql, "");
}

static int insert_rows(State *state, const uint8_t *data, size_t size) {
        char digest[2 * DIGEST_SIZE + 4], source[2 * sizeof(SOURCE) + 4], boot_id[128];
        const char *const literals[] = { digest, source, "'" TOOLCHAIN "'", boot_id };
        const RowsSpec spec = { tables, ARRAY_SIZE(tables), literals, ARRAY_SIZE(literals) };

        rows_literal(digest, wanted.bytes, DIGEST_SIZE);
        rows_literal(source, SOURCE, strlen(SOURCE));
        (void) snprintf(boot_id, sizeof(boot_id), "trim('%s', char(10))", state_boot_id(state));
        return rows_insert(&spec, data, size, insert, state);
}

static int see_root(const char *path, bool trusted, void *userdata) {
        (void) trusted;
        if (path[0] != '/')
                abort();
        ++*(unsigned *) userdata;
        return 0;
}

static int see_pin(const Digest *key, void *userdata) {
        *(bool *) userdata |= digest_equal(key, &wanted);
        return 0;
}

static int see_build(const StateBuild *build, void *userdata) {
        if (!build->source || !build->net_name || !build->target || !build->toolchain)
                abort();
        *(bool *) userdata |= build->build_ms == 7 && digest_equal(&build->key, &wanted) &&
                              strcmp(build->source, SOURCE) == 0;
        return 0;
}

static void must(bool holds) {
        if (!holds)
                abort();
}

static void ask_roots_and_pins(State *state) {
        unsigned before = 0, after = 0;
        bool seen = false;

        must(state_each_root(state, see_root, &before) == 0);
        must(state_add_root(state, "/new/root", true) == 0);
        must(state_each_root(state, see_root, &after) == 0);
        must(after == before || after == before + 1);
        must(state_remove_root(state, "/new/root") == 0);

        must(state_pin(state, &wanted) == 0 && state_is_pinned(state, &wanted));
        must(state_each_pin(state, see_pin, &seen) == 0 && seen);
        must(state_unpin(state, &wanted) == 0 && !state_is_pinned(state, &wanted));
}

static void ask_toolchain(State *state) {
        _cleanup_(freep) char *before = NULL, *after = NULL;

        (void) state_get_toolchain(state, SOURCE, &before);
        must(state_set_toolchain(state, SOURCE, TOOLCHAIN) == 0);
        must(state_get_toolchain(state, SOURCE, &after) == 0 && strcmp(after, TOOLCHAIN) == 0);
}

static void ask_deliveries(State *state) {
        const StateDelivery file = { .path = SOURCE, .content = wanted };
        Digest content, key;

        (void) state_get_delivery(state, SOURCE, &content, &key);
        must(state_intend_deliveries(state, &file, 1) == 0);
        must(state_has_delivered(state, SOURCE, &wanted) > 0);
        must(state_set_deliveries(state, &wanted, &file, 1) == 0);
        must(state_has_delivered(state, SOURCE, &wanted) > 0);
        must(state_get_delivery(state, SOURCE, &content, &key) == 0);
        must(digest_equal(&content, &wanted) && digest_equal(&key, &wanted));
        must(state_remove_delivery(state, SOURCE) == 0);
        must(state_has_delivered(state, SOURCE, &wanted) == 0);
}

static void ask_builds(State *state) {
        const StateBuild build = { .build_ms = 7,
                                   .source = SOURCE,
                                   .net_name = "a",
                                   .target = "t",
                                   .toolchain = TOOLCHAIN,
                                   .key = wanted };
        bool seen = false;

        must(state_add_build(state, &build) == 0);
        must(state_each_build(state, SOURCE, ROWS_MAX + 1, see_build, &seen) == 0 && seen);
        must(state_each_build(state, NULL, ROWS_MAX + 1, see_build, &seen) == 0);
}

static void ask_memos(State *state) {
        const MemoModel model = { .model_class = 2, .reason = "because" };
        MemoModel found;
        Digest digest;

        (void) memo_find_file(state, &stat_id, OBSERVED_NS, &digest);
        must(memo_store_file(state, &stat_id, OBSERVED_NS, &wanted) == 0);
        must(memo_find_file(state, &stat_id, OBSERVED_NS, &digest) == 0);
        must(digest_equal(&digest, &wanted));

        if (memo_find_model(state, &wanted, VERSION, &found) == 0)
                must(strnlen(found.reason, sizeof(found.reason)) < sizeof(found.reason));
        must(memo_store_model(state, &wanted, VERSION + 1, &model) == 0);
        must(memo_find_model(state, &wanted, VERSION + 1, &found) == 0);
        must(found.model_class == 2 && !found.has_canonical &&
             strcmp(found.reason, "because") == 0);

        must(memo_find_verified(state, &wanted, &stat_id) >= 0);
        must(memo_store_verified(state, &wanted, &stat_id) == 0);
        must(memo_find_verified(state, &wanted, &stat_id) == 0);
        must(memo_forget_verified(state) == 0);
        must(memo_find_verified(state, &wanted, &stat_id) == MEMO_MISS);
}

static void ask_costs(State *state) {
        const Cost latest = { .build_ms = 100, .peak_memory = 1000, .size = 10 };
        Cost cost;

        must(costs_find(state, "/w/other", NULL, TOOLCHAIN, 10, &cost) >= 0);
        must(costs_learn(state, SOURCE, "t", TOOLCHAIN, &latest) == 0);
        must(costs_find(state, SOURCE, "t", TOOLCHAIN, 10, &cost) == 0);
        must(cost.build_ms >= 50 && cost.peak_memory >= 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(state_closep) State *state = NULL;

        if (state_open(&state, NULL, NULL) < 0)
                return 0;
        if (insert_rows(state, data, size) < 0)
                return 0;
        ask_roots_and_pins(state);
        ask_toolchain(state);
        ask_deliveries(state);
        ask_builds(state);
        ask_memos(state);
        ask_costs(state);
        return 0;
}
