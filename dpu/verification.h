#pragma once

/*
 * Verifications: what a compiler says, in the report.json beside its file, that it did to prove its
 * code (docs/FORMATS.md, "Report": `proved`, `verification`)
 */

#include <stdbool.h>

#include "base/problem.h"
#include "dpu/attempts.h"

typedef struct Verification {
        bool simulated; /* its programs gave what the model gives */
        bool told;      /* it says what it did; of others nothing below is known */
        AttemptsVerify asked;
        bool left_out; /* and says why */
} Verification;

/* -EBADMSG with @problem: no such report; -errno of reading. */
int verification_read(const char *path, Verification *ret, Problem *problem);

/* Is that what was @wanted, of a file with DPU code? @why says what is missing. */
bool verification_is_enough(const Verification *verification, AttemptsVerify wanted, Problem *why);
