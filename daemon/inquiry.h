#pragma once

/*
 * Inquiries: questions about one artifact (show, log, why), its file, and its pin
 *
 * Each finds what is meant (subject.h) and ends the call, later.
 */

#include "proto/dpucc.pb-c.h"

typedef struct Call Call;
typedef struct Engine Engine;

void inquiry_show(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector);
void inquiry_log(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector);
void inquiry_why(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector);
void inquiry_open(Engine *engine, Call *call, const Dpucc__Wire__Selector *selector);
void inquiry_pin(Engine *engine, Call *call, const Dpucc__Wire__PinRequest *request);
