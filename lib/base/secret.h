#pragma once

/*
 * Secrets: a password, a token or a shared key, from a file that only its owner can read
 *
 * A secret is never an argument, an environment variable or part of a configuration: those are
 * shown to others, copied and logged. What a Secret held is overwritten when it is given up.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/slice.h"

#define SECRET_MAX 4096 /* bytes */

typedef struct Secret {
        uint8_t bytes[SECRET_MAX + 1]; /* ends with a NUL that does not count */
        size_t size;                   /* 0: none */
} Secret;

/* The content of the file @path less the line ends it closes with. -EPERM with @problem: others
 * may read or write it, or it belongs to somebody else. -EINVAL with @problem: shorter than
 * @min bytes, empty, or longer than SECRET_MAX. Other errors with @problem naming the file. */
int secret_read(const char *path, size_t min, Secret *ret, Problem *problem);
void secret_wipe(Secret *secret); /* back to empty */

static inline Slice secret_slice(const Secret *secret) {
        return slice_of(secret->bytes, secret->size);
}
