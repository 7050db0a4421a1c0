#pragma once

/*
 * Salvage: an artifact that the cache could not take
 *
 * A full or read-only disk means "no caching", never "no compile". What a job made then stays in
 * its directory, and whoever wants it holds a reference; with the last one the directory goes.
 * References are counted on the loop thread; salvage_new() and salvage_view() block.
 */

#include "base/slice.h"
#include "daemon/jobdir.h"

typedef struct Salvage Salvage;

/* Takes *dir over and sets it to NULL. @log is copied. */
int salvage_new(Salvage **ret, JobDir **dir, Slice log);
Salvage *salvage_ref(Salvage *salvage);
/* The last one removes the directory, which blocks for as long as unlinking takes. */
Salvage *salvage_unref(Salvage *salvage);

/* The artifact under its real names, as artifact_view() makes it: *ret is the path of
 * NET.xmodel. */
int salvage_view(Salvage *salvage, const char *net_name, char **ret);
