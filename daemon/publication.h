#pragma once

/*
 * Publications: what a job found out, put where others find it
 *
 * An artifact, or the diagnosis of a failure that is for good, becomes a record of the cache; that
 * there was a build goes into state.db, and what it cost, for estimates (cache/costs.h). What the
 * cache cannot take is salvaged. On a pool thread; everything in a Publication is borrowed.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "cache/cache.h"
#include "cache/state.h"
#include "daemon/artifact.h"
#include "daemon/diagnosis.h"
#include "daemon/jobdir.h"
#include "daemon/order.h"

/* in the directory of a job: what is published */
#define PUBLICATION_XMODEL "out/" ARTIFACT_NET_NAME ".xmodel"
#define PUBLICATION_META   "out/meta.json"
#define PUBLICATION_REPORT "out/report.json"

/* version of the post-conditions; stored in each record that passed them */
#define PUBLICATION_CHECK_VERSION 1

typedef struct Publication {
        const Order *order;
        const Diagnosis *diagnosis;
        Sha256 snapshot_sha256;
        uint64_t snapshot_size;
        int dir_fd; /* of the job */
} Publication;

/* Negative errno: the cache could not take it. */
int publication_store(const Publication *publication, Cache *cache);

/* Whether what the record names passed the post-conditions that there are now: if not, it is made and
 * checked again. Diagnoses are none of them. */
bool publication_is_checked(const Record *record);

/* A row of the history (cache/state.h), which is for people with sqlite3: nothing reads it yet. And
 * what a build that succeeded cost, for estimates. Right answers depend on neither. */
void publication_remember(const Publication *publication, State *state);

/* It failed, perhaps for want of memory: the next one is to have more. */
void publication_learn_memory(const Diagnosis *diagnosis, State *state);

/* No caching because of @error, but never no compile: *dir, which is taken over, is kept for who
 * waits. Returns @error if not even that works. */
int publication_salvage(Diagnosis *diagnosis, JobDir **dir, const Cache *cache, int error);
