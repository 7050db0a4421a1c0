/* Containers that are kept, without an engine: its client is tests/support/double-docker.sh. */

#include "container_fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "daemon/capture.h"
#include "daemon/warm.h"

typedef struct Fixture {
        ContainerFixture base;
        Toolchain *toolchain;
        Digest identity;
        uv_loop_t loop;
        WorkPool pool;
        Warm *warm;
        bool stopped;
} Fixture;

static void compiler_is(Fixture *f, const char *text) {
        write_in(&f->base, "bin/control/bin/vai_c_xir", text, 0755);
}

static void use(Fixture *f, unsigned warm_idle_s) {
        const ToolchainSpec spec = { .config = &f->base.config, .dpucc = "/nowhere" };
        ToolchainIdentity identity;
        Problem problem = {};

        f->base.config.warm_idle_s = warm_idle_s;
        f->toolchain = toolchain_unref(f->toolchain);
        assert_int_equal(toolchain_new(&f->toolchain, &spec), 0);
        assert_int_equal(toolchain_identify(f->toolchain, NULL, true, &identity, &problem), 0);
        f->identity = identity.digest;
}

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){};
        if (container_fixture_setup(&f.base, state) < 0)
                return -1;
        *state = &f;
        write_in(&f.base, "bin/control/proc/sysvipc/shm", "key\n", 0644);
        compiler_is(&f, "#!/bin/sh\necho \"$@\"\n");
        assert_int_equal(uv_loop_init(&f.loop), 0);
        work_pool_init(&f.pool, &f.loop);
        assert_int_equal(warm_new(&f.warm, &f.pool), 0);
        use(&f, 600);
        return 0;
}

static void on_stopped(void *userdata) {
        Fixture *f = userdata;

        f->stopped = true;
}

static unsigned n_containers(Fixture *f) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        unsigned n = 0;
        char path[256];

        (void) snprintf(path, sizeof(path), "%s/bin/control/containers", f->base.dir->path);
        dir = opendir(path);
        while (dir && (entry = readdir(dir)))
                n += entry->d_name[0] != '.';
        return n;
}

/* whatever is idle goes, and every handle with it */
static int teardown(void **state) {
        Fixture *f = *state;

        warm_stop(f->warm, on_stopped, f);
        (void) uv_run(&f->loop, UV_RUN_DEFAULT);
        assert_true(f->stopped);
        assert_int_equal(n_containers(f), 0);
        assert_int_equal(uv_loop_close(&f->loop), 0);
        (void) toolchain_unref(f->toolchain);
        return container_fixture_teardown(&f->base, state);
}

static Box *take(Fixture *f) {
        Problem problem = {};
        Box *box = NULL;

        assert_int_equal(
                warm_take(f->warm, f->toolchain, &f->identity, f->base.jobs, &box, &problem), 0);
        return box;
}

/* Runs the compiler in @box. Returns what toolchain_conclude() does. */
static int run(Fixture *f, Box *box, Command *command, ContainerEnd *ret, Capture *capture) {
        const CommandSpec spec = {
                .job_id = box->dir->id,
                .directory = box->dir->path,
                .jobs = f->base.jobs,
                .xmodel = "in/m",
                .arch = "in/a",
                .output_dir = "out",
                .net_name = "n",
                .options = "",
                .identity = &f->identity,
                .box = box,
        };
        Problem problem = {};

        assert_int_equal(toolchain_command(f->toolchain, &spec, command, &problem), 0);
        assert_int_equal(capture_run(command, 60000, capture), 0);
        command->removed = false;
        return toolchain_conclude(f->toolchain, command, ret, &problem);
}

/* Returns whether the box may be kept. */
static bool run_expecting(Fixture *f, Box *box, int status) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        ContainerEnd end = {};

        assert_int_equal(run(f, box, &command, &end, &capture), 0);
        assert_int_equal(end.exit_status, status);
        return command.intact;
}

static void none_unless_it_is_configured(void **state) {
        Fixture *f = *state;

        use(f, 0);
        assert_null(take(f));
        assert_int_equal(n_containers(f), 0);
}

static void the_next_job_gets_the_same_one_empty(void **state) {
        Fixture *f = *state;
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        Box *box = take(f), *other;
        struct stat st, again;
        ContainerEnd end = {};
        char name[256];

        assert_int_equal(run(f, box, &command, &end, &capture), 0);
        assert_true(command.intact);
        assert_non_null(memmem(capture.out.data, capture.out.size, "/in/m", 5));
        assert_int_equal(fstatat(box->dir->fd, "out", &st, 0), 0);
        (void) snprintf(name, sizeof(name), "jobs/%s/out/deep/er", box->dir->id);
        write_in(&f->base, name, "left", 0644);
        (void) snprintf(name, sizeof(name), "jobs/%s/compile.log", box->dir->id);
        write_in(&f->base, name, "left", 0644);

        warm_give(f->warm, box, true);
        assert_ptr_equal(take(f), box);
        assert_int_equal(fstatat(box->dir->fd, "out", &again, 0), 0);
        assert_true(again.st_ino == st.st_ino); /* the container has it mounted */
        assert_int_equal(again.st_nlink, 2);
        assert_int_equal(faccessat(box->dir->fd, "compile.log", F_OK, 0), -1);
        assert_int_equal(faccessat(box->dir->fd, "tmp/.dpucc-end", F_OK, 0), -1);

        /* and only one job at a time */
        other = take(f);
        assert_ptr_not_equal(other, box);
        assert_int_equal(n_containers(f), 2);
        warm_give(f->warm, other, true);
        warm_give(f->warm, box, true);
        assert_int_equal(n_containers(f), 2);
}

static void other_limits_and_other_images_need_another(void **state) {
        Fixture *f = *state;
        Box *box = take(f), *other;

        warm_give(f->warm, box, true);
        f->base.config.memory_limit = 1 << 20;
        use(f, 600);
        other = take(f);
        assert_ptr_not_equal(other, box);
        warm_give(f->warm, other, true);

        f->base.config.memory_limit = 0;
        write_in(&f->base, "bin/control/images/vendor%image:1.0", "sha256:" ID_2 "\n", 0644);
        use(f, 600);
        other = take(f);
        assert_ptr_not_equal(other, box);
        warm_give(f->warm, other, true);
        assert_int_equal(n_containers(f), 3);
}

/* One image may have several compilers, and one engine may be there several times. */
static void other_compilers_in_it_need_another(void **state) {
        Fixture *f = *state;
        ConfigToolchain *config = &f->base.config;
        Box *box = take(f), *other;

        warm_give(f->warm, box, true);
        config->conda = (char *) "vitis-ai-tensorflow2";
        use(f, 600);
        other = take(f);
        assert_ptr_not_equal(other, box);
        warm_give(f->warm, other, true);
        assert_ptr_equal(take(f), other);

        warm_give(f->warm, other, true);
        config->conda_root = (char *) "/opt/conda";
        use(f, 600);
        other = take(f);
        assert_int_equal(n_containers(f), 3);
        warm_give(f->warm, other, true);

        config->conda = config->conda_root = NULL;
        use(f, 600);
        assert_ptr_equal(take(f), box);
        assert_int_equal(strings_add(&config->launcher, "env"), 0);
        warm_give(f->warm, box, true);
        use(f, 600);
        other = take(f);
        assert_int_equal(n_containers(f), 4);
        warm_give(f->warm, other, true);
}

static void a_failure_ends_it(void **state) {
        Fixture *f = *state;
        Box *box = take(f);

        compiler_is(f, "#!/bin/sh\nexit 3\n");
        assert_false(run_expecting(f, box, 3));
        assert_int_equal(n_containers(f), 0);
        warm_give(f->warm, box, false);
}

static void what_is_left_ends_it(void **state) {
        Fixture *f = *state;
        char script[256];
        Box *box = take(f);

        /* a process that stays, as the script inside sees it */
        (void) snprintf(script, sizeof(script), "#!/bin/sh\nmkdir %s/bin/control/proc/77\n",
                        f->base.dir->path);
        compiler_is(f, script);
        assert_false(run_expecting(f, box, 0));
        assert_int_equal(n_containers(f), 0);
        warm_give(f->warm, box, false);

        /* a file outside of the mounts, as the engine sees it */
        compiler_is(f, "#!/bin/sh\n");
        write_in(&f->base, "bin/control/changes", "A /b\nA /a\n", 0644);
        box = take(f);
        assert_true(run_expecting(f, box, 0));
        write_in(&f->base, "bin/control/changes", "A /a\nA /b\n", 0644); /* in another order */
        warm_give(f->warm, box, true);
        assert_ptr_equal(take(f), box);
        assert_true(run_expecting(f, box, 0));
        write_in(&f->base, "bin/control/changes", "A /a\nA /b\nA /left\n", 0644);
        warm_give(f->warm, box, true);
        assert_int_equal(n_containers(f), 0);
}

/* a container that somebody removed: the status of the client says nothing of the compiler */
static void an_end_that_was_not_told_is_none(void **state) {
        Fixture *f = *state;
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        Box *box = take(f);
        ContainerEnd end = {};

        assert_int_equal(container_remove(&f->base.config, box->engine, box->name), 0);
        assert_int_equal(run(f, box, &command, &end, &capture), -EAGAIN);
        assert_false(command.intact);
        warm_give(f->warm, box, false);
}

static void idle_ones_end_after_their_time(void **state) {
        Fixture *f = *state;

        use(f, 1);
        warm_give(f->warm, take(f), true);
        assert_int_equal(n_containers(f), 1);
        warm_tend(f->warm);
        while (n_containers(f) > 0)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(none_unless_it_is_configured),
                TEST(the_next_job_gets_the_same_one_empty),
                TEST(other_limits_and_other_images_need_another),
                TEST(other_compilers_in_it_need_another),
                TEST(a_failure_ends_it),
                TEST(what_is_left_ends_it),
                TEST(an_end_that_was_not_told_is_none),
                TEST(idle_ones_end_after_their_time),
        };
#undef TEST

        return cmocka_run_group_tests(tests, NULL, NULL);
}
