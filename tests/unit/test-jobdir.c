#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "daemon/jobdir.h"

static void jobs_path(const UnitDir *dir, char ret[128]) {
        (void) snprintf(ret, 128, "%s/jobs", dir->path);
}

/* A child that sleeps under @environment, once it really does. */
static pid_t spawn_sleeper(const char *environment) {
        _cleanup_(closep) int ready = -1, told = -1;
        int fds[2];
        pid_t pid;
        char c;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        ready = fds[0];
        told = fds[1];
        pid = fork();
        if (pid == 0) {
                char *const env[] = { (char *) environment, NULL };

                (void) execle("/bin/sleep", "sleep", "1000", (char *) NULL, env);
                _exit(127);
        }
        assert_true(pid > 0);
        close(TAKE_FD(told));
        assert_int_equal(read(ready, &c, 1), 0); /* closed by the exec */
        return pid;
}

static bool ended_by(pid_t pid, int signum) {
        int status;

        return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == signum;
}

static bool was_killed(pid_t pid) {
        return ended_by(pid, SIGKILL);
}

static void stop_sleeper(pid_t pid) {
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* nobody touched it */
        (void) kill(pid, SIGKILL);
        assert_true(was_killed(pid));
}

/* what is left of a directory when its owner is killed */
static void abandon(JobDir *dir) {
        close(dir->fd);
        close(dir->lock_fd);
        close(dir->parent_fd);
        free(dir->path);
        free(dir);
}

static void makes_and_removes(void **state) {
        const UnitDir *dir = *state;
        char jobs[128], path[256];
        JobDir *a, *b;

        jobs_path(dir, jobs);
        assert_int_equal(jobdir_new(&a, jobs), 0);
        assert_int_equal(jobdir_new(&b, jobs), 0);
        assert_string_not_equal(a->id, b->id);
        (void) snprintf(path, sizeof(path), "%s/in", a->path);
        assert_int_equal(access(path, W_OK), 0);
        (void) jobdir_remove(a);
        assert_int_equal(access(path, F_OK), -1);
        (void) jobdir_remove(b);
        (void) jobdir_remove(NULL);
        assert_int_equal(rmdir(jobs), 0);
}

static void marked_processes_die_and_strangers_live(void **state) {
        const UnitDir *dir = *state;
        char jobs[128], marker[64], other[64];
        pid_t ours, stranger;
        JobDir *job;

        jobs_path(dir, jobs);
        assert_int_equal(jobdir_new(&job, jobs), 0);
        (void) snprintf(marker, sizeof(marker), JOBDIR_MARKER "=%s", job->id);
        (void) snprintf(other, sizeof(other), "X%s", marker); /* looks alike */
        ours = spawn_sleeper(marker);
        stranger = spawn_sleeper(other);
        assert_int_equal(jobdir_sweep(job), 1);
        assert_true(was_killed(ours));
        stop_sleeper(stranger);
        (void) jobdir_remove(job);
}

static void the_recorded_process_dies_even_without_a_mark(void **state) {
        const UnitDir *dir = *state;
        char jobs[128];
        JobDir *job;
        pid_t pid;

        jobs_path(dir, jobs);
        assert_int_equal(jobdir_new(&job, jobs), 0);
        pid = spawn_sleeper("PATH=/bin");
        assert_int_equal(jobdir_record(job, pid), 0);
        assert_int_equal(jobdir_sweep(job), 1);
        assert_true(was_killed(pid));
        (void) jobdir_remove(job);
}

static void a_number_used_again_is_a_stranger(void **state) {
        const UnitDir *dir = *state;
        char jobs[128], line[64];
        JobDir *job;
        pid_t pid;
        int fd;

        jobs_path(dir, jobs);
        assert_int_equal(jobdir_new(&job, jobs), 0);
        pid = spawn_sleeper("PATH=/bin");
        (void) snprintf(line, sizeof(line), "%ld 12345\n", (long) pid); /* another start time */
        fd = openat(job->fd, "process", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, line, strlen(line)), 0);
        close(fd);
        assert_int_equal(jobdir_sweep(job), 0);
        stop_sleeper(pid);
        (void) jobdir_remove(job);
}

static void reaps_the_dead_and_spares_the_living(void **state) {
        const UnitDir *dir = *state;
        unsigned killed = 9, removed = 9;
        char jobs[128], marker[64];
        JobDir *living, *dead;
        pid_t orphan;

        jobs_path(dir, jobs);
        assert_int_equal(jobdir_reap(jobs, &killed, &removed), 0); /* no such directory */
        assert_int_equal(killed + removed, 0);

        assert_int_equal(jobdir_new(&living, jobs), 0);
        assert_int_equal(jobdir_new(&dead, jobs), 0);
        (void) snprintf(marker, sizeof(marker), JOBDIR_MARKER "=%s", dead->id);
        orphan = spawn_sleeper(marker);
        abandon(dead);
        assert_int_equal(mkdirat(living->parent_fd, "not-ours", 0700), 0);

        assert_int_equal(jobdir_reap(jobs, &killed, &removed), 0);
        assert_int_equal(killed, 1);
        assert_int_equal(removed, 1);
        assert_true(ended_by(orphan, SIGTERM)); /* it was asked first */
        assert_int_equal(access(living->path, F_OK), 0);
        assert_int_equal(faccessat(living->parent_fd, "not-ours", F_OK, 0), 0);
        (void) jobdir_remove(living);
}

/* Who is told that nobody holds it removes containers that run. */
static void without_descriptors_all_are_held(void **state) {
        const UnitDir *dir = *state;
        _cleanup_(jobdir_removep) JobDir *mine = NULL;
        struct rlimit before, none;
        char jobs[128];
        bool held;

        jobs_path(dir, jobs);
        assert_int_equal(jobdir_new(&mine, jobs), 0);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        for (unsigned left = 0; left < 3; left++) { /* of the three that it takes */
                none = (struct rlimit){ (rlim_t) unit_lowest_fd() + left, before.rlim_max };
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
                held = jobdir_is_held(jobs, mine->id);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
                assert_true(held);
        }
        assert_true(jobdir_is_held(jobs, mine->id));
        assert_false(jobdir_is_held(jobs, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, unit_dir_setup, unit_dir_teardown)
        const struct CMUnitTest tests[] = {
                TEST(makes_and_removes),
                TEST(marked_processes_die_and_strangers_live),
                TEST(the_recorded_process_dies_even_without_a_mark),
                TEST(a_number_used_again_is_a_stranger),
                TEST(reaps_the_dead_and_spares_the_living),
                TEST(without_descriptors_all_are_held),
        };
#undef TEST

        return cmocka_run_group_tests(tests, NULL, NULL);
}
