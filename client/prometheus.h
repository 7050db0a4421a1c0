#pragma once

/*
 * Statistics in the text format of Prometheus (version 0.0.4)
 *
 * `dpucc_NAME_total` for counters, `dpucc_NAME` for what goes up and down; why a lookup missed is a
 * label. Times are in seconds, as is the custom there.
 */

#include "base/bytes.h"
#include "proto/dpucc.pb-c.h"

/* Appends to @ret. -EFBIG, -ENOMEM. */
int prometheus_of(const Dpucc__Wire__StatisticList *list, Bytes *ret);
