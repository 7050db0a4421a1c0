#pragma once

/*
 * The corpus of real models: $DPUCC_CORPUS, else ../shared/corpus beside the source tree. Where
 * it is missing, tests skip (exit status 77).
 */

#include <stdbool.h>

#include "base/bytes.h"

/* false, after saying so, if there is no corpus */
bool corpus_present(void);

/* Calls @each for every *.xmodel, *.json and *.txt of a folder ("quantized"), by ascending name,
 * with the name and the file's content. Returns their number, or a negative error. */
int corpus_each(const char *folder,
                void (*each)(const char *name, const Bytes *content, void *userdata),
                void *userdata);
