#pragma once

/*
 * Fetch: what `get` and `build` have in common. Opens the files that are named, so that the
 * daemon sees what we see, asks for the artifact, and prints its path.
 */

#include <stdbool.h>

#include "client/options.h"

typedef struct FetchSpec {
        const char *source;
        const char *arch; /* these may be NULL */
        const char *target;
        const char *net_name;
        const char *output_dir;
        const char *options; /* compiler options */
        const char *copy_to; /* -o */
        bool wait;
} FetchSpec;

/* Returns an exit code. */
int fetch(const Options *options, const FetchSpec *spec);
