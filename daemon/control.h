#pragma once

/*
 * Control: requests that steer the queue (cancel, pause, resume)
 */

#include <stdbool.h>

#include "proto/dpucc.pb-c.h"

typedef struct Call Call;
typedef struct Engine Engine;

void control_cancel(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector);
void control_pause(Engine *engine, Call *call, bool pause);
