#pragma once

/*
 * Store: durable files named by what they hold
 *
 * An object is a file `objects/ab/cdef...`, mode 0444, whose name is the XXH3-128 of its
 * content. It is written once under a temporary name, synced, linked to its own name and never
 * touched again; publishing what is there already does nothing. After store_put() returned
 * 0 the object survives kill -9 and power loss.
 *
 * An object is verified (read and digested) before it is first served: first since the last
 * daemon start on this machine's present boot, and again whenever its stat identity changed.
 * What was verified is remembered in the state database, so that one-shot runs profit as well, and
 * of the last few thousand in memory.
 * A bad object goes to quarantine/ and is STORE_MISS.
 *
 * All functions are safe on any thread. They block on the disk: loop threads only call
 * store_get() for objects they know to be verified.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/slice.h"

/* outcomes */
enum {
        STORE_MISS = 1,     /* not there, or was bad */
        STORE_MISMATCH = 2, /* not what it should be */
};

typedef struct State State;

/* what an object is called by us and by others */
typedef struct StoreObject {
        Digest digest;
        Sha256 sha256;
        Md5 md5;
        uint64_t size;
} StoreObject;

typedef struct StoreCounters {
        uint64_t verified;    /* objects read and found good */
        uint64_t quarantined; /* ... and found bad */
        uint64_t written;     /* objects that were new */
        uint64_t bytes_written;
        uint64_t deduplicated; /* objects that were there already */
} StoreCounters;

typedef struct Store Store;

/* @root and @state outlive the store. */
int store_new(Store **ret, const char *root, State *state);
Store *store_free(Store *store);

/* One content: the whole of an open file, whatever its position, which is undefined afterwards;
 * or if @fd is -1, @data. */
typedef struct StoreSource {
        int fd;
        Slice data;
} StoreSource;

#define STORE_SOURCES_MAX 16

/* Copies all of them (by reflink or copy_file_range where possible) and syncs them together.
 * What is digested is the copy, so name and content agree even if somebody writes to the file
 * meanwhile. The caller holds the shared lock (lock.h). @ret has room for @n. -ENOSPC, -EROFS,
 * -EIO ...: what is stored of them is nobody's, and the compile's output is as good as before. */
int store_put(Store *store, const StoreSource *sources, size_t n, StoreObject *ret);

/* Takes an object from somebody who is not trusted: reads @fd (a pipe) to its end, digests what
 * comes while it is written, and gives it its name only if size, XXH3 and SHA-256 are those of
 * @expected (the MD5 too): the name alone is no proof, for XXH3 collisions can be made. Else
 * STORE_MISMATCH and nothing is stored; no more than the expected size is ever written. The
 * caller holds the shared lock as long as it takes. */
int store_put_stream(Store *store, int fd, const StoreObject *expected);

/* 0 if exactly that object is there, STORE_MISS, or STORE_MISMATCH if another one has its name.
 * Reads it. */
int store_check(Store *store, const StoreObject *expected);

/* A descriptor for reading, position 0, of a verified object of that size: in *ret_fd. 0,
 * STORE_MISS, or an error (-EMFILE, -ENOMEM ...) that says nothing about the object. */
int store_get(Store *store, const Digest *digest, uint64_t size, int *ret_fd);

/* The same without a descriptor: of an object that this process verified, and that looks as it did
 * then, one stat. */
int store_find(Store *store, const Digest *digest, uint64_t size);

/* Everything is to be verified again before it is served: a daemon starts. */
void store_forget_verified(Store *store);

void store_counters(Store *store, StoreCounters *ret);
