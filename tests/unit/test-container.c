/* Containers without an engine: its client is tests/support/double-docker.sh. */

#include "container_fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "daemon/capture.h"
#include "daemon/container.h"
#include "daemon/jobdir.h"
#include "daemon/probe.h"
#include "daemon/toolchain.h"

typedef ContainerFixture Fixture;

static int setup(void **state) {
        static Fixture f;
        int r = container_fixture_setup(&f, state);

        *state = &f;
        return r;
}

static int teardown(void **state) {
        return container_fixture_teardown(*state, state);
}

static bool has_pair(const Strings *list, const char *option, const char *value) {
        for (size_t i = 0; i + 1 < list->n; i++)
                if (strcmp(list->items[i], option) == 0 && strcmp(list->items[i + 1], value) == 0)
                        return true;
        return false;
}

static int resolve(Fixture *f, ContainerImage *ret, Problem *problem) {
        *problem = (Problem){};
        return container_resolve(&f->config, NULL, ret, problem);
}

static void a_name_is_resolved_to_an_id(void **state) {
        Fixture *f = *state;
        _cleanup_(container_image_cleanup) ContainerImage image = {};
        Problem problem;

        assert_int_equal(resolve(f, &image, &problem), 0);
        assert_string_equal(image.id, ID_1);
        assert_string_equal(image.reference, "vendor/image:1.0");
        assert_int_equal(image.engine, ENGINE_DOCKER);
}

static void the_first_image_that_is_there_is_used(void **state) {
        Fixture *f = *state;
        _cleanup_(container_image_cleanup) ContainerImage image = {};
        Problem problem;

        write_in(f, "bin/control/images/second:2", ID_2 "\n", 0644);
        strings_deinit(&f->config.images);
        assert_int_equal(strings_add(&f->config.images, "first:1"), 0);
        assert_int_equal(strings_add(&f->config.images, "second:2"), 0);
        assert_int_equal(resolve(f, &image, &problem), 0);
        assert_string_equal(image.id, ID_2);
}

/* each has a remedy, and none is a reason to run something else */
static void what_is_missing_is_told(void **state) {
        Fixture *f = *state;
        ContainerImage image;
        Problem problem;

        write_in(f, "bin/control/down", "", 0644);
        assert_int_equal(resolve(f, &image, &problem), -EAGAIN);
        assert_non_null(strstr(problem.text, "docker does not answer (Cannot connect"));
        assert_non_null(strstr(problem.text, "systemctl start docker"));
        assert_int_equal(unlinkat(f->dir->fd, "bin/control/down", 0), 0);

        assert_int_equal(unlinkat(f->dir->fd, "bin/control/images/vendor%image:1.0", 0), 0);
        assert_int_equal(resolve(f, &image, &problem), -ENODATA);
        assert_non_null(strstr(problem.text, "docker pull vendor/image:1.0"));

        write_in(f, "bin/control/images/vendor%image:1.0", "<html>", 0644);
        assert_int_equal(resolve(f, &image, &problem), -EAGAIN);

        f->config.engine = ENGINE_PODMAN;
        setenv("PATH", "/nonexistent", 1);
        assert_int_equal(resolve(f, &image, &problem), -ENOENT);
        assert_non_null(strstr(problem.text, "there is no podman"));
}

static void an_engine_that_is_down_is_not_replaced(void **state) {
        Fixture *f = *state;
        _cleanup_(container_image_cleanup) ContainerImage image = {};
        Problem problem;

        /* podman has a control folder of its own */
        install_engine(f, "other/podman");
        write_in(f, "other/control/images/vendor%image:1.0", ID_2 "\n", 0644);
        assert_int_equal(symlinkat("../other/podman", f->dir->fd, "bin/podman"), 0);
        f->config.engine = ENGINE_ANY;
        write_in(f, "bin/control/down", "", 0644);
        assert_int_equal(resolve(f, &image, &problem), -EAGAIN);
}

static const char job_id[] = "00112233445566778899aabbccddeeff";

static void commands_confine(void **state) {
        Fixture *f = *state;
        char docker[256];
        const ContainerImage image = {
                .engine = ENGINE_DOCKER,
                .program = docker,
                .reference = "vendor/image:1.0",
                .id = ID_1,
        };
        _cleanup_(strings_cleanup) Strings arguments = {};
        const ContainerJob job = {
                .id = job_id,
                .directory = "/cache with blank/jobs/x",
                .jobs_id = "abc",
                .arguments = &arguments,
        };
        _cleanup_(command_cleanup) Command command = {};
        const Strings *argv = &command.argv;
        char user[64];
        Problem problem;

        (void) snprintf(docker, sizeof(docker), "%s/bin/docker", f->dir->path);
        f->config.cpus = 8;
        f->config.memory_limit = UINT64_C(12) << 30;
        f->config.conda = (char *) "env; rm -rf /";
        assert_int_equal(strings_add(&f->config.environment, "MY_FLAG"), 0);
        setenv("MY_FLAG", "a secret", 1);
        assert_int_equal(strings_add(&arguments, "-n"), 0);
        assert_int_equal(strings_add(&arguments, "$(reboot)"), 0);
        assert_int_equal(container_command(&f->config, &image, &job, &command, &problem), 0);

        assert_string_equal(argv->items[0], docker);
        assert_true(has_pair(argv, "run", "--pull=never"));
        assert_true(has_pair(argv, "--init", "--log-driver=none"));
        assert_true(has_pair(argv, "--network", "none"));
        assert_true(has_pair(argv, "--name", "dpucc-00112233445566778899aabbccddeeff"));
        assert_true(has_pair(argv, "--label", "dpucc.jobs=abc"));
        assert_true(has_pair(argv, "--label", "dpucc.job=00112233445566778899aabbccddeeff"));
        assert_true(has_pair(argv, "--mount",
                             "type=bind,source=/cache with blank/jobs/x/in,target=/dpuccd/in,"
                             "readonly"));
        assert_true(has_pair(argv, "--mount",
                             "type=bind,source=/cache with blank/jobs/x/out,target=/dpuccd/out"));
        assert_true(has_pair(argv, "--cap-drop", "ALL"));
        assert_true(has_pair(argv, "--security-opt", "no-new-privileges"));
        assert_true(has_pair(argv, "--cpus", "8"));
        assert_true(has_pair(argv, "--memory", "12884901888"));
        assert_true(has_pair(argv, "--memory-swap", "12884901888"));
        assert_true(has_pair(argv, "--env", "PYTHONUNBUFFERED=1"));
        assert_true(has_pair(argv, "--env", "HOME=/tmp"));
        assert_true(has_pair(argv, "--env", "MY_FLAG"));
        assert_true(has_pair(argv, "--entrypoint", "/bin/bash"));
        (void) snprintf(user, sizeof(user), "%u:%u", geteuid(), getegid());
        assert_true(has_pair(argv, "--user", user));

        /* the image by its id; then nothing but bash's own arguments */
        assert_string_equal(argv->items[argv->n - 8], "sha256:" ID_1);
        assert_string_equal(argv->items[argv->n - 7], "-c");
        assert_null(strstr(argv->items[argv->n - 6], "reboot"));
        assert_string_equal(argv->items[argv->n - 4], "/opt/vitis_ai/conda");
        assert_string_equal(argv->items[argv->n - 3], "env; rm -rf /");
        assert_string_equal(argv->items[argv->n - 1], "$(reboot)");
        for (size_t i = 0; i < argv->n; i++)
                assert_null(strstr(argv->items[i], "secret"));
        assert_true(strings_contain(&command.env, "MY_FLAG=a secret"));
        assert_false(strings_contain(&command.env, "DPUCC_JOB=00112233445566778899aabbccddeeff"));
        f->config.conda = NULL;
}

static void a_directory_that_cannot_be_mounted_is_refused(void **state) {
        Fixture *f = *state;
        const ContainerImage image = { .engine = ENGINE_DOCKER, .program = (char *) "/x" };
        const Strings none = {};
        const ContainerJob job = {
                .id = job_id,
                .directory = "/a,target=/etc",
                .jobs_id = "abc",
                .arguments = &none,
        };
        Command command;
        Problem problem;

        assert_int_equal(container_command(&f->config, &image, &job, &command, &problem), -EINVAL);
        assert_non_null(strstr(problem.text, "cache.directory"));
}

static Toolchain *toolchain_of(Fixture *f) {
        const ToolchainSpec spec = { .config = &f->config, .dpucc = "/nowhere" };
        Toolchain *toolchain;

        assert_int_equal(toolchain_new(&toolchain, &spec), 0);
        return toolchain;
}

static void a_moved_tag_is_another_toolchain(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = toolchain_of(f);
        _cleanup_(jobdir_removep) JobDir *dir = NULL;
        _cleanup_(command_cleanup) Command command = {};
        ToolchainIdentity first, second;
        CommandSpec spec = {
                .jobs = f->jobs,
                .xmodel = "in/m",
                .arch = "in/a",
                .output_dir = "out",
                .net_name = "n",
                .options = "",
                .identity = &first.digest,
        };
        Problem problem = {};

        assert_int_equal(jobdir_new(&dir, f->jobs), 0);
        spec.job_id = dir->id;
        spec.directory = dir->path;
        assert_int_equal(toolchain_identify(toolchain, NULL, false, &first, &problem), 0);
        assert_string_equal(first.image, ID_1);
        write_in(f, "bin/control/images/vendor%image:1.0", "sha256:" ID_2 "\n", 0644);
        assert_int_equal(toolchain_identify(toolchain, NULL, false, &second, &problem), 0);
        assert_true(digest_equal(&first.digest, &second.digest)); /* at most 5 s old */
        assert_int_equal(toolchain_identify(toolchain, NULL, true, &second, &problem), 0);
        assert_false(digest_equal(&first.digest, &second.digest));

        /* what was keyed with the first is not run with the second */
        assert_int_equal(toolchain_command(toolchain, &spec, &command, &problem), -ESTALE);
        spec.identity = &second.digest;
        assert_int_equal(toolchain_command(toolchain, &spec, &command, &problem), 0);
        assert_true(strings_contain(&command.argv, "/dpuccd/in/m"));
        assert_true(strings_contain(&command.argv, "sha256:" ID_2));
}

static int answer(Toolchain *toolchain, int64_t since_ns, bool may_ask) {
        const ToolchainQuestion question = { .since_ns = since_ns, .may_ask = may_ask };
        ToolchainIdentity identity;
        Problem problem = {};
        int r;

        r = toolchain_answer(toolchain, NULL, &question, &identity, &problem);
        if (r == -EAGAIN)
                assert_non_null(strstr(problem.text, "does not answer"));
        return r;
}

/* what one found out is the answer for all who asked before that, and for nobody else */
static void an_engine_is_asked_once_for_all_who_wait(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = toolchain_of(f);
        int64_t first = clock_monotonic_ns(), later;

        assert_int_equal(answer(toolchain, first, false), TOOLCHAIN_UNKNOWN);
        write_in(f, "bin/control/down", "", 0644);
        assert_int_equal(answer(toolchain, first, true), -EAGAIN);
        assert_int_equal(unlinkat(f->dir->fd, "bin/control/down", 0), 0);
        later = clock_monotonic_ns();

        assert_int_equal(answer(toolchain, first, false), -EAGAIN);
        assert_int_equal(answer(toolchain, first, true), -EAGAIN);
        assert_int_equal(answer(toolchain, later, false), TOOLCHAIN_UNKNOWN);
        assert_int_equal(answer(toolchain, later, true), 0);
        assert_int_equal(answer(toolchain, later, false), 0);
        assert_int_equal(answer(toolchain, first, false), 0);

        /* while it is down again, what is known is true for a while */
        write_in(f, "bin/control/down", "", 0644);
        assert_int_equal(answer(toolchain, clock_monotonic_ns(), true), 0);
        assert_int_equal(unlinkat(f->dir->fd, "bin/control/down", 0), 0);
}

/* and what was cut short says nothing to the others */
static void a_question_is_cut_short(void **state) {
        Fixture *f = *state;
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = toolchain_of(f);
        const atomic_bool cancelled = true;
        const ToolchainQuestion question = {
                .since_ns = clock_monotonic_ns(),
                .may_ask = true,
                .cancelled = &cancelled,
        };
        ToolchainIdentity identity;
        Problem problem = {};

        write_in(f, "bin/control/hangs", "", 0644);
        assert_int_equal(toolchain_answer(toolchain, NULL, &question, &identity, &problem),
                         -ECANCELED);
        assert_int_equal(unlinkat(f->dir->fd, "bin/control/hangs", 0), 0);
        assert_int_equal(answer(toolchain, question.since_ns, true), 0);
}

/* a container as a daemon leaves it: the state of the double, and a process */
static void leave_container(Fixture *f, const char *job, const char *label) {
        char name[256], text[256];

        (void) snprintf(name, sizeof(name), "bin/control/containers/dpucc-%s/labels", job);
        (void) snprintf(text, sizeof(text), "dpucc.jobs=%s\ndpucc.job=%s\n", label, job);
        write_in(f, name, text, 0644);
        (void) snprintf(name, sizeof(name), "bin/control/containers/dpucc-%s/state", job);
        write_in(f, name, "exited 3 true\n", 0644);
}

static bool is_left(Fixture *f, const char *job) {
        char name[256];

        (void) snprintf(name, sizeof(name), "bin/control/containers/dpucc-%s", job);
        return faccessat(f->dir->fd, name, F_OK, 0) == 0;
}

static void orphans_are_removed_and_nothing_else(void **state) {
        Fixture *f = *state;
        static const char orphan[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        static const char other[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
        _cleanup_(jobdir_removep) JobDir *mine = NULL;
        char id[CONTAINER_JOBS_ID_MAX];

        assert_int_equal(jobdir_new(&mine, f->jobs), 0);
        assert_true(jobdir_is_held(f->jobs, mine->id));
        assert_false(jobdir_is_held(f->jobs, orphan));
        assert_int_equal(container_jobs_id(f->jobs, id), 0);
        leave_container(f, mine->id, id);
        leave_container(f, orphan, id);
        leave_container(f, other, "of another cache");

        assert_int_equal(container_reap(&f->config, f->jobs), 1);
        assert_true(is_left(f, mine->id));
        assert_false(is_left(f, orphan));
        assert_true(is_left(f, other));
        assert_int_equal(container_reap(&f->config, f->jobs), 0);
}

static void the_end_is_the_containers_not_the_clients(void **state) {
        Fixture *f = *state;
        Command command = {
                .engine = strdup(f->dir->path),
                .container = strdup("dpucc-00112233445566778899aabbccddeeff"),
        };
        char program[160];
        ContainerEnd end = {};
        Problem problem = {};

        (void) snprintf(program, sizeof(program), "%s/bin/docker", f->dir->path);
        free(command.engine);
        command.engine = strdup(program);
        assert_int_equal(container_inspect(&f->config, &command, &end, &problem), -EAGAIN);
        assert_non_null(strstr(problem.text, "No such container"));

        leave_container(f, job_id, "x");
        assert_int_equal(container_inspect(&f->config, &command, &end, &problem), 0);
        assert_int_equal(end.exit_status, 3);
        assert_true(end.out_of_memory);
        assert_int_equal(container_remove(&f->config, program, command.container), 0);
        assert_false(is_left(f, job_id));
        assert_int_equal(container_remove(&f->config, program, command.container), 0);
        command_deinit(&command);
}

/* podman without a session, podman as docker, docker with a broken config.json: they all warn, and
 * answer */
static void warnings_are_no_answers(void **state) {
        Fixture *f = *state;
        _cleanup_(container_image_cleanup) ContainerImage image = {};
        _cleanup_(freep) char *version = NULL;
        _cleanup_(command_cleanup) Command command = {};
        ContainerEnd end = {};
        Problem problem = {};

        write_in(f, "bin/control/warning", "WARN[0000] \"/\" is not a shared mount\n", 0644);
        assert_int_equal(container_resolve(&f->config, NULL, &image, &problem), 0);
        assert_string_equal(image.id, ID_1);
        assert_int_equal(container_engine_version(&f->config, &image, &version, &problem), 0);
        assert_string_equal(version, "20.10.24-double");

        leave_container(f, job_id, "x");
        command.engine = strdup(image.program);
        command.container = container_name(job_id);
        assert_int_equal(container_inspect(&f->config, &command, &end, &problem), 0);
        assert_int_equal(end.exit_status, 3);
}

typedef struct Steps {
        char good[256]; /* their names */
        char bad[64], text[512];
} Steps;

static void on_step(const ProbeStep *step, void *userdata) {
        Steps *steps = userdata;

        if (step->error == 0) {
                (void) strncat(steps->good, step->name, 32);
                (void) strncat(steps->good, " ", 2);
                return;
        }
        (void) snprintf(steps->bad, sizeof(steps->bad), "%s", step->name);
        (void) snprintf(steps->text, sizeof(steps->text), "%s", step->text);
}

static int probe(Fixture *f, Steps *ret) {
        _cleanup_(toolchain_unrefp) Toolchain *toolchain = toolchain_of(f);

        *ret = (Steps){};
        return probe_toolchain(toolchain, NULL, on_step, ret);
}

static size_t count_containers(Fixture *f) {
        _cleanup_(closep) int fd = -1;
        DIR *dir;
        size_t n = 0;

        fd = openat(f->dir->fd, "bin/control/containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        for (struct dirent *entry; dir && (entry = readdir(dir));)
                n += entry->d_name[0] != '.';
        if (dir) {
                fd = -1;
                (void) closedir(dir);
        }
        return n;
}

static void a_trial_that_hangs_leaves_nothing(void **state) {
        _cleanup_(container_image_cleanup) ContainerImage image = {};
        Fixture *f = *state;
        Problem problem = {};

        assert_int_equal(container_resolve(&f->config, NULL, &image, &problem), 0);
        write_in(f, "bin/control/bin/vai_c_xir", "#!/bin/sh\nexit 0\n", 0755);
        assert_int_equal(container_try(&f->config, &image, CONTAINER_TRY_MS, &problem), 0);
        assert_int_equal(count_containers(f), 0);

        write_in(f, "bin/control/bin/vai_c_xir", "#!/bin/sh\nexec sleep 100000\n", 0755);
        assert_int_equal(container_try(&f->config, &image, 1000, &problem), -EAGAIN);
        assert_int_equal(count_containers(f), 0);
}

static void a_probe_names_the_step_that_fails(void **state) {
        Fixture *f = *state;
        Steps steps;

        write_in(f, "bin/control/bin/vai_c_xir", "#!/bin/sh\nexit 0\n", 0755);
        assert_int_equal(probe(f, &steps), 0);
        assert_string_equal(steps.good, "engine image start ");

        write_in(f, "bin/control/bin/vai_c_xir", "#!/bin/sh\necho no python >&2; exit 1\n", 0755);
        assert_int_equal(probe(f, &steps), -EIO);
        assert_string_equal(steps.bad, "start");
        assert_non_null(strstr(steps.text, "(no python); correct \"conda\""));

        assert_int_equal(unlinkat(f->dir->fd, "bin/control/images/vendor%image:1.0", 0), 0);
        assert_int_equal(probe(f, &steps), -ENODATA);
        assert_string_equal(steps.bad, "image");
        write_in(f, "bin/control/down", "", 0644);
        assert_int_equal(probe(f, &steps), -EAGAIN);
        assert_string_equal(steps.bad, "engine");

        assert_int_equal(strings_add(&f->config.launcher, "no-such-launcher"), 0);
        assert_int_equal(probe(f, &steps), -ENOENT);
        assert_string_equal(steps.bad, "launcher");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(a_name_is_resolved_to_an_id),
                TEST(the_first_image_that_is_there_is_used),
                TEST(what_is_missing_is_told),
                TEST(an_engine_that_is_down_is_not_replaced),
                TEST(commands_confine),
                TEST(a_directory_that_cannot_be_mounted_is_refused),
                TEST(a_moved_tag_is_another_toolchain),
                TEST(an_engine_is_asked_once_for_all_who_wait),
                TEST(a_question_is_cut_short),
                TEST(orphans_are_removed_and_nothing_else),
                TEST(a_trial_that_hangs_leaves_nothing),
                TEST(a_probe_names_the_step_that_fails),
                TEST(the_end_is_the_containers_not_the_clients),
                TEST(warnings_are_no_answers),
        };
#undef TEST

        return cmocka_run_group_tests(tests, NULL, NULL);
}
