#include "unit.h"

#include <dirent.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/hex.h"
#include "xmodel/canon.h"

/*
 * Golden vectors: tests/data/canon/NAME holds lines "input HEX", "canonical HEX", "map-sorted
 * HEX" (joined in their order) and "...-digest HEX". They must never change: keys of caches in
 * use rest on them. A new CANON_VERSION gets a folder of its own.
 */

#define VECTOR_MAX  (64 * 1024)
#define VECTOR_LINE 512
#define N_VECTORS   6

typedef struct Vector {
        Bytes input;
        Bytes forms[2]; /* by CanonForm */
        char digests[2][DIGEST_HEX];
} Vector;

static void vector_deinit(Vector *v) {
        bytes_deinit(&v->input);
        bytes_deinit(&v->forms[0]);
        bytes_deinit(&v->forms[1]);
}

static void append_hex(Bytes *bytes, const char *hex) {
        size_t n = strlen(hex) / 2;

        assert_int_equal(bytes_reserve(bytes, n), 0);
        assert_int_equal(hex_decode(hex, bytes->data + bytes->size, n), 0);
        bytes->size += n;
}

static void take_line(Vector *v, const char *key, const char *value) {
        for (CanonForm form = 0; form < 2; form++) {
                const char *name = canon_form_name(form);
                size_t n = strlen(name);

                if (strcmp(key, name) == 0) {
                        append_hex(&v->forms[form], value);
                        return;
                }
                if (strncmp(key, name, n) == 0 && strcmp(key + n, "-digest") == 0) {
                        assert_int_equal(strlen(value), DIGEST_HEX - 1);
                        memcpy(v->digests[form], value, DIGEST_HEX);
                        return;
                }
        }
        assert_string_equal(key, "input");
        append_hex(&v->input, value);
}

static Vector vector_read(int dirfd, const char *name) {
        Vector v = { .input = BYTES_INIT(VECTOR_MAX),
                     .forms = { BYTES_INIT(VECTOR_MAX), BYTES_INIT(VECTOR_MAX) } };
        _cleanup_(fclosep) FILE *file = NULL;
        char line[VECTOR_LINE], *value;
        int fd;

        fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        file = fdopen(fd, "r");
        assert_non_null(file);
        while (fgets(line, sizeof(line), file)) {
                line[strcspn(line, "\n")] = '\0';
                if (line[0] == '#')
                        continue;
                value = strchr(line, ' ');
                assert_non_null(value);
                *value++ = '\0';
                take_line(&v, line, value);
        }
        return v;
}

static void check_form(const UnitDir *dir, const Walk *walk, const Vector *v, CanonForm form) {
        _cleanup_(bytes_cleanup) Bytes written = BYTES_INIT(VECTOR_MAX);
        char hex[DIGEST_HEX];
        uint64_t size;
        Digest digest;
        int fd;

        fd = openat(dir->fd, "form", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(canon_write(walk, NULL, form, fd, &digest, NULL, &size), 0);
        assert_int_equal(file_read_fd(fd, &written), 0);
        close(fd);
        assert_int_equal(written.size, v->forms[form].size);
        assert_memory_equal(written.data, v->forms[form].data, written.size);
        digest_to_hex(&digest, hex);
        assert_string_equal(hex, v->digests[form]);
}

static void check_vector(const UnitDir *dir, int dirfd, const char *name) {
        _cleanup_(vector_deinit) Vector v = vector_read(dirfd, name);
        _cleanup_(walk_freep) Walk *walk = NULL;
        Problem problem = {};
        int r;

        r = walk_new(&walk, bytes_slice(&v.input), &problem);
        if (r < 0)
                print_error("%s: %s\n", name, problem.text);
        assert_int_equal(r, 0);
        check_form(dir, walk, &v, CANON_CANONICAL);
        check_form(dir, walk, &v, CANON_MAP_SORTED);
}

static void vectors_hold(void **state) {
        DIR *dir = opendir(TEST_SOURCE_DIR "/tests/data/canon");
        struct dirent *entry;
        unsigned n = 0;

        assert_non_null(dir);
        while ((entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                print_message("%s\n", entry->d_name);
                check_vector(*state, dirfd(dir), entry->d_name);
                n++;
        }
        closedir(dir);
        assert_int_equal(n, N_VECTORS);
}

static void the_version_is_the_vectors(void **state) {
        assert_int_equal(CANON_VERSION, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(vectors_hold, unit_dir_setup, unit_dir_teardown),
                cmocka_unit_test(the_version_is_the_vectors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
