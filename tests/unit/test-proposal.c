#include "unit.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/strings.h"
#include "dpu/proposal.h"
#include "dpu/proposal_name.h"
#include "dpu/proposal_text.h"
#include "tests/support/fail_alloc.h"

/* Surveys are made by hand here: which files there are is all that proposals look at. What is read
 * from real directories is in tests/e2e/init.bats. */

static void add_model(Survey *survey, const char *path) {
        survey->models = realloc(survey->models, (survey->n_models + 1) * sizeof(SurveyModel));
        assert_non_null(survey->models);
        survey->models[survey->n_models] = (SurveyModel){ .path = strdup(path) };
        memset(&survey->models[survey->n_models].md5[1], (int) survey->n_models + 1, MD5_SIZE);
        survey->n_models++;
}

static void add_arch(Survey *survey, const char *path, uint64_t fingerprint, bool is_paired) {
        survey->arches = realloc(survey->arches, (survey->n_arches + 1) * sizeof(SurveyArch));
        assert_non_null(survey->arches);
        survey->arches[survey->n_arches++] = (SurveyArch){
                .path = strdup(path),
                .target.fingerprint = fingerprint,
                .is_paired = is_paired,
        };
}

static void add_compiled(Survey *survey, const char *path, const char *source, const char *md5) {
        SurveyCompiled item = { .path = strdup(path) };

        survey->compiled =
                realloc(survey->compiled, (survey->n_compiled + 1) * sizeof(SurveyCompiled));
        assert_non_null(survey->compiled);
        assert_int_equal(strings_add(&item.sources, source), 0);
        assert_int_equal(strings_add(&item.md5s, md5), 0);
        survey->compiled[survey->n_compiled++] = item;
}

#define B1024 UINT64_C(0x101000056010402)
#define B4096 UINT64_C(0x101000056010407)

static void names_targets_by_file_directory_or_dpu(void **state) {
        static const struct {
                const char *paths[4];
                const char *names[4];
        } cases[] = {
                { { "arch.json" }, { "b1024" } },
                { { "arch-kv260.json", "arch.json" }, { "kv260", "b1024" } },
                { { "Antelope/Zero to hero/04 D/arch.json", "Leopard/Zero to hero/04 D/arch.json" },
                  { "antelope", "leopard" } },
                { { "boards/a/arch.json", "boards/b/arch.json" }, { "a", "b" } },
                { { "a/x/arch.json", "a/y/arch.json", "b/arch.json" }, { "a", "a-2", "b" } },
                { { "Br\xc3\xbc"
                    "cke {1}@/arch.json",
                    "z/arch.json" },
                  { "br\xc3\xbc"
                    "cke-1",
                    "z" } },
                { { "arch.json", "boards/arch.json" }, { "b1024", "boards" } },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(proposal_cleanup) Proposal proposal = {};
                _cleanup_(survey_cleanup) Survey survey = {};
                size_t n = 0;

                for (; n < 4 && cases[i].paths[n]; n++)
                        add_arch(&survey, cases[i].paths[n], B1024, true);
                assert_int_equal(proposal_make(&survey, &proposal), 0);
                assert_int_equal(proposal.n_targets, n);
                for (size_t j = 0; j < n; j++)
                        assert_string_equal(proposal.targets[j].name, cases[i].names[j]);
        }
}

static void a_slug_is_bounded_and_plain(void **state) {
        char text[1000], slug[PROPOSAL_NAME_SIZE];

        memset(text, 'X', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        proposal_name_slug(text, slug);
        assert_int_equal(strlen(slug), PROPOSAL_NAME_SIZE - 1);
        proposal_name_slug("..", slug);
        assert_string_equal(slug, "");
        proposal_name_slug(" a / b@{}c ", slug);
        assert_string_equal(slug, "a-b-c");
        proposal_name_slug("\xff", slug);
        assert_string_equal(slug, "");
}

static void the_nearest_arch_files_are_a_models_targets(void **state) {
        _cleanup_(proposal_cleanup) Proposal proposal = {};
        _cleanup_(survey_cleanup) Survey survey = {};

        add_arch(&survey, "ab/arch.json", B1024, true);
        add_arch(&survey, "x/arch-near.json", B4096, true);
        add_arch(&survey, "x/other.json", B4096, false);
        add_model(&survey, "a/far_int.xmodel");
        add_model(&survey, "x/y/near_int.xmodel");
        assert_int_equal(proposal_make(&survey, &proposal), 0);
        assert_false(proposal.models[0].is_limited);
        assert_true(proposal.models[1].is_limited);
        assert_false(proposal.models[1].for_target[0]);
        assert_true(proposal.models[1].for_target[1]);
        assert_false(proposal.models[1].for_target[2]);
}

static void compiled_files_give_names_and_places(void **state) {
        static const char md5[] = "01010101010101010101010101010101"; /* of the first model */
        _cleanup_(proposal_cleanup) Proposal proposal = {};
        _cleanup_(survey_cleanup) Survey survey = {};

        add_arch(&survey, "arch.json", B1024, true);
        add_model(&survey, "q/a_int.xmodel");
        add_model(&survey, "q/b_int.xmodel");
        add_compiled(&survey, "out/old.xmodel", "a_int.xmodel", "ffffffffffffffffffffffffffffffff");
        add_compiled(&survey, "out/right.xmodel", "renamed.xmodel", md5);
        add_compiled(&survey, "out/bad.xmodel", "b_int.xmodel", "no digest");
        assert_int_equal(proposal_make(&survey, &proposal), 0);
        assert_string_equal(proposal.models[0].net_name, "right");
        assert_true(proposal.models[0].known_exactly);
        assert_string_equal(proposal.models[1].net_name, "bad");
        assert_false(proposal.models[1].known_exactly);
        /* a directory for each net, and nothing where files of others are */
        assert_string_equal(proposal.models[0].output_dir, "out/{net}/{target}");
}

static void nets_of_one_name_are_told_apart(void **state) {
        _cleanup_(proposal_cleanup) Proposal proposal = {};
        _cleanup_(survey_cleanup) Survey survey = {};

        add_arch(&survey, "arch.json", B1024, true);
        add_model(&survey, "one/u_int.xmodel");
        add_model(&survey, "two/u_int.xmodel");
        add_model(&survey, "x/two/u.xmodel");
        assert_int_equal(proposal_make(&survey, &proposal), 0);
        assert_string_equal(proposal.models[0].net_name, "one-u");
        assert_string_equal(proposal.models[1].net_name, "two-u");
        assert_string_equal(proposal.models[2].net_name, "u");
}

static void what_json_cannot_name_is_remarked(void **state) {
        static const char *const paths[] = { "a\nb.xmodel", "a*b.xmodel", "\xff.xmodel" };
        _cleanup_(proposal_cleanup) Proposal proposal = {};
        _cleanup_(survey_cleanup) Survey survey = {};

        add_arch(&survey, "arch.json", B1024, true);
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                add_model(&survey, paths[i]);
        assert_int_equal(proposal_make(&survey, &proposal), 0);
        assert_int_equal(proposal.n_models, 0);
        assert_int_equal(survey.n_remarks, ARRAY_SIZE(paths));
}

static int make_all(void *userdata) {
        _cleanup_(proposal_text_cleanup) ProposalText text = {};
        _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(1024 * 1024);
        _cleanup_(proposal_cleanup) Proposal proposal = {};
        int r;

        r = proposal_make(userdata, &proposal);
        if (r == 0)
                r = proposal_text_make(&proposal, &text);
        return r < 0 ? r : proposal_text_append(&text, &content);
}

static void out_of_memory_leaks_nothing(void **state) {
        _cleanup_(survey_cleanup) Survey survey = {};

        add_arch(&survey, "a/arch.json", B1024, true);
        add_arch(&survey, "b/arch.json", B1024, true);
        add_model(&survey, "a/u_int.xmodel");
        for (char name[] = "q/0_int.xmodel"; name[2] < '9' + 1; name[2]++)
                add_model(&survey, name);
        assert_true(fail_alloc_sweep(make_all, &survey) > 20);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_targets_by_file_directory_or_dpu),
                cmocka_unit_test(a_slug_is_bounded_and_plain),
                cmocka_unit_test(the_nearest_arch_files_are_a_models_targets),
                cmocka_unit_test(compiled_files_give_names_and_places),
                cmocka_unit_test(nets_of_one_name_are_told_apart),
                cmocka_unit_test(what_json_cannot_name_is_remarked),
                cmocka_unit_test(out_of_memory_leaks_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
