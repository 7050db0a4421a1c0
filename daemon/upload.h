#pragma once

/*
 * Uploads: what was made here, on its way to the shared caches, behind everybody's back
 *
 * One queue of keys per tier, one upload at a time in each. A record and its objects are taken
 * from the local cache when their turn comes, so a queue costs 16 bytes an entry; it has a
 * maximum, beyond which the oldest are dropped and counted. What a tier that is down cannot take
 * waits until it is up. Failures, diagnoses and what was adopted are never sent.
 *
 * When the daemon ends, what still waits is handed over to the helper at once, which goes on
 * without us.
 */

#include <stdbool.h>

#include "base/digest.h"
#include "cache/cache.h"
#include "daemon/helper.h"
#include "daemon/tier.h"
#include "daemon/work.h"

#define UPLOAD_KEYS_MAX 1024 /* of one tier */

typedef struct Uploads Uploads;

typedef struct UploadContext {
        WorkPool *pool;
        Cache *cache;
        Helper *helper; /* NULL: nothing is sent */
        Tier *tiers;
        size_t n_tiers;
} UploadContext;

/* All in @context lives longer. @idle is called from the loop whenever the last one has ended. */
int uploads_new(Uploads **ret, const UploadContext *context, void (*idle)(void *userdata),
                void *userdata);
Uploads *uploads_free(Uploads *uploads); /* idle ones */
void uploads_use(Uploads *uploads, Helper *helper);

void uploads_add(Uploads *uploads, size_t tier, const Digest *key);
void uploads_go_on(Uploads *uploads); /* a tier may be up again */
bool uploads_wait(const Uploads *uploads);
/* Hands over what waits, as far as it can be; from now on nothing is added. */
void uploads_flush(Uploads *uploads);
bool uploads_are_idle(const Uploads *uploads);        /* nothing is under way */
bool uploads_are_handed_over(const Uploads *uploads); /* nothing waits for us */
