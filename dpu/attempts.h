#pragma once

/*
 * Attempts: a compile that ends in something right
 *
 * Compiles, proves (dpu/proof.h) where that is wanted, and compiles again without the layers that
 * turned out wrong: they stay on the CPU, with what went wrong as their reason. After a few rounds
 * nothing is put on the DPU any more. So a mistake in the generator costs speed, and is told; it is
 * never in a file that was verified.
 */

#include "dpu/compiler/compiler.h"
#include "dpu/proof.h"

#define ATTEMPTS_MAX 8 /* the last one without the DPU */

/* Up to which a model is small: operations of the DPU for one input, as its workload says, and
 * multiplications of all devices. */
#define ATTEMPTS_SMALL_WORK ((uint64_t) 4000000000)

/* each is more than the one before it */
typedef enum AttemptsVerify {
        ATTEMPTS_VERIFY_NONE,
        ATTEMPTS_VERIFY_SMALL, /* small models; others are not verified */
        ATTEMPTS_VERIFY_FULL,
} AttemptsVerify;

int attempts_verify_find(const char *name, AttemptsVerify *ret); /* "none"...; -ENOENT */
const char *attempts_verify_name(AttemptsVerify verify);

/* One line for the log. */
typedef void (*AttemptsSay)(const char *line, void *userdata);

/* compiler_run(), or something in its place */
typedef int (*AttemptsCompile)(const CompilerSpec *spec, Compilation **ret, Problem *problem);

typedef struct AttemptsSpec {
        CompilerSpec compiler; /* last is COMPILER_EMIT; refused and all_refused are ours */
        AttemptsCompile compile;
        AttemptsVerify verify;
        AttemptsSay say;
        void *userdata;
} AttemptsSpec;

typedef struct Attempts {
        Compilation *compilation; /* owned */
        Proof proof;              /* of it; without findings */
        bool proved;
        bool too_large; /* the reason why not */
        size_t n_internal_errors;
} Attempts;

/* As compiler_run(), but never COMPILER_PART_REFUSED; and what proof_run() says if all models are
 * to be verified. */
int attempts_run(const AttemptsSpec *spec, Attempts *ret, Problem *problem);
void attempts_deinit(Attempts *attempts);

static inline void attempts_cleanup(Attempts *attempts) {
        attempts_deinit(attempts);
}
