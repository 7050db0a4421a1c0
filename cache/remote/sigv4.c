#include "cache/remote/sigv4.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hmac.h"

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_TEXT_MAX  8192 /* of a canonical request: ours have a few headers */
#define SIGV4_SCOPE_MAX 256

void sigv4_date(int64_t real_ns, char ret[SIGV4_DATE]) {
        const time_t seconds = (time_t) (real_ns / CLOCK_NS_PER_S);
        struct tm tm = {};

        (void) gmtime_r(&seconds, &tm);
        (void) strftime(ret, SIGV4_DATE, "%Y%m%dT%H%M%SZ", &tm);
}

static int sigv4_add_signed_headers(const SigV4Request *request, Bytes *ret) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < request->n_headers; i++)
                r = bytes_printf(ret, "%s%s", i > 0 ? ";" : "", request->headers[i].name);
        return r;
}

static int sigv4_canonical_request(const SigV4Request *request, Bytes *ret) {
        int r;

        r = bytes_printf(ret, "%s\n%s\n%s\n", request->method, request->path, request->query);
        for (size_t i = 0; r == 0 && i < request->n_headers; i++)
                r = bytes_printf(ret, "%s:%s\n", request->headers[i].name,
                                 request->headers[i].value);
        if (r == 0)
                r = bytes_append_string(ret, "\n");
        if (r == 0)
                r = sigv4_add_signed_headers(request, ret);
        return r < 0 ? r : bytes_printf(ret, "\n%s", request->payload);
}

static int sigv4_sha256(Slice data, char ret[SHA256_HEX]) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        Sha256 digest;
        int r;

        r = hasher_new(&hasher, HASHER_SHA256);
        if (r == 0)
                r = hasher_update(hasher, data.data, data.size);
        if (r == 0)
                r = hasher_sha256(hasher, &digest);
        if (r == 0)
                sha256_to_hex(&digest, ret);
        return r;
}

/* The key of a day, a region and a service: four HMACs, each keyed with the one before. */
static int sigv4_signing_key(const SigV4Request *request, Sha256 *ret) {
        _cleanup_(bytes_cleanup) Bytes first = BYTES_INIT(SIGV4_TEXT_MAX);
        const Slice steps[] = {
                slice_of(request->date, 8),
                slice_of_string(request->region),
                slice_of_string(request->service),
                slice_of_string("aws4_request"),
        };
        Slice key;
        int r;

        r = bytes_append_string(&first, "AWS4");
        if (r == 0)
                r = bytes_append(&first, request->secret.data, request->secret.size);
        key = bytes_slice(&first);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++) {
                r = hmac_sha256(key, steps[i], ret);
                key = slice_of(ret->bytes, SHA256_SIZE);
        }
        if (first.data)
                explicit_bzero(first.data, first.capacity);
        return r;
}

int sigv4_sign(const SigV4Request *request, Bytes *ret) {
        _cleanup_(bytes_cleanup) Bytes canonical = BYTES_INIT(SIGV4_TEXT_MAX);
        _cleanup_(bytes_cleanup) Bytes to_sign = BYTES_INIT(SIGV4_TEXT_MAX);
        char scope[SIGV4_SCOPE_MAX], hash[SHA256_HEX], hex[SHA256_HEX];
        Sha256 key, signature;
        int r;

        if (snprintf(scope, sizeof(scope), "%.8s/%s/%s/aws4_request", request->date,
                     request->region, request->service) >= (int) sizeof(scope))
                return -EFBIG;
        r = sigv4_canonical_request(request, &canonical);
        if (r == 0)
                r = sigv4_sha256(bytes_slice(&canonical), hash);
        if (r == 0)
                r = bytes_printf(&to_sign, SIGV4_ALGORITHM "\n%s\n%s\n%s", request->date, scope,
                                 hash);
        if (r == 0)
                r = sigv4_signing_key(request, &key);
        if (r == 0)
                r = hmac_sha256(slice_of(key.bytes, SHA256_SIZE), bytes_slice(&to_sign),
                                &signature);
        if (r < 0)
                return r;

        sha256_to_hex(&signature, hex);
        r = bytes_printf(ret,
                         SIGV4_ALGORITHM " Credential=%s/%s,SignedHeaders=", request->access_key,
                         scope);
        if (r == 0)
                r = sigv4_add_signed_headers(request, ret);
        return r < 0 ? r : bytes_printf(ret, ",Signature=%s", hex);
}
