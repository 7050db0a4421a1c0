#pragma once

/*
 * HMAC-SHA256 (RFC 2104, FIPS 198-1), by libcrypto. Safe on any thread.
 */

#include <stdbool.h>

#include "base/digest.h"
#include "base/slice.h"

int hmac_sha256(Slice key, Slice data, Sha256 *ret); /* -EIO: libcrypto failed */

/* Takes the same time whatever differs. */
bool hmac_equal(const Sha256 *a, const Sha256 *b);
