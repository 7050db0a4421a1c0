#pragma once

/*
 * Documents: an answer as JSON (docs/JSON.md)
 *
 * One object: `outcome` ("done", "not-ready", "unreachable" ...), `code` (the exit code),
 * `message`, `hints`, and the fields of the reply's body by the names they have in
 * lib/proto/dpucc.proto. A field that is not set is left out, a repeated one is always there.
 * Names of enum values lose their prefix: "ready", "no-target". Paths that are no UTF-8 are
 * escaped as for people. A log is the array `log` of its lines, statistics are one object.
 */

#include "base/bytes.h"
#include "client/exchange.h"

/* Appends to @ret. -EFBIG, -ENOMEM. */
int document_of(const Exchange *exchange, Bytes *ret);
/* An event in the same form, on one line. */
int document_of_event(const Dpucc__Wire__Event *event, Bytes *ret);
