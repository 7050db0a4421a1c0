#pragma once

/*
 * Names of units where a model is wanted: NET@TARGET stands for its source, its name and its
 * target
 */

#include <stdlib.h>

#include "client/fetch.h"

typedef struct Named {
        char *source;
        char *net_name;
        char *target;
} Named;

/* If @spec->source is such a name and no path, finds out what it stands for and puts that into
 * @spec, which borrows it from @ret. Returns an exit code; not CODE_DONE: after saying why. */
int named_find(const Options *options, FetchSpec *spec, Named *ret);

static inline void named_deinit(Named *named) {
        free(named->source);
        free(named->net_name);
        free(named->target);
}
