#pragma once

/*
 * State: what dpucc remembers that is not an artifact
 *
 * `state.db` in the state directory: watched roots, pins, the toolchain each workspace was resolved
 * to, what was delivered where, the history of builds, and the memos of memo.h. None of it is
 * needed for right answers: without it files are hashed again. Roots and pins, which nobody could
 * find out again, have a backup beside it (backup.h), from which a database that had to be made
 * anew is filled.
 *
 * Tables that grow by themselves have a maximum; the oldest rows are dropped. Safe on any
 * thread, and beside other processes (see database.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"

#define STATE_HISTORY_MAX    10000
#define STATE_DELIVERIES_MAX 100000
#define STATE_INTENTS_MAX    10000
#define STATE_ROOTS_MAX      4096
#define STATE_PINS_MAX       16384

/* outcomes of state_open(); @problem then says what happened */
enum {
        STATE_RECREATED =
                1, /* the file was corrupt: moved aside, all but roots and pins forgotten */
        STATE_IN_MEMORY = 2, /* nothing will be kept: read-only, or written by a later version */
};

typedef struct Database Database;
typedef struct Recent Recent;
typedef struct State State;

/* @directory (absolute) is made if missing, mode 0700; NULL: in memory, without that outcome. */
int state_open(State **ret, const char *directory, Problem *problem);
State *state_close(State *state);

static inline void state_closep(State **state) {
        (void) state_close(*state);
}

/* For memo.c: the database, what it was asked a moment ago, the dropping of all but the newest @max rows of a table, and the
 * kernel's id of this boot ("" if it has none). */
Database *state_database(State *state);
Recent *state_recent_files(State *state);  /* stat identity -> byte digest */
Recent *state_recent_models(State *state); /* byte digest and version -> class and digests */
#define STATE_RECENT_MODEL 104             /* bytes of that */
int state_trim(State *state, const char *table, int64_t max);
const char *state_boot_id(const State *state);

/* Still, or again: with each change that is to be kept the file is tried anew. */
bool state_is_in_memory(State *state);
unsigned state_recreated(State *state); /* how often the file was found corrupt since open */

/* --- roots: durable when the call returns ------------------------------------------------ */

typedef int (*StateRootFn)(const char *path, bool trusted, void *userdata);

int state_add_root(State *state, const char *path, bool trusted); /* again: changes the flag */
int state_remove_root(State *state, const char *path);            /* -ENOENT */
/* In order of time. @fn must not call the state; non-zero ends it and is returned. */
int state_each_root(State *state, StateRootFn fn, void *userdata);

/* --- pins: keys that are never evicted; durable when the call returns ----------------------- */

typedef int (*StatePinFn)(const Digest *key, void *userdata);

int state_pin(State *state, const Digest *key);   /* again: no error. -ENOSPC: too many */
int state_unpin(State *state, const Digest *key); /* -ENOENT */
/* true also when that cannot be told */
bool state_is_pinned(State *state, const Digest *key);
int state_each_pin(State *state, StatePinFn fn, void *userdata); /* as state_each_root() */

/* --- the toolchain that "auto" came to, once per workspace ------------------------------- */

int state_set_toolchain(State *state, const char *root, const char *toolchain); /* NULL: forget */
int state_get_toolchain(State *state, const char *root, char **ret); /* new string; -ENOENT */

/* --- deliveries: which files outside the cache are ours ---------------------------------- */

typedef struct StateDelivery {
        const char *path;
        Digest content;
} StateDelivery;

#define STATE_DELIVERY_FILES 3 /* one artifact's */

/* Of at most STATE_DELIVERY_FILES files that are about to be put in place: whoever is killed before
 * state_set_deliveries() has delivered them, or not, and both is ours. */
int state_intend_deliveries(State *state, const StateDelivery *files, size_t n_files);

/* All of @files, at most STATE_DELIVERY_FILES, of the artifact @key: on disk when it returns. */
int state_set_deliveries(State *state, const Digest *key, const StateDelivery *files,
                         size_t n_files);
int state_get_delivery(State *state, const char *path, Digest *ret_content, Digest *ret_key);
int state_remove_delivery(State *state, const char *path); /* missing is no error */

/* > 0: what @path holds, @content, was delivered there, or intended. */
int state_has_delivered(State *state, const char *path, const Digest *content);

/* --- history of builds ------------------------------------------------------------------- */

/* Kept for whoever looks with sqlite3; no program of ours reads it yet. Estimates have costs.h. */

typedef struct StateBuild {
        int64_t ended_ns; /* real time */
        uint64_t build_ms;
        const char *source; /* path */
        const char *net_name;
        const char *target;
        const char *toolchain;
        Digest key;
        int outcome;        /* the caller's numbers */
        const char *detail; /* NULL or one line */
} StateBuild;

typedef int (*StateBuildFn)(const StateBuild *build, void *userdata);

int state_add_build(State *state, const StateBuild *build);
/* Newest first, at most @max; of one source (NULL: all). Borrowed for the call of @fn. */
int state_each_build(State *state, const char *source, size_t max, StateBuildFn fn, void *userdata);
