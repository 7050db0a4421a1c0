#pragma once

/*
 * Pages: what the daemon knows of an artifact, for `dpucc report` to make a page of
 *
 * The client knows nothing of models. It asks for the artifact, for what was made of the same source
 * before, and for what else is known, and becomes `dpucc report` with the files open: their names may
 * mean nothing here, and they may be evicted meanwhile.
 */

#include "client/options.h"

/* A page about @text, which means what X means. @own are the @n_own arguments that are handed over
 * besides. Returns only if that failed: the exit code, after saying why. */
int page_run(const Options *options, const char *text, char **own, int n_own);
