#pragma once

/*
 * Inquiries: questions that the cache's records answer (list, show, log, why)
 *
 * What a person names is looked for among the units first, then among the keys, then among the
 * names that records have (NET@TARGET), then among the files that were delivered and the sources
 * that records name. All of them end the call before they return. They read small files on the loop thread; the number of
 * records that one inquiry looks into is bounded for that reason.
 */

#include "proto/dpucc.pb-c.h"

#define INQUIRY_RECORDS_MAX 1000

typedef struct Call Call;
typedef struct Engine Engine;

void inquiry_list(Engine *engine, Call *call, const Dpucc__Wire__ListRequest *request);
void inquiry_show(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector);
void inquiry_log(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector);
void inquiry_why(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector);
