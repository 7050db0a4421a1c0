#pragma once

/*
 * Messages: what the engine lets one see, in the form of the wire
 *
 * Everything is borrowed from the view except the few texts that have to be made; a message
 * lives until the callback ends that got the view, which is long enough to be packed.
 */

#include <stdlib.h>

#include "base/digest.h"
#include "base/stat_id.h"
#include "daemon/engine.h"
#include "proto/dpucc.pb-c.h"

typedef struct UnitMessage {
        Dpucc__Wire__Unit unit;
        char *name; /* owned: NET@TARGET */
        char key[DIGEST_HEX];
        char fingerprint[2 + 16 + 1];
} UnitMessage;

/* Its strings are its own: the job may be gone before it is sent. */
typedef struct JobMessage {
        Dpucc__Wire__Job job;
        char *name, *source_path, *toolchain;
        char key[DIGEST_HEX];
} JobMessage;

typedef struct EventMessage {
        Dpucc__Wire__Event event;
        UnitMessage unit;
        JobMessage job;
        Dpucc__Wire__Root root;
} EventMessage;

typedef struct BasisMessage {
        Dpucc__Wire__Basis basis;
        Dpucc__Wire__StatId source_stat;
        Dpucc__Wire__StatId arch_stat;
        char source_digest[DIGEST_HEX];
        char snapshot_digest[DIGEST_HEX];
} BasisMessage;

/* -ENOMEM; @ret, zero before, is to be deinitialised in any case. It points into itself: it must not
 * be copied. */
int message_from_unit(const UnitView *view, UnitMessage *ret);
int message_from_job(const JobView *view, JobMessage *ret);
int message_from_event(const EventView *view, EventMessage *ret); /* likewise */
void message_from_root(const RootView *view, Dpucc__Wire__Root *ret);
void message_from_basis(const AskBasis *basis, BasisMessage *ret);

typedef struct FindingMessages {
        Dpucc__Wire__Finding *findings;
        Dpucc__Wire__Finding **pointers;
} FindingMessages;

int message_from_findings(const Finding *findings, size_t n, FindingMessages *ret); /* -ENOMEM */
void finding_messages_deinit(FindingMessages *messages);

ProtobufCBinaryData message_bytes(const char *string); /* NULL: empty */

static inline void job_message_deinit(JobMessage *m) {
        free(m->name);
        free(m->source_path);
        free(m->toolchain);
}

static inline void unit_message_deinit(UnitMessage *m) {
        free(m->name);
}

static inline void event_message_deinit(EventMessage *m) {
        unit_message_deinit(&m->unit);
        job_message_deinit(&m->job);
}
