#include "cache_fixture.h"

#include <errno.h>

#include "base/hex.h"
#include "tests/support/fail_alloc.h"

static Bytes encode(const Record *record) {
        Bytes bytes = BYTES_INIT(RECORD_BYTES_MAX);

        assert_int_equal(record_encode(record, &bytes), 0);
        return bytes;
}

static const RecordObject xmodel = { .role = RECORD_ROLE_XMODEL, .size = 17, .mode = 0644 };
static const RecordObject report = { .role = RECORD_ROLE_REPORT, .size = 1ULL << 33, .mode = 0644 };
static const RecordObject log_object = { .role = RECORD_ROLE_LOG, .mode = 0644 };

static void make_failure(Record *record) {
        record->kind = RECORD_FAILURE;
        record->failure_class = "no-dpu-subgraph";
        record->failure = "the compiler left no layer on the DPU";
        record->objects = &log_object;
        record->n_objects = 1;
        record->facts = (RecordFacts){ .no_dpu_code = true };
        record->toolchain_version = NULL;
}

static void make_success(Record *record, RecordObject objects[2]) {
        objects[0] = xmodel;
        objects[1] = report;
        objects[0].digest = digest_of("x", 1);
        memset(objects[0].sha256.bytes, 1, SHA256_SIZE);
        memset(objects[0].md5.bytes, 2, MD5_SIZE);
        record->objects = objects;
        record->n_objects = 2;
}

/* The file is hexadecimal, 32 bytes a line. */
static void expect_golden(const Bytes *bytes, const char *name) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(64 * 1024);
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(64 * 1024);
        char line[65];

        for (size_t i = 0; i < bytes->size; i += 32) {
                hex_encode(bytes->data + i, bytes->size - i < 32 ? bytes->size - i : 32, line);
                assert_int_equal(bytes_printf(&text, "%s\n", line), 0);
        }
        assert_int_equal(file_read(AT_FDCWD, name, &file), 0);
        if (!slice_equal(bytes_slice(&file), bytes_slice(&text)))
                (void) fprintf(stderr, "%.*s", (int) text.size, (const char *) text.data);
        assert_true(slice_equal(bytes_slice(&file), bytes_slice(&text)));
}

static void golden_success(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(0);
        _cleanup_(sample_deinit) Sample s;
        RecordObject objects[2];

        sample_init(&s, 1);
        make_success(&s.record, objects);
        bytes = encode(&s.record);
        expect_golden(&bytes, TEST_SOURCE_DIR "/tests/data/record-success.hex");
}

static void golden_failure(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(0);
        _cleanup_(sample_deinit) Sample s;

        sample_init(&s, 2);
        make_failure(&s.record);
        bytes = encode(&s.record);
        expect_golden(&bytes, TEST_SOURCE_DIR "/tests/data/record-failure.hex");
}

static void expect_same_fields(const KeyField *a, const KeyField *b, size_t n) {
        for (size_t i = 0; i < n; i++) {
                assert_string_equal(a[i].tag, b[i].tag);
                assert_true(slice_equal(a[i].value, b[i].value));
        }
}

static void reads_what_it_wrote(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(0);
        _cleanup_(record_freep) Record *found = NULL;
        _cleanup_(sample_deinit) Sample s;
        const Record *record = &s.record;
        RecordObject objects[2];

        sample_init(&s, 3);
        make_success(&s.record, objects);
        bytes = encode(record);
        assert_int_equal(record_decode(bytes_slice(&bytes), &found), 0);

        assert_int_equal(found->kind, record->kind);
        assert_memory_equal(&found->key, &record->key, sizeof(found->key));
        assert_int_equal(found->created_ns, record->created_ns);
        assert_int_equal(found->n_transcript, record->n_transcript);
        expect_same_fields(found->transcript, record->transcript, record->n_transcript);
        assert_memory_equal(&found->snapshot_sha256, &record->snapshot_sha256, SHA256_SIZE);
        assert_int_equal(found->snapshot_size, record->snapshot_size);
        assert_string_equal(found->toolchain, record->toolchain);
        assert_string_equal(found->toolchain_version, record->toolchain_version);
        expect_same_fields(found->provenance, record->provenance, 2);
        assert_true(slice_is(record_provenance(found, "net_name"), "unet"));
        assert_int_equal(record_provenance(found, "nothing").size, 0);
        assert_int_equal(found->build_ms, record->build_ms);
        assert_int_equal(found->peak_memory, record->peak_memory);
        assert_int_equal(found->check_version, record->check_version);
        assert_true(found->facts.has_fingerprint);
        assert_int_equal(found->facts.fingerprint, record->facts.fingerprint);
        assert_int_equal(found->facts.dpu_subgraphs, 1);
        assert_int_equal(found->facts.cpu_subgraphs, 2);
        assert_false(found->facts.no_dpu_code || found->facts.proved_in_simulator);
        assert_int_equal(found->n_objects, 2);
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(found->objects[i].role, objects[i].role);
                assert_memory_equal(&found->objects[i].digest, &objects[i].digest, DIGEST_SIZE);
                assert_memory_equal(&found->objects[i].sha256, &objects[i].sha256, SHA256_SIZE);
                assert_memory_equal(&found->objects[i].md5, &objects[i].md5, MD5_SIZE);
                assert_int_equal(found->objects[i].size, objects[i].size);
                assert_int_equal(found->objects[i].mode, objects[i].mode);
        }
        assert_ptr_equal(record_object(found, RECORD_ROLE_REPORT), &found->objects[1]);
        assert_null(record_object(found, RECORD_ROLE_META));
        assert_null(found->failure);
}

static void reads_a_failure(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(0);
        _cleanup_(record_freep) Record *found = NULL;
        _cleanup_(sample_deinit) Sample s;

        sample_init(&s, 3);
        make_failure(&s.record);
        bytes = encode(&s.record);
        assert_int_equal(record_decode(bytes_slice(&bytes), &found), 0);
        assert_int_equal(found->kind, RECORD_FAILURE);
        assert_string_equal(found->failure_class, s.record.failure_class);
        assert_string_equal(found->failure, s.record.failure);
        assert_null(found->toolchain_version);
        assert_false(found->facts.has_fingerprint);
        assert_true(found->facts.no_dpu_code);
}

static void refuse(const Record *record) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(RECORD_BYTES_MAX);

        assert_int_equal(record_encode(record, &bytes), -EINVAL);
        assert_int_equal(bytes.size, 0);
}

static void refuses_what_it_would_not_read(void **state) {
        _cleanup_(sample_deinit) Sample s;
        RecordObject objects[2];
        Record record;

        sample_init(&s, 4);
        make_success(&s.record, objects);

        record = s.record;
        record.n_objects = 0; /* a success without xmodel */
        refuse(&record);
        record = s.record;
        record.failure = record.failure_class = "x";
        refuse(&record);
        record = s.record;
        record.kind = 3;
        refuse(&record);
        record = s.record;
        record.toolchain = NULL;
        refuse(&record);
        record = s.record;
        record.n_transcript--; /* no longer the transcript of this key */
        refuse(&record);
        make_failure(&s.record);
        record = s.record;
        record.failure = NULL;
        refuse(&record);
        record = s.record;
        record.objects = &xmodel;
        refuse(&record);
        objects[0] = objects[1] = log_object; /* a role twice */
        record = s.record;
        record.objects = objects;
        record.n_objects = 2;
        refuse(&record);
}

static void finds_every_flipped_bit(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(0);
        _cleanup_(sample_deinit) Sample s;
        RecordObject objects[2];
        Record *found = NULL;

        sample_init(&s, 5);
        make_success(&s.record, objects);
        bytes = encode(&s.record);
        for (size_t i = 0; i < 8 * bytes.size; i++) {
                bytes.data[i / 8] ^= (uint8_t) (1 << i % 8);
                assert_int_equal(record_decode(bytes_slice(&bytes), &found), RECORD_DAMAGED);
                bytes.data[i / 8] ^= (uint8_t) (1 << i % 8);
        }
        for (size_t n = 0; n < bytes.size; n++)
                assert_int_equal(record_decode(slice_of(bytes.data, n), &found), RECORD_DAMAGED);
        assert_int_equal(bytes_append(&bytes, "", 1), 0);
        assert_int_equal(record_decode(bytes_slice(&bytes), &found), RECORD_DAMAGED);
        assert_null(found);
}

/* writes the envelope's checksum anew after a test changed the file */
static void seal(Bytes *bytes) {
        const Digest checksum = digest_of(bytes->data, bytes->size - DIGEST_SIZE);

        memcpy(bytes->data + bytes->size - DIGEST_SIZE, checksum.bytes, DIGEST_SIZE);
}

static void leaves_later_versions_alone(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(0);
        _cleanup_(sample_deinit) Sample s;
        RecordObject objects[2];
        Record *found = NULL;

        sample_init(&s, 6);
        make_success(&s.record, objects);
        bytes = encode(&s.record);
        bytes.data[8] = RECORD_VERSION + 1;
        seal(&bytes);
        assert_int_equal(record_decode(bytes_slice(&bytes), &found), RECORD_NEWER);
        bytes.data[8] = 0;
        seal(&bytes);
        assert_int_equal(record_decode(bytes_slice(&bytes), &found), RECORD_DAMAGED);
}

/* A valid envelope around a message that asks for much more memory than it has bytes. */
static void bounds_the_memory_of_a_message(void **state) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(RECORD_BYTES_MAX);
        const size_t n = 400 * 1024;
        uint8_t head[16] = "dpuccrec\1";
        Record *found = NULL;

        for (unsigned i = 0; i < 4; i++)
                head[12 + i] = (uint8_t) (2 * n >> 8 * i);
        assert_int_equal(bytes_append(&bytes, head, sizeof(head)), 0);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(bytes_append(&bytes, "\x22\x00", 2), 0); /* empty RecordField */
        assert_int_equal(bytes_append(&bytes, "0123456789abcdef", DIGEST_SIZE), 0);
        seal(&bytes);
        assert_int_equal(record_decode(bytes_slice(&bytes), &found), RECORD_DAMAGED);
}

static void keeps_files(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(0);
        _cleanup_(record_freep) Record *found = NULL;
        _cleanup_(sample_deinit) Sample s;
        RecordObject objects[2];

        sample_init(&s, 7);
        make_success(&s.record, objects);
        bytes = encode(&s.record);
        assert_int_equal(record_read(dir->path, &s.record.key, &found), RECORD_MISSING);
        assert_int_equal(record_write(dir->path, &s.record.key, bytes_slice(&bytes)), 0);
        assert_int_equal(record_write(dir->path, &s.record.key, bytes_slice(&bytes)), 0);
        assert_int_equal(record_read(dir->path, &s.record.key, &found), 0);
        assert_string_equal(found->toolchain, "vitis-3.5");
}

static void moves_damaged_files_away(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(0);
        _cleanup_(sample_deinit) Sample s, other;
        RecordObject objects[2];
        Record *found = NULL;
        const char *path;

        sample_init(&s, 8);
        sample_init(&other, 9);
        make_success(&s.record, objects);
        bytes = encode(&s.record);
        path = shard_path(dir, "records", &s.record.key);
        assert_int_equal(record_write(dir->path, &s.record.key, slice_of("garbage", 7)), 0);
        assert_int_equal(record_read(dir->path, &s.record.key, &found), RECORD_DAMAGED);
        assert_false(exists(path));
        assert_int_equal(record_read(dir->path, &s.record.key, &found), RECORD_MISSING);

        /* a good record under another key's name */
        assert_int_equal(record_write(dir->path, &other.record.key, bytes_slice(&bytes)), 0);
        assert_int_equal(record_read(dir->path, &other.record.key, &found), RECORD_DAMAGED);
        assert_int_equal(record_read(dir->path, &other.record.key, &found), RECORD_MISSING);

        /* what cannot be opened for reading */
        assert_int_equal(symlink("elsewhere", path), 0);
        assert_int_equal(record_read(dir->path, &s.record.key, &found), RECORD_DAMAGED);
        assert_false(exists(path));

        /* a later version stays */
        bytes.data[8] = RECORD_VERSION + 1;
        seal(&bytes);
        assert_int_equal(record_write(dir->path, &s.record.key, bytes_slice(&bytes)), 0);
        assert_int_equal(record_read(dir->path, &s.record.key, &found), RECORD_NEWER);
        assert_true(exists(path));
        assert_null(found);
}

static int encode_and_decode(void *userdata) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(RECORD_BYTES_MAX);
        _cleanup_(record_freep) Record *found = NULL;
        int r;

        r = record_encode(userdata, &bytes);
        return r == 0 ? record_decode(bytes_slice(&bytes), &found) : r;
}

static void survives_failing_allocations(void **state) {
        _cleanup_(sample_deinit) Sample s;
        RecordObject objects[2];

        sample_init(&s, 10);
        make_success(&s.record, objects);
        assert_true(fail_alloc_sweep(encode_and_decode, &s.record) > 20);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(golden_success),
                cmocka_unit_test(golden_failure),
                cmocka_unit_test(reads_what_it_wrote),
                cmocka_unit_test(reads_a_failure),
                cmocka_unit_test(refuses_what_it_would_not_read),
                cmocka_unit_test(finds_every_flipped_bit),
                cmocka_unit_test(leaves_later_versions_alone),
                cmocka_unit_test(bounds_the_memory_of_a_message),
                cmocka_unit_test_setup_teardown(keeps_files, unit_dir_setup, unit_dir_teardown),
                cmocka_unit_test_setup_teardown(moves_damaged_files_away, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test(survives_failing_allocations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
