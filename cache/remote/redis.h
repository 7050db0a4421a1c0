#pragma once

/*
 * Redis, on hiredis
 *
 * A blob is cut into chunks of REDIS_CHUNK bytes, the keys `dpucc/NAME/0`, `dpucc/NAME/1` ...;
 * the last one is shorter than that, perhaps empty, so a reader sees where it ends. No key has a
 * time to live: what is dropped, and when, is the server's maxmemory-policy. A chunk that was
 * dropped makes the blob absent.
 *
 * The connection does not block: every wait ends at the request's deadline, however slowly a
 * server sends. Of what the protocol allows, arrays and maps are refused as they come, and so is
 * whatever is longer than a chunk: a server cannot make us allocate more.
 */

#include "cache/remote/link.h"

#define REDIS_CHUNK ((size_t) 1024 * 1024)

extern const LinkOps redis_ops;
