/*
 * Records from anywhere: as they are, and with an envelope put around them, so that mutations
 * reach the message. What is accepted must encode again to something that reads the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "cache/record.h"

#define HEAD 16 /* of the envelope; docs/FORMATS.md, "Record" */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const Record *record) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(RECORD_BYTES_MAX);
        _cleanup_(record_freep) Record *again = NULL;

        if (record_encode(record, &bytes) < 0)
                return; /* with all its defaults written out it may be too large */
        if (record_decode(bytes_slice(&bytes), &again) != 0)
                abort();
        if (!digest_equal(&again->key, &record->key) || again->n_objects != record->n_objects)
                abort();
}

static void decode(Slice file) {
        _cleanup_(record_freep) Record *record = NULL;

        if (record_decode(file, &record) == 0)
                check_again(record);
}

/* @data is head, payload and a checksum that need not be right */
static void decode_sealed(const uint8_t *data, size_t size) {
        _cleanup_(freep) uint8_t *file = malloc(size);
        const size_t length = size - HEAD - DIGEST_SIZE;
        Digest checksum;

        if (!file)
                return;
        memcpy(file, data, size);
        memcpy(file, "dpuccrec\1\0\0\0", 12);
        for (unsigned i = 0; i < 4; i++)
                file[12 + i] = (uint8_t) (length >> 8 * i);
        checksum = digest_of(file, HEAD + length);
        memcpy(file + HEAD + length, checksum.bytes, DIGEST_SIZE);
        decode(slice_of(file, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        decode(slice_of(data, size));
        if (size >= HEAD + DIGEST_SIZE && size <= RECORD_BYTES_MAX)
                decode_sealed(data, size);
        return 0;
}
