#pragma once

/*
 * Statistics: what the daemon counted since it started
 *
 * Counters only grow and their names never change: `dpucc-client stats`, the test suites and
 * people's dashboards rely on them. One Statistics per engine, loop thread only. A worker that
 * has something to count returns it, and its completion counts it.
 */

#include <stdint.h>

#define STATISTICS_MAP(XX)                                                                         \
        XX(SAVES_SEEN, saves_seen)                 /* complete saves of watched files */           \
        XX(HASHES, hashes)                         /* files read whole for their digest */         \
        XX(MEMO_HITS, memo_hits)                   /* files not read: stat identity was known */   \
        XX(HITS, hits)                             /* lookups that found an artifact */            \
        XX(MISSES, misses)                         /* lookups that found nothing */                \
        XX(MISSES_FORCED, misses_forced)           /* ... of these, because of --force */          \
        XX(DIAGNOSES_ANSWERED, diagnoses_answered) /* lookups that found a stored failure */       \
        XX(JOBS_STARTED, jobs_started)     /* once, however often another process was met */       \
        XX(JOBS_DONE, jobs_done)           /* published */                                         \
        XX(JOBS_FAILED, jobs_failed)       /* for good: a diagnosis was stored */                  \
        XX(JOBS_TRANSIENT, jobs_transient) /* may work when tried again */                         \
        XX(JOBS_CANCELLED, jobs_cancelled)                                                         \
        XX(JOBS_STALE, jobs_stale)                   /* the source changed before its snapshot */  \
        XX(JOBS_SUPERSEDED, jobs_superseded)         /* a newer save took a unit's job away */     \
        XX(SINGLE_FLIGHT_JOINS, single_flight_joins) /* askers of a job that was there already */  \
        XX(COMPILER_RUNS, compiler_runs)                                                           \
        XX(CHECK_RUNS, check_runs)                                                                 \
        XX(DELIVERIES, deliveries)                 /* artifacts copied to an output_dir */         \
        XX(DELIVERIES_REFUSED, deliveries_refused) /* a foreign file was in the way */             \
        XX(WITHDRAWALS, withdrawals)                                                               \
        XX(ASKS, asks)                                                                             \
        XX(EPOCHS, epochs) /* times a workspace lost track */                                      \
        XX(RESCANS, rescans)                                                                       \
        XX(NOTIFICATIONS, notifications)   /* runs of the notify command */                        \
        XX(ORPHANS_KILLED, orphans_killed) /* left behind by a killed daemon */

typedef enum StatisticName {
#define XX(name, text) STATISTIC_##name,
        STATISTICS_MAP(XX)
#undef XX
                _STATISTIC_MAX,
} StatisticName;

typedef struct Statistics {
        uint64_t counts[_STATISTIC_MAX];
} Statistics;

const char *statistic_text(StatisticName name);

static inline void statistics_count(Statistics *statistics, StatisticName name) {
        statistics->counts[name]++;
}
