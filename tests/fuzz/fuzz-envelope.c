/*
 * What a remote cache answers: as it is, where a secret is demanded and where none is. With the
 * secret nothing that was not sealed with it may be accepted; what is accepted without must be
 * the record of a success, under the key that was asked for.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cache/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const Secret secret = { .bytes = "not in the corpus of the fuzzer", .size = 31 };
        _cleanup_(record_freep) Record *record = NULL, *forged = NULL;
        _cleanup_(bytes_cleanup) Bytes again = BYTES_INIT(ENVELOPE_BYTES_MAX);
        Digest key = {};

        if (size >= 20 + DIGEST_SIZE)
                memcpy(key.bytes, data + 20, DIGEST_SIZE);
        if (envelope_open(slice_of(data, size), &key, &secret, &forged) == 0)
                abort();
        if (envelope_open(slice_of(data, size), &key, NULL, &record) != 0)
                return 0;
        if (record->kind != RECORD_SUCCESS || !digest_equal(&record->key, &key))
                abort();
        /* with its defaults written out a record may be too large, and for no other reason */
        if (envelope_seal(record, &secret, &again) == 0) {
                if (envelope_open(bytes_slice(&again), &key, &secret, &forged) != 0)
                        abort();
        }
        return 0;
}
