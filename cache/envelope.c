#include "cache/envelope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hmac.h"

#define ENVELOPE_MAGIC      "dpuccrmt"
#define ENVELOPE_MAGIC_SIZE 8
/* magic, version, authentication, length of the record, key */
#define ENVELOPE_HEAD (ENVELOPE_MAGIC_SIZE + 4 + 4 + 4 + DIGEST_SIZE)

typedef enum EnvelopeAuthentication {
        ENVELOPE_PLAIN = 0,
        ENVELOPE_HMAC_SHA256 = 1,
} EnvelopeAuthentication;

static void envelope_put_u32(uint8_t *to, uint32_t n) {
        for (unsigned i = 0; i < 4; i++)
                to[i] = (uint8_t) (n >> 8 * i);
}

static uint32_t envelope_get_u32(const uint8_t *from) {
        return (uint32_t) from[0] | (uint32_t) from[1] << 8 | (uint32_t) from[2] << 16 |
               (uint32_t) from[3] << 24;
}

/* --- sealing ----------------------------------------------------------------------------- */

static bool envelope_is_private(const char *tag) {
        return strcmp(tag, "source") == 0 || strcmp(tag, "adopted") == 0;
}

static int envelope_encode_record(const Record *record, Bytes *ret) {
        _cleanup_(freep) KeyField *provenance = NULL;
        Record copy = *record;

        provenance = calloc(record->n_provenance + 1, sizeof(*provenance));
        if (!provenance)
                return -ENOMEM;
        copy.n_provenance = 0;
        for (size_t i = 0; i < record->n_provenance; i++)
                if (!envelope_is_private(record->provenance[i].tag))
                        provenance[copy.n_provenance++] = record->provenance[i];
        copy.provenance = provenance;
        return record_encode(&copy, ret);
}

int envelope_seal(const Record *record, const Secret *secret, Bytes *ret) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(RECORD_BYTES_MAX);
        uint8_t head[ENVELOPE_HEAD];
        size_t start = ret->size;
        Sha256 mac;
        int r;

        if (record->kind != RECORD_SUCCESS)
                return -EINVAL;
        r = envelope_encode_record(record, &bytes);
        if (r < 0)
                return r;
        r = bytes_reserve(ret, ENVELOPE_HEAD + bytes.size + SHA256_SIZE);
        if (r < 0)
                return r;

        memcpy(head, ENVELOPE_MAGIC, ENVELOPE_MAGIC_SIZE);
        envelope_put_u32(head + 8, ENVELOPE_VERSION);
        envelope_put_u32(head + 12, secret ? ENVELOPE_HMAC_SHA256 : ENVELOPE_PLAIN);
        envelope_put_u32(head + 16, (uint32_t) bytes.size);
        memcpy(head + 20, record->key.bytes, DIGEST_SIZE);
        (void) bytes_append(ret, head, sizeof(head));
        (void) bytes_append(ret, bytes.data, bytes.size);
        if (!secret)
                return 0;

        r = hmac_sha256(secret_slice(secret), slice_of(ret->data + start, ret->size - start), &mac);
        if (r < 0)
                ret->size = start;
        else
                (void) bytes_append(ret, mac.bytes, SHA256_SIZE);
        return r;
}

/* --- opening ----------------------------------------------------------------------------- */

static int envelope_check_mac(Slice envelope, const Secret *secret) {
        const Slice signed_part = slice_of(envelope.data, envelope.size - SHA256_SIZE);
        Sha256 expected, found;
        int r;

        memcpy(found.bytes, envelope.data + signed_part.size, SHA256_SIZE);
        r = hmac_sha256(secret_slice(secret), signed_part, &expected);
        if (r < 0)
                return r;
        return hmac_equal(&expected, &found) ? 0 : ENVELOPE_UNTRUSTED;
}

/* Nothing of the record is looked at before this says 0. */
static int envelope_check(Slice envelope, const Digest *key, const Secret *secret, Slice *ret) {
        uint32_t version, authentication;
        size_t length, tail;

        if (envelope.size < ENVELOPE_HEAD || envelope.size > ENVELOPE_BYTES_MAX ||
            memcmp(envelope.data, ENVELOPE_MAGIC, ENVELOPE_MAGIC_SIZE) != 0)
                return ENVELOPE_DAMAGED;
        version = envelope_get_u32(envelope.data + 8);
        if (version != ENVELOPE_VERSION)
                return version > ENVELOPE_VERSION ? ENVELOPE_NEWER : ENVELOPE_DAMAGED;

        authentication = envelope_get_u32(envelope.data + 12);
        if (authentication > ENVELOPE_HMAC_SHA256)
                return ENVELOPE_DAMAGED;
        length = envelope_get_u32(envelope.data + 16);
        tail = authentication == ENVELOPE_HMAC_SHA256 ? SHA256_SIZE : 0;
        if (envelope.size - ENVELOPE_HEAD < tail || length != envelope.size - ENVELOPE_HEAD - tail)
                return ENVELOPE_DAMAGED;

        if (secret) {
                int r = tail == 0 ? ENVELOPE_UNTRUSTED : envelope_check_mac(envelope, secret);

                if (r != 0)
                        return r;
        }
        if (memcmp(envelope.data + 20, key->bytes, DIGEST_SIZE) != 0)
                return ENVELOPE_FOREIGN;
        *ret = slice_of(envelope.data + ENVELOPE_HEAD, length);
        return 0;
}

int envelope_open(Slice envelope, const Digest *key, const Secret *secret, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        Slice bytes;
        int r;

        r = envelope_check(envelope, key, secret, &bytes);
        if (r != 0)
                return r;
        r = record_decode(bytes, &record);
        if (r == RECORD_NEWER)
                return ENVELOPE_NEWER;
        if (r != 0)
                return r < 0 ? r : ENVELOPE_DAMAGED;
        if (record->kind != RECORD_SUCCESS || !digest_equal(&record->key, key))
                return ENVELOPE_FOREIGN;

        *ret = TAKE_PTR(record);
        return 0;
}

const char *envelope_explain(int outcome) {
        switch (outcome) {
        case ENVELOPE_DAMAGED:
                return "damaged";
        case ENVELOPE_UNTRUSTED:
                return "not signed with the shared secret";
        case ENVELOPE_NEWER:
                return "written by a later version";
        case ENVELOPE_FOREIGN:
                return "the record of something else";
        default:
                return "good";
        }
}
