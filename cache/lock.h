#pragma once

/*
 * Locks between processes (and threads) that use one cache directory
 *
 *   daemon.lock  one daemon per directory, held as long as it lives; holds its process id
 *   store.lock   shared: whoever writes objects, records or views; exclusive: who removes
 *                them (temporary files at open, eviction)
 *   store.turn   the turnstile before it: shared, and for a moment, whoever is about to take
 *                store.lock shared; exclusive: who waits for it to be free
 *   keys.lock    one byte range per key: whoever compiles that key. `make -j` and a daemon
 *                beside it compile a key once
 *
 * All belong to an open file description, so they work between threads of one process as well,
 * and the kernel drops them when the holder dies, however it dies. Nothing is ever stale. The
 * lock is a descriptor: closing it releases it. It is O_CLOEXEC: a child that a compile starts
 * does not keep it.
 *
 * Key locks are open file description locks on keys.lock, at the offset that the key's first
 * eight bytes name (without the sign bit): two keys that share one only wait for each other.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/digest.h"

#define LOCK_BUSY 1 /* outcome: somebody else holds it */

/* All: -EROFS or -EACCES: nothing can be written here, so there is nothing to lock against. With
 * @wait they block until they have it, which only pool threads and one-shot programs may do;
 * without, the outcome may be LOCK_BUSY. */

/* Who has the store lock does not ask for it again: a turn may be waited for in between. */
int lock_store_shared(const char *root, bool wait, int *ret_fd);

/* Where those who share it overlap all the time it is never free. So who may wait for @patience_ms
 * keeps newcomers out so long, until all are gone who are there. 0: it is only tried. LOCK_BUSY:
 * somebody had it all that time, or somebody else waits for it. The caller has no transaction of
 * the index: those who share the lock may wait for that. */
int lock_store_exclusive(const char *root, unsigned patience_ms, int *ret_fd);

int lock_key(const char *root, const Digest *key, bool wait, int *ret_fd);

/* A daemon that was killed may leave children that have not come to their exec and hold the lock
 * until then: on a busy machine that takes a while, and is waited for. LOCK_BUSY sets *ret_holder
 * to the other daemon's process id (0 if it cannot be told). */
int lock_daemon(const char *root, int *ret_fd, pid_t *ret_holder);
