#pragma once

/*
 * Digests
 *
 *   Digest  XXH3-128, the local identity of contents. Fast, and no defence against somebody
 *           who crafts collisions: what comes from a remote is checked with SHA-256.
 *   Sha256  identity towards others (records, remotes).
 *   Md5     only because the vendor's md5sum.txt and files_md5sum hold it.
 *
 * SHA-256 and MD5 are libcrypto's. A Digest is kept in XXH3's canonical (big-endian) form, so
 * its hexadecimal text is what `xxhsum -H2` prints for the same bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DIGEST_SIZE 16
#define DIGEST_HEX  (2 * DIGEST_SIZE + 1) /* with terminator */
#define SHA256_SIZE 32
#define SHA256_HEX  (2 * SHA256_SIZE + 1)
#define MD5_SIZE    16
#define MD5_HEX     (2 * MD5_SIZE + 1)

typedef struct Digest {
        uint8_t bytes[DIGEST_SIZE];
} Digest;

typedef struct Sha256 {
        uint8_t bytes[SHA256_SIZE];
} Sha256;

typedef struct Md5 {
        uint8_t bytes[MD5_SIZE];
} Md5;

/* which digests a Hasher computes, in one pass over the data */
typedef enum HasherWants {
        HASHER_XXH3 = 1 << 0,
        HASHER_SHA256 = 1 << 1,
        HASHER_MD5 = 1 << 2,
} HasherWants;

typedef struct Hasher Hasher;

int hasher_new(Hasher **ret, unsigned wants); /* -ENOMEM; -ENOTSUP: libcrypto refuses */
Hasher *hasher_free(Hasher *hasher);
int hasher_update(Hasher *hasher, const void *data, size_t n); /* -EIO: libcrypto failed */

/* The digest of what came so far; XXH3 may be read again later, the other two only once. */
void hasher_xxh3(Hasher *hasher, Digest *ret);
int hasher_sha256(Hasher *hasher, Sha256 *ret);
int hasher_md5(Hasher *hasher, Md5 *ret);

static inline void hasher_freep(Hasher **hasher) {
        (void) hasher_free(*hasher);
}

/* of a buffer, at once */
Digest digest_of(const void *data, size_t n);

/* Of the rest of an open file, from its current position, in bounded memory. @ret_size may be
 * NULL. Any of the three may be NULL; only what is asked for is computed. */
int digest_fd(int fd, Digest *ret, Sha256 *ret_sha256, Md5 *ret_md5, uint64_t *ret_size);

void digest_to_hex(const Digest *digest, char ret[DIGEST_HEX]);
int digest_from_hex(const char *hex, Digest *ret); /* -EINVAL */
void sha256_to_hex(const Sha256 *digest, char ret[SHA256_HEX]);
void md5_to_hex(const Md5 *digest, char ret[MD5_HEX]);

static inline bool digest_equal(const Digest *a, const Digest *b) {
        return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}
