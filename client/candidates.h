#pragma once

/*
 * Candidates: what a word on a command line may become
 *
 * One line each on stdout: the word, and after a tab what it is. Only those that begin with what
 * is typed already. Names that the daemon knows cost one short question; when it does not answer
 * at once there are none, for a shell must not hang.
 */

#include "client/options.h"

typedef struct Candidates {
        const Options *options;
        const char *typed;
} Candidates;

void candidates_add(const Candidates *c, const char *word, const char *text);

void candidates_units(const Candidates *c);      /* NET@TARGET */
void candidates_keys(const Candidates *c);       /* once some digits are typed */
void candidates_targets(const Candidates *c);    /* names, as units have them */
void candidates_toolchains(const Candidates *c); /* likewise */
void candidates_roots(const Candidates *c);      /* watched directories */

/* What only the shell can list: a line that begins with ':'. @suffix may be "". */
void candidates_files(const char *suffix);
void candidates_directories(void);
