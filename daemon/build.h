#pragma once

/*
 * Builds: one attempt to have the artifact of one source for one target
 *
 *      IDENTIFYING ──> LOOKING ──hit────────────────────────────────────────────> DONE
 *          ▲              └──miss──> FETCHING ──miss──> AT_GATE ──build_go()──> QUEUED ──┐
 *          │                            └──hit──┐                                 │      │
 *          └──── source changed ────────────────│─────────────────────────────────┘      │
 *                                               └──> LOOKING again <──────made───────────┘
 *
 * LOOKING asks a container engine first, where that is the toolchain's and its last answer is older
 * than TOOLCHAIN_FRESH_MS: one at a time, and what it says is the answer for all who wait by then.
 * FETCHING asks the remote caches, if there are any and it is not to be made anew; when others take
 * their place meanwhile, those.
 * Units and asks are two owners of the same thing. At the gate the owner decides: a unit waits
 * for quiet and for the end of its older job, an ask goes on or says "not ready". After the job
 * the cache is asked again, so there is one way only in which an artifact is found.
 *
 * build_start() fails synchronously and never calls back, or succeeds and calls done() exactly
 * once, later, from the loop; the Build is freed as soon as done() returns. gate() is called at
 * most once for each key that is tried; within it or later the owner calls build_go() or
 * build_cancel(). build_cancel() only asks, in any state.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"
#include "daemon/core.h"
#include "daemon/identify.h"
#include "daemon/pairing.h"
#include "daemon/queue.h"
#include "daemon/toolchain.h"

typedef struct Build Build;

typedef enum BuildOutcome {
        BUILD_READY,
        BUILD_NOT_SOURCE, /* see identity.class and detail */
        BUILD_FAILED,     /* the compile failed for good, now or before */
        BUILD_OVER_LIMIT, /* there is an artifact, which must not be delivered */
        BUILD_NOT_RIGHT,  /* the file that was to be adopted */
        BUILD_TRANSIENT,  /* it may work another time */
        BUILD_INVALID,    /* no such toolchain on this machine */
        BUILD_UNREADABLE, /* the source is gone or cannot be read */
        BUILD_CANCELLED,
} BuildOutcome;

typedef enum BuildPhase {
        BUILD_HASHING,
        BUILD_LOOKING,
        BUILD_FETCHING, /* from a remote cache */
        BUILD_AT_GATE,
        BUILD_QUEUED,
        BUILD_COMPILING,
        BUILD_WRITING,
        BUILD_CHECKING,
        BUILD_STORING,
} BuildPhase;

/* Borrowed for the callback. */
typedef struct BuildResult {
        BuildOutcome outcome;
        Problem detail;
        const Identity *identity; /* NULL: it never came to that */
        const Digest *key;        /* NULL: it never came to that */
        const char *toolchain;    /* its name; NULL: it never came to that */
        Digest toolchain_identity;
        const Digest *snapshot; /* what the key says of the source; NULL as identity */
        const char *path;       /* .../NET.xmodel; NULL: there is none */
        uint64_t fingerprint;   /* found in the artifact; 0: none */
        bool no_dpu_code;
        const char *warning; /* what is to be known of its DPU code; NULL: nothing */
        Slice adopted;       /* it was not compiled, but is this file; empty if it was compiled */
        bool hit;            /* no job was needed */
        bool unread;         /* source, toolchain, or what was made could not be read for now */
        Salvage *salvage;    /* holds path; take a reference. NULL: it is in the cache */
} BuildResult;

typedef struct BuildHandlers {
        void (*phase)(Build *build, void *userdata); /* may be NULL */
        void (*gate)(Build *build, void *userdata);
        void (*done)(Build *build, const BuildResult *result, void *userdata);
} BuildHandlers;

typedef struct BuildSpec {
        const char *source_path;
        int source_fd;            /* >= 0: taken over when build_start() succeeds */
        const Identity *identity; /* known already (of a source: else -EINVAL), or NULL */
        const Pair *pair;         /* copied */
        const char *root;         /* the workspace, for "auto"; or NULL */
        const char *toolchain;    /* a name; NULL: as configured */
        bool verbatim;            /* snapshot: the bytes as they are */
        const char *options;      /* rendered; NULL: none */
        Priority priority;        /* but for the cost */
        bool force;
        int adopt_fd;           /* >= 0: a compiled file to be kept; taken over likewise */
        const char *adopt_path; /* or NULL */
} BuildSpec;

int build_start(Build **ret, Core *core, const BuildSpec *spec, const BuildHandlers *handlers,
                void *userdata);
void build_go(Build *build); /* through the gate */
void build_cancel(Build *build);
void build_hurry(Build *build);  /* its source was saved again, as it was: see ticket_hurry() */
void build_prefer(Build *build); /* a client waits for it now */

bool build_is_at_gate(const Build *build);   /* and waits for build_go() */
bool build_is_cancelled(const Build *build); /* whatever it says in the end: nobody wanted it */
BuildPhase build_phase(const Build *build);
const char *build_phase_name(BuildPhase phase); /* for people: "hashing" */
uint32_t build_position(const Build *build);    /* in the queue; 0: running or not there */
int64_t build_left_ms(const Build *build);      /* of its job; -1: nobody knows, or there is none */
const Digest *build_key(const Build *build);    /* NULL: not known yet */
const char *build_toolchain(const Build *build); /* its name; NULL: not chosen yet */
