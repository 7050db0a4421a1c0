#pragma once

/*
 * Envelopes: a record on its way to or from a shared cache
 *
 * What is in the local cache we wrote ourselves; what a remote cache gives may come from
 * anybody. The envelope holds the key and the record, and an HMAC-SHA256 over both (and over
 * everything else in it), of a secret that those share who may write. Everything further rests
 * on it: the record names its objects by SHA-256, and the snapshot that they were made of.
 *
 * What says where somebody keeps his files (the provenance `source` and `adopted`) stays here.
 * The bytes are defined in docs/FORMATS.md, "Remote caches". Safe on any thread.
 */

#include "base/bytes.h"
#include "base/digest.h"
#include "base/secret.h"
#include "cache/record.h"

#define ENVELOPE_VERSION    1
#define ENVELOPE_BYTES_MAX  (RECORD_BYTES_MAX + 128)
#define ENVELOPE_SECRET_MIN 16 /* bytes of a shared secret */

/* outcomes */
enum {
        ENVELOPE_DAMAGED = 1,   /* not an envelope, not a whole one, or no record in it */
        ENVELOPE_UNTRUSTED = 2, /* no HMAC, or not one of our secret */
        ENVELOPE_NEWER = 3,     /* written by a later version */
        ENVELOPE_FOREIGN = 4,   /* of another key, or not the record of a success */
};

/* Appends to @ret (whose maximum should be ENVELOPE_BYTES_MAX). @secret NULL: without an HMAC.
 * -EINVAL: not the record of a success. */
int envelope_seal(const Record *record, const Secret *secret, Bytes *ret);

/* @secret NULL: whoever could write there is trusted, and a MAC is not looked at. */
int envelope_open(Slice envelope, const Digest *key, const Secret *secret, Record **ret);

const char *envelope_explain(int outcome); /* for people */
