/*
 * Rows of index.db that nobody wrote: of any table, with values of any type, some of them what is
 * asked for afterwards. Whatever is there, lists are lists, what is added is found, what is removed is
 * gone, and no object is called an orphan that somebody names.
 *
 * The rows are put there by another connection, as by another process.
 */

#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "cache/index.h"
#include "rows.h"

#define SOURCE       "/w/a.xmodel"
#define NET_NAME     "net"
#define TARGET       "0x101000056010402"
#define TOOLCHAIN    "vitis"
#define CREATED_NS   1000
#define USED_NS      2000
#define RECORD_BYTES 300
#define MODEL_BYTES  5000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const RowsTable tables[] = {
        { "entries", 16 }, { "objects", 3 }, { "evicted", 2 }, { "totals", 4 }
};

static const Digest key = { .bytes = "a wanted key" }, own = { .bytes = "its model" },
                    shared = { .bytes = "a shared log" };
static const KeyField transcript[] = {
        { .tag = "target.fingerprint", .value = { (const uint8_t *) TARGET, sizeof(TARGET) - 1 } },
};
static const KeyField provenance[] = {
        { .tag = "net_name", .value = { (const uint8_t *) NET_NAME, sizeof(NET_NAME) - 1 } },
        { .tag = "source", .value = { (const uint8_t *) SOURCE, sizeof(SOURCE) - 1 } },
};
static const RecordObject objects[] = {
        { .role = RECORD_ROLE_XMODEL, .digest = { .bytes = "its model" }, .size = MODEL_BYTES },
        { .role = RECORD_ROLE_LOG, .digest = { .bytes = "a shared log" }, .size = 10 },
};
static const Record record = {
        .kind = RECORD_SUCCESS,
        .key = { .bytes = "a wanted key" },
        .created_ns = CREATED_NS,
        .transcript = transcript,
        .n_transcript = ARRAY_SIZE(transcript),
        .toolchain = TOOLCHAIN,
        .provenance = provenance,
        .n_provenance = ARRAY_SIZE(provenance),
        .build_ms = 7,
        .objects = objects,
        .n_objects = ARRAY_SIZE(objects),
};

typedef struct Seen {
        size_t n;
        bool found;
} Seen;

static void must(bool holds) {
        if (!holds)
                abort();
}

/* --- rows ------------------------------------------------------------------------------------- */

/* One file for all inputs; nobody else sees it. */
static Index *open_index(sqlite3 **ret_other) {
        _cleanup_(freep) char *directory = NULL, *path = NULL;
        const char *tmp = getenv("TMPDIR");
        Index *index = NULL;

        directory = path_join(tmp ?: "/tmp", "dpucc-fuzz-index.XXXXXX");
        must(directory && mkdtemp(directory));
        path = path_join(directory, "index.db");
        must(path && index_open(&index, directory, NULL) == 0);
        must(sqlite3_open(path, ret_other) == SQLITE_OK);
        must(sqlite3_exec(*ret_other, "SELECT * FROM totals", NULL, NULL, NULL) == SQLITE_OK);
        must(file_remove_tree(AT_FDCWD, directory) == 0);
        return index;
}

static void insert(const char *sql, void *userdata) {
        (void) sqlite3_exec(userdata, sql, NULL, NULL, NULL);
}

static int insert_rows(sqlite3 *other, const uint8_t *data, size_t size) {
        char wanted[2 * DIGEST_SIZE + 4], model[sizeof(wanted)], log[sizeof(wanted)],
                source[2 * sizeof(SOURCE) + 4];
        const char *const literals[] = { wanted, model, log, source };
        const RowsSpec spec = { tables, ARRAY_SIZE(tables), literals, ARRAY_SIZE(literals) };

        rows_literal(wanted, key.bytes, DIGEST_SIZE);
        rows_literal(model, own.bytes, DIGEST_SIZE);
        rows_literal(log, shared.bytes, DIGEST_SIZE);
        rows_literal(source, SOURCE, strlen(SOURCE));
        return rows_insert(&spec, data, size, insert, other);
}

static void empty(sqlite3 *other) {
        must(sqlite3_exec(other,
                          "DELETE FROM objects; DELETE FROM entries; DELETE FROM evicted;"
                          "DELETE FROM totals; INSERT INTO totals VALUES (1, 0, 0, 0)",
                          NULL, NULL, NULL) == SQLITE_OK);
}

/* --- questions -------------------------------------------------------------------------------- */

static int see(const IndexEntry *entry, void *userdata) {
        Seen *seen = userdata;

        seen->n++;
        seen->found |= digest_equal(&entry->key, &key);
        return 0;
}

static int see_key(const Digest *found, void *userdata) {
        Seen *seen = userdata;

        seen->n++;
        seen->found |= digest_equal(found, &key);
        return 0;
}

static int see_added(const IndexEntry *entry, void *userdata) {
        Seen *seen = userdata;

        seen->found = digest_equal(&entry->key, &key) && entry->created_ns == CREATED_NS &&
                      entry->used_ns >= USED_NS && entry->build_ms == 7 &&
                      entry->size == MODEL_BYTES && !entry->failed &&
                      slice_equal(entry->net_name, slice_of_string(NET_NAME)) &&
                      slice_equal(entry->source, slice_of_string(SOURCE)) &&
                      slice_equal(entry->target_key, slice_of_string(TARGET)) &&
                      slice_equal(entry->toolchain, slice_of_string(TOOLCHAIN));
        return 0;
}

static void ask_lists(Index *index, bool is_added) {
        Seen seen[5] = {};

        (void) index_is_complete(index);
        (void) index_totals(index);
        must(index_each_newest(index, ROWS_MAX + 1, see, &seen[0]) == 0);
        must(index_each_after(index, NULL, ROWS_MAX + 1, see, &seen[1]) == 0);
        must(index_each_of_source(index, SOURCE, ROWS_MAX + 1, see, &seen[2]) == 0);
        must(index_each_named(index, slice_of_string(NET_NAME), ROWS_MAX + 1, see, &seen[3]) == 0);
        must(index_each_in_shard(index, key.bytes[0], see_key, &seen[4]) == 0);
        for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
                must(seen[i].n <= ROWS_MAX + 1 && (seen[i].found || !is_added));
}

static void ask_added(Index *index) {
        Seen seen = {};

        must(index_add(index, &record, RECORD_BYTES, USED_NS) == 0);
        index_touch(index, &key, USED_NS + 1);
        must(index_flush(index) == 0);
        must(index_find(index, &key, see_added, &seen) == 0 && seen.found);
        must(index_names_object(index, &own) && index_names_object(index, &shared));
        must(!index_was_evicted(index, &key));
        ask_lists(index, true);
}

static int see_orphan(const Digest *object, void *userdata) {
        must(!index_names_object(userdata, object));
        return 0;
}

static void ask_removed(Index *index) {
        Seen seen = {};

        must(index_begin(index) == 0);
        must(index_end(index, index_remove(index, &key, true, see_orphan, index)) == 0);
        must(index_find(index, &key, see, &seen) == 0 && seen.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static sqlite3 *other;
        static Index *index;

        if (!index)
                index = open_index(&other);
        if (insert_rows(other, data, size) == 0) {
                ask_lists(index, false);
                ask_removed(index); /* as it was found */
                ask_added(index);
                ask_removed(index);
        }
        empty(other);
        must(index_recreated(index) == 0);
        return 0;
}
