/* RFC 4231, "Identifiers and Test Vectors for HMAC-SHA-224, ...": test cases 1 to 3 and 6 */

#include "unit.h"

#include "base/hex.h"
#include "base/hmac.h"

static void expect(Slice key, Slice data, const char *hex) {
        Sha256 mac, wanted;

        assert_int_equal(hmac_sha256(key, data, &mac), 0);
        assert_int_equal(hex_decode(hex, wanted.bytes, SHA256_SIZE), 0);
        assert_memory_equal(mac.bytes, wanted.bytes, SHA256_SIZE);
        assert_true(hmac_equal(&mac, &wanted));
        wanted.bytes[31] ^= 1;
        assert_false(hmac_equal(&mac, &wanted));
}

static void test_vectors(void **state) {
        uint8_t key[131], data[50];

        memset(key, 0x0b, 20);
        expect(slice_of(key, 20), slice_of_string("Hi There"),
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        expect(slice_of_string("Jefe"), slice_of_string("what do ya want for nothing?"),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        memset(key, 0xaa, sizeof(key));
        memset(data, 0xdd, sizeof(data));
        expect(slice_of(key, 20), slice_of(data, sizeof(data)),
               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
        expect(slice_of(key, sizeof(key)),
               slice_of_string("Test Using Larger Than Block-Size Key - Hash Key First"),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_empty(void **state) {
        expect(slice_of(NULL, 0), slice_of(NULL, 0),
               "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_vectors),
                cmocka_unit_test(test_empty),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
