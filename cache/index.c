#include "cache/index.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/path.h"
#include "cache/database.h"

/*
 * Totals are kept by triggers, in the transaction that changes what they count: they are right
 * whoever writes, and reading them costs one row. An object counts from the first record that
 * names it to the last.
 *
 * INSERT OR REPLACE would remove rows without the triggers' knowing, so replacing is removing and
 * inserting.
 *
 * Texts are BLOBs: paths need not be UTF-8.
 */

/* 32 MiB: an eviction changes many pages, and each time they are written back everybody's file
 * system is busy */
#define INDEX_CHECKPOINT_PAGES 8192

#define INDEX_VERSION 1
#define INDEX_SCHEMA                                                                               \
        "CREATE TABLE entries (key BLOB PRIMARY KEY, created_ns INTEGER NOT NULL,"                 \
        " used_ns INTEGER NOT NULL, hits INTEGER NOT NULL, build_ms INTEGER NOT NULL,"             \
        " peak_memory INTEGER NOT NULL, bytes INTEGER NOT NULL, record_bytes INTEGER NOT NULL,"    \
        " size INTEGER NOT NULL, failed INTEGER NOT NULL, no_dpu_code INTEGER NOT NULL,"           \
        " net_name BLOB, target BLOB, source BLOB, target_key BLOB, toolchain BLOB)"               \
        " WITHOUT ROWID;"                                                                          \
        "CREATE INDEX entries_created ON entries (created_ns);"                                    \
        "CREATE INDEX entries_source ON entries (source, created_ns);"                             \
        "CREATE INDEX entries_name ON entries (net_name, created_ns);"                             \
        "CREATE TABLE objects (object BLOB, key BLOB, size INTEGER NOT NULL,"                      \
        " PRIMARY KEY (object, key)) WITHOUT ROWID;"                                               \
        "CREATE INDEX objects_key ON objects (key);"                                               \
        "CREATE TABLE evicted (seq INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE);"                \
        "CREATE TABLE totals (one INTEGER PRIMARY KEY, entries INTEGER NOT NULL,"                  \
        " bytes INTEGER NOT NULL, complete INTEGER NOT NULL);"                                     \
        "INSERT INTO totals VALUES (1, 0, 0, 0);"                                                  \
        "CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN"                                 \
        " UPDATE totals SET entries = entries + 1, bytes = bytes + NEW.record_bytes; END;"         \
        "CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN"                               \
        " UPDATE totals SET entries = entries - 1, bytes = bytes - OLD.record_bytes; END;"         \
        "CREATE TRIGGER object_added AFTER INSERT ON objects"                                      \
        " WHEN NOT EXISTS (SELECT 1 FROM objects WHERE object = NEW.object AND key <> NEW.key)"    \
        " BEGIN UPDATE totals SET bytes = bytes + NEW.size; END;"                                  \
        "CREATE TRIGGER object_removed AFTER DELETE ON objects"                                    \
        " WHEN NOT EXISTS (SELECT 1 FROM objects WHERE object = OLD.object)"                       \
        " BEGIN UPDATE totals SET bytes = bytes - OLD.size; END;"

#define INDEX_COLUMNS                                                                              \
        "key, created_ns, used_ns, hits, build_ms, peak_memory, bytes, size, failed,"              \
        " no_dpu_code, net_name, target, source, target_key, toolchain"

typedef struct Touch {
        Digest key;
        int64_t used_ns;
        uint64_t hits;
        UT_hash_handle hh;
} Touch;

struct Index {
        Database *database;
        pthread_mutex_t mutex; /* of the touches; never held while the database is used */
        Touch *touches;
        _Atomic size_t n_touches;
        _Atomic uint64_t entries, bytes; /* as the totals were last read */
};

/* --- open and close ------------------------------------------------------------------------- */

static int index_take_totals(const DatabaseRow *row, void *userdata) {
        Index *index = userdata;
        int64_t entries = database_int(row, 0), bytes = database_int(row, 1);

        index->entries = entries > 0 ? (uint64_t) entries : 0;
        index->bytes = bytes > 0 ? (uint64_t) bytes : 0;
        return 0;
}

static void index_read_totals(Index *index) {
        (void) database_run(index->database, index_take_totals, index,
                            "SELECT entries, bytes FROM totals", "");
}

int index_open(Index **ret, const char *root, Problem *problem) {
        _cleanup_(index_closep) Index *index = calloc(1, sizeof(*index));
        _cleanup_(freep) char *path = NULL;
        int r;

        if (!index)
                return -ENOMEM;
        r = pthread_mutex_init(&index->mutex, NULL);
        if (r != 0) {
                free(TAKE_PTR(index));
                return -r;
        }
        path = root ? path_join(root, "index.db") : NULL;
        if (root && !path)
                return -ENOMEM;
        r = database_open(&index->database, path, INDEX_VERSION, INDEX_SCHEMA, problem);
        if (r < 0)
                return r;

        database_set_checkpoint(index->database, INDEX_CHECKPOINT_PAGES);
        index_read_totals(index);
        *ret = TAKE_PTR(index);
        return 0;
}

static void index_free_touches(Touch *touches) {
        Touch *touch, *next;

        HASH_ITER(hh, touches, touch, next) {
                HASH_DEL(touches, touch);
                free(touch);
        }
}

Index *index_close(Index *index) {
        if (!index)
                return NULL;

        if (index->database)
                (void) index_flush(index);
        index_free_touches(index->touches);
        (void) database_close(index->database);
        (void) pthread_mutex_destroy(&index->mutex);
        free(index);
        return NULL;
}

/* --- completeness ------------------------------------------------------------------------- */

static int index_take_int(const DatabaseRow *row, void *userdata) {
        *(int64_t *) userdata = database_int(row, 0);
        return 0;
}

bool index_is_complete(Index *index) {
        int64_t complete = 0;
        int r;

        r = database_run(index->database, index_take_int, &complete, "SELECT complete FROM totals",
                         "");
        return r == 0 && complete != 0;
}

int index_set_complete(Index *index, bool complete) {
        /* on the disk, with all before it: after that a mark is removed (survey.h) */
        return database_run_durable(index->database, "UPDATE totals SET complete = ?", "i",
                                    (int64_t) complete);
}

unsigned index_recreated(Index *index) {
        return database_recreated(index->database);
}

bool index_is_private(Index *index) {
        return database_is_in_memory(index->database);
}

void index_follow(Index *index) {
        database_follow(index->database);
}

/* --- uses ----------------------------------------------------------------------------------- */

static Touch *index_new_touch(Index *index, const Digest *key) {
        Touch *touch;

        if (HASH_COUNT(index->touches) >= INDEX_TOUCHES_MAX)
                return NULL;
        touch = calloc(1, sizeof(*touch));
        if (!touch)
                return NULL;
        touch->key = *key;
        HASH_ADD(hh, index->touches, key, sizeof(touch->key), touch);
        if (map_failed(touch)) {
                free(touch);
                return NULL;
        }
        return touch;
}

void index_touch(Index *index, const Digest *key, int64_t now_ns) {
        Touch *touch;

        (void) pthread_mutex_lock(&index->mutex);
        HASH_FIND(hh, index->touches, key, sizeof(*key), touch);
        if (!touch)
                touch = index_new_touch(index, key);
        if (touch) {
                touch->used_ns = now_ns;
                touch->hits++;
        }
        index->n_touches = HASH_COUNT(index->touches);
        (void) pthread_mutex_unlock(&index->mutex);
}

bool index_has_touches(const Index *index) {
        return index->n_touches > 0;
}

bool index_is_touched(Index *index, const Digest *key) {
        Touch *touch;

        (void) pthread_mutex_lock(&index->mutex);
        HASH_FIND(hh, index->touches, key, sizeof(*key), touch);
        (void) pthread_mutex_unlock(&index->mutex);
        return touch != NULL;
}

static int index_write_touches(Index *index, const Touch *touches) {
        const Touch *touch;
        int r;

        r = database_begin(index->database);
        if (r < 0)
                return r;
        for (touch = touches; touch && r == 0; touch = touch->hh.next) {
                Slice key = slice_of(touch->key.bytes, DIGEST_SIZE);

                r = database_run(index->database, NULL, NULL,
                                 "UPDATE entries SET used_ns = max(used_ns, ?), hits = hits + ?"
                                 " WHERE key = ?",
                                 "iib", touch->used_ns, (int64_t) touch->hits, &key);
        }
        return database_end(index->database, r);
}

/* What cannot be written is forgotten: it would be the same the next time, and it is recency. */
int index_flush(Index *index) {
        Touch *touches;
        int r;

        (void) pthread_mutex_lock(&index->mutex);
        touches = TAKE_PTR(index->touches);
        index->n_touches = 0;
        (void) pthread_mutex_unlock(&index->mutex);
        if (!touches)
                return 0;

        r = index_write_touches(index, touches);
        index_free_touches(touches);
        index_read_totals(index); /* of what other processes did, too */
        return r;
}

/* --- rows in ---------------------------------------------------------------------------------- */

static Slice index_key_field(const Record *record, const char *tag) {
        for (size_t i = 0; i < record->n_transcript; i++)
                if (strcmp(record->transcript[i].tag, tag) == 0)
                        return record->transcript[i].value;
        return slice_of(NULL, 0);
}

typedef struct IndexUses {
        bool found;
        int64_t used_ns, hits;
} IndexUses;

static int index_take_uses(const DatabaseRow *row, void *userdata) {
        *(IndexUses *) userdata = (IndexUses){
                .found = true,
                .used_ns = database_int(row, 0),
                .hits = database_int(row, 1),
        };
        return 0;
}

static int index_insert_entry(Index *index, const Record *record, uint64_t record_bytes,
                              int64_t used_ns, int64_t hits) {
        const RecordObject *xmodel = record_object(record, RECORD_ROLE_XMODEL);
        Slice key = slice_of(record->key.bytes, DIGEST_SIZE);
        Slice net_name = record_provenance(record, "net_name");
        Slice target = record_provenance(record, "target");
        Slice source = record_provenance(record, "source");
        Slice target_key = index_key_field(record, "target.fingerprint");
        Slice toolchain = slice_of_string(record->toolchain);
        uint64_t bytes = record_bytes;

        for (size_t i = 0; i < record->n_objects; i++)
                bytes += record->objects[i].size;
        if (target_key.size == 0)
                target_key = index_key_field(record, "target.name");
        return database_run(
                index->database, NULL, NULL,
                "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                " ?, ?)",
                "biiiiiiiiiibbbbb", &key, record->created_ns, used_ns, hits,
                (int64_t) record->build_ms, (int64_t) record->peak_memory, (int64_t) bytes,
                (int64_t) record_bytes, (int64_t) (xmodel ? xmodel->size : 0),
                (int64_t) (record->kind == RECORD_FAILURE), (int64_t) record->facts.no_dpu_code,
                &net_name, &target, &source, &target_key, &toolchain);
}

static int index_insert_objects(Index *index, const Record *record) {
        Slice key = slice_of(record->key.bytes, DIGEST_SIZE);
        int r = 0;

        for (size_t i = 0; i < record->n_objects && r == 0; i++) {
                Slice object = slice_of(record->objects[i].digest.bytes, DIGEST_SIZE);

                /* two roles may have one content */
                r = database_run(index->database, NULL, NULL,
                                 "INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                                 "bbi", &object, &key, (int64_t) record->objects[i].size);
        }
        return r;
}

int index_add(Index *index, const Record *record, uint64_t record_bytes, int64_t used_ns) {
        Slice key = slice_of(record->key.bytes, DIGEST_SIZE);
        IndexUses before = { .found = false };
        int r;

        r = database_begin(index->database);
        if (r < 0)
                return r;
        r = database_run(index->database, index_take_uses, &before,
                         "SELECT used_ns, hits FROM entries WHERE key = ?", "b", &key);
        if (r == 0 && before.found)
                r = index_remove(index, &record->key, false, NULL, NULL);
        if (r == 0)
                r = index_insert_entry(index, record, record_bytes,
                                       used_ns > before.used_ns ? used_ns : before.used_ns,
                                       before.hits);
        if (r == 0)
                r = index_insert_objects(index, record);
        if (r == 0)
                r = database_run(index->database, NULL, NULL, "DELETE FROM evicted WHERE key = ?",
                                 "b", &key);
        return index_end(index, r);
}

/* --- rows out --------------------------------------------------------------------------------- */

int index_begin(Index *index) {
        return database_begin(index->database);
}

int index_end(Index *index, int abort) {
        int r = database_end(index->database, abort);

        index_read_totals(index);
        return r;
}

typedef struct IndexObjects {
        Digest objects[RECORD_OBJECTS_MAX];
        size_t n;
} IndexObjects;

static int index_take_object(const DatabaseRow *row, void *userdata) {
        IndexObjects *objects = userdata;

        /* what is no digest is no row of ours, and goes with the others */
        if (objects->n < RECORD_OBJECTS_MAX &&
            database_digest(row, 0, &objects->objects[objects->n]) == 0)
                objects->n++;
        return 0;
}

static int index_remember_evicted(Index *index, const Slice *key) {
        int r;

        r = database_run(index->database, NULL, NULL,
                         "INSERT OR REPLACE INTO evicted (key) VALUES (?)", "b", key);
        if (r < 0)
                return r;
        return database_run(index->database, NULL, NULL,
                            "DELETE FROM evicted WHERE seq <= (SELECT max(seq) FROM evicted) - ?",
                            "i", (int64_t) INDEX_EVICTED_MAX);
}

int index_remove(Index *index, const Digest *key, bool evicted, IndexObjectFn orphan,
                 void *userdata) {
        Slice blob = slice_of(key->bytes, DIGEST_SIZE);
        unsigned recreated = index_recreated(index);
        IndexObjects objects = { .n = 0 };
        int r = 0;

        if (orphan)
                r = database_run(index->database, index_take_object, &objects,
                                 "SELECT object FROM objects WHERE key = ?", "b", &blob);
        if (r == 0)
                r = database_run(index->database, NULL, NULL, "DELETE FROM objects WHERE key = ?",
                                 "b", &blob);
        if (r == 0)
                r = database_run(index->database, NULL, NULL, "DELETE FROM entries WHERE key = ?",
                                 "b", &blob);
        if (r == 0 && evicted)
                r = index_remember_evicted(index, &blob);
        for (size_t i = 0; r == 0 && i < objects.n; i++)
                if (!index_names_object(index, &objects.objects[i]) &&
                    index_recreated(index) == recreated)
                        r = orphan(&objects.objects[i], userdata);
        return r;
}

/* If the file is found to be corrupt it is made anew: that the new one does not have it says
 * nothing. */
static int index_exists(Index *index, const char *sql, const Digest *digest, bool *ret) {
        Slice blob = slice_of(digest->bytes, DIGEST_SIZE);
        unsigned recreated = index_recreated(index);
        int64_t one = 0;
        int r;

        r = database_run(index->database, index_take_int, &one, sql, "b", &blob);
        if (r == 0 && index_recreated(index) != recreated)
                r = -EIO;
        *ret = one != 0;
        return r;
}

bool index_names_object(Index *index, const Digest *object) {
        bool exists;

        return index_exists(index, "SELECT 1 FROM objects WHERE object = ? LIMIT 1", object,
                            &exists) < 0 ||
               exists;
}

bool index_was_evicted(Index *index, const Digest *key) {
        bool exists;

        return index_exists(index, "SELECT 1 FROM evicted WHERE key = ?", key, &exists) == 0 &&
               exists;
}

/* --- questions -------------------------------------------------------------------------------- */

typedef struct IndexVisit {
        IndexEntryFn fn;
        void *userdata;
} IndexVisit;

static int index_visit(const DatabaseRow *row, void *userdata) {
        const IndexVisit *visit = userdata;
        IndexEntry entry = {
                .created_ns = database_int(row, 1),
                .used_ns = database_int(row, 2),
                .hits = (uint64_t) database_int(row, 3),
                .build_ms = (uint64_t) database_int(row, 4),
                .peak_memory = (uint64_t) database_int(row, 5),
                .bytes = (uint64_t) database_int(row, 6),
                .size = (uint64_t) database_int(row, 7),
                .failed = database_int(row, 8) != 0,
                .no_dpu_code = database_int(row, 9) != 0,
                .net_name = database_blob(row, 10),
                .target = database_blob(row, 11),
                .source = database_blob(row, 12),
                .target_key = database_blob(row, 13),
                .toolchain = database_blob(row, 14),
        };

        if (database_digest(row, 0, &entry.key) < 0)
                return 0; /* no row of ours */
        return visit->fn(&entry, visit->userdata);
}

int index_find(Index *index, const Digest *key, IndexEntryFn fn, void *userdata) {
        IndexVisit visit = { .fn = fn, .userdata = userdata };
        Slice blob = slice_of(key->bytes, DIGEST_SIZE);

        return database_run(index->database, index_visit, &visit,
                            "SELECT " INDEX_COLUMNS " FROM entries WHERE key = ?", "b", &blob);
}

int index_each_newest(Index *index, size_t max, IndexEntryFn fn, void *userdata) {
        IndexVisit visit = { .fn = fn, .userdata = userdata };

        return database_run(index->database, index_visit, &visit,
                            "SELECT " INDEX_COLUMNS
                            " FROM entries ORDER BY created_ns DESC LIMIT ?",
                            "i", (int64_t) (max < INT64_MAX ? max : INT64_MAX));
}

int index_each_of_source(Index *index, const char *source, size_t max, IndexEntryFn fn,
                         void *userdata) {
        IndexVisit visit = { .fn = fn, .userdata = userdata };
        Slice blob = slice_of_string(source);

        return database_run(index->database, index_visit, &visit,
                            "SELECT " INDEX_COLUMNS
                            " FROM entries WHERE source = ? ORDER BY created_ns DESC LIMIT ?",
                            "bi", &blob, (int64_t) (max < INT64_MAX ? max : INT64_MAX));
}

int index_each_named(Index *index, Slice net_name, size_t max, IndexEntryFn fn, void *userdata) {
        IndexVisit visit = { .fn = fn, .userdata = userdata };

        return database_run(index->database, index_visit, &visit,
                            "SELECT " INDEX_COLUMNS
                            " FROM entries WHERE net_name = ? ORDER BY created_ns DESC LIMIT ?",
                            "bi", &net_name, (int64_t) (max < INT64_MAX ? max : INT64_MAX));
}

int index_each_after(Index *index, const Digest *after, size_t max, IndexEntryFn fn,
                     void *userdata) {
        IndexVisit visit = { .fn = fn, .userdata = userdata };
        Slice blob = slice_of(after ? after->bytes : (const uint8_t *) "", after ? DIGEST_SIZE : 0);

        return database_run(index->database, index_visit, &visit,
                            "SELECT " INDEX_COLUMNS
                            " FROM entries WHERE key > ? ORDER BY key LIMIT ?",
                            "bi", &blob, (int64_t) (max < INT64_MAX ? max : INT64_MAX));
}

typedef struct IndexKeyVisit {
        IndexKeyFn fn;
        void *userdata;
} IndexKeyVisit;

static int index_visit_key(const DatabaseRow *row, void *userdata) {
        const IndexKeyVisit *visit = userdata;
        Digest key;

        return database_digest(row, 0, &key) < 0 ? 0 : visit->fn(&key, visit->userdata);
}

int index_each_in_shard(Index *index, uint8_t shard, IndexKeyFn fn, void *userdata) {
        IndexKeyVisit visit = { .fn = fn, .userdata = userdata };
        Digest first = { .bytes = { shard } }, last;
        Slice from = slice_of(first.bytes, DIGEST_SIZE), to = slice_of(last.bytes, DIGEST_SIZE);

        memset(last.bytes, 0xff, DIGEST_SIZE);
        last.bytes[0] = shard;
        return database_run(index->database, index_visit_key, &visit,
                            "SELECT key FROM entries WHERE key BETWEEN ? AND ? ORDER BY key", "bb",
                            &from, &to);
}

IndexTotals index_totals(const Index *index) {
        return (IndexTotals){ .entries = index->entries, .bytes = index->bytes };
}
