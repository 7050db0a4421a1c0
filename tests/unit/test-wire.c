#include "unit.h"

#include <errno.h>

#include "xmodel/wire.h"

#define BYTES(...)                                                                                 \
        slice_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static int varint_of(Slice bytes, uint64_t *ret) {
        return wire_varint(&bytes, ret);
}

static int next_of(Slice bytes, WireField *ret) {
        return wire_next(&bytes, ret);
}

static void varints_round_trip(void **state) {
        for (unsigned bit = 0; bit < 64; bit++) {
                const uint64_t values[] = { (UINT64_C(1) << bit) - 1, UINT64_C(1) << bit,
                                            (UINT64_C(1) << bit) + 1, ~(UINT64_C(1) << bit) };

                for (size_t i = 0; i < 4; i++) {
                        uint8_t bytes[WIRE_VARINT_MAX + 1] = {};
                        size_t n = wire_varint_put(values[i], bytes);
                        Slice rest = slice_of(bytes, n + 1);
                        uint64_t value;

                        assert_true(n == 1 || values[i] >> (7 * (n - 1)) != 0); /* no shorter one */
                        assert_int_equal(wire_varint(&rest, &value), 0);
                        assert_int_equal(rest.size, 1);
                        assert_true(value == values[i]);
                        assert_int_equal(varint_of(slice_of(bytes, n - 1), &value), -ENODATA);
                }
        }
}

static void varints_must_be_minimal_and_fit(void **state) {
        uint64_t value = 7;

        assert_int_equal(varint_of(BYTES(0x80, 0x00), &value), -EBADMSG);
        assert_int_equal(varint_of(BYTES(0xff, 0x80, 0x00), &value), -EBADMSG);
        assert_int_equal(
                varint_of(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2), &value),
                -EBADMSG);
        assert_int_equal(
                varint_of(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0),
                          &value),
                -EBADMSG);
        assert_int_equal(value, 7);
        assert_int_equal(varint_of(BYTES(0x00), &value), 0);
        assert_int_equal(value, 0);
}

static void every_wire_type_is_read(void **state) {
        Slice rest = BYTES(0x08, 0x96, 0x01,                         /* 1: varint 150 */
                           0x11, 1, 2, 3, 4, 5, 6, 7, 8,             /* 2: fixed64 */
                           0x1a, 2, 'h', 'i',                        /* 3: bytes */
                           0xad, 0x06, 0xff, 0x00, 0x00, 0x80, 0x22, /* 101: fixed32; 4: */
                           0);
        WireField f;

        assert_int_equal(wire_next(&rest, &f), 1);
        assert_int_equal(f.number, 1);
        assert_int_equal(f.type, WIRE_VARINT);
        assert_int_equal(f.value, 150);
        assert_int_equal(f.whole.size, 3);
        assert_int_equal(f.content.size, 2);
        assert_int_equal(wire_next(&rest, &f), 1);
        assert_int_equal(f.type, WIRE_FIXED64);
        assert_true(f.value == UINT64_C(0x0807060504030201));
        assert_int_equal(wire_next(&rest, &f), 1);
        assert_int_equal(f.type, WIRE_BYTES);
        assert_true(slice_is(f.content, "hi"));
        assert_int_equal(f.whole.size, 4);
        assert_int_equal(wire_next(&rest, &f), 1);
        assert_int_equal(f.number, 101);
        assert_int_equal(f.type, WIRE_FIXED32);
        assert_true(f.value == UINT64_C(0x800000ff));
        assert_int_equal(wire_next(&rest, &f), 1);
        assert_int_equal(f.number, 4);
        assert_int_equal(f.content.size, 0);
        assert_int_equal(wire_next(&rest, &f), 0);
}

static void bad_tags_are_malformed(void **state) {
        WireField f;

        assert_int_equal(next_of(BYTES(0x00, 0), &f), -EBADMSG);       /* field 0 */
        assert_int_equal(next_of(BYTES(0x0b), &f), -EBADMSG);          /* group */
        assert_int_equal(next_of(BYTES(0x0c), &f), -EBADMSG);          /* end of group */
        assert_int_equal(next_of(BYTES(0x0e), &f), -EBADMSG);          /* type 6 */
        assert_int_equal(next_of(BYTES(0x0f), &f), -EBADMSG);          /* type 7 */
        assert_int_equal(next_of(BYTES(0x88, 0x00, 0), &f), -EBADMSG); /* not minimal */
        assert_int_equal(next_of(BYTES(0x80, 0x80, 0x80, 0x80, 0x10, 0), &f), -EBADMSG); /* 2^29 */
        assert_int_equal(next_of(BYTES(0xf8, 0xff, 0xff, 0xff, 0x0f, 0), &f), 1);
        assert_int_equal(f.number, WIRE_NUMBER_MAX);
}

static void a_cut_is_told_from_a_length_that_cannot_be(void **state) {
        WireField f;

        assert_int_equal(next_of(BYTES(0x0a, 3, 'a', 'b'), &f), -ENODATA);
        assert_int_equal(next_of(BYTES(0x0a), &f), -ENODATA);
        assert_int_equal(next_of(BYTES(0x8a), &f), -ENODATA);
        assert_int_equal(next_of(BYTES(0x0d, 1, 2, 3), &f), -ENODATA);
        assert_int_equal(next_of(BYTES(0x09, 1, 2, 3, 4, 5, 6, 7), &f), -ENODATA);
        assert_int_equal(next_of(BYTES(0x0a, 0xff, 0xff, 0xff, 0xff, 0x07), &f), -ENODATA);
        assert_int_equal(next_of(BYTES(0x0a, 0x80, 0x80, 0x80, 0x80, 0x08), &f), -EBADMSG);
        assert_int_equal(
                next_of(BYTES(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
                        &f),
                -EBADMSG);
}

static void an_error_takes_nothing(void **state) {
        Slice rest = BYTES(0x08, 1, 0x0b), after;
        WireField f;

        assert_int_equal(wire_next(&rest, &f), 1);
        after = rest;
        assert_int_equal(wire_next(&rest, &f), -EBADMSG);
        assert_ptr_equal(rest.data, after.data);
        assert_int_equal(rest.size, 1);
        assert_int_equal(f.number, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(varints_round_trip),
                cmocka_unit_test(varints_must_be_minimal_and_fit),
                cmocka_unit_test(every_wire_type_is_read),
                cmocka_unit_test(bad_tags_are_malformed),
                cmocka_unit_test(a_cut_is_told_from_a_length_that_cannot_be),
                cmocka_unit_test(an_error_takes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
