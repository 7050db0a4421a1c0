#pragma once

/*
 * Tiers: one shared cache, as the daemon sees it
 *
 * What may be done with it (its configuration, the secret that signs its records, the breaker
 * that keeps us from what is down) and how it went so far. It talks to nobody: helper.h does.
 * Loop thread, but for the secret, which workers read.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"
#include "base/secret.h"
#include "cache/breaker.h"
#include "daemon/config_remote.h"

#define TIER_BAD_MAX       64
#define TIER_STAT_NAME_MAX (CONFIG_REMOTE_NAME_MAX + 32)

/* Names never change; per tier the statistic is remote_NAME_TEXT. */
#define TIER_COUNTS_MAP(XX)                                                                        \
        XX(HITS, hits)       /* artifacts that came from here */                                   \
        XX(MISSES, misses)   /* it was asked and has no such record */                             \
        XX(REFUSED, refused) /* misses: damaged, not signed, not what it should be */              \
        XX(ERRORS, errors)   /* it did not answer, or with an error */                             \
        XX(SKIPPED, skipped) /* not asked, because it was down */                                  \
        XX(OPENED, opened)   /* how often it went down */                                          \
        XX(UPLOADS, uploads) /* artifacts that were sent, or were there already */                 \
        XX(UPLOAD_ERRORS, upload_errors)                                                           \
        XX(UPLOADS_DROPPED, uploads_dropped) /* too many waited, or too large */                   \
        XX(BYTES_IN, bytes_in)                                                                     \
        XX(BYTES_OUT, bytes_out)

typedef enum TierCount {
#define XX(name, text) TIER_##name,
        TIER_COUNTS_MAP(XX)
#undef XX
                _TIER_COUNT_MAX,
} TierCount;

typedef struct Tier {
        ConfigRemote config;
        uint32_t index; /* in the chain, and for the helper */
        Secret secret;
        Problem unusable; /* why it is never asked; "" if it is */
        Problem failure;  /* the last one */
        Breaker breaker;
        uint64_t counts[_TIER_COUNT_MAX];
        char names[_TIER_COUNT_MAX][TIER_STAT_NAME_MAX];
        Digest bad[TIER_BAD_MAX]; /* keys whose objects are to be written anew */
        size_t n_bad;
        bool refuses_writes; /* and that was said */
} Tier;

int tier_init(Tier *ret, const ConfigRemote *config, uint32_t index); /* -ENOMEM */
void tier_deinit(Tier *tier);

/* It works on nobody's behalf any more, for this reason. */
void tier_give_up(Tier *tier, const char *reason);

/* NULL: records need no signature */
const Secret *tier_secret(const Tier *tier);

bool tier_may_read(Tier *tier); /* counts what it keeps away */
bool tier_may_write(const Tier *tier);
bool tier_writes(const Tier *tier); /* if it were up */

static inline void tier_count(Tier *tier, TierCount what, uint64_t n) {
        tier->counts[what] += n;
}

/* How a question went: a result of the helper. What is our own fault says nothing of the tier. */
void tier_judge(Tier *tier, int result, const char *detail);
/* The same, of writing. One that we may not write to can be read all the same, or that finds it out. */
void tier_judge_write(Tier *tier, int result, const char *detail);

/* What it has for @key is no good. */
void tier_refuse(Tier *tier, const Digest *key, const char *reason);
bool tier_forget_bad(Tier *tier, const Digest *key); /* true: it was */

/* false: nothing is wrong */
bool tier_warning(const Tier *tier, Problem *ret);

/* Names live as long as the tier. */
typedef void (*TierStatFn)(const char *name, uint64_t value, void *userdata);
void tier_each_statistic(const Tier *tier, TierStatFn fn, void *userdata);
