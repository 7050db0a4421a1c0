#pragma once

/*
 * Surveys: bringing the index into agreement with the records there are
 *
 * One pass over records/, a shard at a time, in both directions: a record that the index does not
 * know is read and entered, a row without its record is removed. On a new index that is its
 * rebuilding. When the pass is over, and the index was not lost meanwhile, it is complete.
 *
 * Who cannot enter a record that he publishes, or replaces one, leaves a mark (survey_mark()): from
 * then on the index must not be taken for complete, by anybody, until a survey has been made, which
 * then reads the records whose keys are known, too. So eviction, which
 * looks for the mark under the exclusive lock, never removes an object that an unknown record
 * names.
 *
 * Blocks: pool threads. A Survey belongs to one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cache/index.h"

#define SURVEY_MORE 1 /* outcome of survey_step() */

typedef struct Survey {
        const char *root; /* borrowed, like the index */
        Index *index;
        unsigned shard;     /* the next one */
        unsigned recreated; /* of the index, at the beginning */
        size_t n_added, n_removed;
        off_t n_marks;    /* that this survey answers, and one; 0: none */
        size_t n_unknown; /* records of later versions: nobody knows what they name */
} Survey;

void survey_init(Survey *survey, const char *root, Index *index);

/* One shard. 0: the pass is over and the index complete; SURVEY_MORE; or an error, after which the
 * same shard is tried again. */
int survey_step(Survey *survey);

/* All of it, if the index is not complete. */
int survey_complete(const char *root, Index *index);

/* The caller holds the shared lock until the record is written. Errors matter: without the mark the
 * record must not be published. */
int survey_mark(const char *root);
bool survey_is_marked(const char *root); /* true also when that cannot be told */
