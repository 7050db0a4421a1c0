#include "unit.h"

#include "base/cleanup.h"
#include "xmodel/attrs.h"

#define EACH(_kind, _member, ...)                                                                  \
        {                                                                                          \
                .kind = (_kind), .n = sizeof(__VA_ARGS__) / sizeof((__VA_ARGS__)[0]),              \
                ._member = (__VA_ARGS__)                                                           \
        }

static const AttrPair pairs_a[] = { { "k", { .kind = ATTR_INT32, .int32 = 1 } } };
static const AttrPair pairs_b[] = { { "k", { .kind = ATTR_INT32, .int32 = 2 } } };
static const AttrPair pairs_c[] = { { "l", { .kind = ATTR_INT32, .int32 = 1 } } };

/* no two are equal */
static const Attr values[] = {
        { .kind = ATTR_NONE },
        { .kind = ATTR_BOOL, .boolean = true },
        { .kind = ATTR_BOOL, .boolean = false },
        { .kind = ATTR_INT32, .int32 = -1 },
        { .kind = ATTR_INT32, .int32 = 1 },
        { .kind = ATTR_UINT32, .uint32 = 1 },
        { .kind = ATTR_INT64, .int64 = 1 },
        { .kind = ATTR_INT64, .int64 = INT64_C(1) << 40 },
        { .kind = ATTR_UINT64, .uint64 = UINT64_C(1) << 40 },
        { .kind = ATTR_FLOAT, .float32 = 0.0F },
        { .kind = ATTR_FLOAT, .float32 = -0.0F },
        { .kind = ATTR_DOUBLE, .float64 = 1.0 },
        { .kind = ATTR_STRING, .string = "a" },
        { .kind = ATTR_STRING, .string = "ab" },
        { .kind = ATTR_BYTES, .bytes = { (const uint8_t *) "a", 1 } },
        { .kind = ATTR_BYTES, .bytes = { NULL, 0 } },
        EACH(ATTR_INT32_VEC, int32s, (const int32_t[]){ 1, 2 }),
        EACH(ATTR_INT32_VEC, int32s, (const int32_t[]){ 1, 3 }),
        EACH(ATTR_INT32_VEC, int32s, (const int32_t[]){ 1 }),
        { .kind = ATTR_INT32_VEC },
        EACH(ATTR_DOUBLE_VEC, doubles, (const double[]){ 1.0, 2.0 }),
        EACH(ATTR_STRING_VEC, strings, (const char *const[]){ "a", "b" }),
        EACH(ATTR_STRING_VEC, strings, (const char *const[]){ "a", "c" }),
        EACH(ATTR_BYTES_VEC, byteses, (const Slice[]){ { (const uint8_t *) "a", 1 } }),
        EACH(ATTR_BYTES_VEC, byteses, (const Slice[]){ { (const uint8_t *) "b", 1 } }),
        { .kind = ATTR_MAP_STRING_INT32, .n = 1, .pairs = pairs_a },
        { .kind = ATTR_MAP_STRING_INT32, .n = 1, .pairs = pairs_b },
        { .kind = ATTR_MAP_STRING_INT32, .n = 1, .pairs = pairs_c },
        { .kind = ATTR_MAP_STRING_INT32 },
};

static void equal_only_to_themselves_and_copies(void **state) {
        _cleanup_(arena_cleanup) Arena arena = ARENA_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                Attrs copy = { 0 };

                assert_int_equal(attrs_set(&copy, &arena, "x", &values[i]), 0);
                for (size_t j = 0; j < ARRAY_SIZE(values); j++)
                        if (attr_equal(attrs_find(&copy, "x"), &values[j]) != (i == j))
                                fail_msg("values %zu and %zu", i, j);
        }
}

static void finds_in_maps(void **state) {
        const Attr map = { .kind = ATTR_MAP_STRING_INT32, .n = 1, .pairs = pairs_a };
        const Attr number = { .kind = ATTR_INT32, .int32 = 1 };

        assert_ptr_equal(attr_map_find(&map, "k"), &pairs_a[0].value);
        assert_null(attr_map_find(&map, "l"));
        assert_null(attr_map_find(&number, "k"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(equal_only_to_themselves_and_copies),
                cmocka_unit_test(finds_in_maps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
