#pragma once

/*
 * Units: one source for one target, kept up to date
 *
 * A unit owns at most two builds. The *probe* belongs to what the source is now: it looks the
 * key up, and if there is nothing it waits at the gate. The *running* one has a job, perhaps
 * for an older content.
 *
 *      change ──> probe ──hit, failure──> result
 *                   └──miss──> gate: is an older job running?
 *                                 cancelled       the probe waits for its end
 *                                 the same key    the probe goes, the job stays (if the limits
 *                                                 changed, the probe waits for its end, too)
 *                                 another key     the job is cancelled; when it is gone ...
 *                              not quiet yet?     ... and when it is quiet:
 *                              ──────────────────> the probe becomes the running build
 *
 * So no two jobs of a unit ever run at once, and a burst of saves compiles once. What was
 * delivered before stays while a newer save compiles, is replaced when that succeeds, and is
 * withdrawn when it fails for good or breaks a limit.
 *
 * A unit belongs to its Source, which hears through source_unit_changed() whenever it may have
 * become idle. A dead unit ends what it does and is then freed by its source.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include "daemon/build.h"
#include "daemon/source.h"
#include "daemon/view.h"

typedef struct Unit Unit;

int unit_new(Unit **ret, Source *source, const Pair *pair);
Unit *unit_free(Unit *unit); /* must be idle */

const Pair *unit_pair(const Unit *unit);
bool unit_is_dead(const Unit *unit);
bool unit_is_idle(const Unit *unit); /* nothing of it is under way */

/* The source or anything else that goes into the key changed: probe. */
void unit_refresh(Unit *unit);
/* Looks again if its toolchain was not to be had: a container engine that is down, say. */
void unit_retry(Unit *unit);
/* What pairing says of it now; refreshes if that is something else. -ENOMEM. */
int unit_set_pair(Unit *unit, const Pair *pair);
void unit_settled(Unit *unit);
void unit_prefer(Unit *unit); /* see source_prefer() */
void unit_kill(Unit *unit);
void unit_revive(Unit *unit);

/* The file that it delivers, or NULL. */
const char *unit_output_path(const Unit *unit);
/* Looks whether what it delivers is there, and delivers it again if not. */
void unit_redeliver(Unit *unit);
/* It is not: it is delivered again when the source has been quiet for as long as after a save. */
void unit_output_gone(Unit *unit);
/* Where the artifact @key is on its way to that file. @ret_problem is borrowed. */
Delivered unit_delivered(const Unit *unit, const Digest *key, const char **ret_problem);

UnitView unit_view(const Unit *unit);
