#pragma once

/*
 * Cache: results of compiles, by key
 *
 * The façade over store, records, views and locks; what daemon and one-shot runs use.
 *
 *      Record *record;
 *      r = cache_lookup(cache, &key, &record);
 *      if (r == CACHE_MISS) {
 *              cache_lock_key() ... look up again ... compile ... cache_publish() ...
 *      }
 *
 * Errors mean "no caching", never "no compile": a full, read-only or broken disk makes
 * cache_publish() fail and leaves the output of the compile as good as it was. What is damaged
 * is moved to quarantine/ and is a miss.
 *
 * Everything here may be called from any thread at once, except open, close and set_mode. All of it
 * blocks on the disk; cache_load(), cache_find(), cache_each(), and cache_lookup() and
 * cache_open_object() for objects that were verified before, take well below a millisecond
 * each and may be called on the loop. cache_lookup() reads whole objects the first time after
 * a daemon start: call it on a pool thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/digest.h"
#include "base/histogram.h"
#include "base/problem.h"
#include "base/slice.h"
#include "cache/record.h"
#include "cache/view.h"

typedef struct Index Index;
typedef struct State State;
typedef struct Cache Cache;

typedef enum CacheMode {
        CACHE_NORMAL,
        CACHE_READ_ONLY, /* hits, but nothing is stored */
        CACHE_OFF,       /* every lookup misses, nothing is stored */
} CacheMode;

/* outcomes */
enum {
        CACHE_MISS = 1,
        CACHE_BUSY = 2,      /* somebody else has the lock */
        CACHE_AMBIGUOUS = 3, /* a prefix of several keys */
        CACHE_REFUSED = 4,   /* not what its record says */
};

#define CACHE_PREFIX_MIN 8 /* digits */

/* since open, for statistics; a total of all threads */
typedef struct CacheCounters {
        uint64_t hits;
        uint64_t failure_hits; /* hits that are a stored failure */
        uint64_t misses;       /* no record */
        uint64_t incomplete;   /* misses: a record whose object is missing or was bad */
        uint64_t newer;        /* misses: a record of a later version */
        uint64_t evicted;      /* misses: no record, because it was evicted */
        uint64_t published;
        uint64_t publish_errors;
        uint64_t quarantined; /* objects and records */
        uint64_t verified;    /* objects read and found good */
        uint64_t deduplicated;
        uint64_t bytes_written;
} CacheCounters;

/* likewise */
typedef struct CacheHistograms {
        Histogram lookup_us;      /* hits: record read, objects found good */
        Histogram build_ms;       /* of what was published */
        Histogram artifact_bytes; /* .xmodel, of what was published */
} CacheHistograms;

/* Opens @directory (absolute; made if missing, mode 0700) and removes what killed writers left.
 * @state outlives the cache. -EPERM: it belongs to somebody else. In CACHE_OFF nothing is
 * touched. A directory that cannot be made or written is no error here: the cache then is
 * CACHE_READ_ONLY, and @problem says why (it is empty otherwise). */
int cache_open(Cache **ret, const char *directory, State *state, CacheMode mode, Problem *problem);
Cache *cache_close(Cache *cache);

static inline void cache_closep(Cache **cache) {
        (void) cache_close(*cache);
}

CacheMode cache_mode(const Cache *cache); /* the one in force */
/* Another mode from now on, as if it had been opened in it; what other threads are at meanwhile ends
 * in the one or the other. One caller at a time. */
int cache_set_mode(Cache *cache, CacheMode mode, Problem *problem);
const char *cache_directory(const Cache *cache);
/* What is known of all records at once (index.h); NULL if the cache is off. */
Index *cache_index(Cache *cache);

/* The daemon's own lock, for its lifetime: *ret_fd. CACHE_BUSY sets *ret_holder to the process
 * id of the daemon that has it. Having it, objects are verified anew. An error means that
 * nothing can be written there; a daemon may go on without the lock, for nothing will be. */
int cache_lock_daemon(Cache *cache, int *ret_fd, pid_t *ret_holder);

/* The right to compile @key: *ret_fd, closing it gives it back. With @wait it blocks (pool
 * threads, one-shot runs), without it may be CACHE_BUSY. Look up again after waiting. Where
 * nothing can be written there is nothing to share: *ret_fd is -1 and the result 0. */
int cache_lock_key(Cache *cache, const Digest *key, bool wait, int *ret_fd);

/* 0 and a record all of whose objects are there and good, or CACHE_MISS. A stored failure is
 * a hit: look at record->kind. Counted. */
int cache_lookup(Cache *cache, const Digest *key, Record **ret);

/* The same without looking at the objects, and not counted: for show, log and why. */
int cache_load(Cache *cache, const Digest *key, Record **ret);

/* one output of a compile: the content of @fd, or if that is -1, @data */
typedef struct CacheFile {
        RecordRole role;
        uint32_t mode;
        int fd;
        Slice data;
} CacheFile;

/* Stores the files and then the record that names them; an older record of that key is
 * replaced. @draft says everything but objects and time. The record as stored is in *ret, as
 * cache_lookup() would give it. After 0 it survives kill -9 and power loss. -EROFS if the mode
 * forbids it. */
int cache_publish(Cache *cache, const Record *draft, const CacheFile *files, size_t n_files,
                  Record **ret);

/* --- what comes from a shared cache ------------------------------------------------------- */

/* 0 if the object is there, with all of its digests; CACHE_MISS; CACHE_REFUSED if one with the
 * same XXH3 and another SHA-256 is. Reads it whole. */
int cache_check_object(Cache *cache, const RecordObject *object);

/* Stores what comes out of the pipe @fd until its end. CACHE_REFUSED: it is not that object, and
 * nothing was stored. Blocks as long as the other end does. */
int cache_receive_object(Cache *cache, const RecordObject *object, int fd);

/* Keeps a record whose objects were received; CACHE_MISS if one of them is gone again. Who wrote it
 * is the caller's to have checked. */
int cache_import(Cache *cache, const Record *record);

/* Makes or mends views/KEY/NET and renews its lease: *ret is its path, a new string. -ENOENT: what
 * it links to was evicted since it was looked up: that is a miss. */
int cache_view(Cache *cache, const Digest *key, const char *net_name, const ViewFile *files,
               size_t n_files, char **ret);

/* The same for what was looked up just now, if this process found the view right before, it looks as
 * it did then, and its lease is young: @files need no data where they are rendered from an object.
 * CACHE_MISS: ask cache_view(). */
int cache_view_again(Cache *cache, const Digest *key, const char *net_name, const ViewFile *files,
                     size_t n_files, char **ret);

/* From now on it is not evicted. CACHE_MISS: it was, before that; -ENOSPC: too many pins. */
int cache_pin(Cache *cache, const Digest *key);

/* A descriptor of a verified object, position 0, or CACHE_MISS. */
int cache_open_object(Cache *cache, const RecordObject *object, int *ret_fd);

/* The key that starts with @prefix (CACHE_PREFIX_MIN to 32 digits; else -EINVAL). CACHE_MISS,
 * CACHE_AMBIGUOUS. */
int cache_find(Cache *cache, const char *prefix, Digest *ret);

/* Calls @fn for the key of each record, in no order, at most @max times; stops when it returns
 * non-zero and returns that. */
typedef int (*CacheKeyFn)(const Digest *key, void *userdata);
int cache_each(Cache *cache, size_t max, CacheKeyFn fn, void *userdata);

/* A check of all of it (fsck.h), which @cache outlives. -EROFS: with @repair, and the mode forbids
 * it. */
typedef struct Fsck Fsck;
int cache_fsck(Cache *cache, bool repair, Fsck **ret);

void cache_counters(Cache *cache, CacheCounters *ret);
const CacheHistograms *cache_histograms(const Cache *cache);
