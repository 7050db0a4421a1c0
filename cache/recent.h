#pragma once

/*
 * Recent: a map in memory that forgets
 *
 * From a digest to a value of a few bytes, for what was found out a moment ago and is true for ever
 * ("a file that looks like this has that content"), so that it need not be asked of a database or
 * found out again. It has as many places as it was made with; what comes to an occupied one takes
 * it. Nothing may depend on finding anything here.
 *
 * Safe on any thread, and never waits for the disk.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"

#define RECENT_VALUE_MAX 128

typedef struct Recent Recent;

int recent_new(Recent **ret, size_t places, size_t value_size); /* -ENOMEM */
Recent *recent_free(Recent *recent);

/* @ret and @value: of value_size bytes. */
bool recent_find(Recent *recent, const Digest *what, void *ret);
void recent_note(Recent *recent, const Digest *what, const void *value);
/* It is noted, with that value. */
bool recent_is(Recent *recent, const Digest *what, const void *value);
void recent_forget(Recent *recent); /* everything */
