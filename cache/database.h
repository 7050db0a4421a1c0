#pragma once

/*
 * Database: an SQLite file that is never in the way
 *
 * One connection in WAL mode behind a mutex, so every function may be called from any thread;
 * other processes may have the same file open. A file that turns out to be corrupt, at open or
 * later, is moved aside (NAME.corrupt-TIME; of those the newest DATABASE_ASIDE_MAX are kept) and a
 * new one is made from the schema: what was in it is lost, the program goes on. One whose schema
 * is newer than ours is left alone, and one that cannot be opened for writing as well: then the
 * database is in memory and ends with the process.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"
#include "base/slice.h"

#define DATABASE_ASIDE_MAX 3 /* corrupt files that are kept for whoever wants to know */

typedef struct Database Database;
typedef struct DatabaseRow DatabaseRow;

/* outcomes of database_open(); @problem then says what happened */
enum {
        DATABASE_RECREATED = 1, /* it was corrupt */
        DATABASE_IN_MEMORY = 2, /* nothing will be kept */
};

/* @path NULL: in memory. @version is the schema's PRAGMA user_version; @schema makes it in an
 * empty file. Both strings outlive the database. */
int database_open(Database **ret, const char *path, int version, const char *schema,
                  Problem *problem);
Database *database_close(Database *database);

static inline void database_closep(Database **database) {
        (void) database_close(*database);
}

/* how often it was recreated since it was opened, open included */
unsigned database_recreated(Database *database);

bool database_is_in_memory(Database *database);

/* The journal is written back when it has so many pages (SQLite: 1000). More of them mean fewer
 * syncs for who writes much, and a longer journal. */
void database_set_checkpoint(Database *database, int pages);

/* 1 if all of it was in memory only, and is in the file from now on, which can be opened by now; that
 * counts as recreated. @merge are statements that take into the schema `file` what came into `main`
 * meanwhile. 0: it was in no such state. Not from within a transaction. */
int database_come_back(Database *database, const char *merge);

/* false: the file under its name is not the one that was opened, or there is none. */
bool database_is_in_place(Database *database);

/* 1 if the file had been removed, and is there again with all that was in it; 0: it is there, or another
 * one, or it never was. Not from within a transaction. An error (there is no directory for it): it all
 * goes on with the file that has no name. */
int database_restore(Database *database);

/* A file that is no longer the one under its name (removed, or replaced by somebody) is let go,
 * and the one there is opened, or made; that counts as recreated. Nothing happens while there is
 * no directory for it. */
void database_follow(Database *database);

/* Called for each row, with the mutex held: it must not call the database. Non-zero ends the
 * statement and is returned. */
typedef int (*DatabaseRowFn)(const DatabaseRow *row, void *userdata);

/* One statement. @types has a letter for each parameter: i int64_t, t const char * (may be
 * NULL), b const Slice * (NULL data: SQL NULL). Everything is bound by value or copied. @row is
 * NULL if no rows are wanted. -ENOSPC, -EROFS, -EBUSY (another process holds it for seconds),
 * -EIO, -ENOMEM. */
int database_run(Database *database, DatabaseRowFn row, void *userdata, const char *sql,
                 const char *types, ...);
/* The same, and on disk when it returns. */
int database_run_durable(Database *database, const char *sql, const char *types, ...);

/* Several statements that are done all or not at all. The mutex is held in between: other threads
 * wait, and so do writers of other processes. database_begin() fails as database_run() does, and
 * then there is nothing to end; database_end() commits, or with @abort undoes, and returns @abort
 * (0 or negative) or the error of the commit. A transaction within another is a part of that one.
 * A file that is found corrupt in between is made anew, and what was done before that is lost:
 * database_recreated() tells. */
int database_begin(Database *database);
int database_end(Database *database, int abort);

/* Columns from 0; a NULL is 0, "" or an empty slice. Borrowed until the row function returns. */
int64_t database_int(const DatabaseRow *row, int column);
const char *database_text(const DatabaseRow *row, int column);
Slice database_blob(const DatabaseRow *row, int column);
/* A column that holds nothing but a digest; -EIO if it does not. */
int database_digest(const DatabaseRow *row, int column, Digest *ret);
