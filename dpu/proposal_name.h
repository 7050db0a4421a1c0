#pragma once

/* Names for proposals: of targets, after their files, directories or DPUs. */

#include "base/strings.h"
#include "dpu/survey.h"

#define PROPOSAL_NAME_SIZE 64

/* @text in lower case, with '-' for everything but letters, digits, '_', '.' and what is beyond
 * ASCII; "" if nothing is left. */
void proposal_name_slug(const char *text, char ret[PROPOSAL_NAME_SIZE]);

/* A name for each of @arches that no other has: NAME of its file name (arch-NAME.json), else the
 * first directory that tells it from the others, else the DPU's short name. Appends to @ret.
 * -ENOMEM. */
int proposal_name_targets(const SurveyArch *const *arches, size_t n, Strings *ret);
