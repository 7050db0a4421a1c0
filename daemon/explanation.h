#pragma once

/*
 * Explanations: what a key is made of, and why it is not the one before
 *
 * Of the earlier artifacts of the same source, target and net the *nearest* is the one that differs
 * in the fewest fields, of several the newest; what differs is listed field by field. Records are
 * read on a pool thread, at most EXPLANATION_EARLIER_MAX of them.
 */

#include "cache/record.h"

#define EXPLANATION_EARLIER_MAX 64

typedef struct Call Call;
typedef struct Engine Engine;

/* Ends @call, later; takes over @record. */
void explanation_send(Engine *engine, Call *call, Record *record);
