#pragma once

/*
 * Choices: the one pair that a get means
 *
 * Paired is by what the files say now (pairing.h), in the workspace of the source or, if it is in
 * none, by what lies beside it. A get names at most one target, or an arch file, or neither if
 * there is only one pair.
 *
 * Blocks for a few stats and small files, on the loop thread.
 */

#include <stdbool.h>

#include "base/problem.h"
#include "daemon/ask.h"
#include "daemon/core.h"
#include "daemon/pairing.h"

/* All borrowed. */
typedef struct ChoiceSpec {
        Core *core;
        const char *source_path;
        int source_fd; /* what the client means by source_path; -1: the file that is there */
        int arch_fd;   /* -1 unless an arch file was named */
        const char *arch_path;
        const char *target;    /* NULL: the only one there is */
        const char *toolchain; /* NULL: the only one there is */
        const char *net_name;  /* NULL: the unit's */
} ChoiceSpec;

typedef struct Choice {
        Pair pair;
        char *root_path; /* of its workspace; NULL: none */
        bool renamed;    /* net_name was given: not the unit's artifact */
} Choice;

/* Fills the empty @choice as far as it comes, of a failure too: choice_deinit() in any case. An
 * outcome other than ASK_DONE comes with @problem. Candidates become hints of @ask. */
AskOutcome choice_make(Choice *choice, const ChoiceSpec *spec, Ask *ask, Problem *problem);
void choice_deinit(Choice *choice);

/* What target of @source_path people call @name: by the project file, or by the arch files near it.
 * -ENOENT. */
int choice_target(const Core *core, const char *source_path, const char *name, Target *ret);
