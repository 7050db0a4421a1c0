#pragma once

/*
 * What the daemon's log says of a job: one line when it starts, one when it ends
 *
 * Each has the fields that dpuccd(1) promises to those who search the journal. What is tried again
 * because another process makes it starts, and meets that process again, at the level of debugging.
 * Any thread.
 */

#include <stdint.h>

#include "daemon/order.h"
#include "daemon/queue.h"

void jobnews_started(const Order *order);
void jobnews_ended(const Order *order, const JobResult *result, uint64_t elapsed_ms);
