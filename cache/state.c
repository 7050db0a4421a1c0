#include "cache/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "cache/backup.h"
#include "cache/database.h"
#include "cache/recent.h"

/*
 * Tables that grow by themselves have `seq INTEGER PRIMARY KEY`, which SQLite numbers upwards,
 * and a unique column or two. INSERT OR REPLACE gives a renewed row the highest number, so the
 * lowest numbers are the oldest rows and dropping them is one range of the primary key.
 *
 * Paths are BLOBs: they need not be UTF-8.
 *
 * The backup is read into a database that has no mark of having been filled from it, and the mark
 * set: at open, and after each change of what it holds, for the change may have been what found the
 * file corrupt. Then the change is made once more, on top of what came back, and all of it written.
 *
 * Tables that came after version 1 are made where they are missing, in a file of an older program,
 * which does not mind them.
 */

#define STATE_VERSION 1
#define STATE_PINS_SCHEMA                                                                          \
        "CREATE TABLE IF NOT EXISTS pins (key BLOB PRIMARY KEY, added_ns INTEGER NOT NULL)"        \
        " WITHOUT ROWID"
#define STATE_COSTS_SCHEMA                                                                         \
        "CREATE TABLE IF NOT EXISTS costs (seq INTEGER PRIMARY KEY, source BLOB NOT NULL,"         \
        " target TEXT NOT NULL, toolchain TEXT NOT NULL, build_ms INTEGER NOT NULL,"               \
        " peak_memory INTEGER NOT NULL, size INTEGER NOT NULL, UNIQUE (source, target, "           \
        "toolchain))"
#define STATE_INTENTS_SCHEMA                                                                       \
        "CREATE TABLE IF NOT EXISTS intents (seq INTEGER PRIMARY KEY, path BLOB NOT NULL,"         \
        " content BLOB NOT NULL, UNIQUE (path, content))"
#define STATE_SCHEMA                                                                               \
        "CREATE TABLE roots (path BLOB PRIMARY KEY, trusted INTEGER NOT NULL,"                     \
        " added_ns INTEGER NOT NULL) WITHOUT ROWID;"                                               \
        "CREATE TABLE toolchains (root BLOB PRIMARY KEY, toolchain TEXT NOT NULL) WITHOUT ROWID;"  \
        "CREATE TABLE deliveries (seq INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE,"             \
        " content BLOB NOT NULL, key BLOB NOT NULL);"                                              \
        "CREATE TABLE builds (seq INTEGER PRIMARY KEY, ended_ns INTEGER NOT NULL,"                 \
        " build_ms INTEGER NOT NULL, source BLOB NOT NULL, net_name TEXT, target TEXT,"            \
        " toolchain TEXT, key BLOB NOT NULL, outcome INTEGER NOT NULL, detail TEXT);"              \
        "CREATE INDEX builds_source ON builds (source);"                                           \
        "CREATE TABLE file_memo (seq INTEGER PRIMARY KEY, dev INTEGER NOT NULL,"                   \
        " ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"                 \
        " ctime_ns INTEGER NOT NULL, digest BLOB NOT NULL, UNIQUE (dev, ino));"                    \
        "CREATE TABLE model_memo (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL UNIQUE,"            \
        " version INTEGER NOT NULL, class INTEGER NOT NULL, canonical BLOB, map_sorted BLOB,"      \
        " reason BLOB NOT NULL);"                                                                  \
        "CREATE TABLE verified (seq INTEGER PRIMARY KEY, dev INTEGER NOT NULL,"                    \
        " ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"                 \
        " ctime_ns INTEGER NOT NULL, object BLOB NOT NULL, boot TEXT NOT NULL,"                    \
        " UNIQUE (dev, ino));" STATE_PINS_SCHEMA ";" STATE_COSTS_SCHEMA ";" STATE_INTENTS_SCHEMA   \
        ";"

#define STATE_MARK_SCHEMA "CREATE TABLE IF NOT EXISTS filled (one INTEGER PRIMARY KEY)"

#define STATE_BOOT_MAX 64 /* bytes of boot_id: a UUID and a newline */

#define STATE_RECENT 4096

struct State {
        Database *database;
        Recent *recent_files, *recent_models;
        char *directory;        /* NULL: in memory */
        _Atomic int filled_for; /* state_recreated() when it was last filled; -1: never */
        char boot_id[STATE_BOOT_MAX + 1];
};

/* Paths of what somebody works on are nobody else's business, whoever made the directory. If
 * it cannot be made or closed to others, opening the database says what is to be said. */
static void state_make_directory(const char *directory) {
        _cleanup_(closep) int fd = file_make_dirs_durable(AT_FDCWD, directory, 0700);
        struct stat st;

        if (fd >= 0 && fstat(fd, &st) == 0 && st.st_mode & 077)
                (void) fchmod(fd, 0700);
}

static int state_open_database(State *state, const char *directory, Problem *problem) {
        _cleanup_(freep) char *path = NULL;

        if (!directory)
                return database_open(&state->database, NULL, STATE_VERSION, STATE_SCHEMA, problem);

        path = path_join(directory, "state.db");
        if (!path)
                return -ENOMEM;
        state_make_directory(directory);
        return database_open(&state->database, path, STATE_VERSION, STATE_SCHEMA, problem);
}

static int state_read_boot_id(State *state) {
        _cleanup_(bytes_cleanup) Bytes boot = BYTES_INIT(STATE_BOOT_MAX);
        int r;

        r = file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &boot);
        if (r == 0)
                memcpy(state->boot_id, boot.data, boot.size);
        return r == -ENOMEM ? r : 0;
}

/* --- the backup -------------------------------------------------------------------------------- */

static int state_take_int(const DatabaseRow *row, void *userdata) {
        int64_t *ret = userdata;

        *ret = database_int(row, 0);
        return 0;
}

static int state_insert_root(State *state, const char *path, bool trusted) {
        Slice blob = slice_of_string(path);

        return database_run_durable(state->database,
                                    "INSERT INTO roots VALUES (?1, ?2, ?3)"
                                    " ON CONFLICT (path) DO UPDATE SET trusted = ?2",
                                    "bii", &blob, (int64_t) trusted, clock_real_ns());
}

static int state_insert_pin(State *state, const Digest *key) {
        Slice blob = slice_of(key->bytes, DIGEST_SIZE);

        return database_run_durable(state->database,
                                    "INSERT INTO pins VALUES (?, ?) ON CONFLICT DO NOTHING", "bi",
                                    &blob, clock_real_ns());
}

static int state_restore_root(const char *path, bool trusted, void *userdata) {
        return state_insert_root(userdata, path, trusted);
}

static int state_restore_pin(const Digest *key, void *userdata) {
        return state_insert_pin(userdata, key);
}

static int state_read_backup(State *state) {
        static const BackupHandlers handlers = { .root = state_restore_root,
                                                 .pin = state_restore_pin };
        int r;

        r = state->directory ? backup_read(state->directory, &handlers, state) : -ENOENT;
        return r == -ENOENT || r == -EBADMSG ? 0 : r; /* there is nothing better */
}

/* 1 if the database was new, and has now what the backup has; 0: it had that */
static int state_fill(State *state) {
        static const char *const tables[] = {
                STATE_PINS_SCHEMA,
                STATE_COSTS_SCHEMA,
                STATE_INTENTS_SCHEMA,
                STATE_MARK_SCHEMA,
        };
        int recreated = (int) database_recreated(state->database);
        int64_t filled = 0;
        int r = 0;

        if (state->filled_for == recreated)
                return 0;
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(tables); i++)
                r = database_run(state->database, NULL, NULL, tables[i], "");
        if (r == 0)
                r = database_run(state->database, state_take_int, &filled, "SELECT one FROM filled",
                                 "");
        if (r == 0 && !filled)
                r = state_read_backup(state);
        if (r == 0 && !filled)
                r = database_run_durable(state->database,
                                         "INSERT INTO filled VALUES (1) ON CONFLICT DO NOTHING",
                                         "");
        if (r < 0)
                return r;
        state->filled_for = recreated;
        return filled ? 0 : 1;
}

/* A damaged row is nobody's root, and must not make a backup that cannot be read. */
static bool state_is_root(Slice path) {
        return path.size > 0 && path.size < PATH_MAX && path.data[0] == '/' &&
               !memchr(path.data, '\0', path.size);
}

static int state_save_root(const DatabaseRow *row, void *userdata) {
        Slice path = database_blob(row, 0);

        return state_is_root(path) ? backup_add_root(userdata, path, database_int(row, 1) != 0) : 0;
}

static int state_save_pin(const DatabaseRow *row, void *userdata) {
        Digest key;

        return database_digest(row, 0, &key) < 0 ? 0 : backup_add_pin(userdata, &key);
}

static int state_write_backup(State *state) {
        _cleanup_(bytes_cleanup) Bytes backup = BYTES_INIT(BACKUP_MAX);
        int r;

        r = backup_begin(&backup);
        if (r == 0)
                r = database_run(state->database, state_save_root, &backup,
                                 "SELECT path, trusted FROM roots ORDER BY added_ns, path LIMIT ?",
                                 "i", (int64_t) STATE_ROOTS_MAX);
        if (r == 0)
                r = database_run(state->database, state_save_pin, &backup,
                                 "SELECT key FROM pins ORDER BY added_ns, key LIMIT ?", "i",
                                 (int64_t) STATE_PINS_MAX);
        return r < 0 ? r : backup_write(&backup, state->directory);
}

/* In a transaction, so that of two processes the later one saves what both did. Failing to write a
 * backup is not failing: the database has it. */
static void state_save(State *state) {
        if (!state->directory || database_is_in_memory(state->database) ||
            database_begin(state->database) < 0)
                return;
        (void) state_write_backup(state);
        (void) database_end(state->database, 0);
}

/* What is not found out again by itself. */
static const char state_merge[] =
        "INSERT OR IGNORE INTO file.roots SELECT * FROM main.roots;"
        "INSERT OR IGNORE INTO file.pins SELECT * FROM main.pins;"
        "INSERT OR REPLACE INTO file.toolchains SELECT * FROM main.toolchains;"
        "INSERT OR REPLACE INTO file.deliveries (path, content, key)"
        " SELECT path, content, key FROM main.deliveries ORDER BY seq;";

/* What is said to be kept is to be found by the next daemon: if state.db was removed under this one,
 * or the whole directory, it is made again of what is known here, and what somebody put in its place
 * is gone on with. If it could not be opened at the start, when the disk was full, say, it may be now. */
static void state_follow(State *state) {
        if (!state->directory || database_is_in_place(state->database))
                return;
        state_make_directory(state->directory);
        if (database_restore(state->database) > 0 ||
            (database_come_back(state->database, state_merge) > 0 && state_fill(state) >= 0))
                state_save(state);
        else
                database_follow(state->database);
}

/* A change of what has a backup: @change is made again if the database turns out to be a new one. */
static int state_change(State *state, int (*change)(State *state, const void *arg),
                        const void *arg) {
        int filled, r;

        state_follow(state);
        r = change(state, arg);
        filled = state_fill(state);
        if (filled > 0)
                r = change(state, arg);
        if (r == 0)
                state_save(state);
        return r;
}

int state_open(State **ret, const char *directory, Problem *problem) {
        _cleanup_(state_closep) State *state = calloc(1, sizeof(*state));
        int outcome = 0, r;

        if (!state)
                return -ENOMEM;

        state->filled_for = -1;
        state->directory = directory ? strdup(directory) : NULL;
        if (directory && !state->directory)
                return -ENOMEM;
        r = recent_new(&state->recent_files, STATE_RECENT, sizeof(Digest));
        if (r == 0)
                r = recent_new(&state->recent_models, STATE_RECENT, STATE_RECENT_MODEL);
        if (r == 0)
                r = state_read_boot_id(state);
        if (r < 0)
                return r;
        r = state_open_database(state, directory, problem);
        if (r < 0)
                return r;
        if (r == DATABASE_RECREATED)
                outcome = STATE_RECREATED;
        else if (r == DATABASE_IN_MEMORY)
                outcome = STATE_IN_MEMORY;

        r = state_fill(state);
        if (r == -ENOMEM)
                return r;
        *ret = TAKE_PTR(state);
        return outcome;
}

State *state_close(State *state) {
        if (!state)
                return NULL;

        (void) database_close(state->database);
        (void) recent_free(state->recent_files);
        (void) recent_free(state->recent_models);
        free(state->directory);
        free(state);
        return NULL;
}

Database *state_database(State *state) {
        return state->database;
}

Recent *state_recent_files(State *state) {
        return state->recent_files;
}

Recent *state_recent_models(State *state) {
        return state->recent_models;
}

const char *state_boot_id(const State *state) {
        return state->boot_id;
}

/* Renewed rows leave gaps behind them, so the numbers alone do not tell how many rows there are.
 * They tell when counting is worth it, though. */
int state_trim(State *state, const char *table, int64_t max) {
        char sql[384];

        (void) snprintf(sql, sizeof(sql),
                        "DELETE FROM %s WHERE seq IN (SELECT seq FROM %s ORDER BY seq LIMIT"
                        " CASE WHEN (SELECT max(seq) FROM %s) - (SELECT min(seq) FROM %s) < ?1"
                        " THEN 0 ELSE max(0, (SELECT count(*) FROM %s) - ?1) END)",
                        table, table, table, table, table);
        return database_run(state->database, NULL, NULL, sql, "i", max);
}

bool state_is_in_memory(State *state) {
        return database_is_in_memory(state->database);
}

unsigned state_recreated(State *state) {
        return database_recreated(state->database);
}

/* --- helpers for row functions ----------------------------------------------------------- */

/* Paths come back as blobs, without terminator. */
static char *state_dup_blob(const DatabaseRow *row, int column) {
        Slice blob = database_blob(row, column);

        return blob.size > 0 ? strndup((const char *) blob.data, blob.size) : strdup("");
}

/* --- roots ------------------------------------------------------------------------------- */

typedef struct StateRootVisit {
        StateRootFn fn;
        void *userdata;
} StateRootVisit;

typedef struct StateRoot {
        const char *path;
        bool trusted;
} StateRoot;

static int state_change_add_root(State *state, const void *arg) {
        const StateRoot *root = arg;

        return state_insert_root(state, root->path, root->trusted);
}

int state_add_root(State *state, const char *path, bool trusted) {
        const StateRoot root = { .path = path, .trusted = trusted };

        return state_change(state, state_change_add_root, &root);
}

/* Removes what @count finds with the same parameter. -ENOENT */
static int state_delete(State *state, const char *count, const char *delete, Slice what) {
        int64_t n = 0;
        int r;

        r = database_run(state->database, state_take_int, &n, count, "b", &what);
        if (r < 0)
                return r;
        if (n == 0)
                return -ENOENT;
        return database_run_durable(state->database, delete, "b", &what);
}

static int state_change_remove_root(State *state, const void *arg) {
        return state_delete(state, "SELECT count(*) FROM roots WHERE path = ?",
                            "DELETE FROM roots WHERE path = ?", slice_of_string(arg));
}

int state_remove_root(State *state, const char *path) {
        return state_change(state, state_change_remove_root, path);
}

static int state_visit_root(const DatabaseRow *row, void *userdata) {
        const StateRootVisit *visit = userdata;
        _cleanup_(freep) char *path = NULL;

        if (!state_is_root(database_blob(row, 0)))
                return 0;
        path = state_dup_blob(row, 0);
        return path ? visit->fn(path, database_int(row, 1) != 0, visit->userdata) : -ENOMEM;
}

int state_each_root(State *state, StateRootFn fn, void *userdata) {
        StateRootVisit visit = { .fn = fn, .userdata = userdata };

        return database_run(state->database, state_visit_root, &visit,
                            "SELECT path, trusted FROM roots ORDER BY added_ns, path LIMIT ?", "i",
                            (int64_t) STATE_ROOTS_MAX);
}

/* --- pins ------------------------------------------------------------------------------------ */

static int state_change_pin(State *state, const void *arg) {
        const Digest *key = arg;
        Slice blob = slice_of(key->bytes, DIGEST_SIZE);
        int64_t n = 0; /* of others */
        int r;

        r = database_run(state->database, state_take_int, &n,
                         "SELECT count(*) FROM pins WHERE key != ?", "b", &blob);
        if (r < 0)
                return r;
        return n >= STATE_PINS_MAX ? -ENOSPC : state_insert_pin(state, key);
}

int state_pin(State *state, const Digest *key) {
        return state_change(state, state_change_pin, key);
}

static int state_change_unpin(State *state, const void *arg) {
        const Digest *key = arg;

        return state_delete(state, "SELECT count(*) FROM pins WHERE key = ?",
                            "DELETE FROM pins WHERE key = ?", slice_of(key->bytes, DIGEST_SIZE));
}

int state_unpin(State *state, const Digest *key) {
        return state_change(state, state_change_unpin, key);
}

bool state_is_pinned(State *state, const Digest *key) {
        Slice blob = slice_of(key->bytes, DIGEST_SIZE);
        int64_t n = 0;
        int r;

        if (state_fill(state) < 0)
                return true;
        r = database_run(state->database, state_take_int, &n,
                         "SELECT count(*) FROM pins WHERE key = ?", "b", &blob);
        return r < 0 || n > 0;
}

typedef struct StatePinVisit {
        StatePinFn fn;
        void *userdata;
} StatePinVisit;

static int state_visit_pin(const DatabaseRow *row, void *userdata) {
        const StatePinVisit *visit = userdata;
        Digest key;

        return database_digest(row, 0, &key) < 0 ? 0 : visit->fn(&key, visit->userdata);
}

int state_each_pin(State *state, StatePinFn fn, void *userdata) {
        StatePinVisit visit = { .fn = fn, .userdata = userdata };
        int r;

        r = state_fill(state);
        if (r < 0)
                return r;
        return database_run(state->database, state_visit_pin, &visit,
                            "SELECT key FROM pins ORDER BY added_ns, key LIMIT ?", "i",
                            (int64_t) STATE_PINS_MAX);
}

/* --- toolchains -------------------------------------------------------------------------- */

int state_set_toolchain(State *state, const char *root, const char *toolchain) {
        Slice blob = slice_of_string(root);

        state_follow(state);
        if (!toolchain)
                return database_run_durable(state->database,
                                            "DELETE FROM toolchains WHERE root = ?", "b", &blob);
        return database_run_durable(state->database,
                                    "INSERT OR REPLACE INTO toolchains VALUES (?, ?)", "bt", &blob,
                                    toolchain);
}

static int state_take_text(const DatabaseRow *row, void *userdata) {
        char **ret = userdata;

        *ret = strdup(database_text(row, 0));
        return *ret ? 0 : -ENOMEM;
}

int state_get_toolchain(State *state, const char *root, char **ret) {
        _cleanup_(freep) char *toolchain = NULL;
        Slice blob = slice_of_string(root);
        int r;

        r = database_run(state->database, state_take_text, &toolchain,
                         "SELECT toolchain FROM toolchains WHERE root = ?", "b", &blob);
        if (r < 0)
                return r;
        if (!toolchain)
                return -ENOENT;
        *ret = TAKE_PTR(toolchain);
        return 0;
}

/* --- deliveries -------------------------------------------------------------------------- */

typedef struct StateDelivered {
        Digest content;
        Digest key;
        bool found;
} StateDelivered;

#define STATE_DELIVERY_INSERT "INSERT OR REPLACE INTO deliveries (path, content, key) VALUES "
#define STATE_DELIVERY_ROW    "(?, ?, ?)"
#define STATE_DELIVERY_TYPES  "bbb"

int state_intend_deliveries(State *state, const StateDelivery *files, size_t n_files) {
        int r;

        state_follow(state);
        r = state_fill(state);
        for (size_t i = 0; r >= 0 && i < n_files; i++) {
                Slice path = slice_of_string(files[i].path);
                Slice content = slice_of(files[i].content.bytes, DIGEST_SIZE);

                r = database_run(state->database, NULL, NULL,
                                 "INSERT OR REPLACE INTO intents (path, content) VALUES (?, ?)",
                                 "bb", &path, &content);
        }
        return r < 0 ? r : state_trim(state, "intents", STATE_INTENTS_MAX);
}

/* A row that stays says of one content that it would be ours, as it would. */
static void state_end_intents(State *state, const Slice *path) {
        (void) database_run(state->database, NULL, NULL, "DELETE FROM intents WHERE path = ?", "b",
                            path);
}

/* One statement for all of them: it is one transaction, and costs one sync. */
int state_set_deliveries(State *state, const Digest *key, const StateDelivery *files,
                         size_t n_files) {
        static const char *const sql[STATE_DELIVERY_FILES] = {
                STATE_DELIVERY_INSERT STATE_DELIVERY_ROW,
                STATE_DELIVERY_INSERT STATE_DELIVERY_ROW "," STATE_DELIVERY_ROW,
                STATE_DELIVERY_INSERT STATE_DELIVERY_ROW "," STATE_DELIVERY_ROW
                                                         "," STATE_DELIVERY_ROW,
        };
        static const char *const types[STATE_DELIVERY_FILES] = {
                STATE_DELIVERY_TYPES,
                STATE_DELIVERY_TYPES STATE_DELIVERY_TYPES,
                STATE_DELIVERY_TYPES STATE_DELIVERY_TYPES STATE_DELIVERY_TYPES,
        };
        Slice path[STATE_DELIVERY_FILES] = {}, content[STATE_DELIVERY_FILES] = {};
        const Slice of = slice_of(key->bytes, DIGEST_SIZE);
        int r;

        if (n_files == 0)
                return 0;
        state_follow(state);
        for (size_t i = 0; i < n_files; i++) {
                path[i] = slice_of_string(files[i].path);
                content[i] = slice_of(files[i].content.bytes, DIGEST_SIZE);
        }
        r = database_run_durable(state->database, sql[n_files - 1], types[n_files - 1], &path[0],
                                 &content[0], &of, &path[1], &content[1], &of, &path[2],
                                 &content[2], &of);
        for (size_t i = 0; r == 0 && i < n_files; i++)
                state_end_intents(state, &path[i]);
        return r < 0 ? r : state_trim(state, "deliveries", STATE_DELIVERIES_MAX);
}

static int state_take_delivery(const DatabaseRow *row, void *userdata) {
        StateDelivered *ret = userdata;
        int r;

        r = database_digest(row, 0, &ret->content);
        if (r == 0)
                r = database_digest(row, 1, &ret->key);
        ret->found = r == 0;
        return r;
}

int state_get_delivery(State *state, const char *path, Digest *ret_content, Digest *ret_key) {
        Slice blob = slice_of_string(path);
        StateDelivered delivery = { .found = false };
        int r;

        r = database_run(state->database, state_take_delivery, &delivery,
                         "SELECT content, key FROM deliveries WHERE path = ?", "b", &blob);
        if (r < 0)
                return r;
        if (!delivery.found)
                return -ENOENT;
        *ret_content = delivery.content;
        *ret_key = delivery.key;
        return 0;
}

int state_has_delivered(State *state, const char *path, const Digest *content) {
        Slice blob = slice_of_string(path), digest = slice_of(content->bytes, DIGEST_SIZE);
        int64_t has = 0;
        int r;

        state_follow(state);
        r = state_fill(state);
        if (r < 0)
                return r;
        r = database_run(state->database, state_take_int, &has,
                         "SELECT EXISTS (SELECT 1 FROM deliveries WHERE path = ?1 AND content = ?2)"
                         " OR EXISTS (SELECT 1 FROM intents WHERE path = ?1 AND content = ?2)",
                         "bb", &blob, &digest);
        return r < 0 ? r : (int) has;
}

int state_remove_delivery(State *state, const char *path) {
        Slice blob = slice_of_string(path);
        int r;

        state_follow(state);
        r = database_run_durable(state->database, "DELETE FROM deliveries WHERE path = ?", "b",
                                 &blob);
        if (r == 0)
                state_end_intents(state, &blob);
        return r;
}

/* --- builds ------------------------------------------------------------------------------ */

typedef struct StateBuildVisit {
        StateBuildFn fn;
        void *userdata;
} StateBuildVisit;

int state_add_build(State *state, const StateBuild *build) {
        Slice source = slice_of_string(build->source);
        Slice key = slice_of(build->key.bytes, DIGEST_SIZE);
        int r;

        r = database_run(state->database, NULL, NULL,
                         "INSERT INTO builds (ended_ns, build_ms, source, net_name, target,"
                         " toolchain, key, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         "iibtttbit", build->ended_ns, (int64_t) build->build_ms, &source,
                         build->net_name, build->target, build->toolchain, &key,
                         (int64_t) build->outcome, build->detail);
        if (r < 0)
                return r;
        return state_trim(state, "builds", STATE_HISTORY_MAX);
}

static int state_visit_build(const DatabaseRow *row, void *userdata) {
        const StateBuildVisit *visit = userdata;
        _cleanup_(freep) char *source = state_dup_blob(row, 2);
        const char *detail = database_text(row, 8);
        StateBuild build = {
                .ended_ns = database_int(row, 0),
                .build_ms = (uint64_t) database_int(row, 1),
                .source = source,
                .net_name = database_text(row, 3),
                .target = database_text(row, 4),
                .toolchain = database_text(row, 5),
                .outcome = (int) database_int(row, 7),
                .detail = detail[0] ? detail : NULL,
        };

        if (!source)
                return -ENOMEM;
        if (database_digest(row, 6, &build.key) < 0)
                return 0;
        return visit->fn(&build, visit->userdata);
}

int state_each_build(State *state, const char *source, size_t max, StateBuildFn fn,
                     void *userdata) {
        StateBuildVisit visit = { .fn = fn, .userdata = userdata };
        Slice blob = source ? slice_of_string(source) : slice_of(NULL, 0);

        return database_run(state->database, state_visit_build, &visit,
                            "SELECT ended_ns, build_ms, source, net_name, target, toolchain, key,"
                            " outcome, detail FROM builds WHERE ?1 IS NULL OR source = ?1"
                            " ORDER BY seq DESC LIMIT ?2",
                            "bi", &blob,
                            (int64_t) (max < STATE_HISTORY_MAX ? max : STATE_HISTORY_MAX));
}
