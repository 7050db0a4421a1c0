#include "daemon/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "cache/index.h"
#include "cache/state.h"
#include "cache/survey.h"
#include "daemon/artifact_message.h"
#include "daemon/call.h"
#include "daemon/engine.h"
#include "daemon/work.h"

/* what only the index has */
typedef struct ListingRow {
        Digest key;
        int64_t used_ns;
        uint64_t hits;
} ListingRow;

typedef struct Listing {
        Work work;
        Cache *cache;
        State *state;
        Call *call;
        size_t limit;
        ListingRow *rows;
        size_t n_rows, rows_capacity;
        ArtifactMessage *messages; /* of the rows, as far as their records are there */
        size_t n;
        uint64_t n_left_out;
} Listing;

static Listing *listing_free(Listing *listing) {
        for (size_t i = 0; i < listing->n; i++)
                artifact_message_deinit(&listing->messages[i]);
        free(listing->messages);
        free(listing->rows);
        free(listing);
        return NULL;
}

static int listing_add_row(const IndexEntry *entry, void *userdata) {
        Listing *listing = userdata;
        int r = array_reserve(&listing->rows, &listing->rows_capacity, listing->n_rows + 1,
                              sizeof(*listing->rows));

        if (r == 0)
                listing->rows[listing->n_rows++] = (ListingRow){
                        .key = entry->key,
                        .used_ns = entry->used_ns,
                        .hits = entry->hits,
                };
        return r;
}

static void listing_add(Listing *listing, const ListingRow *row) {
        ArtifactMessage *message = &listing->messages[listing->n];
        _cleanup_(record_freep) Record *record = NULL;

        if (cache_load(listing->cache, &row->key, &record) != 0)
                return;
        artifact_message_fill(record, message);
        message->artifact.has_used_s = message->artifact.has_hits = true;
        message->artifact.used_s = row->used_ns / CLOCK_NS_PER_S;
        message->artifact.hits = row->hits;
        message->artifact.has_pinned = true;
        message->artifact.pinned = state_is_pinned(listing->state, &row->key);
        listing->n++;
}

static int listing_work(Work *work) {
        Listing *listing = container_of(work, Listing, work);
        Index *index = cache_index(listing->cache);
        uint64_t entries;
        int r;

        if (cache_mode(listing->cache) == CACHE_OFF)
                return 0;
        r = survey_complete(cache_directory(listing->cache), index);
        if (r == 0)
                r = index_flush(index);
        if (r == 0)
                r = index_each_newest(index, listing->limit, listing_add_row, listing);
        if (r < 0)
                return r;
        listing->messages = calloc(listing->n_rows + 1, sizeof(*listing->messages));
        if (!listing->messages)
                return -ENOMEM;
        for (size_t i = 0; i < listing->n_rows; i++)
                listing_add(listing, &listing->rows[i]);
        entries = index_totals(index).entries;
        listing->n_left_out = entries > listing->n_rows ? entries - listing->n_rows : 0;
        return 0;
}

static int listing_reply(Listing *listing) {
        Dpucc__Wire__ArtifactList list = DPUCC__WIRE__ARTIFACT_LIST__INIT;
        _cleanup_(freep) Dpucc__Wire__Artifact **artifacts = NULL;
        Dpucc__Wire__Reply reply = DPUCC__WIRE__REPLY__INIT;

        artifacts = calloc(listing->n + 1, sizeof(Dpucc__Wire__Artifact *));
        if (!artifacts)
                return -ENOMEM;
        for (size_t i = 0; i < listing->n; i++)
                artifacts[i] = &listing->messages[i].artifact;
        list.artifacts = artifacts;
        list.n_artifacts = listing->n;
        list.has_n_left_out = true;
        list.n_left_out = (uint32_t) listing->n_left_out;
        reply.body_case = DPUCC__WIRE__REPLY__BODY_LIST;
        reply.list = &list;
        call_end(listing->call, DPUCC__WIRE__OUTCOME__DONE, &reply, -1);
        return 0;
}

static void listing_on_done(Work *work, int r) {
        Listing *listing = container_of(work, Listing, work);
        Problem problem = {};

        if (r < 0)
                (void) problem_set(&problem, r, "the index of the cache cannot be read: %s",
                                   strerror(-r));
        else
                r = listing_reply(listing);
        if (r < 0)
                call_fail(listing->call, r, &problem);
        (void) listing_free(listing);
}

void listing_send(Engine *engine, Call *call, const Dpucc__Wire__ListRequest *request) {
        Listing *listing = calloc(1, sizeof(*listing));
        const Problem none = {};
        int r = -ENOMEM;

        if (listing) {
                listing->cache = engine_cache(engine);
                listing->state = engine_state(engine);
                listing->call = call;
                listing->limit = request->has_limit && request->limit < LISTING_MAX ? request->limit
                                                                                    : LISTING_MAX;
                r = work_start_first(engine_pool(engine), &listing->work, WORK_QUICK, listing_work,
                                     listing_on_done);
        }
        if (r < 0) {
                if (listing)
                        (void) listing_free(listing);
                call_fail(call, r, &none);
        }
}
