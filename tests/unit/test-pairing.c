#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "daemon/config.h"
#include "daemon/pairing.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/racy_file.h"

#define LEOPARD  "{\"fingerprint\":\"0x101000056010402\"}"
#define OCELOT   "{\"fingerprint\":\"0x101000056010403\"}"
#define ANTELOPE "{\"target\":\"DPUCZDX8G_ISA1_B1024\"}"

typedef struct Fixture {
        UnitDir *dir;
        ArchFiles files;
        Project *project;
        Pairs pairs;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        if (unit_dir_setup(state) < 0)
                return -1;
        f = (Fixture){ .dir = *state };
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        pairs_deinit(&f->pairs);
        arch_files_deinit(&f->files);
        (void) project_free(f->project);
        *state = f->dir;
        return unit_dir_teardown(state);
}

static void write_text(Fixture *f, const char *name, const char *text) {
        _cleanup_(freep) char *folder = path_dirname(name);
        _cleanup_(closep) int folder_fd = file_make_dirs(f->dir->fd, folder, 0755);
        _cleanup_(closep) int fd = -1;

        assert_true(folder_fd >= 0);
        fd = openat(f->dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static void set_project(Fixture *f, const char *text) {
        _cleanup_(config_freep) Config *config = NULL;
        Problem problem = {};

        assert_int_equal(config_new(&config), 0);
        f->project = project_free(f->project);
        assert_int_equal(project_parse(&f->project, slice_of_string(text), false, config, &problem),
                         0);
}

/* reads the directories as a get does, and pairs */
static const Pairs *pair_up(Fixture *f, const char *source) {
        _cleanup_(freep) char *path = path_join(f->dir->path, source);
        const PairingSpec spec = {
                .root = f->dir->path,
                .source_path = path,
                .project = f->project,
                .arch_files = &f->files,
        };

        pairs_deinit(&f->pairs);
        assert_int_equal(pairing_refresh(&spec, &f->files, NULL), 0);
        assert_int_equal(pairing_find(&spec, &f->pairs), 0);
        return &f->pairs;
}

static const Pair *find(const Pairs *pairs, const char *target) {
        for (size_t i = 0; i < pairs->n; i++)
                if (strcmp(pairs->items[i].target_name, target) == 0)
                        return &pairs->items[i];
        fail_msg("no target %s", target);
        return NULL;
}

static void own_directory_then_the_nearest_above(void **state) {
        Fixture *f = *state;
        const Pairs *pairs;

        write_text(f, "arch.json", LEOPARD);
        write_text(f, "a/b/c/Net_int.xmodel", "");
        pairs = pair_up(f, "a/b/c/Net_int.xmodel");
        assert_int_equal(pairs->n, 1);
        assert_string_equal(pairs->items[0].net_name, "Net");
        assert_true(pairs->items[0].target.fingerprint == UINT64_C(0x101000056010402));

        write_text(f, "a/arch-near.json", ANTELOPE);
        pairs = pair_up(f, "a/b/c/Net_int.xmodel");
        assert_int_equal(pairs->n, 1);
        assert_string_equal(pairs->items[0].target_name, "near");

        write_text(f, "a/b/c/arch.json", ANTELOPE);
        pairs = pair_up(f, "a/b/c/Net_int.xmodel");
        assert_int_equal(pairs->n, 1);
        assert_string_equal(pairs->items[0].target_name, "b1024"); /* decoded */

        /* others are not touched by what lies deeper */
        write_text(f, "Top.xmodel", "");
        pairs = pair_up(f, "Top.xmodel");
        assert_int_equal(pairs->n, 1);
        assert_string_equal(pairs->items[0].net_name, "Top");
}

static void the_root_is_the_end(void **state) {
        Fixture *f = *state;
        const Pairs *pairs;
        PairingSpec spec = { .arch_files = &f->files };
        _cleanup_(freep) char *root = path_join(f->dir->path, "ws");
        _cleanup_(freep) char *source = path_join(root, "sub/Net.xmodel");
        _cleanup_(pairs_cleanup) Pairs found = {};

        write_text(f, "arch.json", LEOPARD); /* above the root */
        write_text(f, "ws/sub/Net.xmodel", "");
        spec.root = root;
        spec.source_path = source;
        assert_int_equal(pairing_refresh(&spec, &f->files, NULL), 0);
        assert_int_equal(pairing_find(&spec, &found), 0);
        assert_int_equal(found.n, 0);
        assert_non_null(strstr(found.problem.text, "arch.json"));

        /* without a workspace: its own directory and no other */
        pairs = pair_up(f, "ws/sub/Net.xmodel");
        assert_int_equal(pairs->n, 1);
        spec.root = NULL;
        pairs_deinit(&found);
        assert_int_equal(pairing_find(&spec, &found), 0);
        assert_int_equal(found.n, 0);
        assert_non_null(strstr(found.problem.text, "--arch"));
}

static void several_in_one_directory_are_several_targets(void **state) {
        Fixture *f = *state;
        const Pairs *pairs;

        write_text(f, "arch-leopard.json", LEOPARD);
        write_text(f, "antelope.arch.json", ANTELOPE);
        write_text(f, "arch.json", ANTELOPE);
        pairs = pair_up(f, "Net_int.xmodel");
        assert_int_equal(pairs->n, 3);
        (void) find(pairs, "leopard");
        (void) find(pairs, "antelope");
        (void) find(pairs, "b1024");
}

static void files_that_went_are_forgotten(void **state) {
        Fixture *f = *state;

        write_text(f, "arch.json", LEOPARD);
        write_text(f, "sub/arch.json", ANTELOPE);
        assert_string_equal(pair_up(f, "sub/Net.xmodel")->items[0].target_name, "b1024");
        assert_int_equal(unlinkat(f->dir->fd, "sub/arch.json", 0), 0);
        assert_int_equal(pair_up(f, "sub/Net.xmodel")->n, 1);
        assert_true(f->pairs.items[0].target.fingerprint == UINT64_C(0x101000056010402));
}

/* Pairs between two changes of the arch file. False: it was too slow for the rule. */
static bool change_in_one_instant(Fixture *f, const char *from, const char *to) {
        _cleanup_(freep) char *path = path_join(f->dir->path, "arch.json");
        RacyFile file;
        bool racy;

        assert_int_equal(racy_file_open(&file, path, from), 0);
        (void) pair_up(f, "Net.xmodel");
        racy = racy_file_change(&file, to);
        racy_file_close(&file);
        return racy;
}

/* However soon after the change it is looked at. */
static void a_change_that_the_times_do_not_show_is_seen(void **state) {
        Fixture *f = *state;

        while (!change_in_one_instant(f, LEOPARD, OCELOT))
                ;
        assert_true(pair_up(f, "Net.xmodel")->items[0].target.fingerprint ==
                    UINT64_C(0x101000056010403));
}

static void a_bad_arch_file_keeps_its_last_target(void **state) {
        Fixture *f = *state;
        const Pairs *pairs;

        write_text(f, "arch.json", "{ oh no");
        pairs = pair_up(f, "Net.xmodel");
        assert_int_equal(pairs->n, 1);
        assert_non_null(strstr(pairs->items[0].problem, "arch.json"));

        write_text(f, "arch.json", LEOPARD);
        pairs = pair_up(f, "Net.xmodel");
        assert_null(pairs->items[0].problem);
        assert_null(pairs->items[0].warning);

        write_text(f, "arch.json", "{ oh no");
        pairs = pair_up(f, "Net.xmodel");
        assert_null(pairs->items[0].problem);
        assert_non_null(strstr(pairs->items[0].warning, "arch.json"));
        assert_true(pairs->items[0].target.fingerprint == UINT64_C(0x101000056010402));
}

static void the_project_names_nets_targets_and_outputs(void **state) {
        Fixture *f = *state;
        const Pairs *pairs;

        write_text(f, "boards/a/whatever.json", LEOPARD);
        write_text(f, "boards/b/arch.json", ANTELOPE);
        write_text(f, "arch.json", ANTELOPE); /* of no interest to listed models */
        set_project(f,
                    "{\"targets\": {\"leopard\": \"boards/a/whatever.json\","
                    "              \"antelope\": \"boards/b/arch.json\"},"
                    " \"models\": [{\"xmodel\": \"q/Unet_int.xmodel\", \"net_name\": \"unet512\","
                    "               \"output_dir\": \"out/{target}\","
                    "               \"limits\": {\"max_dpu_subgraphs\": 1}},"
                    "              {\"xmodel\": \"q/Other_int.xmodel\","
                    "               \"targets\": [\"leopard\"]}]}");
        pairs = pair_up(f, "q/Unet_int.xmodel");
        assert_int_equal(pairs->n, 2);
        assert_string_equal(find(pairs, "leopard")->net_name, "unet512");
        assert_string_equal(find(pairs, "leopard")->output_dir, "out/leopard");
        assert_int_equal(find(pairs, "antelope")->max_dpu_subgraphs, 1);
        assert_true(find(pairs, "leopard")->target.fingerprint == UINT64_C(0x101000056010402));

        pairs = pair_up(f, "q/Other_int.xmodel");
        assert_int_equal(pairs->n, 1);
        assert_string_equal(pairs->items[0].net_name, "Other");
        assert_null(pairs->items[0].output_dir);

        /* not listed: as without a project */
        pairs = pair_up(f, "q/Third_int.xmodel");
        assert_int_equal(pairs->n, 1);
        assert_string_equal(pairs->items[0].target_name, "b1024");
        assert_int_equal(pairs->items[0].max_dpu_subgraphs, -1);
}

static void a_project_without_arch_files_lends_its_targets(void **state) {
        Fixture *f = *state;

        write_text(f, "boards/a.json", LEOPARD);
        set_project(f, "{\"targets\": {\"leopard\": \"boards/a.json\"}}");
        assert_int_equal(pair_up(f, "q/Net_int.xmodel")->n, 1);
        assert_string_equal(f->pairs.items[0].target_name, "leopard");
}

static void a_project_cannot_read_outside_of_the_root(void **state) {
        Fixture *f = *state;

        assert_int_equal(symlinkat("/etc", f->dir->fd, "boards"), 0);
        set_project(f, "{\"targets\": {\"leak\": \"boards/passwd\"}}");
        assert_int_equal(pair_up(f, "Net_int.xmodel")->n, 1);
        assert_non_null(f->pairs.items[0].problem);
        assert_non_null(strstr(f->pairs.items[0].problem, "no such file"));
}

/* The folder instead of the file in it: the fault of one target, which the others do not share. */
static void a_target_that_is_no_file_is_the_only_one_to_suffer(void **state) {
        Fixture *f = *state;
        const Pairs *pairs;

        write_text(f, "boards/a/arch.json", LEOPARD);
        assert_int_equal(mkfifoat(f->dir->fd, "boards/fifo", 0600), 0);
        set_project(f, "{\"targets\": {\"leopard\": \"boards/a/arch.json\","
                       " \"folder\": \"boards/a\", \"fifo\": \"boards/fifo\"}}");
        pairs = pair_up(f, "Net_int.xmodel");
        assert_int_equal(pairs->n, 3);
        assert_null(find(pairs, "leopard")->problem);
        assert_non_null(strstr(find(pairs, "folder")->problem, "boards/a"));
        assert_non_null(strstr(find(pairs, "fifo")->problem, "boards/fifo"));
}

static void names_that_cannot_be_files_are_refused(void **state) {
        Fixture *f = *state;

        write_text(f, "arch.json", LEOPARD);
        assert_int_equal(pair_up(f, "new\nline_int.xmodel")->n, 1);
        assert_non_null(strstr(f->pairs.items[0].problem, "net_name"));
        assert_null(strchr(f->pairs.items[0].problem, '\n'));
}

static void pairs_are_compared_whole(void **state) {
        Fixture *f = *state;
        Pair copy;

        write_text(f, "arch.json", LEOPARD);
        assert_int_equal(pair_copy(&copy, &pair_up(f, "Net.xmodel")->items[0]), 0);
        assert_true(pair_equal(&copy, &f->pairs.items[0]));
        copy.target.fingerprint++;
        assert_false(pair_equal(&copy, &f->pairs.items[0]));
        copy.target.fingerprint--;
        copy.max_dpu_subgraphs = 2;
        assert_false(pair_equal(&copy, &f->pairs.items[0]));
        pair_deinit(&copy);
}

static int refresh_and_find(void *userdata) {
        Fixture *f = userdata;
        _cleanup_(freep) char *path = path_join(f->dir->path, "sub/Net_int.xmodel");
        _cleanup_(pairs_cleanup) Pairs pairs = {};
        ArchFiles files = {};
        const PairingSpec spec = {
                .root = f->dir->path,
                .source_path = path,
                .project = f->project,
                .arch_files = &files,
        };
        int r = -ENOMEM;

        if (path)
                r = pairing_refresh(&spec, &files, NULL);
        if (r == 0)
                r = pairing_find(&spec, &pairs);
        arch_files_deinit(&files);
        return r;
}

static void out_of_memory_leaks_nothing(void **state) {
        Fixture *f = *state;

        write_text(f, "arch-leopard.json", LEOPARD);
        write_text(f, "board.json", ANTELOPE);
        assert_true(fail_alloc_sweep(refresh_and_find, f) > 0);
        set_project(f, "{\"targets\": {\"b\": \"board.json\"}, \"models\": [{\"xmodel\": "
                       "\"sub/Net_int.xmodel\", \"output_dir\": \"out\"}]}");
        assert_true(fail_alloc_sweep(refresh_and_find, f) > 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(own_directory_then_the_nearest_above),
                TEST(the_root_is_the_end),
                TEST(several_in_one_directory_are_several_targets),
                TEST(files_that_went_are_forgotten),
                TEST(a_change_that_the_times_do_not_show_is_seen),
                TEST(a_bad_arch_file_keeps_its_last_target),
                TEST(the_project_names_nets_targets_and_outputs),
                TEST(a_project_without_arch_files_lends_its_targets),
                TEST(a_project_cannot_read_outside_of_the_root),
                TEST(a_target_that_is_no_file_is_the_only_one_to_suffer),
                TEST(names_that_cannot_be_files_are_refused),
                TEST(pairs_are_compared_whole),
                TEST(out_of_memory_leaks_nothing),
        };
#undef TEST

        return cmocka_run_group_tests(tests, NULL, NULL);
}
