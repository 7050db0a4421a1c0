#pragma once

/*
 * Fetch: what `get` and `build` have in common. Opens the files that are named, so that the
 * daemon sees what we see, asks for the artifact, and prints its path.
 */

#include <stdbool.h>

#include "client/exchange.h"
#include "client/options.h"

typedef struct FetchSpec {
        const char *source;
        const char *arch; /* these may be NULL */
        const char *target;
        const char *net_name;
        const char *output_dir;
        const char *options; /* compiler options */
        const char *copy_to; /* -o */
        const char *depfile; /* what it rests on is written there, for make */
        const char *adopt;   /* a compiled file, to be kept instead of compiling */
        bool wait;
        bool overwrite;   /* what lies in output_dir under the names of the files */
        bool want_log;    /* in the exchange, a failure's too */
        bool require_dpu; /* a file without DPU code from a toolchain nobody named is a failure */
} FetchSpec;

/* Would a file with the name @out (NULL: there is none) replace what is to be compiled, by whatever
 * name? */
bool fetch_overwrites_input(const FetchSpec *spec, const char *out);
#define FETCH_DEPFILE_OVERWRITES "--depfile would replace what is to be compiled"

/* Asks and prints. Returns an exit code. */
int fetch(const Options *options, const FetchSpec *spec);

/* Only asks. */
void fetch_run(const Options *options, const FetchSpec *spec, Exchange *x);
