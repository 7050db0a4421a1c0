#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "dpu/survey.h"
#include "tests/support/fail_alloc.h"

static void write_text(const UnitDir *dir, const char *path, const char *text) {
        _cleanup_(freep) char *parent = path_dirname(path);
        _cleanup_(closep) int made = file_make_dirs(dir->fd, parent, 0755);
        _cleanup_(closep) int fd = openat(dir->fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

        assert_true(made >= 0 && fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

#define ARCH "{\"fingerprint\":\"0x101000056010402\"}"

static void fill(const UnitDir *dir) {
        write_text(dir, "b/arch.json", ARCH);
        write_text(dir, "a/board.json", ARCH);
        write_text(dir, "a/meta.json", "{\"target\":\"DPUCZDX8G_ISA1_B1024\",\"kernel\":[]}");
        write_text(dir, "a/package.json", "[1]");
        write_text(dir, "a/arch-bad.json", "{\"fingerprint\":");
        write_text(dir, "dpucc.json", "{}");
        write_text(dir, "c/text.xmodel", "hello");
        write_text(dir, "c/lfs.xmodel",
                   "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
        write_text(dir, ".git/arch.json", ARCH);
        write_text(dir, "node_modules/x/arch.json", ARCH);
}

static void tells_apart_what_is_there(void **state) {
        _cleanup_(survey_cleanup) Survey survey = {};
        const UnitDir *dir = *state;
        Problem problem = {};

        fill(dir);
        assert_int_equal(symlinkat("b", dir->fd, "link"), 0);
        assert_int_equal(symlinkat("b/arch.json", dir->fd, "arch-linked.json"), 0);
        assert_int_equal(mkfifoat(dir->fd, "pipe.xmodel", 0600), 0);
        assert_int_equal(survey_take(dir->path, &survey, &problem), 0);
        assert_int_equal(survey.n_arches, 3);
        assert_string_equal(survey.arches[0].path, "a/board.json");
        assert_false(survey.arches[0].is_paired);
        assert_string_equal(survey.arches[1].path, "arch-linked.json");
        assert_string_equal(survey.arches[2].path, "b/arch.json");
        assert_true(survey.arches[2].is_paired);
        assert_int_equal(survey.n_models, 0);
        assert_int_equal(survey.n_remarks, 3);
        assert_string_equal(survey.remarks[0].path, "a/arch-bad.json");
        assert_non_null(strstr(survey.remarks[1].text, "git lfs pull"));
        assert_string_equal(survey.remarks[2].path, "c/text.xmodel");
        assert_int_equal(survey.directories.n, 4);
        assert_int_equal(unlinkat(dir->fd, "pipe.xmodel", 0), 0);
}

static void remarks_are_bounded(void **state) {
        _cleanup_(survey_cleanup) Survey survey = {};

        for (int i = 0; i < SURVEY_REMARKS_MAX + 7; i++)
                assert_int_equal(survey_remark(&survey, "x", "%d", i), 0);
        assert_int_equal(survey.n_remarks, SURVEY_REMARKS_MAX);
        assert_int_equal(survey.n_left_out, 7);
}

static void a_missing_directory_is_an_error(void **state) {
        const UnitDir *dir = *state;
        char path[128];
        Problem problem = {};
        Survey survey;

        (void) snprintf(path, sizeof(path), "%s/none", dir->path);
        assert_int_equal(survey_take(path, &survey, &problem), -ENOENT);
        assert_non_null(strstr(problem.text, "none: No such file"));
}

static void as_deep_as_it_goes(void **state) {
        _cleanup_(survey_cleanup) Survey survey = {};
        const UnitDir *dir = *state;
        char path[1000] = "";
        Problem problem = {};

        for (int i = 0; i < SURVEY_DEPTH_MAX + 10; i++)
                (void) strcat(path, "d/");
        (void) strcat(path, "arch.json");
        write_text(dir, path, ARCH);
        assert_int_equal(survey_take(dir->path, &survey, &problem), 0);
        assert_int_equal(survey.n_arches, 0);
        assert_int_equal(survey.n_left_out, 1);
        assert_int_equal(file_remove_tree(dir->fd, "d"), -ELOOP);
        /* by halves */
        path[2 * 40] = '\0';
        assert_int_equal(renameat(dir->fd, path, dir->fd, "half"), 0);
}

static int take(void *userdata) {
        _cleanup_(survey_cleanup) Survey survey = {};
        const UnitDir *dir = userdata;

        return survey_take(dir->path, &survey, NULL);
}

static void out_of_memory_leaks_nothing(void **state) {
        UnitDir *dir = *state;

        write_text(dir, "b/arch.json", ARCH);
        write_text(dir, "c/text.xmodel", "hello");
        assert_true(fail_alloc_sweep(take, dir) > 5);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, unit_dir_setup, unit_dir_teardown)
        const struct CMUnitTest tests[] = {
                TEST(tells_apart_what_is_there),
                TEST(a_missing_directory_is_an_error),
                TEST(as_deep_as_it_goes),
                TEST(out_of_memory_leaks_nothing),
                cmocka_unit_test(remarks_are_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
