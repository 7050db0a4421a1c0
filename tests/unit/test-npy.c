#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/npy.h"
#include "tests/support/fail_alloc.h"

static const float numbers[] = { 1.5f, -2, 3, 4, 5, 6 };

static int write_sample(void *userdata) {
        const Npy npy = { .type = NPY_FLOAT32,
                          .n_dims = 2,
                          .dims = { 2, 3 },
                          .n = 6,
                          .data = slice_of(numbers, sizeof(numbers)) };
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(4096);
        int r;

        r = npy_write(&npy, &bytes);
        if (r == 0 && userdata)
                r = bytes_append(userdata, bytes.data, bytes.size);
        return r;
}

/* as numpy.save() writes np.array([[1.5, -2, 3], [4, 5, 6]], dtype=np.float32) */
static void writes_what_numpy_writes(void **state) {
        static const char header[] = "\x93NUMPY\x01\x00v\x00"
                                     "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(4096);

        assert_int_equal(write_sample(&bytes), 0);
        assert_int_equal(bytes.size, 128 + sizeof(numbers));
        assert_memory_equal(bytes.data, header, sizeof(header) - 1);
        for (size_t i = sizeof(header) - 1; i < 127; i++)
                assert_int_equal(bytes.data[i], ' ');
        assert_int_equal(bytes.data[127], '\n');
        assert_memory_equal(bytes.data + 128, numbers, sizeof(numbers));
}

static void reads_what_it_writes(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(4096);
        Npy npy;

        assert_int_equal(write_sample(&bytes), 0);
        assert_int_equal(npy_parse(bytes_slice(&bytes), &npy, NULL), 0);
        assert_int_equal(npy.type, NPY_FLOAT32);
        assert_int_equal(npy.n_dims, 2);
        assert_int_equal(npy.dims[0], 2);
        assert_int_equal(npy.dims[1], 3);
        for (size_t i = 0; i < 6; i++)
                assert_true(npy_element(&npy, i) == numbers[i]);
}

/* version 1 with @header and @n bytes of elements */
static int parse(const char *header, const void *elements, size_t n, Npy *ret, Problem *problem) {
        static uint8_t file[4096];
        size_t length = strlen(header);

        memcpy(file, "\x93NUMPY\x01\x00", 8);
        file[8] = (uint8_t) length;
        file[9] = (uint8_t) (length >> 8);
        memcpy(file + 10, header, length);
        if (n > 0)
                memcpy(file + 10 + length, elements, n);
        return npy_parse(slice_of(file, 10 + length + n), ret, problem);
}

static void reads_every_type(void **state) {
        static const struct {
                const char *descr;
                size_t size;
                double expected; /* of bytes 0xfe 0xff ... */
        } cases[] = {
                { "|i1", 1, -2 },    { "|u1", 1, 254 }, { "<i2", 2, -2 },
                { "<u2", 2, 65534 }, { "<i4", 4, -2 },  { "<i8", 8, -2 },
        };
        static const uint8_t bytes[] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char header[128];
                Npy npy;

                (void) snprintf(header, sizeof(header),
                                "{\"shape\":(1,), 'descr' :'%s','fortran_order':False}",
                                cases[i].descr);
                assert_int_equal(parse(header, bytes, cases[i].size, &npy, NULL), 0);
                assert_true(npy_element(&npy, 0) == cases[i].expected);
        }
}

static void refuses_what_is_not_plain(void **state) {
        static const struct {
                const char *header, *reason;
        } cases[] = {
                { "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "little-endian" },
                { "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "plain" },
                { "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", "C order" },
                { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "needs 8" },
                { "{'descr': '<f4', 'fortran_order': False, 'shape': (1), }", "','" },
                { "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "a number" },
                { "{'descr': '<f4', 'fortran_order': False, 'shape': (65536, 65536), }", "fewer" },
                { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
                  "fewer dimensions" },
                { "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
                  "smaller" },
                { "{'descr': '<f4', 'fortran_order': False}", "and no more" },
                { "{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", "each once" },
                { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", "and no more" },
                { "{'descr': '<f4", "end of a string" },
                { "[]", "'{'" },
                { "", "'{'" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                Problem problem = { "" };
                Npy npy;

                assert_int_equal(parse(cases[i].header, "\0\0\0\0", 4, &npy, &problem), -EBADMSG);
                if (!strstr(problem.text, cases[i].reason))
                        fail_msg("%s: '%s'", cases[i].header, problem.text);
        }
}

static void refuses_other_files(void **state) {
        static const char other[] = "\x93NUMPY\x04\x00\x02\x00{}",
                          cut[] = "\x93NUMPY\x01\x00\xff\xff";
        Npy npy;

        assert_int_equal(npy_parse(slice_of("", 0), &npy, NULL), -EBADMSG);
        assert_int_equal(npy_parse(slice_of_string("hello, world"), &npy, NULL), -EBADMSG);
        assert_int_equal(npy_parse(slice_of(other, sizeof(other) - 1), &npy, NULL), -EBADMSG);
        assert_int_equal(npy_parse(slice_of(cut, sizeof(cut) - 1), &npy, NULL), -EBADMSG);
}

static void survives_without_memory(void **state) {
        assert_true(fail_alloc_sweep(write_sample, NULL) > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_what_numpy_writes),
                cmocka_unit_test(reads_what_it_writes),
                cmocka_unit_test(reads_every_type),
                cmocka_unit_test(refuses_what_is_not_plain),
                cmocka_unit_test(refuses_other_files),
                cmocka_unit_test(survives_without_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
