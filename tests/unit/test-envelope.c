#include "cache_fixture.h"

#include <errno.h>

#include "cache/envelope.h"

typedef struct Fixture {
        Sample sample;
        RecordObject object;
        KeyField provenance[3];
        Secret secret;
        Bytes bytes;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){ .bytes = BYTES_INIT(ENVELOPE_BYTES_MAX) };
        sample_init(&f.sample, 1);
        f.object = (RecordObject){ .role = RECORD_ROLE_XMODEL, .size = 5, .mode = 0644 };
        f.sample.record.objects = &f.object;
        f.sample.record.n_objects = 1;
        f.provenance[0] = (KeyField){ "adopted", slice_of_string("/home/alice/old.xmodel") };
        f.provenance[1] = (KeyField){ "net_name", slice_of_string("unet") };
        f.provenance[2] = (KeyField){ "source", slice_of_string("/home/alice/unet_int.xmodel") };
        f.sample.record.provenance = f.provenance;
        f.sample.record.n_provenance = 3;
        memcpy(f.secret.bytes, "a shared secret of the team", 27);
        f.secret.size = 27;
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        bytes_deinit(&f->bytes);
        sample_deinit(&f->sample);
        return 0;
}

static void seal(Fixture *f, const Secret *secret) {
        f->bytes.size = 0;
        assert_int_equal(envelope_seal(&f->sample.record, secret, &f->bytes), 0);
}

static int open_it(Fixture *f, const Secret *secret) {
        _cleanup_(record_freep) Record *record = NULL;

        return envelope_open(bytes_slice(&f->bytes), &f->sample.record.key, secret, &record);
}

static void test_round_trip(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;

        seal(f, &f->secret);
        assert_int_equal(
                envelope_open(bytes_slice(&f->bytes), &f->sample.record.key, &f->secret, &record),
                0);
        assert_true(digest_equal(&record->key, &f->sample.record.key));
        assert_int_equal(record->n_objects, 1);
        assert_int_equal(record->created_ns, f->sample.record.created_ns);
        assert_true(slice_is(record_provenance(record, "net_name"), "unet"));
}

/* nobody else learns where somebody keeps his files */
static void test_paths_stay_here(void **state) {
        Fixture *f = *state;

        seal(f, &f->secret);
        assert_null(memmem(f->bytes.data, f->bytes.size, "alice", 5));
        assert_non_null(memmem(f->bytes.data, f->bytes.size, "unet", 4));
}

static void test_secret(void **state) {
        Fixture *f = *state;
        Secret other = f->secret;

        seal(f, &f->secret);
        other.bytes[0] ^= 1;
        assert_int_equal(open_it(f, &other), ENVELOPE_UNTRUSTED);
        other = f->secret;
        other.size--;
        assert_int_equal(open_it(f, &other), ENVELOPE_UNTRUSTED);
        assert_int_equal(open_it(f, NULL), 0); /* trusted: whoever signed it */

        seal(f, NULL);
        assert_int_equal(open_it(f, NULL), 0);
        assert_int_equal(open_it(f, &f->secret), ENVELOPE_UNTRUSTED); /* no downgrade */
}

/* each bit of it counts, and each byte */
static void test_damage(void **state) {
        Fixture *f = *state;
        size_t n;

        seal(f, &f->secret);
        n = f->bytes.size;
        for (size_t i = 0; i < n * 8; i++) {
                f->bytes.data[i / 8] ^= (uint8_t) (1u << i % 8);
                assert_int_not_equal(open_it(f, &f->secret), 0);
                f->bytes.data[i / 8] ^= (uint8_t) (1u << i % 8);
        }
        for (f->bytes.size = 0; f->bytes.size < n; f->bytes.size++)
                assert_in_range(open_it(f, &f->secret), 1, 4);
        assert_int_equal(open_it(f, &f->secret), 0);
        assert_int_equal(bytes_append(&f->bytes, "", 1), 0);
        assert_int_equal(open_it(f, &f->secret), ENVELOPE_DAMAGED);
}

static void test_key(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;
        Sample other;

        seal(f, &f->secret);
        sample_init(&other, 2);
        assert_int_equal(
                envelope_open(bytes_slice(&f->bytes), &other.record.key, &f->secret, &record),
                ENVELOPE_FOREIGN);
        /* the key outside says what is wanted, the record inside does not */
        seal(f, NULL);
        memcpy(f->bytes.data + 20, other.record.key.bytes, DIGEST_SIZE);
        assert_int_equal(envelope_open(bytes_slice(&f->bytes), &other.record.key, NULL, &record),
                         ENVELOPE_FOREIGN);
        sample_deinit(&other);
}

static void test_versions(void **state) {
        Fixture *f = *state;

        seal(f, &f->secret);
        f->bytes.data[8] = ENVELOPE_VERSION + 1;
        assert_int_equal(open_it(f, &f->secret), ENVELOPE_NEWER);
        f->bytes.data[8] = 0;
        assert_int_equal(open_it(f, &f->secret), ENVELOPE_DAMAGED);
}

/* a diagnosis is of this machine as much as of the model: it never leaves it */
static void test_failures_stay_here(void **state) {
        Fixture *f = *state;
        Record failure = f->sample.record;

        failure.kind = RECORD_FAILURE;
        failure.failure_class = "compiler";
        failure.failure = "it does not fit";
        failure.n_objects = 0;
        assert_int_equal(envelope_seal(&failure, &f->secret, &f->bytes), -EINVAL);
        assert_int_equal(f->bytes.size, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
                cmocka_unit_test_setup_teardown(test_paths_stay_here, setup, teardown),
                cmocka_unit_test_setup_teardown(test_secret, setup, teardown),
                cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
                cmocka_unit_test_setup_teardown(test_key, setup, teardown),
                cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
                cmocka_unit_test_setup_teardown(test_failures_stay_here, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
