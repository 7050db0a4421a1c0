#pragma once

/*
 * Leases: whose views were asked for a short while ago
 *
 * The path that `get` prints lies in a view (view.h), and whoever got it has VIEW_LEASE_S to open
 * it. The lease is the time of the view's directory, so it holds for every process that shares
 * the cache.
 *
 * lease_remove_views() is for the holder of the exclusive lock: nobody makes a view meanwhile.
 * Blocks on the disk; safe on any thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "cache/names.h"

/* When a view of @key was last asked for, real time; 0: there is none. */
int lease_read(const char *root, const Digest *key, int64_t *ret_used_ns);

/* Must it stay at @now_ns? True also for times to come: after the clock was set back nothing is
 * removed too early; and true if that cannot be told, for want of descriptors or memory, say. */
bool lease_holds(const char *root, const Digest *key, int64_t now_ns);

/* Adds what the views of @key show, if they must stay at @now_ns. -ENOMEM ... */
int lease_add_objects(const char *root, const Digest *key, int64_t now_ns, Names *objects);

int lease_remove_views(const char *root, const Digest *key); /* missing is no error */
