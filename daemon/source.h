#pragma once

/*
 * Sources: the .xmodel files of a workspace
 *
 * Whatever has the name is a Source first; its content says what it is. The units of those that
 * are quantized graphs follow from pairing.
 *
 *      changed ──> IDENTIFYING (pool) ──quantized──> pairing ──> units
 *         ▲             │
 *         └─ changed ───┘ again            anything else: no units, a reason for people
 *
 * Owned by a Workspace. A source that is gone stays until its units have ended what they do; if
 * it comes back in that time, they are taken up again.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/stat_id.h"
#include "daemon/identify.h"
#include "daemon/view.h"

typedef struct Core Core;
typedef struct Pair Pair;
typedef struct Source Source;
typedef struct Unit Unit;
typedef struct Workspace Workspace;

/* where an artifact is on its way to a unit's output_dir */
typedef enum Delivered {
        DELIVERED,           /* the file is this artifact */
        DELIVERED_LATER,     /* something is under way that may change what is there */
        DELIVERED_REFUSED,   /* it cannot be written; there is a problem that says why */
        DELIVERED_ELSEWHERE, /* the unit is done, and has another artifact or none */
} Delivered;

int source_new(Source **ret, Core *core, Workspace *workspace, const char *path);
Source *source_free(Source *source); /* must have nothing under way */

const char *source_path(const Source *source);
Workspace *source_workspace(const Source *source);
const Identity *source_identity(const Source *source); /* NULL: not known */
uint64_t source_saved(const Source *source);           /* for Urgency */
bool source_is_writing(const Source *source);
bool source_is_idle(const Source *source);
bool source_is_model(const Source *source);       /* a quantized graph, and there */
uint64_t source_busy_since(const Source *source); /* number of the event that made it busy */

void source_changed(Source *source, const StatId *id, uint64_t event);
void source_writing(Source *source);
void source_gone(Source *source);
void source_settled(Source *source);
/* Pairs again, because arch files, project or toolchains changed. @refresh: even units whose
 * pair is the same look their key up again. */
void source_pair(Source *source, bool refresh);
/* If it could not be read, or the toolchain of a unit was not to be had. */
void source_retry(Source *source);
/* A delivered file of one of its units disappeared. True if it was one. */
bool source_output_gone(Source *source, const char *path);

/* Does another live unit of it deliver to the file of @unit? */
bool source_has_rival(const Source *source, const Unit *unit);

/* A client waits for what becomes of it: what it and its units do goes before what others do, until
 * it is idle. One that is saved again and again never is, so a save ends it, too. */
void source_prefer(Source *source);
bool source_is_preferred(const Source *source); /* for units */

/* See unit.h. For the unit of @pair, as far as it has @key. */
void source_redeliver(Source *source, const Pair *pair, const Digest *key);
Delivered source_delivered(const Source *source, const Pair *pair, const Digest *key,
                           const char **ret_problem);

/* called by units, and by nobody else, as the last thing they do: it may free them */
void source_unit_changed(Source *source);
/* called by units: something is under way now */
void source_unit_busy(Source *source);

/* Each unit, or, where there is none, one view of the source itself. */
int source_each_unit(Source *source, UnitViewFn fn, void *userdata);

/* the next one in core->busy */
Source *source_next_busy(const Source *source);
