#pragma once

/*
 * Fetches: one attempt to have the artifact of one key from the shared caches
 *
 *      ASKING ──record──> JUDGING ──good──> RECEIVING each object that is not here ──> KEEPING
 *        ▲                   │                   │                                        │
 *        └───the next tier───┴─────bad, or an error──────                                 ▼
 *                                                                                        OVER
 *
 * A record is believed if its envelope is right and the SHA-256 of our own snapshot is the one it
 * names; an object if all its digests are, while it comes (cache_receive_object()). What a helper
 * or a server can do is to have nothing, to be slow, or to be found out.
 *
 * The usual contract: fetch_start() fails and never calls back, or calls @done exactly once,
 * later, from the loop; the Fetch is freed when @done returns. It cannot be cancelled: whoever
 * lost interest does not listen, and what came is in the cache.
 */

#include <stdbool.h>

#include "base/digest.h"
#include "cache/cache.h"
#include "daemon/helper.h"
#include "daemon/identify.h"
#include "daemon/tier.h"
#include "daemon/work.h"

#define FETCH_TIER_NONE UINT32_MAX

typedef struct Fetch Fetch;

/* @tier: where it came from, or FETCH_TIER_NONE: it is nowhere. */
typedef void (*FetchDoneFn)(Fetch *fetch, uint32_t tier, void *userdata);

/* The source is opened again for the check of the snapshot. Borrowed for the call, but for what
 * lives as long as the engine and its tiers. */
typedef struct FetchSpec {
        Digest key;
        int source_fd; /* -1: source_path */
        const char *source_path;
        SnapshotForm form;
        Digest snapshot;
        bool first; /* a client waits for it */
} FetchSpec;

typedef struct FetchContext {
        WorkPool *pool;
        Cache *cache;
        Helper *helper;
        Tier *tiers;
        size_t n_tiers;
} FetchContext;

int fetch_new(Fetch **ret, const FetchContext *context, const FetchSpec *spec, FetchDoneFn done,
              void *userdata);
/* -ENOENT: there is no tier to ask. Frees it when it fails. */
int fetch_start(Fetch *fetch);
Fetch *fetch_free(Fetch *fetch); /* of one that was not started */
void fetch_prefer(Fetch *fetch); /* a client waits for it now */
const Digest *fetch_key(const Fetch *fetch);
