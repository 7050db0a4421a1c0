#include "cache/database.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strings.h"

/*
 * Why one connection and one mutex: statements here take tens of microseconds, the write lock
 * of SQLite would serialise writers anyway, and a pool thread that waits for another's insert
 * waits less than it would for its own connection to warm up. The mutex is recursive, so that a
 * transaction, which holds it, is made of ordinary calls.
 *
 * Statements are few and run often: the last DATABASE_STATEMENTS_MAX are kept prepared, by text.
 *
 * Corruption is found by SQLite when it comes upon it, at open or in the middle of a query.
 * Both end in database_recreate(); the statement then runs once more, on the new file, unless
 * rows were handed out already (the caller would see them twice): then it is -EIO, and the
 * next call finds the new file.
 */

#define DATABASE_BUSY_MS  5000 /* wait this long for another process's transaction */
#define DATABASE_RETRY_MS 10

#define DATABASE_STATEMENTS_MAX 24

/* errors of the inner functions, never given to callers */
#define DATABASE_CORRUPT (-EUCLEAN)
#define DATABASE_NEWER   (-EOVERFLOW)

typedef struct DatabaseStatement {
        char *sql; /* NULL: unused */
        sqlite3_stmt *prepared;
        uint64_t used; /* number of the use */
} DatabaseStatement;

struct Database {
        pthread_mutex_t mutex;
        sqlite3 *connection;
        DatabaseStatement statements[DATABASE_STATEMENTS_MAX];
        uint64_t n_uses;
        char *path; /* NULL: in memory */
        int version;
        const char *schema;
        StatId file; /* the one that connection has open */
        unsigned recreated;
        int checkpoint_pages; /* 0: SQLite's */
        unsigned depth;       /* of transactions */
        int failed;           /* of one of them: all of it is undone */
};

static inline void database_finalizep(sqlite3_stmt **statement) {
        if (*statement)
                (void) sqlite3_finalize(*statement);
}

static inline void database_disconnectp(sqlite3 **connection) {
        if (*connection)
                (void) sqlite3_close(*connection);
}

static int database_error(int code) {
        switch (code & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return DATABASE_CORRUPT;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        default:
                return -EIO;
        }
}

static int database_user_version(sqlite3 *connection, int *ret) {
        _cleanup_(database_finalizep) sqlite3_stmt *statement = NULL;
        int code;

        code = sqlite3_prepare_v2(connection, "PRAGMA user_version", -1, &statement, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(statement);
        if (code != SQLITE_ROW)
                return code == SQLITE_DONE ? -EIO : database_error(code);
        *ret = sqlite3_column_int(statement, 0);
        return 0;
}

/* Another process may be doing the same, so the version is read again with the write lock. */
static int database_make_schema(Database *database, sqlite3 *connection) {
        char *set_version;
        int version = 0, r;

        r = database_error(sqlite3_exec(connection, "BEGIN IMMEDIATE", NULL, NULL, NULL));
        if (r != 0)
                return r;
        r = database_user_version(connection, &version);
        if (r == 0 && version == 0) {
                set_version = sqlite3_mprintf("PRAGMA user_version = %d", database->version);
                r = database_error(sqlite3_exec(connection, database->schema, NULL, NULL, NULL));
                if (r == 0)
                        r = set_version ? database_error(sqlite3_exec(connection, set_version, NULL,
                                                                      NULL, NULL))
                                        : -ENOMEM;
                sqlite3_free(set_version);
        }
        if (r == 0)
                r = database_error(sqlite3_exec(connection, "COMMIT", NULL, NULL, NULL));
        return r;
}

/* SQLite opens a file for reading if it cannot do better, and finds out that there is no place for
 * the journal when something is to be written. */
static int database_check_writable(sqlite3 *connection) {
        if (sqlite3_db_readonly(connection, "main") == 1)
                return -EROFS;
        return database_error(
                sqlite3_exec(connection, "BEGIN IMMEDIATE; ROLLBACK", NULL, NULL, NULL));
}

/* 0, DATABASE_CORRUPT, DATABASE_NEWER or an error; on 0 the connection is in place */
static int database_connect_once(Database *database, const char *path) {
        static const char pragmas[] = "PRAGMA journal_mode = WAL;"
                                      "PRAGMA synchronous = NORMAL;"
                                      "PRAGMA trusted_schema = OFF;"
                                      "PRAGMA cell_size_check = ON;"
                                      "PRAGMA mmap_size = 0;";
        _cleanup_(database_disconnectp) sqlite3 *connection = NULL;
        int version = 0, code, r;

        code = sqlite3_open_v2(path ? path : ":memory:", &connection,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                               NULL);
        if (code == SQLITE_OK)
                code = sqlite3_busy_timeout(connection, DATABASE_BUSY_MS);
        if (code == SQLITE_OK)
                code = sqlite3_exec(connection, pragmas, NULL, NULL, NULL);
        r = database_error(code);
        if (r == 0)
                r = database_user_version(connection, &version);
        if (r == 0 && version == 0)
                r = database_make_schema(database, connection);
        if (r == 0 && version > database->version)
                r = DATABASE_NEWER;
        if (r == 0)
                r = database_check_writable(connection);
        if (r != 0)
                return r;

        if (path && file_stat_id(AT_FDCWD, path, &database->file) < 0)
                return -EIO;
        if (database->checkpoint_pages > 0)
                (void) sqlite3_wal_autocheckpoint(connection, database->checkpoint_pages);
        database->connection = TAKE_PTR(connection);
        return 0;
}

/* Going over to WAL takes the file for itself, and SQLite does not wait for those who use it just
 * then: with two that wait for each other that would take for ever. So we let go, and try again. */
static int database_connect(Database *database, const char *path) {
        int64_t deadline = clock_monotonic_ns() + DATABASE_BUSY_MS * CLOCK_NS_PER_MS;
        int r;

        do {
                r = database_connect_once(database, path);
                if (r != -EBUSY)
                        return r;
                (void) sqlite3_sleep(DATABASE_RETRY_MS);
        } while (clock_monotonic_ns() < deadline);
        return r;
}

/* --- what is corrupt ----------------------------------------------------------------------- */

/* The names "NAME.corrupt-TIME" beside @path, without what SQLite keeps beside those. */
static int database_list_aside(DIR *dir, const char *name, Strings *ret) {
        size_t n = strlen(name);
        struct dirent *entry;
        int r = 0;

        while (r == 0 && (entry = readdir(dir)))
                if (strncmp(entry->d_name, name, n) == 0 &&
                    strncmp(entry->d_name + n, ".corrupt-", 9) == 0 &&
                    !path_ends_with(entry->d_name, "-wal") &&
                    !path_ends_with(entry->d_name, "-shm"))
                        r = strings_add(ret, entry->d_name);
        return r;
}

/* times have equally many digits until the year 2286: the order of names is that of time */
static int database_compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* what SQLite keeps beside the file @name */
static void database_remove_journal(int dirfd, const char *name) {
        static const char *const suffixes[] = { "-wal", "-shm" };

        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                _cleanup_(freep) char *file = NULL;

                if (asprintf(&file, "%s%s", name, suffixes[i]) < 0)
                        file = NULL;
                else
                        (void) unlinkat(dirfd, file, 0);
        }
}

static void database_remove_aside(int dirfd, const char *name) {
        (void) unlinkat(dirfd, name, 0);
        database_remove_journal(dirfd, name);
}

/* Whoever wants to know what happened has the newest; a disk that breaks files all the time must
 * not be filled by that as well. */
static void database_bound_aside(const char *path) {
        _cleanup_(freep) char *directory = path_dirname(path);
        _cleanup_(closedirp) DIR *dir = directory ? opendir(directory) : NULL;
        _cleanup_(strings_cleanup) Strings names = {};

        if (!dir || database_list_aside(dir, path_basename(path), &names) < 0 || names.n == 0)
                return;
        qsort(names.items, names.n, sizeof(names.items[0]), database_compare_names);
        for (size_t i = 0; i + DATABASE_ASIDE_MAX < names.n; i++)
                database_remove_aside(dirfd(dir), names.items[i]);
}

/* @path and what SQLite keeps beside it, renamed together: a journal without its database would
 * be applied to the next one */
static int database_move_aside(const char *path) {
        static const char *const suffixes[] = { "", "-wal", "-shm" };
        long long now = (long long) (clock_real_ns() / CLOCK_NS_PER_MS);
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(suffixes) && r == 0; i++) {
                _cleanup_(freep) char *from = NULL, *to = NULL;

                if (asprintf(&from, "%s%s", path, suffixes[i]) < 0) {
                        from = NULL;
                        return -ENOMEM;
                }
                if (asprintf(&to, "%s.corrupt-%lld%s", path, now, suffixes[i]) < 0) {
                        to = NULL;
                        return -ENOMEM;
                }
                if (rename(from, to) < 0 && errno != ENOENT)
                        r = -errno;
        }
        database_bound_aside(path);
        return r;
}

static void database_forget_statement(DatabaseStatement *statement) {
        (void) sqlite3_finalize(statement->prepared);
        free(statement->sql);
        *statement = (DatabaseStatement){};
}

static void database_forget_statements(Database *database) {
        for (size_t i = 0; i < DATABASE_STATEMENTS_MAX; i++)
                database_forget_statement(&database->statements[i]);
}

static void database_disconnect(Database *database) {
        database_forget_statements(database);
        (void) sqlite3_close(database->connection);
        database->connection = NULL;
}

/* false: another process was here before us and has made a new file already */
static bool database_is_ours(const Database *database) {
        StatId here;

        if (database->file.ino == 0) /* never connected: what is there is what is bad */
                return true;
        return file_stat_id(AT_FDCWD, database->path, &here) == 0 &&
               stat_id_is_same_file(&here, &database->file);
}

static bool database_is_gone(const Database *database) {
        StatId here;

        return database->path && file_stat_id(AT_FDCWD, database->path, &here) == -ENOENT;
}

static int database_recreate(Database *database) {
        int r = 0;

        database_disconnect(database);
        database->recreated++;

        if (database_is_gone(database)) /* nothing of it is to be found by the next one */
                database_remove_journal(AT_FDCWD, database->path);
        else if (database->path && database_is_ours(database))
                r = database_move_aside(database->path);
        if (r == 0)
                r = database_connect(database, database->path);
        if (r != 0) /* not even that: go on without a file */
                r = database_connect(database, NULL);
        return r == 0 ? 0 : -EIO;
}

/* All of it, in one transaction. */
static int database_copy(sqlite3 *from, sqlite3 *to) {
        sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
        int code;

        if (!backup)
                return database_error(sqlite3_errcode(to));
        code = sqlite3_backup_step(backup, -1);
        (void) sqlite3_backup_finish(backup);
        return code == SQLITE_OK ? -EIO : database_error(code);
}

/* The connection has the removed file open still, and with it all that it held. SQLite leaves what
 * has the names of its journal alone when it closes a file that is not under its own name any more. */
static int database_put_back(Database *database) {
        _cleanup_(database_disconnectp) sqlite3 *old = NULL;
        StatId file = database->file;
        int r;

        database_forget_statements(database);
        old = TAKE_PTR(database->connection);
        database_remove_journal(AT_FDCWD, database->path); /* not to be shared with the next one */
        r = database_connect(database, database->path);
        if (r == 0)
                r = database_copy(old, database->connection);
        if (r == 0)
                return 1;
        (void) sqlite3_close(database->connection);
        database->connection = TAKE_PTR(old);
        database->file = file;
        return r < 0 ? r : -EIO;
}

bool database_is_in_place(Database *database) {
        bool in_place;

        (void) pthread_mutex_lock(&database->mutex);
        in_place =
                !database->path || (!database_is_in_memory(database) && database_is_ours(database));
        (void) pthread_mutex_unlock(&database->mutex);
        return in_place;
}

int database_restore(Database *database) {
        int r = 0;

        (void) pthread_mutex_lock(&database->mutex);
        if (!database_is_in_memory(database) && database_is_gone(database))
                r = database_put_back(database);
        (void) pthread_mutex_unlock(&database->mutex);
        return r;
}

static int database_merge(sqlite3 *memory, const char *path, const char *merge) {
        _cleanup_(database_finalizep) sqlite3_stmt *attach = NULL;
        int code;

        code = sqlite3_prepare_v2(memory, "ATTACH ? AS file", -1, &attach, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_bind_text(attach, 1, path, -1, SQLITE_STATIC);
        if (code == SQLITE_OK && sqlite3_step(attach) == SQLITE_DONE)
                code = sqlite3_exec(memory, merge, NULL, NULL, NULL);
        return database_error(code);
}

static int database_leave_memory(Database *database, const char *merge) {
        _cleanup_(database_disconnectp) sqlite3 *memory = NULL;
        int r;

        database_forget_statements(database);
        memory = TAKE_PTR(database->connection);
        r = database_connect(database, database->path);
        if (r != 0) {
                database->connection = TAKE_PTR(memory);
                return r < 0 ? r : -EIO;
        }
        (void) database_merge(memory, database->path, merge);
        database->recreated++;
        return 1;
}

int database_come_back(Database *database, const char *merge) {
        int r = 0;

        (void) pthread_mutex_lock(&database->mutex);
        if (database->path && database->connection && database_is_in_memory(database))
                r = database_leave_memory(database, merge);
        (void) pthread_mutex_unlock(&database->mutex);
        return r;
}

void database_follow(Database *database) {
        _cleanup_(freep) char *directory = NULL;

        (void) pthread_mutex_lock(&database->mutex);
        directory = database->path ? path_dirname(database->path) : NULL;
        if (directory && database->connection && database->file.ino != 0 &&
            !database_is_ours(database) && access(directory, W_OK) == 0)
                (void) database_recreate(database);
        (void) pthread_mutex_unlock(&database->mutex);
}

static int database_fall_back(Database *database, int why, Problem *problem) {
        int r;

        r = database_connect(database, NULL);
        if (r != 0)
                return r < 0 ? r : -EIO;
        if (why == DATABASE_NEWER)
                return problem_set(problem, DATABASE_IN_MEMORY,
                                   "%s: written by a later version of dpucc; left alone, nothing "
                                   "is remembered. Use that version, or move the file away",
                                   database->path);
        return problem_set(problem, DATABASE_IN_MEMORY,
                           "%s: cannot be opened for writing (%s); nothing is remembered",
                           database->path, strerror(-why));
}

static int database_init_mutex(Database *database) {
        pthread_mutexattr_t attributes;
        int r;

        r = pthread_mutexattr_init(&attributes);
        if (r != 0)
                return -r;
        (void) pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
        r = pthread_mutex_init(&database->mutex, &attributes);
        (void) pthread_mutexattr_destroy(&attributes);
        return -r;
}

static int database_tell_recreated(Database *database, Problem *problem) {
        if (!database_is_in_memory(database))
                return problem_set(problem, DATABASE_RECREATED,
                                   "%s: not a whole database; moved aside, made anew",
                                   database->path);
        return problem_set(problem, DATABASE_IN_MEMORY,
                           "%s: not a whole database, and a new one cannot be made; nothing is "
                           "remembered",
                           database->path);
}

int database_open(Database **ret, const char *path, int version, const char *schema,
                  Problem *problem) {
        _cleanup_(database_closep) Database *database = NULL;
        int outcome = 0, r;

        database = calloc(1, sizeof(*database));
        if (!database)
                return -ENOMEM;
        r = database_init_mutex(database);
        if (r < 0) {
                free(TAKE_PTR(database));
                return r;
        }
        database->version = version;
        database->schema = schema;
        database->path = path ? strdup(path) : NULL;
        if (path && !database->path)
                return -ENOMEM;

        r = database_connect(database, database->path);
        if (r == DATABASE_CORRUPT) {
                r = database_recreate(database);
                outcome = database_tell_recreated(database, problem);
        }
        if (r != 0 && path && r != -ENOMEM)
                r = outcome = database_fall_back(database, r, problem);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(database);
        return outcome;
}

Database *database_close(Database *database) {
        if (!database)
                return NULL;

        database_disconnect(database);
        (void) pthread_mutex_destroy(&database->mutex);
        free(database->path);
        free(database);
        return NULL;
}

unsigned database_recreated(Database *database) {
        unsigned n;

        (void) pthread_mutex_lock(&database->mutex);
        n = database->recreated;
        (void) pthread_mutex_unlock(&database->mutex);
        return n;
}

static int database_bind(sqlite3_stmt *statement, const char *types, va_list ap) {
        int code = SQLITE_OK;

        for (int i = 0; types[i] && code == SQLITE_OK; i++) {
                const Slice *blob;

                switch (types[i]) {
                case 'i':
                        code = sqlite3_bind_int64(statement, i + 1, va_arg(ap, int64_t));
                        break;
                case 't':
                        code = sqlite3_bind_text(statement, i + 1, va_arg(ap, const char *), -1,
                                                 SQLITE_TRANSIENT);
                        break;
                case 'b':
                        blob = va_arg(ap, const Slice *);
                        code = sqlite3_bind_blob64(statement, i + 1, blob->data, blob->size,
                                                   SQLITE_TRANSIENT);
                        break;
                default:
                        assert(!"parameter type");
                }
        }
        return code;
}

/* The statement, prepared; borrowed from the database, to be reset by the caller. */
static int database_prepare(Database *database, const char *sql, sqlite3_stmt **ret) {
        DatabaseStatement *slot = &database->statements[0];
        int code;

        for (size_t i = 0; i < DATABASE_STATEMENTS_MAX; i++) {
                DatabaseStatement *statement = &database->statements[i];

                if (statement->sql && strcmp(statement->sql, sql) == 0) {
                        statement->used = ++database->n_uses;
                        *ret = statement->prepared;
                        return SQLITE_OK;
                }
                if (statement->used < slot->used)
                        slot = statement;
        }

        database_forget_statement(slot);
        code = sqlite3_prepare_v3(database->connection, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                  &slot->prepared, NULL);
        if (code != SQLITE_OK)
                return code;
        slot->sql = strdup(sql);
        if (!slot->sql) {
                database_forget_statement(slot);
                return SQLITE_NOMEM;
        }
        slot->used = ++database->n_uses;
        *ret = slot->prepared;
        return SQLITE_OK;
}

static int database_step(sqlite3_stmt *statement, DatabaseRowFn row, void *userdata,
                         bool *rows_seen) {
        int code, r;

        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
                *rows_seen = true;
                r = row ? row((const DatabaseRow *) statement, userdata) : 0;
                if (r != 0)
                        return r;
        }
        return database_error(code);
}

static int database_run_once(Database *database, DatabaseRowFn row, void *userdata, const char *sql,
                             const char *types, va_list ap, bool *rows_seen) {
        sqlite3_stmt *statement;
        int code, r;

        code = database_prepare(database, sql, &statement);
        if (code != SQLITE_OK)
                return database_error(code);
        code = database_bind(statement, types, ap);
        r = code == SQLITE_OK ? database_step(statement, row, userdata, rows_seen)
                              : database_error(code);
        (void) sqlite3_reset(statement);
        (void) sqlite3_clear_bindings(statement);
        return r;
}

static int database_run_locked(Database *database, DatabaseRowFn row, void *userdata,
                               const char *sql, const char *types, va_list ap) {
        bool rows_seen = false;
        va_list again;
        int r;

        if (!database->connection)
                return -EIO;

        va_copy(again, ap);
        r = database_run_once(database, row, userdata, sql, types, ap, &rows_seen);
        if (r == DATABASE_CORRUPT) {
                r = database_recreate(database);
                if (r == 0)
                        r = rows_seen ? -EIO
                                      : database_run_once(database, row, userdata, sql, types,
                                                          again, &rows_seen);
        }
        va_end(again);
        return r == DATABASE_CORRUPT ? -EIO : r;
}

int database_run(Database *database, DatabaseRowFn row, void *userdata, const char *sql,
                 const char *types, ...) {
        va_list ap;
        int r;

        va_start(ap, types);
        (void) pthread_mutex_lock(&database->mutex);
        r = database_run_locked(database, row, userdata, sql, types, ap);
        (void) pthread_mutex_unlock(&database->mutex);
        va_end(ap);
        return r;
}

static void database_set_synchronous(Database *database, const char *pragma) {
        if (database->connection)
                (void) sqlite3_exec(database->connection, pragma, NULL, NULL, NULL);
}

int database_run_durable(Database *database, const char *sql, const char *types, ...) {
        va_list ap;
        int r;

        va_start(ap, types);
        (void) pthread_mutex_lock(&database->mutex);
        database_set_synchronous(database, "PRAGMA synchronous = FULL");
        r = database_run_locked(database, NULL, NULL, sql, types, ap);
        database_set_synchronous(database, "PRAGMA synchronous = NORMAL");
        (void) pthread_mutex_unlock(&database->mutex);
        va_end(ap);
        return r;
}

void database_set_checkpoint(Database *database, int pages) {
        (void) pthread_mutex_lock(&database->mutex);
        database->checkpoint_pages = pages;
        if (database->connection)
                (void) sqlite3_wal_autocheckpoint(database->connection, pages);
        (void) pthread_mutex_unlock(&database->mutex);
}

bool database_is_in_memory(Database *database) {
        const char *name;
        bool in_memory;

        (void) pthread_mutex_lock(&database->mutex);
        name = database->connection ? sqlite3_db_filename(database->connection, "main") : NULL;
        in_memory = !name || name[0] == '\0';
        (void) pthread_mutex_unlock(&database->mutex);
        return in_memory;
}

int database_begin(Database *database) {
        int r = 0;

        (void) pthread_mutex_lock(&database->mutex);
        if (database->depth == 0) {
                database->failed = 0;
                r = database_run(database, NULL, NULL, "BEGIN IMMEDIATE", "");
        }
        if (r < 0)
                (void) pthread_mutex_unlock(&database->mutex);
        else
                database->depth++;
        return r;
}

static bool database_is_in_transaction(const Database *database) {
        return database->connection && !sqlite3_get_autocommit(database->connection);
}

/* After the file was made anew in between there is no transaction to be ended any more. */
static int database_commit(Database *database) {
        int r = database->failed;

        if (r == 0 && database_is_in_transaction(database))
                r = database_run(database, NULL, NULL, "COMMIT", "");
        if (database_is_in_transaction(database))
                (void) database_run(database, NULL, NULL, "ROLLBACK", "");
        return r;
}

int database_end(Database *database, int abort) {
        int r = abort;

        if (database->failed == 0)
                database->failed = abort;
        if (--database->depth == 0)
                r = database_commit(database);
        (void) pthread_mutex_unlock(&database->mutex);
        return r;
}

int64_t database_int(const DatabaseRow *row, int column) {
        return sqlite3_column_int64((sqlite3_stmt *) row, column);
}

const char *database_text(const DatabaseRow *row, int column) {
        const unsigned char *text = sqlite3_column_text((sqlite3_stmt *) row, column);

        return text ? (const char *) text : "";
}

Slice database_blob(const DatabaseRow *row, int column) {
        const void *blob = sqlite3_column_blob((sqlite3_stmt *) row, column);

        return slice_of(blob, (size_t) sqlite3_column_bytes((sqlite3_stmt *) row, column));
}

int database_digest(const DatabaseRow *row, int column, Digest *ret) {
        Slice blob = database_blob(row, column);

        if (blob.size != DIGEST_SIZE)
                return -EIO;
        memcpy(ret->bytes, blob.data, DIGEST_SIZE);
        return 0;
}
