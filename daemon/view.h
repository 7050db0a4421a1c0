#pragma once

/*
 * Views: what one can see of units and roots
 *
 * Plain values that the engine's parts fill in and its callers read, so that neither has to know
 * the other. Strings and keys are borrowed, NULL where unknown; valid until the loop goes on.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

/* numbers of the wire's UnitState */
typedef enum UnitState {
        UNIT_NEW,
        UNIT_WRITING,
        UNIT_SETTLING,
        UNIT_HASHING,
        UNIT_QUEUED,
        UNIT_COMPILING,
        UNIT_READY,
        UNIT_FAILED,
        UNIT_OVER_LIMIT,
        UNIT_NO_TARGET,
        UNIT_NOT_SOURCE,
        UNIT_INVALID,
        UNIT_FETCHING, /* a remote cache is asked */
} UnitState;

typedef struct UnitView {
        const char *net_name;
        const char *target; /* NULL: no target */
        const char *root;   /* NULL: asked for by path, outside every workspace */
        const char *source_path;
        const char *arch_path;
        UnitState state;
        int source_class; /* XmodelClass, or -1 before the first look */
        const char *detail;
        const char *trouble; /* what is delivered is not what the files say, because; or NULL */
        const char *toolchain;
        const Digest *key;
        const Digest *job_key;     /* of the job under way; NULL: none */
        const char *artifact_path; /* .../NET.xmodel in its view */
        const char *output_path;
        uint64_t elapsed_ms;  /* in the present state */
        uint64_t fingerprint; /* of the target, 0 if only named */
        bool no_dpu_code;
        bool hit;
} UnitView;

typedef int (*UnitViewFn)(const UnitView *unit, void *userdata);

/* A compile that runs or waits. */
typedef struct JobView {
        const char *net_name;
        const char *target; /* NULL: without a name */
        const char *source_path;
        const char *toolchain;
        const Digest *key;
        const char *phase; /* as in AskProgress */
        bool running;
        uint32_t position;     /* among those that wait, from 1 */
        unsigned n_clients;    /* that wait for it */
        unsigned n_failures;   /* that may pass, so far */
        uint64_t elapsed_ms;   /* since it runs, or waits */
        uint64_t predicted_ms; /* of the whole compile; 0: not known */
        int64_t left_ms;       /* until it is done; -1: not known */
} JobView;

typedef int (*JobViewFn)(const JobView *job, void *userdata);

typedef struct RootView {
        const char *path;
        bool trusted;
        const char *state;  /* "watching", "scanning", "polling", "gone" */
        const char *detail; /* NULL, or what to do about it */
        uint64_t epoch;
        uint64_t n_directories;
        uint64_t n_sources;
} RootView;

typedef int (*RootViewFn)(const RootView *root, void *userdata);

/* numbers of the wire's FindingState */
typedef enum FindingState {
        FINDING_OK,
        FINDING_WARNING, /* something is not as it could be */
        FINDING_FAILED,  /* something that is wanted does not work */
} FindingState;

/* One step of a checkup of this installation. */
typedef struct Finding {
        const char *subject; /* "cache", "toolchain vitis" */
        const char *step;    /* of a toolchain (probe.h), else "" */
        FindingState state;
        const char *text; /* what was found; or what is wrong, with the remedy */
} Finding;

/* numbers of the wire's EventKind */
typedef enum EventKind {
        EVENT_MONITORING, /* from here on all is told */
        EVENT_SAVED,      /* a model: path */
        EVENT_GONE,       /* likewise */
        EVENT_UNIT,       /* a unit has a result, or none any more: unit */
        EVENT_DELIVERED,  /* to its output_dir: unit; not, if there is a detail */
        EVENT_WITHDRAWN,  /* from there: unit */
        EVENT_QUEUED,     /* job */
        EVENT_STARTED,    /* job */
        EVENT_PHASE,      /* job: what it is at */
        EVENT_ENDED,      /* job; outcome, and detail if it did not work */
        EVENT_ROOT,       /* a workspace is there, gone, lost track, is polled ...: root */
        EVENT_PAUSED,
        EVENT_RESUMED,
        EVENT_RELOADED, /* the configuration */
} EventKind;

/* What happened. Borrowed, for the call. */
typedef struct EventView {
        EventKind kind;
        int64_t time_ns;  /* real */
        const char *path; /* of the source or root that it is about; NULL: of none */
        const UnitView *unit;
        const JobView *job;
        const RootView *root;
        const char *outcome; /* of a job: "made", "failed", "transient", "cancelled" ... */
        const char *detail;  /* or NULL */
} EventView;
