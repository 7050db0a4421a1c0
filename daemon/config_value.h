#pragma once

/*
 * Values that several settings of the user's configuration have, whichever they are
 *
 * 0; -EINVAL with @problem, which names the place; -ENOMEM. @ret is as it was on failure, except
 * for a list, which then may have a part.
 */

#include <stdint.h>

#include "base/json.h"
#include "base/problem.h"
#include "base/strings.h"

#define CONFIG_MEMORY_MAX_MIB (1 << 24)
#define CONFIG_WORDS_MAX      32

/* an optional member: 0 and nothing changed when @key is missing */
int config_value_unsigned(const JsonPlace *object, const char *key, int64_t min, int64_t max,
                          unsigned *ret, Problem *problem);

/* an absolute path, normalised; the caller's */
int config_value_path(const JsonPlace *place, char **ret, Problem *problem);

/* an argv: a program, by its name or absolute path, and its arguments */
int config_value_words(const JsonPlace *list, Strings *ret, Problem *problem);
