/*
 * A compiler that may write its output directory only, as one in a container, and wants more: in the
 * place of its files, and of ours, it leaves links to a file of the user's. That one is neither read
 * into an artifact nor written.
 */

#include "engine_fixture.h"

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/path.h"

#define SECRET "a file of the user that is none of the compiler's business"

static void begin(Fixture *f) {
        write_text(f->control, "secret", SECRET);
        save_arch(f, "arch.json", "0x101000056010402");
        watch_root(f);
}

static bool has_secret(const char *path) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(1 << 20);

        return file_read(AT_FDCWD, path, &bytes) == 0 &&
               memmem(bytes.data, bytes.size, SECRET, strlen(SECRET));
}

static void expect_secret_is_safe(Fixture *f) {
        struct stat st;
        char path[512];

        path_in(path, sizeof(path), f->control, "secret");
        assert_true(has_secret(path));
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_size, strlen(SECRET));
}

/* the outcome for a new model, of which the compiler makes this */
static void compile(Fixture *f, Answer *answer, const char *trap, const char *name) {
        static int32_t weight = 1;
        char mode[64];

        (void) snprintf(mode, sizeof(mode), "%s %s", trap, name);
        write_text(f->control, "mode", mode);
        save_model(f, "Net_int.xmodel", weight++, false);
        get(f, answer, "Net_int.xmodel", NULL);
        expect_secret_is_safe(f);
}

static void what_is_no_file_is_no_output(void **state) {
        static const char *const traps[] = { "link", "fifo", "directory" };
        static const char *const names[] = { "dpucc-net.xmodel", "meta.json", "md5sum.txt",
                                             "report.json" };
        Fixture *f = *state;
        Answer answer;

        begin(f);
        for (size_t i = 0; i < ARRAY_SIZE(traps); i++) {
                for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
                        compile(f, &answer, traps[i], names[k]);
                        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
                        assert_true(strstr(answer.message, "is no file") ||
                                    strstr(answer.message, "no report.json"));
                }
        }
}

/* Files that are ours to write, beside those of the compiler or among them. */
static void what_we_write_goes_through_no_link(void **state) {
        static const char *const names[] = { "report.json", "../compile.log", "../check.json",
                                             "../process" };
        Fixture *f = *state;
        char text[600];
        Answer answer;

        install_vendor(f);
        configure_vendor(f);
        begin(f);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                compile(f, &answer, "link", names[i]);
                assert_int_equal(answer.outcome, ASK_DONE);
                (void) snprintf(text, sizeof(text), "%.*s/report.json",
                                (int) (path_basename(answer.path) - answer.path - 1), answer.path);
                assert_false(has_secret(text));
                assert_int_equal(access(text, R_OK), 0);
        }
}

int main(void) {
#define TEST(_fn)                                                                                  \
        cmocka_unit_test_setup_teardown(_fn, engine_fixture_setup, engine_fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(what_is_no_file_is_no_output),
                TEST(what_we_write_goes_through_no_link),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
