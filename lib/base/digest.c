#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h> /* the same functions, for what the processor has; includes xxhash.h */
#else
#include <xxhash.h>
#endif

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hex.h"

#define DIGEST_CHUNK (128 * 1024) /* read size of digest_fd(); twice that leaves the caches */

struct Hasher {
        XXH3_state_t *xxh3;
        EVP_MD_CTX *sha256;
        EVP_MD_CTX *md5;
};

static int hasher_start_evp(EVP_MD_CTX **ret, const EVP_MD *md) {
        *ret = EVP_MD_CTX_new();
        if (!*ret)
                return -ENOMEM;
        return EVP_DigestInit_ex(*ret, md, NULL) == 1 ? 0 : -ENOTSUP;
}

int hasher_new(Hasher **ret, unsigned wants) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        int r = 0;

        hasher = calloc(1, sizeof(*hasher));
        if (!hasher)
                return -ENOMEM;

        if (wants & HASHER_XXH3) {
                hasher->xxh3 = XXH3_createState();
                if (!hasher->xxh3)
                        return -ENOMEM;
                (void) XXH3_128bits_reset(hasher->xxh3);
        }
        if (wants & HASHER_SHA256)
                r = hasher_start_evp(&hasher->sha256, EVP_sha256());
        if (r == 0 && wants & HASHER_MD5)
                r = hasher_start_evp(&hasher->md5, EVP_md5());
        if (r < 0)
                return r;

        *ret = TAKE_PTR(hasher);
        return 0;
}

Hasher *hasher_free(Hasher *hasher) {
        if (!hasher)
                return NULL;

        XXH3_freeState(hasher->xxh3);
        EVP_MD_CTX_free(hasher->sha256);
        EVP_MD_CTX_free(hasher->md5);
        free(hasher);
        return NULL;
}

int hasher_update(Hasher *hasher, const void *data, size_t n) {
        if (n == 0)
                return 0;

        if (hasher->xxh3)
                (void) XXH3_128bits_update(hasher->xxh3, data, n);
        if (hasher->sha256 && EVP_DigestUpdate(hasher->sha256, data, n) != 1)
                return -EIO;
        if (hasher->md5 && EVP_DigestUpdate(hasher->md5, data, n) != 1)
                return -EIO;
        return 0;
}

static void digest_from_xxh3(XXH128_hash_t hash, Digest *ret) {
        XXH128_canonical_t canonical;

        XXH128_canonicalFromHash(&canonical, hash);
        memcpy(ret->bytes, canonical.digest, DIGEST_SIZE);
}

void hasher_xxh3(Hasher *hasher, Digest *ret) {
        digest_from_xxh3(XXH3_128bits_digest(hasher->xxh3), ret);
}

int hasher_sha256(Hasher *hasher, Sha256 *ret) {
        return EVP_DigestFinal_ex(hasher->sha256, ret->bytes, NULL) == 1 ? 0 : -EIO;
}

int hasher_md5(Hasher *hasher, Md5 *ret) {
        return EVP_DigestFinal_ex(hasher->md5, ret->bytes, NULL) == 1 ? 0 : -EIO;
}

Digest digest_of(const void *data, size_t n) {
        Digest digest;

        digest_from_xxh3(XXH3_128bits(data, n), &digest);
        return digest;
}

static int digest_update_from_fd(Hasher *hasher, int fd, uint64_t *ret_size) {
        _cleanup_(freep) void *chunk = NULL;
        uint64_t size = 0;
        ssize_t n;
        int r;

        chunk = malloc(DIGEST_CHUNK);
        if (!chunk)
                return -ENOMEM;

        while ((n = read(fd, chunk, DIGEST_CHUNK)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_from_errno();
                r = hasher_update(hasher, chunk, (size_t) n);
                if (r < 0)
                        return r;
                size += (uint64_t) n;
        }
        *ret_size = size;
        return 0;
}

int digest_fd(int fd, Digest *ret, Sha256 *ret_sha256, Md5 *ret_md5, uint64_t *ret_size) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        Sha256 sha256;
        uint64_t size;
        Md5 md5;
        int r;

        r = hasher_new(&hasher, (ret ? HASHER_XXH3 : 0) | (ret_sha256 ? HASHER_SHA256 : 0) |
                                        (ret_md5 ? HASHER_MD5 : 0));
        if (r < 0)
                return r;
        r = digest_update_from_fd(hasher, fd, &size);
        if (r < 0)
                return r;
        if (ret_sha256 && (r = hasher_sha256(hasher, &sha256)) < 0)
                return r;
        if (ret_md5 && (r = hasher_md5(hasher, &md5)) < 0)
                return r;

        if (ret)
                hasher_xxh3(hasher, ret);
        if (ret_sha256)
                *ret_sha256 = sha256;
        if (ret_md5)
                *ret_md5 = md5;
        if (ret_size)
                *ret_size = size;
        return 0;
}

void digest_to_hex(const Digest *digest, char ret[DIGEST_HEX]) {
        hex_encode(digest->bytes, DIGEST_SIZE, ret);
}

int digest_from_hex(const char *hex, Digest *ret) {
        return hex_decode(hex, ret->bytes, DIGEST_SIZE);
}

void sha256_to_hex(const Sha256 *digest, char ret[SHA256_HEX]) {
        hex_encode(digest->bytes, SHA256_SIZE, ret);
}

void md5_to_hex(const Md5 *digest, char ret[MD5_HEX]) {
        hex_encode(digest->bytes, MD5_SIZE, ret);
}
