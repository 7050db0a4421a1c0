#pragma once

/*
 * The token pass: what the engines must wait for
 *
 * Goes once through a stream and finds, for each instruction, accesses of earlier instructions on
 * other engines that must have finished: writes before reads, reads and writes before writes. Where
 * nothing that the engine waited for already brings that certainty, it has the earlier instruction
 * post a token and this one wait for it; never where something does. (Clocks of engines, and what
 * is known of them, as in dpu/sim/hazard.h; this is the maker, that is the judge, they share no
 * code.)
 *
 * A token carries all that its sender knew, so an engine never needs an older token of the same
 * sender: waits and posts between two engines are in the same order, as their queue wants it.
 *
 * Instructions of one engine are chained, except SAVEs that may run beside each other.
 */

#include "base/problem.h"
#include "dpu/codegen/stream.h"

/* Sets dpdon and dpdby. @region_sizes: bytes, by register; those that nothing writes may be 0.
 * -EINVAL with @problem: an access outside; -ENOMEM. */
int tokens_run(Stream *stream, const uint64_t region_sizes[STREAM_REGIONS], Problem *problem);
