#pragma once

/*
 * Listings: what is in the cache, the newest first, by the index
 *
 * Index and records are read on a pool thread. Ends the call, later.
 */

#include "proto/dpucc.pb-c.h"

#define LISTING_MAX 10000 /* artifacts in one list */

typedef struct Call Call;
typedef struct Engine Engine;

void listing_send(Engine *engine, Call *call, const Dpucc__Wire__ListRequest *request);
