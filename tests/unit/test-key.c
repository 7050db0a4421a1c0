#include "unit.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "cache/key.h"
#include "tests/support/fail_alloc.h"

#define LINE 1024

static void add_required(Key *key) {
        const Digest snapshot = digest_of("abc", 3);

        assert_int_equal(key_add_snapshot(key, "canonical", 1, &snapshot), 0);
        assert_int_equal(key_add_target_name(key, "DPUCZDX8G_ISA1_B4096"), 0);
        assert_int_equal(key_add_toolchain(key, "dpucc"), 0);
}

static Digest finish(Key *key) {
        Digest digest;

        assert_int_equal(key_finish(key, &digest), 0);
        return digest;
}

/* Each block of the file: "TAG VALUE" lines, then "= KEY". */
static void golden_vectors(void **state) {
        _cleanup_(key_freep) Key *key = NULL;
        _cleanup_(fclosep) FILE *file = fopen(TEST_SOURCE_DIR "/tests/data/key-vectors.txt", "re");
        char line[LINE], hex[DIGEST_HEX];
        unsigned n = 0;

        assert_non_null(file);
        assert_int_equal(key_new(&key), 0);
        while (fgets(line, sizeof(line), file)) {
                char *value = strchr(line, ' ');

                line[strcspn(line, "\n")] = '\0';
                if (line[0] == '#' || line[0] == '\0')
                        continue;
                if (value)
                        *value++ = '\0';
                else
                        value = line + strlen(line);
                if (strcmp(line, "=") != 0) {
                        assert_int_equal(key_add_string(key, line, value), 0);
                        continue;
                }
                digest_to_hex(&(Digest[]){ finish(key) }[0], hex);
                assert_string_equal(hex, value);
                key = key_free(key);
                assert_int_equal(key_new(&key), 0);
                n++;
        }
        assert_int_equal(n, 4);
}

static void put(Bytes *bytes, const void *data, size_t n, unsigned width) {
        for (unsigned i = 0; i < width; i++)
                assert_int_equal(bytes_append(bytes, &(uint8_t){ (uint8_t) (n >> 8 * i) }, 1), 0);
        assert_int_equal(bytes_append(bytes, data, n), 0);
}

/* The definition in docs/FORMATS.md once more, by hand. */
static void digests_tagged_and_delimited_fields(void **state) {
        static const char *const fields[][2] = {
                { "dpucc-key-v1", "" },
                { "snapshot.digest", "06b05ab6733a618578af5f94892f3950" }, /* of "abc" */
                { "snapshot.form", "canonical" },
                { "snapshot.version", "1" },
                { "target.name", "DPUCZDX8G_ISA1_B4096" },
                { "toolchain.kind", "dpucc" },
        };
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(4096);
        _cleanup_(key_freep) Key *key = NULL;
        Digest expected, found;

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                put(&bytes, fields[i][0], strlen(fields[i][0]), 4);
                put(&bytes, fields[i][1], strlen(fields[i][1]), 8);
        }
        expected = digest_of(bytes.data, bytes.size);

        assert_int_equal(key_new(&key), 0);
        add_required(key);
        found = finish(key);
        assert_memory_equal(&found, &expected, sizeof(found));
}

static Digest with(const char *tag, const char *value) {
        _cleanup_(key_freep) Key *key = NULL;

        assert_int_equal(key_new(&key), 0);
        add_required(key);
        assert_int_equal(key_add_string(key, tag, value), 0);
        return finish(key);
}

static void order_of_adding_does_not_matter(void **state) {
        _cleanup_(key_freep) Key *a = NULL, *b = NULL;
        Digest da, db;

        assert_int_equal(key_new(&a), 0);
        assert_int_equal(key_new(&b), 0);
        assert_int_equal(key_add_option(a, "debug", "1"), 0);
        assert_int_equal(key_add_option(a, "cpu", "2"), 0);
        add_required(a);
        add_required(b);
        assert_int_equal(key_add_option(b, "cpu", "2"), 0);
        assert_int_equal(key_add_option(b, "debug", "1"), 0);
        da = finish(a);
        db = finish(b);
        assert_memory_equal(&da, &db, sizeof(da));
}

static void every_byte_matters(void **state) {
        const Digest all[] = {
                with("option.ab", "c"), with("option.a", "bc"), with("option.a", "b"),
                with("option.a", ""),   with("option.A", "bc"),
        };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                for (size_t k = 0; k < i; k++)
                        assert_false(digest_equal(&all[i], &all[k]));
}

static Digest with_list(size_t n, const char *const *values) {
        _cleanup_(key_freep) Key *key = NULL;

        assert_int_equal(key_new(&key), 0);
        add_required(key);
        assert_int_equal(key_add_list(key, "toolchain.argv", values, n), 0);
        return finish(key);
}

static void lists_keep_their_order_and_length(void **state) {
        static const char *const ab[] = { "a", "b" }, *const ba[] = { "b", "a" };
        const Digest all[] = { with_list(2, ab), with_list(2, ba), with_list(1, ab),
                               with_list(0, ab) };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                for (size_t k = 0; k < i; k++)
                        assert_false(digest_equal(&all[i], &all[k]));
}

static void refuses_what_is_incomplete_or_ambiguous(void **state) {
        _cleanup_(key_freep) Key *key = NULL;
        const Digest snapshot = digest_of("", 0);
        Digest digest;

        assert_int_equal(key_new(&key), 0);
        assert_int_equal(key_finish(key, &digest), -ENODATA);
        assert_int_equal(key_add_snapshot(key, "canonical", 1, &snapshot), 0);
        assert_int_equal(key_add_toolchain(key, "native"), 0);
        assert_int_equal(key_finish(key, &digest), -ENODATA); /* no target */
        assert_int_equal(key_add_fingerprint(key, 1), 0);
        assert_int_equal(key_finish(key, &digest), 0);
        assert_int_equal(key_add_target_name(key, "x"), 0);
        assert_int_equal(key_finish(key, &digest), -ENODATA); /* two targets */
}

static void refuses_a_tag_twice(void **state) {
        _cleanup_(key_freep) Key *key = NULL;
        Digest digest;

        assert_int_equal(key_new(&key), 0);
        add_required(key);
        assert_int_equal(key_add_option(key, "x", "1"), 0);
        assert_int_equal(key_add_option(key, "x", "1"), 0);
        assert_int_equal(key_finish(key, &digest), -EEXIST);
}

static void refuses_bad_tags_and_sizes(void **state) {
        _cleanup_(key_freep) Key *key = NULL;
        static char large[KEY_BYTES_MAX], tag[KEY_TAG_MAX + 2];

        assert_int_equal(key_new(&key), 0);
        assert_int_equal(key_add_string(key, "", "x"), -EINVAL);
        assert_int_equal(key_add_string(key, "a b", "x"), -EINVAL);
        assert_int_equal(key_add_string(key, "a\xc3\xa4", "x"), -EINVAL);
        assert_int_equal(key_add_option(key, "", "x"), -EINVAL);
        memset(tag, 'a', KEY_TAG_MAX);
        assert_int_equal(key_add_string(key, tag, "x"), 0);
        tag[KEY_TAG_MAX] = 'a';
        assert_int_equal(key_add_string(key, tag, "x"), -EINVAL);
        assert_int_equal(key_add_option(key, tag, "x"), -EINVAL);
        assert_int_equal(key_add(key, "a", slice_of(large, sizeof(large))), -EFBIG);
        assert_int_equal(key_add(key, "a", slice_of(large, sizeof(large) - KEY_TAG_MAX - 2)), 0);
        assert_int_equal(key_add(key, "b", slice_of(large, 1)), -EFBIG);
}

static void refuses_too_many_fields(void **state) {
        _cleanup_(key_freep) Key *key = NULL;
        char tag[16];

        assert_int_equal(key_new(&key), 0);
        for (unsigned i = 0; i < KEY_FIELDS_MAX; i++) {
                (void) snprintf(tag, sizeof(tag), "t%u", i);
                assert_int_equal(key_add_string(key, tag, ""), 0);
        }
        assert_int_equal(key_add_string(key, "one.more", ""), -EFBIG);
}

static int note_difference(const KeyField *old, const KeyField *new, void *userdata) {
        Bytes *out = userdata;

        return bytes_printf(
                out, "%s:%.*s>%.*s ", old ? old->tag : new->tag, old ? (int) old->value.size : 1,
                old ? (const char *) old->value.data : "-", new ? (int) new->value.size : 1,
                new ? (const char *) new->value.data : "-");
}

static int stop(const KeyField *old, const KeyField *new, void *userdata) {
        return 7;
}

static void differences_come_in_order(void **state) {
        const KeyField a[] = { { "a", slice_of_string("1") },
                               { "c", slice_of_string("1") },
                               { "d", slice_of_string("4") } };
        const KeyField b[] = { { "b", slice_of_string("2") },
                               { "c", slice_of_string("3") },
                               { "d", slice_of_string("4") },
                               { "e", slice_of_string("5") } };
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(4096);
        _cleanup_(freep) char *text = NULL;

        assert_int_equal(key_diff(a, 3, b, 4, note_difference, &out), 0);
        text = bytes_take_string(&out);
        assert_string_equal(text, "a:1>- b:->2 c:1>3 e:->5 ");
        assert_int_equal(key_diff(a, 3, b, 4, stop, NULL), 7);
        assert_int_equal(key_diff(a, 3, a, 3, stop, NULL), 0);
}

static int build_key(void *userdata) {
        _cleanup_(key_freep) Key *key = NULL;
        const Digest snapshot = digest_of("", 0);
        Digest digest;
        int r;

        r = key_new(&key);
        if (r == 0)
                r = key_add_snapshot(key, "canonical", 1, &snapshot);
        if (r == 0)
                r = key_add_fingerprint(key, 1);
        if (r == 0)
                r = key_add_toolchain(key, "native");
        return r == 0 ? key_finish(key, &digest) : r;
}

static void survives_failing_allocations(void **state) {
        assert_true(fail_alloc_sweep(build_key, NULL) > 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(golden_vectors),
                cmocka_unit_test(digests_tagged_and_delimited_fields),
                cmocka_unit_test(order_of_adding_does_not_matter),
                cmocka_unit_test(every_byte_matters),
                cmocka_unit_test(lists_keep_their_order_and_length),
                cmocka_unit_test(refuses_what_is_incomplete_or_ambiguous),
                cmocka_unit_test(refuses_a_tag_twice),
                cmocka_unit_test(refuses_bad_tags_and_sizes),
                cmocka_unit_test(refuses_too_many_fields),
                cmocka_unit_test(differences_come_in_order),
                cmocka_unit_test(survives_failing_allocations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
