#pragma once

/* Time, in the two kinds there are: the monotonic one for durations and deadlines, the real
 * one for comparing with file times and for people. */

#include <stdint.h>

#define CLOCK_NS_PER_S  INT64_C(1000000000)
#define CLOCK_NS_PER_MS INT64_C(1000000)

int64_t clock_monotonic_ns(void);
int64_t clock_real_ns(void);
