#pragma once

/*
 * Admission: may one more job start?
 *
 * By number, and by memory: compilers of large models need tens of gigabytes, and two at once end
 * both (Vitis-AI#725: 27 GB for a model of 137 MB). What a job will need is what its like needed;
 * one of which nobody knows takes an equal share. A job runs alone if it must, however large, so
 * none waits for ever.
 *
 * The memory of this machine is what its kernel, or the control group that we are in, allows.
 * Pure values and functions.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Admission {
        unsigned running_max;
        uint64_t memory_max; /* bytes, of all jobs together; 0: does not count */
} Admission;

/* What a job is taken to need, in bytes; @predicted 0: not known. */
uint64_t admission_share(const Admission *admission, uint64_t predicted);

/* @reserved: the shares of those that run */
bool admission_allows(const Admission *admission, unsigned n_running, uint64_t reserved,
                      uint64_t share);
