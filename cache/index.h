#pragma once

/*
 * Index: what the cache holds, to be asked for quickly
 *
 * `index.db` in the cache directory has a row for each record: when it was last used and how
 * often, what it cost, how large it is, what it is called. Everything in it but the uses can be
 * read from the records again, so it may be lost at any time (survey.h brings it back). Right
 * answers never depend on it: a lookup reads the record itself. Eviction and lists do, and wait
 * until it is complete.
 *
 * A use is noted in memory (index_touch(): a hash map behind a mutex of its own) and written with
 * others by index_flush(). A crash loses only recency.
 *
 * Safe on any thread, and beside other processes (database.h). index_touch(),
 * index_has_touches(), index_is_touched() and index_totals() never wait for the disk; the rest does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"
#include "base/slice.h"
#include "cache/record.h"

#define INDEX_TOUCHES_MAX 65536 /* uses that wait to be written; more of them are forgotten */
#define INDEX_EVICTED_MAX 50000 /* keys remembered as evicted; the oldest go */

typedef struct Index Index;

/* A row. Texts are borrowed for the call that gives it. */
typedef struct IndexEntry {
        Digest key;
        int64_t created_ns; /* real time */
        int64_t used_ns;
        uint64_t hits;
        uint64_t build_ms;
        uint64_t peak_memory; /* bytes, 0: unknown */
        uint64_t bytes;       /* of its objects and its record, also where others share them */
        uint64_t size;        /* of its .xmodel, 0: a failure */
        bool failed;
        bool no_dpu_code;
        Slice net_name, target, source; /* provenance: "" if it has none */
        Slice target_key;               /* target as keyed */
        Slice toolchain;
} IndexEntry;

typedef struct IndexTotals {
        uint64_t entries;
        uint64_t bytes; /* objects that several records name count once */
} IndexTotals;

/* @root NULL: in memory. @problem as database_open() sets it. */
int index_open(Index **ret, const char *root, Problem *problem);
/* Flushes. */
Index *index_close(Index *index);

static inline void index_closep(Index **index) {
        (void) index_close(*index);
}

/* --- completeness ------------------------------------------------------------------------- */

/* A new or recreated index is not complete until somebody says so. What is not complete is asked
 * for lists and eviction only after a survey. */
bool index_is_complete(Index *index);
int index_set_complete(Index *index, bool complete);
/* How often it was made anew since it was opened; whoever surveys compares before and after. */
unsigned index_recreated(Index *index);
bool index_is_private(Index *index); /* in memory: other processes do not see what is added */
/* If the file was removed or replaced, takes the one that is there, or a new one. */
void index_follow(Index *index);

/* --- uses ----------------------------------------------------------------------------------- */

void index_touch(Index *index, const Digest *key, int64_t now_ns);
bool index_has_touches(const Index *index);
bool index_is_touched(Index *index, const Digest *key); /* and that is not written yet */
int index_flush(Index *index);

/* --- rows ----------------------------------------------------------------------------------- */

/* Replaces what it knows of that key. @used_ns is kept if it is newer there. */
int index_add(Index *index, const Record *record, uint64_t record_bytes, int64_t used_ns);

/* Forgets the key and says which of its objects nobody else names: @orphan, if not NULL, is called
 * for each. The caller ends with index_end() what it began with index_begin(): rows of several
 * keys go together. With @evicted it is remembered for index_was_evicted(). */
typedef int (*IndexObjectFn)(const Digest *object, void *userdata);
int index_begin(Index *index);
int index_end(Index *index, int abort);
int index_remove(Index *index, const Digest *key, bool evicted, IndexObjectFn orphan,
                 void *userdata);
/* true also when that cannot be told */
bool index_names_object(Index *index, const Digest *object);
bool index_was_evicted(Index *index, const Digest *key);

typedef int (*IndexEntryFn)(const IndexEntry *entry, void *userdata);

/* All of these call @fn for each row, with the index locked: it must not call the index. Non-zero
 * ends it and is returned. */
int index_find(Index *index, const Digest *key, IndexEntryFn fn, void *userdata); /* 0 or 1 row */
int index_each_newest(Index *index, size_t max, IndexEntryFn fn, void *userdata);
int index_each_of_source(Index *index, const char *source, size_t max, IndexEntryFn fn,
                         void *userdata); /* the newest first */
int index_each_named(Index *index, Slice net_name, size_t max, IndexEntryFn fn,
                     void *userdata); /* likewise */
/* At most @max, in order of keys, those after @after (NULL: from the first). */
int index_each_after(Index *index, const Digest *after, size_t max, IndexEntryFn fn,
                     void *userdata);
/* The keys that begin with the byte @shard, in order. */
typedef int (*IndexKeyFn)(const Digest *key, void *userdata);
int index_each_in_shard(Index *index, uint8_t shard, IndexKeyFn fn, void *userdata);

IndexTotals index_totals(const Index *index);
