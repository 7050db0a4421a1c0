#include "base/hmac.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

int hmac_sha256(Slice key, Slice data, Sha256 *ret) {
        static const uint8_t nothing[1];
        Sha256 mac;
        unsigned n = 0;

        if (key.size > INT_MAX)
                return -EINVAL;
        /* NULL means other things to libcrypto than an empty key */
        if (!HMAC(EVP_sha256(), key.data ?: nothing, (int) key.size, data.data, data.size,
                  mac.bytes, &n) ||
            n != SHA256_SIZE)
                return -EIO;
        *ret = mac;
        return 0;
}

bool hmac_equal(const Sha256 *a, const Sha256 *b) {
        return CRYPTO_memcmp(a->bytes, b->bytes, SHA256_SIZE) == 0;
}
