#pragma once

/*
 * Upkeep: requests about the cache as a whole
 *
 * Like verbs.h: each sees to it that the call ends, now or later.
 */

#include "proto/dpucc.pb-c.h"

typedef struct Call Call;
typedef struct Engine Engine;

void upkeep_fsck(Engine *engine, Call *call, const Dpucc__Wire__FsckRequest *request);
