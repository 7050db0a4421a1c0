#include "daemon/tier.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "cache/envelope.h"

static void tier_name_statistics(Tier *tier) {
        static const char *const texts[] = {
#define XX(name, text) #text,
                TIER_COUNTS_MAP(XX)
#undef XX
        };

        for (size_t i = 0; i < _TIER_COUNT_MAX; i++)
                (void) snprintf(tier->names[i], sizeof(tier->names[i]), "remote_%s_%s",
                                tier->config.name, texts[i]);
}

int tier_init(Tier *ret, const ConfigRemote *config, uint32_t index) {
        int r;

        *ret = (Tier){ .index = index };
        r = config_remote_copy(config, &ret->config);
        if (r < 0)
                return r;
        tier_name_statistics(ret);
        if (!config->secret_file)
                return 0;
        r = secret_read(config->secret_file, ENVELOPE_SECRET_MIN, &ret->secret, &ret->unusable);
        if (r < 0)
                log_warning("remote %s is not used: %s", config->name, ret->unusable.text);
        return 0;
}

void tier_deinit(Tier *tier) {
        config_remote_deinit(&tier->config);
        secret_wipe(&tier->secret);
}

void tier_give_up(Tier *tier, const char *reason) {
        if (tier->unusable.text[0])
                return;
        (void) problem_set(&tier->unusable, 0, "%s", reason);
        log_warning("remote %s is not used: %s", tier->config.name, tier->unusable.text);
}

const Secret *tier_secret(const Tier *tier) {
        return tier->config.secret_file ? &tier->secret : NULL;
}

bool tier_may_read(Tier *tier) {
        if (!tier->config.read || tier->unusable.text[0])
                return false;
        if (!breaker_allows(&tier->breaker)) {
                tier_count(tier, TIER_SKIPPED, 1);
                return false;
        }
        return true;
}

bool tier_writes(const Tier *tier) {
        return tier->config.write && !tier->unusable.text[0];
}

bool tier_may_write(const Tier *tier) {
        return tier_writes(tier) && breaker_allows(&tier->breaker);
}

/* --- how it went ------------------------------------------------------------------------- */

/* memory, descriptors, a helper that is gone, a question that nobody waits for any more */
static bool tier_is_ours(int r) {
        return error_is_shortage(r) || r == -EPIPE || r == -ECANCELED || r == -ENOTCONN ||
               r == -EBUSY || r == -EINVAL;
}

/* Whoever waited, waited for a time-out, or will each time: nothing gets better by asking. */
static bool tier_is_costly(int r) {
        return r == -ETIMEDOUT || r == -ECONNREFUSED || r == -EACCES;
}

void tier_judge(Tier *tier, int result, const char *detail) {
        bool was_up = breaker_allows(&tier->breaker);

        if (tier_is_ours(result) || result == -EFBIG || result == -ENOSPC)
                result = tier->breaker.state == BREAKER_PROBING ? -EPROTO : 1;
        if (result >= 0) {
                breaker_succeed(&tier->breaker);
                if (!was_up && breaker_allows(&tier->breaker))
                        log_notice("remote %s answers again", tier->config.name);
                return;
        }
        (void) problem_set(&tier->failure, 0, "%s",
                           detail && detail[0] ? detail : strerror(-result));
        breaker_fail(&tier->breaker, tier_is_costly(result), clock_monotonic_ns());
        if (was_up && !breaker_allows(&tier->breaker)) {
                tier_count(tier, TIER_OPENED, 1);
                log_warning("remote %s (%s) is not asked until it answers again: %s",
                            tier->config.name, tier->config.url, tier->failure.text);
        }
}

void tier_judge_write(Tier *tier, int result, const char *detail) {
        if (result == -EACCES && tier->config.read) {
                if (!tier->refuses_writes)
                        log_warning("remote %s cannot be written to: %s; with \"access\": "
                                    "\"read-only\" it is not tried",
                                    tier->config.name, detail && detail[0] ? detail : "refused");
                tier->refuses_writes = true;
                result = -ENOSPC;
        } else if (result == 0) {
                tier->refuses_writes = false;
        }
        tier_judge(tier, result, detail);
}

void tier_refuse(Tier *tier, const Digest *key, const char *reason) {
        char hex[DIGEST_HEX];

        digest_to_hex(key, hex);
        log_warning("remote %s: what it has for %.12s is not used: %s", tier->config.name, hex,
                    reason);
        tier_count(tier, TIER_REFUSED, 1);
        for (size_t i = 0; i < tier->n_bad; i++)
                if (digest_equal(&tier->bad[i], key))
                        return;
        if (tier->n_bad == TIER_BAD_MAX) { /* the oldest goes */
                memmove(tier->bad, tier->bad + 1, sizeof(tier->bad) - sizeof(tier->bad[0]));
                tier->n_bad--;
        }
        tier->bad[tier->n_bad++] = *key;
}

bool tier_forget_bad(Tier *tier, const Digest *key) {
        for (size_t i = 0; i < tier->n_bad; i++) {
                if (!digest_equal(&tier->bad[i], key))
                        continue;
                tier->bad[i] = tier->bad[--tier->n_bad];
                return true;
        }
        return false;
}

/* --- for people -------------------------------------------------------------------------- */

bool tier_warning(const Tier *tier, Problem *ret) {
        if (tier->unusable.text[0]) {
                (void) problem_set(ret, 0, "remote %s is not used: %s", tier->config.name,
                                   tier->unusable.text);
                return true;
        }
        if (breaker_allows(&tier->breaker))
                return false;
        (void) problem_set(ret, 0, "remote %s (%s) is down: %s", tier->config.name,
                           tier->config.url, tier->failure.text);
        return true;
}

void tier_each_statistic(const Tier *tier, TierStatFn fn, void *userdata) {
        for (size_t i = 0; i < _TIER_COUNT_MAX; i++)
                fn(tier->names[i], tier->counts[i], userdata);
}
