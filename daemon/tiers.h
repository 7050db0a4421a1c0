#pragma once

/*
 * The chain of shared caches: asked between a miss here and a compile, given what was compiled
 *
 * Owns the helper, the tiers, what is being fetched and what waits to be sent. Fetches of one key
 * are one fetch. A few are under way at a time; the others wait in a line, those first that a client
 * waits for, else in the order in which they came. What a tier further away had is sent to the nearer
 * ones that may be written and did not have it. A tier that is down is probed in the background, and
 * until it answers it costs nothing; that it went down cost whoever asked one time-out.
 *
 * NULL stands for "no remotes are configured" wherever nothing else is said.
 */

#include <stdbool.h>

#include "base/digest.h"
#include "daemon/config.h"
#include "daemon/fetch.h"
#include "daemon/work.h"

typedef struct Tiers Tiers;
typedef struct TiersWait TiersWait;
typedef struct HelperLeft HelperLeft;

typedef enum TiersAnswer {
        TIERS_FOUND, /* the local cache has it */
        TIERS_NOT_FOUND,
        TIERS_RETIRED, /* they were stopped before it was found: others may have taken their place */
} TiersAnswer;

typedef void (*TiersDoneFn)(TiersAnswer answer, void *userdata);

/* *ret is NULL if @config has no remotes. Nothing of @config is kept. @left outlives them. */
int tiers_new(Tiers **ret, uv_loop_t *loop, WorkPool *pool, Cache *cache, const Config *config,
              HelperLeft *left);

/* Looks for an artifact there: -ENOENT at once if there is nobody to ask; or @done is called
 * exactly once, later. */
int tiers_fetch(Tiers *tiers, const FetchSpec *spec, TiersDoneFn done, void *userdata,
                TiersWait **ret);
void tiers_prefer(TiersWait *wait); /* a client waits for it now (FetchSpec.first) */
/* @done will not be called. What is under way comes and is kept all the same; what is in the line,
 * and nobody else waits for, is not asked for. */
void tiers_leave(TiersWait *wait);

/* An artifact of the local cache that others may like to have. */
void tiers_upload(Tiers *tiers, const Digest *key);

/* What is in the line is answered, later, with TIERS_RETIRED, and nothing more is asked for.
 * Everything under way ends, then @stopped is called once, later, and the tiers are freed.
 * @patient: by itself, until tiers_hurry() is called; else soon. Not NULL. */
void tiers_stop(Tiers *tiers, bool patient, void (*stopped)(void *userdata), void *userdata);
void tiers_hurry(Tiers *tiers);

void tiers_each_statistic(const Tiers *tiers, TierStatFn fn, void *userdata);
int tiers_each_warning(const Tiers *tiers, int (*fn)(const char *text, void *userdata),
                       void *userdata);
