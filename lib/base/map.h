#pragma once

/*
 * Hash maps are uthash's, with our conventions:
 *
 *   - an allocation failure is an error like any other: after HASH_ADD... `map_failed(item)`
 *     tells; the item then is not in the map;
 *   - the handle is named `hh`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1

#include <uthash.h>

#define map_failed(item) ((item)->hh.tbl == NULL)
