#pragma once

/*
 * Proposals: the project file that a survey suggests
 *
 * Names for the arch files that were found; for each quantized model its net name, its targets and
 * a place of delivery; and of everything why. What a compiled file in the workspace tells of the
 * model that it was made from is taken over: its name, and where it lies. Nothing that is there is
 * delivered over: such a place gets a directory for each target.
 *
 * A Proposal borrows from its Survey, which must outlive it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "dpu/survey.h"

typedef struct ProposalTarget {
        char *name;
        const SurveyArch *arch;
        const struct ProposalTarget *same; /* an earlier one that is the same DPU; NULL */
} ProposalTarget;

typedef struct ProposalModel {
        const SurveyModel *model;
        const SurveyCompiled *known; /* a compiled file that names this model; NULL: none */
        bool known_exactly;          /* ... and was made from what it is now */
        char *xmodel;                /* a path, or a pattern for @n_files models */
        size_t n_files;
        char *net_name; /* NULL: each is called like its file */
        Problem net_why;
        char *output_dir;
        Problem output_why;
        bool is_renamed;   /* or another net would have the same name */
        bool keeps_others; /* somebody else's compiled file lies where it might be delivered */
        bool is_limited;   /* to some of the targets: */
        bool for_target[SURVEY_ARCHES_MAX];
} ProposalModel;

typedef struct Proposal {
        ProposalTarget *targets;
        size_t n_targets;
        ProposalModel *models;
        size_t n_models;
} Proposal;

/* Adds remarks to @survey about what JSON or a project file cannot name. -ENOMEM. */
int proposal_make(Survey *survey, Proposal *ret);
void proposal_deinit(Proposal *proposal);

static inline void proposal_cleanup(Proposal *proposal) {
        proposal_deinit(proposal);
}
