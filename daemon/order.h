#pragma once

/*
 * Orders: everything that is needed to make one artifact
 *
 * An Order is filled in by one thread, and from the moment it is shared nobody changes it: the
 * queue, a job and its workers read it. Counted references, because units, asks and jobs each
 * outlive the others; the count is for the loop thread only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"
#include "cache/costs.h"
#include "cache/key.h"
#include "daemon/identify.h"
#include "daemon/toolchain.h"

typedef struct Order {
        unsigned n_refs;

        Digest key;
        Key *fields; /* the transcript of key */

        /* the snapshot, and where its source may be read; what comes out of it must have this
         * digest, else the source has changed meanwhile */
        SnapshotForm form;
        Digest snapshot;
        int source_fd; /* -1: open source_path */
        char *source_path;

        Toolchain *toolchain; /* a reference */
        Digest toolchain_identity;

        char *arch_text;      /* the arch file that the compiler gets, rendered by us */
        uint64_t fingerprint; /* 0: the target is only named */
        char *target_name;    /* NULL: only a fingerprint */
        char *options;        /* rendered, "" if there are none */

        int adopt_fd; /* -1: compile; else this compiled file is checked and kept */
        char *adopt_path;

        uint64_t size;     /* of the source, in bytes */
        char *unit_target; /* the TARGET of NET@TARGET, for the history; or NULL */
        Cost predicted;    /* zeros: nobody knows */

        char *net_name; /* for the provenance; the job itself uses a constant name */
        bool force;     /* compile even if the cache has it */
        bool again;     /* the queue's: the last try met another process that makes it */
} Order;

int order_new(Order **ret);
Order *order_ref(Order *order);
Order *order_unref(Order *order); /* takes NULL, returns NULL */

/* a file that is there already is to be checked and kept */
static inline bool order_adopts(const Order *order) {
        return order->adopt_fd >= 0;
}

static inline void order_unrefp(Order **order) {
        (void) order_unref(*order);
}
