#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"

#define MILLION 1000000

/* the sequence that xxHash's own test vectors are computed over (its cli, sanity check) */
static void fill_sanity(uint8_t *data, size_t n) {
        uint64_t generator = 2654435761;

        for (size_t i = 0; i < n; i++) {
                data[i] = (uint8_t) (generator >> 56);
                generator *= UINT64_C(11400714785074694797);
        }
}

static void xxh3_agrees_with_published_vectors(void **state) {
        static const struct {
                size_t n;
                const char *hex;
        } vectors[] = {
                { 0, "99aa06d3014798d86001c324468d497f" },
                { 1, "a6cd5e9392000f6ac44bdff4074eecdb" },
                { 6, "082afe0b8162d12a3e7039bdda43cfc6" },
                { 12, "6e3efd8fc7802b18061a192713f69ad9" },
        };
        uint8_t data[16];

        fill_sanity(data, sizeof(data));
        for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
                Digest digest = digest_of(data, vectors[i].n);
                char hex[DIGEST_HEX];

                digest_to_hex(&digest, hex);
                assert_string_equal(hex, vectors[i].hex);
        }
}

/* FIPS 180-4 and RFC 1321 */
static const struct {
        const char *text;
        size_t repeat;
        const char *sha256, *md5;
} vectors[] = {
        { "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "d41d8cd98f00b204e9800998ecf8427e" },
        { "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
          "900150983cd24fb0d6963f7d28e17f72" },
        { "a", MILLION, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
          "7707d6ae4e027c70eea2a935c2296f21" },
};

static void all_three_in_one_pass(void **state) {
        const UnitDir *dir = *state;
        int fd = openat(dir->fd, "data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
                size_t n = strlen(vectors[i].text) * vectors[i].repeat;
                char *data = calloc(1, n + 1), hex[SHA256_HEX];
                Digest digest, whole;
                Sha256 sha256;
                uint64_t size;
                Md5 md5;

                for (size_t k = 0; k < vectors[i].repeat; k++)
                        strcat(data + k * strlen(vectors[i].text), vectors[i].text);
                assert_int_equal(ftruncate(fd, 0), 0);
                assert_int_equal(pwrite(fd, data, n, 0), n);
                assert_int_equal(lseek(fd, 0, SEEK_SET), 0);

                assert_int_equal(digest_fd(fd, &digest, &sha256, &md5, &size), 0);
                assert_int_equal(size, n);
                sha256_to_hex(&sha256, hex);
                assert_string_equal(hex, vectors[i].sha256);
                md5_to_hex(&md5, hex);
                assert_string_equal(hex, vectors[i].md5);
                whole = digest_of(data, n);
                assert_true(digest_equal(&digest, &whole));
                free(data);
        }
        close(fd);
}

static void starts_where_the_file_is(void **state) {
        const UnitDir *dir = *state;
        int fd = openat(dir->fd, "data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        Digest digest, expected = digest_of("cd", 2);
        uint64_t size;

        assert_int_equal(pwrite(fd, "abcd", 4, 0), 4);
        assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
        assert_int_equal(digest_fd(fd, &digest, NULL, NULL, &size), 0);
        assert_int_equal(size, 2);
        assert_true(digest_equal(&digest, &expected));
        close(fd);

        assert_int_equal(digest_fd(dir->fd, &digest, NULL, NULL, &size), -EISDIR);
        assert_true(digest_equal(&digest, &expected));
}

/* pieces of any size give the digest of the whole, and XXH3 may be read in between */
static void pieces_make_the_whole(void **state) {
        static uint8_t data[20000];

        fill_sanity(data, sizeof(data));
        for (size_t piece = 1; piece < sizeof(data); piece = piece * 3 + 1) {
                _cleanup_(hasher_freep) Hasher *hasher = NULL;
                Digest so_far, expected;

                assert_int_equal(hasher_new(&hasher, HASHER_XXH3), 0);
                for (size_t at = 0; at < sizeof(data); at += piece) {
                        size_t n = sizeof(data) - at < piece ? sizeof(data) - at : piece;

                        if (at < 2000) {
                                hasher_xxh3(hasher, &so_far);
                                expected = digest_of(data, at);
                                assert_true(digest_equal(&so_far, &expected));
                        }
                        assert_int_equal(hasher_update(hasher, data + at, n), 0);
                }
                hasher_xxh3(hasher, &so_far);
                expected = digest_of(data, sizeof(data));
                assert_true(digest_equal(&so_far, &expected));
        }
}

static void hexadecimal_reads_back(void **state) {
        Digest digest = digest_of("x", 1), again;
        char hex[DIGEST_HEX];

        digest_to_hex(&digest, hex);
        assert_int_equal(digest_from_hex(hex, &again), 0);
        assert_true(digest_equal(&digest, &again));
        hex[DIGEST_HEX - 2] = '\0';
        assert_int_equal(digest_from_hex(hex, &again), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(xxh3_agrees_with_published_vectors),
                cmocka_unit_test_setup_teardown(all_three_in_one_pass, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(starts_where_the_file_is, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test(pieces_make_the_whole),
                cmocka_unit_test(hexadecimal_reads_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
