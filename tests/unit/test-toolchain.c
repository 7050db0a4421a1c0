#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "daemon/toolchain.h"

typedef struct Fixture {
        UnitDir *dir;
        State *state;
        char script[128];
} Fixture;

static void write_in(Fixture *f, const char *name, const char *text, mode_t mode) {
        _cleanup_(freep) char *folder = path_dirname(name);
        _cleanup_(closep) int folder_fd = file_make_dirs(f->dir->fd, folder, 0755);
        _cleanup_(closep) int fd = -1;

        assert_true(folder_fd >= 0);
        fd = openat(f->dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        assert_int_equal(fchmod(fd, mode), 0);
}

/* an installation like a conda environment's */
static int setup(void **state) {
        static Fixture f;

        if (unit_dir_setup(state) < 0)
                return -1;
        f = (Fixture){ .dir = *state };
        *state = &f;
        (void) snprintf(f.script, sizeof(f.script), "%s/env/bin/vai_c_xir", f.dir->path);
        write_in(&f, "env/bin/vai_c_xir", "#!/usr/bin/env python\n", 0755);
        write_in(&f, "env/lib/libxcompiler-core.so.3.5.0", "the compiler", 0644);
        write_in(&f, "env/lib/libxir.so.3.5.0", "the library", 0644);
        write_in(&f, "env/lib/libz.so.1", "none of our business", 0644);
        write_in(&f, "env/lib/python3.8/site-packages/vaic/__init__.py", "import x", 0644);
        write_in(&f, "env/lib/python3.8/site-packages/numpy/__init__.py", "numbers", 0644);
        setenv("PATH", "/usr/bin:/bin", 1);
        unsetenv("PYTHONPATH");
        unsetenv("LD_LIBRARY_PATH");
        unsetenv("MY_FLAG");
        setenv("HOME", f.dir->path, 1);
        return state_open(&f.state, NULL, NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        (void) state_close(f->state);
        *state = f->dir;
        return unit_dir_teardown(state);
}

static Toolchain *native_at(char *path, const char *not_this) {
        ConfigToolchain config = {
                .name = (char *) "native",
                .kind = TOOLCHAIN_NATIVE,
                .path = path,
                .time_limit_s = 60,
        };
        const ToolchainSpec spec = {
                .config = &config,
                .dpucc = "/nowhere/dpucc",
                .not_this = not_this,
        };
        Toolchain *toolchain;

        assert_int_equal(strings_add(&config.environment, "MY_FLAG"), 0);
        assert_int_equal(toolchain_new(&toolchain, &spec), 0);
        strings_deinit(&config.environment);
        return toolchain;
}

static Toolchain *native(Fixture *f, bool on_path, const char *not_this) {
        return native_at(on_path ? NULL : f->script, not_this);
}

static ToolchainIdentity identify_wholly(Fixture *f, Toolchain *toolchain) {
        ToolchainIdentity identity;
        Problem problem = {};

        assert_int_equal(toolchain_identify(toolchain, f->state, true, &identity, &problem), 0);
        return identity;
}

static Digest identify(Fixture *f, Toolchain *toolchain) {
        return identify_wholly(f, toolchain).digest;
}

static void identity_is_content(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = native(f, false, NULL);
        Digest first = identify(f, toolchain), next;

        next = identify(f, toolchain);
        assert_true(digest_equal(&first, &next));

#define CHANGES(name)                                                                              \
        do {                                                                                       \
                write_in(f, name, "changed", 0755);                                                \
                next = identify(f, toolchain);                                                     \
                assert_false(digest_equal(&first, &next));                                         \
                first = next;                                                                      \
        } while (0)
        CHANGES("env/bin/vai_c_xir");
        CHANGES("env/lib/libxcompiler-core.so.3.5.0");
        CHANGES("env/lib/libxir.so.3.5.0");
        CHANGES("env/lib/python3.8/site-packages/vaic/__init__.py");
        CHANGES("env/lib/python3.8/site-packages/vaic/new/file.py");
        CHANGES("env/lib/libtarget-factory.so");
#undef CHANGES

        write_in(f, "env/lib/libz.so.1", "changed", 0644);
        write_in(f, "env/lib/python3.8/site-packages/numpy/__init__.py", "changed", 0644);
        write_in(f, "env/lib/python3.8/site-packages/vaic/__pycache__/x.pyc", "made", 0644);
        next = identify(f, toolchain);
        assert_true(digest_equal(&first, &next));
}

static void set_path(Fixture *f, const char *name, const char *folder) {
        _cleanup_(freep) char *top = realpath(f->dir->path, NULL);
        char path[256];

        (void) snprintf(path, sizeof(path), "relative::%s/%s:%s/env/lib", top, folder, top);
        setenv(name, path, 1);
}

/* `pip install --user` of another xcompiler, a library that is built again */
static void expect_others_in_front_to_count(Fixture *f, Toolchain *toolchain) {
        static const struct {
                const char *ours, *foreign;
        } places[] = {
                { ".local/lib/python3.8/site-packages/vaic/__init__.py",
                  ".local/lib/python3.8/site-packages/numpy/__init__.py" },
                { "built here/libxcompiler-core.so", "built here/libz.so" },
                { "modules/xir.py", "modules/numbers.py" },
        };
        Digest before, after;

        set_path(f, "LD_LIBRARY_PATH", "built here");
        set_path(f, "PYTHONPATH", "modules");
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                before = identify(f, toolchain);
                write_in(f, places[i].foreign, "none of our business", 0644);
                after = identify(f, toolchain);
                assert_true(digest_equal(&before, &after));
                write_in(f, places[i].ours, "new", 0644);
                after = identify(f, toolchain);
                assert_false(digest_equal(&before, &after));
                before = after;
                write_in(f, places[i].ours, "changed", 0644);
                after = identify(f, toolchain);
                assert_false(digest_equal(&before, &after));
        }
}

static void what_is_found_before_it_is_part_of_it(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = native(f, false, NULL);
        uint32_t own = identify_wholly(f, toolchain).n_files;

        expect_others_in_front_to_count(f, toolchain);
        assert_int_equal(identify_wholly(f, toolchain).n_files, own + 3); /* env/lib counts once */
}

static void search_paths_are_part_of_it(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = native(f, false, NULL);
        Digest without = identify(f, toolchain), with;

        setenv("PYTHONPATH", "/somewhere", 1);
        with = identify(f, toolchain);
        assert_false(digest_equal(&without, &with));
        unsetenv("PYTHONPATH");
        setenv("MY_FLAG", "1", 1); /* named in the configuration */
        with = identify(f, toolchain);
        assert_false(digest_equal(&without, &with));
        unsetenv("MY_FLAG");
        setenv("PATH", "/bin", 1); /* the child gets its own */
        with = identify(f, toolchain);
        assert_true(digest_equal(&without, &with));
}

/* the fields of a key are kept in records and shown by `why` */
static void values_of_the_environment_stay_out_of_the_key(void **state) {
        static const char secret[] = "hunter2-in-the-environment";
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = native(f, false, NULL);
        _cleanup_(key_freep) Key *key = NULL;
        ToolchainIdentity identity;
        Problem problem = {};
        const KeyField *fields;
        size_t n;

        setenv("MY_FLAG", secret, 1);
        assert_int_equal(toolchain_identify(toolchain, f->state, false, &identity, &problem), 0);
        unsetenv("MY_FLAG");
        assert_int_equal(key_new(&key), 0);
        assert_int_equal(toolchain_add_to_key(toolchain, &identity, key), 0);
        fields = key_fields(key, &n);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++)
                assert_null(
                        memmem(fields[i].value.data, fields[i].value.size, secret, strlen(secret)));
}

static void our_compiler_is_its_content(void **state) {
        static const ConfigToolchain config = {
                .name = (char *) "dpucc",
                .kind = TOOLCHAIN_DPUCC,
                .time_limit_s = 60,
        };
        static const char *const names[] = { "a/dpucc", "b/dpucc" };
        _cleanup_(toolchain_unrefp) Toolchain *one = NULL, *other = NULL;
        Toolchain **const toolchains[] = { &one, &other };
        Fixture *f = *state;
        Digest first, second;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char path[160];
                const ToolchainSpec spec = { .config = &config, .dpucc = path };

                write_in(f, names[i], "the open compiler", 0755);
                (void) snprintf(path, sizeof(path), "%s/%s", f->dir->path, names[i]);
                assert_int_equal(toolchain_new(toolchains[i], &spec), 0);
        }
        first = identify(f, one);
        second = identify(f, other);
        assert_true(digest_equal(&first, &second));
        write_in(f, "b/dpucc", "a newer one", 0755);
        second = identify(f, other);
        assert_false(digest_equal(&first, &second));
}

static void path_is_searched_and_we_are_never_found(void **state) {
        Fixture *f = *state;
        char path[256], ours[128];
        _cleanup_(freep) char *found = NULL, *other = NULL;
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = NULL;
        Problem problem = {};

        (void) snprintf(ours, sizeof(ours), "%s/dpucc-client", f->dir->path);
        toolchain = native(f, true, ours);
        assert_int_equal(toolchain_find(toolchain, &found, &problem), -ENOENT);
        assert_non_null(strstr(problem.text, "conda"));

        /* our own symlink comes first, the real one second */
        write_in(f, "dpucc-client", "us", 0755);
        write_in(f, "ours/x", "", 0644);
        assert_int_equal(symlinkat("../dpucc-client", f->dir->fd, "ours/vai_c_xir"), 0);
        (void) snprintf(path, sizeof(path), "relative:%s/ours:%s/env/bin", f->dir->path,
                        f->dir->path);
        setenv("PATH", path, 1);
        assert_int_equal(toolchain_find(toolchain, &other, &problem), 0);
        assert_string_equal(other, f->script);
}

static bool has(char *const *list, const char *text) {
        for (; *list; list++)
                if (strcmp(*list, text) == 0)
                        return true;
        return false;
}

static const CommandSpec plain_spec = {
        .job_id = "00112233445566778899aabbccddeeff",
        .directory = "/jobs/x",
        .jobs = "/jobs",
        .xmodel = "in/model.xmodel",
        .arch = "in/arch.json",
        .output_dir = "out",
        .net_name = "net",
        .options = "",
};

static void commands_are_plain(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = native(f, false, NULL);
        _cleanup_(command_cleanup) Command command = {};
        CommandSpec spec = plain_spec;
        Problem problem = {};

        spec.options = "{'prefetch': 'true'}";
        setenv("SECRET", "hunter2", 1);
        assert_int_equal(toolchain_command(toolchain, &spec, &command, &problem), 0);
        assert_string_equal(command.argv.items[0], f->script);
        assert_string_equal(command.argv.items[1], "-x");
        assert_string_equal(command.argv.items[2], "in/model.xmodel");
        assert_string_equal(command.argv.items[9], "-e");
        assert_string_equal(command.argv.items[10], "{'prefetch': 'true'}");
        assert_null(command.argv.items[11]);
        assert_true(has(command.env.items, "DPUCC_JOB=00112233445566778899aabbccddeeff"));
        assert_true(has(command.env.items, "DPUCC_GUARD=1"));
        assert_true(has(command.env.items, "TMPDIR=/jobs/x/tmp"));
        assert_true(has(command.env.items, "PYTHONUNBUFFERED=1"));
        assert_false(has(command.env.items, "SECRET=hunter2"));
}

/* `#!/usr/bin/env python` finds another Python beside the link than beside what it leads to */
static void a_link_is_another_place(void **state) {
        Fixture *f = *state;
        char link[160], path[512];
        _cleanup_(toolchain_unrefp) Toolchain *real = native(f, false, NULL), *linked = NULL;
        _cleanup_(freep) char *top = realpath(f->dir->path, NULL);
        _cleanup_(command_cleanup) Command command = {};
        Problem problem = {};
        Digest one, other;

        (void) snprintf(link, sizeof(link), "%s/tools/vai_c_xir", f->dir->path);
        write_in(f, "tools/python", "", 0755);
        assert_int_equal(symlinkat("../env/bin/vai_c_xir", f->dir->fd, "tools/vai_c_xir"), 0);
        linked = native_at(link, NULL);
        one = identify(f, real);
        other = identify(f, linked);
        assert_false(digest_equal(&one, &other));

        assert_int_equal(toolchain_command(linked, &plain_spec, &command, &problem), 0);
        (void) snprintf(path, sizeof(path), "PATH=%s/tools:%s/env/bin:/usr/local/bin:/usr/bin:/bin",
                        f->dir->path, top);
        assert_true(has(command.env.items, path));
}

/* as `conda create` leaves one */
static void make_environment(Fixture *f, const char *prefix) {
        char name[256];

        (void) snprintf(name, sizeof(name), "%s/conda-meta/history", prefix);
        write_in(f, name, "", 0644);
        (void) snprintf(name, sizeof(name), "%s/bin/vai_c_xir", prefix);
        write_in(f, name, "#!/usr/bin/env python\n", 0755);
}

static Toolchain *conda(const char *environment) {
        const ConfigToolchain config = {
                .name = (char *) "conda",
                .kind = TOOLCHAIN_NATIVE,
                .conda = (char *) environment,
                .time_limit_s = 60,
        };
        const ToolchainSpec spec = { .config = &config, .dpucc = "/nowhere/dpucc" };
        Toolchain *toolchain;

        assert_int_equal(toolchain_new(&toolchain, &spec), 0);
        return toolchain;
}

static void assert_found(const char *environment, const char *expected) {
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = conda(environment);
        _cleanup_(freep) char *found = NULL;
        Problem problem = {};

        if (toolchain_find(toolchain, &found, &problem) < 0)
                fail_msg("%s", problem.text);
        assert_non_null(strstr(found, expected));
}

static void conda_environments_are_found_by_name(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *unknown = conda("nobody-made-this");
        _cleanup_(freep) char *found = NULL;
        char text[512];
        Problem problem = {};

        setenv("HOME", f->dir->path, 1);
        unsetenv("CONDA_EXE");
        make_environment(f, "work/listed");
        make_environment(f, "elsewhere/envs/by-exe");
        make_environment(f, "more/by-path");
        make_environment(f, "miniconda3/envs/usual");
        make_environment(f, "miniconda3");
        write_in(f, "miniconda3/envs/no-environment/bin/vai_c_xir", "", 0755);
        (void) snprintf(text, sizeof(text), "/gone/listed\n%s/work/listed\n%s/work/other\n",
                        f->dir->path, f->dir->path);
        write_in(f, ".conda/environments.txt", text, 0644);
        (void) snprintf(text, sizeof(text), "%s/elsewhere/bin/conda", f->dir->path);
        setenv("CONDA_EXE", text, 1);
        (void) snprintf(text, sizeof(text), "/none:%s/more", f->dir->path);
        setenv("CONDA_ENVS_PATH", text, 1);

        assert_found("listed", "/work/listed/bin/vai_c_xir");
        assert_found("by-exe", "/elsewhere/envs/by-exe/bin/vai_c_xir");
        assert_found("by-path", "/more/by-path/bin/vai_c_xir");
        assert_found("usual", "/miniconda3/envs/usual/bin/vai_c_xir");
        assert_found("base", "/miniconda3/bin/vai_c_xir");
        assert_int_equal(toolchain_find(unknown, &found, &problem), -ENOENT);
        assert_non_null(strstr(problem.text, "conda env list"));
        unsetenv("CONDA_EXE");
        unsetenv("CONDA_ENVS_PATH");
}

static void conda_environments_are_activated(void **state) {
        Fixture *f = *state;
        char prefix[128], expected[256];
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = NULL;
        _cleanup_(command_cleanup) Command command = {};
        Problem problem = {};

        make_environment(f, "my env");
        (void) snprintf(prefix, sizeof(prefix), "%s/my env", f->dir->path);
        toolchain = conda(prefix);
        setenv("CONDA_PREFIX", "/another/one", 1);
        assert_int_equal(toolchain_command(toolchain, &plain_spec, &command, &problem), 0);
        unsetenv("CONDA_PREFIX");
        (void) snprintf(expected, sizeof(expected), "CONDA_PREFIX=%s", prefix);
        assert_true(has(command.env.items, expected));
        (void) snprintf(expected, sizeof(expected), "PATH=%s/bin:/usr/local/bin:/usr/bin:/bin",
                        prefix);
        assert_true(has(command.env.items, expected));
        assert_true(has(command.env.items, "CONDA_DEFAULT_ENV=my env"));
        assert_false(has(command.env.items, "CONDA_PREFIX=/another/one"));
}

static Toolchain *launched(Fixture *f, const char *program, const char *word, bool remote) {
        ConfigToolchain config = {
                .name = (char *) "launched",
                .kind = TOOLCHAIN_NATIVE,
                .path = f->script,
                .remote = remote,
                .time_limit_s = 60,
                .memory_limit = 1 << 20,
        };
        const ToolchainSpec spec = { .config = &config, .dpucc = "/nowhere/dpucc" };
        Toolchain *toolchain;

        assert_int_equal(strings_add(&config.launcher, program), 0);
        if (word)
                assert_int_equal(strings_add(&config.launcher, word), 0);
        assert_int_equal(toolchain_new(&toolchain, &spec), 0);
        strings_deinit(&config.launcher);
        return toolchain;
}

static void launchers_come_first(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *here = launched(f, "nice", "-n9", false);
        _cleanup_(toolchain_unrefp) Toolchain *plain = native(f, false, NULL);
        _cleanup_(toolchain_unrefp) Toolchain *missing =
                launched(f, "no-such-program", NULL, false);
        _cleanup_(command_cleanup) Command command = {}, none = {};
        Problem problem = {};
        Digest one, other;

        assert_int_equal(toolchain_command(here, &plain_spec, &command, &problem), 0);
        assert_string_equal(command.argv.items[0], "/usr/bin/nice");
        assert_string_equal(command.argv.items[1], "-n9");
        assert_string_equal(command.argv.items[2], f->script);
        assert_string_equal(command.argv.items[3], "-x");
        assert_int_equal(toolchain_memory_max(here), 1 << 20);
        /* on this machine it is the same compiler */
        one = identify(f, here);
        other = identify(f, plain);
        assert_true(digest_equal(&one, &other));

        assert_int_equal(toolchain_command(missing, &plain_spec, &none, &problem), -ENOENT);
        assert_non_null(
                strstr(problem.text, "its launcher no-such-program is not on this machine"));
}

/* what a script sets for the compiler is seen in the script only */
static void launchers_that_are_scripts_count(void **state) {
        Fixture *f = *state;
        char script[160];
        _cleanup_(toolchain_unrefp) Toolchain *direct = NULL, *named = NULL;
        Digest first, second, third, fourth;

        (void) snprintf(script, sizeof(script), "%s/bin/with-release", f->dir->path);
        write_in(f, "bin/with-release", "#!/bin/sh\nRELEASE=3.0 exec \"$@\"\n", 0755);
        direct = launched(f, script, NULL, false);
        named = launched(f, "sh", script, false);
        first = identify(f, direct);
        second = identify(f, named);
        write_in(f, "bin/with-release", "#!/bin/sh\nRELEASE=3.5 exec \"$@\"\n", 0755);
        third = identify(f, direct);
        fourth = identify(f, named);
        assert_false(digest_equal(&first, &third));
        assert_false(digest_equal(&second, &fourth));
        fourth = identify(f, direct);
        assert_true(digest_equal(&third, &fourth));
}

/* `env -u SOMETHING` is a launcher that "goes elsewhere" without leaving */
static void remote_compilers_are_identified_there(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *there = launched(f, "env", "THERE=1", true);
        _cleanup_(toolchain_unrefp) Toolchain *broken = launched(f, "false", NULL, true);
        ToolchainIdentity first, next;
        Problem problem = {};

        assert_int_equal(toolchain_identify(there, f->state, true, &first, &problem), 0);
        assert_int_equal(first.n_files, 4);
        assert_int_equal(toolchain_memory_max(there), 0);
        write_in(f, "env/lib/libz.so.1", "changed", 0644);
        assert_int_equal(toolchain_identify(there, f->state, true, &next, &problem), 0);
        assert_true(digest_equal(&first.digest, &next.digest));
        write_in(f, "env/lib/python3.8/site-packages/vaic/__init__.py", "changed", 0644);
        /* what was learnt a moment ago will do, unless it must be fresh */
        assert_int_equal(toolchain_identify(there, f->state, false, &next, &problem), 0);
        assert_true(digest_equal(&first.digest, &next.digest));
        assert_int_equal(toolchain_identify(there, f->state, true, &next, &problem), 0);
        assert_false(digest_equal(&first.digest, &next.digest));

        expect_others_in_front_to_count(f, there);

        assert_int_equal(unlinkat(f->dir->fd, "env/bin/vai_c_xir", 0), 0);
        assert_int_equal(toolchain_identify(there, f->state, true, &next, &problem), -ENOENT);
        assert_non_null(strstr(problem.text, "is no program where its launcher"));
        assert_int_equal(toolchain_identify(broken, f->state, true, &next, &problem), -EAGAIN);
        assert_non_null(strstr(problem.text, "its launcher false failed"));
}

static void a_link_is_another_place_there_too(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *real = launched(f, "env", "THERE=1", true);
        _cleanup_(toolchain_unrefp) Toolchain *linked = NULL;
        Digest one, other;

        write_in(f, "tools/python", "", 0755);
        assert_int_equal(symlinkat("../env/bin/vai_c_xir", f->dir->fd, "tools/vai_c_xir"), 0);
        (void) snprintf(f->script, sizeof(f->script), "%s/tools/vai_c_xir", f->dir->path);
        linked = launched(f, "env", "THERE=1", true);
        one = identify(f, real);
        other = identify(f, linked);
        assert_false(digest_equal(&one, &other));
}

static void keys_tell_toolchains_apart(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = native(f, false, NULL);
        ToolchainIdentity identity = { .digest = { .bytes = { 1 } } };
        Digest first, second;

        for (unsigned i = 0; i < 2; i++) {
                _cleanup_(key_freep) Key *key = NULL;

                assert_int_equal(key_new(&key), 0);
                assert_int_equal(key_add_snapshot(key, "map-sorted", 1, &identity.digest), 0);
                assert_int_equal(key_add_fingerprint(key, 1), 0);
                identity.digest.bytes[5] = (uint8_t) i;
                assert_int_equal(toolchain_add_to_key(toolchain, &identity, key), 0);
                assert_int_equal(key_finish(key, i == 0 ? &first : &second), 0);
        }
        assert_false(digest_equal(&first, &second));
        assert_int_equal(toolchain_form(toolchain), CANON_MAP_SORTED);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(identity_is_content),
                TEST(search_paths_are_part_of_it),
                TEST(what_is_found_before_it_is_part_of_it),
                TEST(values_of_the_environment_stay_out_of_the_key),
                TEST(our_compiler_is_its_content),
                TEST(path_is_searched_and_we_are_never_found),
                TEST(commands_are_plain),
                TEST(a_link_is_another_place),
                TEST(conda_environments_are_found_by_name),
                TEST(conda_environments_are_activated),
                TEST(launchers_come_first),
                TEST(launchers_that_are_scripts_count),
                TEST(remote_compilers_are_identified_there),
                TEST(a_link_is_another_place_there_too),
                TEST(keys_tell_toolchains_apart),
        };
#undef TEST

        return cmocka_run_group_tests(tests, NULL, NULL);
}
