/*
 * Killing without harm
 *
 * Process numbers are used again, so "read a number from a file, kill it" sooner or later kills
 * a stranger. Each process is therefore first pinned by a pidfd, then looked at, then signalled
 * through the pidfd: what was looked at is what dies. A process may fork between our look and
 * its death; the sweep is repeated until it finds nothing, a few times at most.
 */

#include "daemon/jobdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/path.h"
#include "daemon/procfs.h"

#define JOBDIR_SWEEPS_MAX  8
#define JOBDIR_DEATH_MS    2000
#define JOBDIR_ENVIRON_MAX ((size_t) 1024 * 1024)
#define JOBDIR_STAT_MAX    ((size_t) 4096)
#define JOBDIR_GRACE_NS    (2 * CLOCK_NS_PER_S)
#define JOBDIR_POLL_MS     20

/* --- processes ------------------------------------------------------------------------------ */

static int jobdir_read_proc(const char *pid, const char *file, Bytes *ret) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, file);
        return file_read(AT_FDCWD, path, ret);
}

/* true if the environment of @pid holds MARKER=@id */
static bool jobdir_has_marker(const char *pid, const char *id) {
        _cleanup_(bytes_cleanup) Bytes environment = BYTES_INIT(JOBDIR_ENVIRON_MAX);
        char wanted[sizeof(JOBDIR_MARKER) + 1 + JOBDIR_ID_DIGITS];

        (void) snprintf(wanted, sizeof(wanted), JOBDIR_MARKER "=%s", id);
        if (jobdir_read_proc(pid, "environ", &environment) < 0)
                return false;
        return procfs_has_variable(bytes_slice(&environment), wanted);
}

static int jobdir_start_time(const char *pid, uint64_t *ret) {
        _cleanup_(bytes_cleanup) Bytes stat = BYTES_INIT(JOBDIR_STAT_MAX);
        _cleanup_(freep) char *text = NULL;
        int r;

        r = jobdir_read_proc(pid, "stat", &stat);
        if (r < 0)
                return r;
        text = bytes_take_string(&stat);
        return text ? procfs_start_time(text, ret) : -ENOMEM;
}

static bool jobdir_is_recorded(const char *pid, const char *recorded) {
        uint64_t start;
        char line[64];

        if (jobdir_start_time(pid, &start) < 0)
                return false;
        (void) snprintf(line, sizeof(line), "%.20s %llu\n", pid, (unsigned long long) start);
        return strcmp(line, recorded) == 0;
}

/* A big process takes a moment to die. */
static void jobdir_await_end(int pidfd) {
        struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

        (void) poll(&poll_fd, 1, JOBDIR_DEATH_MS);
}

/* Returns whether @pid was one of them. */
static bool jobdir_signal_one(const char *pid, const char *id, const char *recorded, int signum) {
        _cleanup_(closep) int pidfd = -1;
        pid_t number = (pid_t) strtol(pid, NULL, 10);
        bool leader;

        pidfd = pidfd_open(number, 0);
        if (pidfd < 0)
                return false;
        leader = jobdir_is_recorded(pid, recorded);
        if (!leader && !jobdir_has_marker(pid, id))
                return false;

        if (leader)
                (void) kill(-number, signum); /* its number is taken as long as it is there */
        /* the signal to its group may have ended a leader already */
        if (pidfd_send_signal(pidfd, signum, NULL, 0) < 0 && !(leader && errno == ESRCH))
                return false;
        jobdir_await_end(pidfd);
        return true;
}

/* Signal 0 only counts. */
static unsigned jobdir_sweep_once(const char *id, const char *recorded, int signum) {
        _cleanup_(closedirp) DIR *dir = opendir("/proc");
        struct dirent *entry;
        unsigned n = 0;

        while (dir && (entry = readdir(dir))) {
                struct stat st;

                if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
                        continue;
                if (fstatat(dirfd(dir), entry->d_name, &st, 0) < 0 || st.st_uid != geteuid())
                        continue;
                if (strtol(entry->d_name, NULL, 10) != getpid())
                        n += jobdir_signal_one(entry->d_name, id, recorded, signum);
        }
        return n;
}

/* the content of `process`: a new string, or NULL */
static char *jobdir_recorded(int fd) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(64);

        return file_read_plain(fd, "process", &bytes) == 0 ? bytes_take_string(&bytes) : NULL;
}

/* A launcher that is killed may leave its allocation on the cluster for good, so what a dead
 * daemon left is first asked to end. */
static unsigned jobdir_ask_to_end(int fd, const char *id) {
        _cleanup_(freep) char *recorded = jobdir_recorded(fd);
        const char *leader = recorded ? recorded : "";
        int64_t deadline_ns = clock_monotonic_ns() + JOBDIR_GRACE_NS;
        unsigned n;

        n = jobdir_sweep_once(id, leader, SIGTERM);
        while (n > 0 && jobdir_sweep_once(id, leader, 0) > 0 && clock_monotonic_ns() < deadline_ns)
                (void) poll(NULL, 0, JOBDIR_POLL_MS);
        return n;
}

static unsigned jobdir_sweep_marked(int fd, const char *id) {
        _cleanup_(freep) char *recorded = jobdir_recorded(fd);
        unsigned total = 0;

        for (unsigned i = 0; i < JOBDIR_SWEEPS_MAX; i++) {
                unsigned n = jobdir_sweep_once(id, recorded ? recorded : "", SIGKILL);

                if (n == 0)
                        break;
                total += n;
        }
        return total;
}

unsigned jobdir_sweep(const JobDir *dir) {
        return jobdir_sweep_marked(dir->fd, dir->id);
}

int jobdir_record(const JobDir *dir, pid_t pid) {
        _cleanup_(closep) int fd = -1;
        uint64_t start;
        char number[24], line[64];
        int n, r;

        (void) snprintf(number, sizeof(number), "%ld", (long) pid);
        r = jobdir_start_time(number, &start);
        if (r < 0)
                return r;
        n = snprintf(line, sizeof(line), "%s %llu\n", number, (unsigned long long) start);

        fd = file_create_plain(dir->fd, "process", 0600);
        return fd < 0 ? fd : file_write_all(fd, line, (size_t) n);
}

/* --- directories ---------------------------------------------------------------------------- */

static JobDir *jobdir_free(JobDir *dir) {
        closep(&dir->fd);
        closep(&dir->lock_fd);
        closep(&dir->parent_fd);
        free(dir->path);
        free(dir);
        return NULL;
}

JobDir *jobdir_remove(JobDir *dir) {
        if (!dir)
                return NULL;

        if (dir->fd >= 0)
                (void) jobdir_sweep(dir);
        if (dir->made)
                (void) file_remove_tree(dir->parent_fd, dir->id);
        return jobdir_free(dir);
}

/* removes what is in the directory @fd, which is taken over, save what is in @keep */
static int jobdir_empty(int fd, const char *const *keep, size_t n_keep) {
        _cleanup_(closep) int owned = fd;
        _cleanup_(closedirp) DIR *dir = fdopendir(fd);
        struct dirent *entry;
        int r = 0;

        if (!dir)
                return error_from_errno();
        owned = -1;
        while (r == 0 && (entry = readdir(dir))) {
                bool stays = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;

                for (size_t i = 0; !stays && i < n_keep; i++)
                        stays = strcmp(entry->d_name, keep[i]) == 0;
                if (!stays)
                        r = file_remove_tree(dirfd(dir), entry->d_name);
        }
        return r;
}

int jobdir_clear(const JobDir *dir, const char *folder) {
        _cleanup_(closep) int fd = -1;

        fd = openat(dir->fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fchmod(fd, 0700) < 0)
                return error_from_errno();
        return jobdir_empty(TAKE_FD(fd), NULL, 0);
}

int jobdir_renew(JobDir *dir) {
        static const char *const keep[] = { "lock", "in", "out", "tmp" };
        _cleanup_(closep) int fd = -1;
        int r = 0;

        (void) jobdir_sweep(dir);
        for (size_t i = 1; r == 0 && i < ARRAY_SIZE(keep); i++)
                r = jobdir_clear(dir, keep[i]);
        if (r < 0)
                return r;
        fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_from_errno();
        return jobdir_empty(TAKE_FD(fd), keep, ARRAY_SIZE(keep));
}

static int jobdir_lock(int fd) {
        _cleanup_(closep) int lock = -1;

        lock = openat(fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (lock < 0)
                return error_from_errno();
        if (flock(lock, LOCK_EX | LOCK_NB) < 0)
                return error_from_errno();
        return TAKE_FD(lock);
}

/* Between mkdir and lock the directory looks abandoned: the lock of the parent, held here and
 * by jobdir_reap(), closes that gap. */
static int jobdir_fill(JobDir *dir) {
        static const char *const folders[] = { "in", "out", "tmp" };

        if (flock(dir->parent_fd, LOCK_EX) < 0)
                return error_from_errno();
        if (mkdirat(dir->parent_fd, dir->id, 0700) < 0)
                return error_from_errno();
        dir->made = true;
        dir->fd = openat(dir->parent_fd, dir->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir->fd < 0)
                return error_from_errno();
        dir->lock_fd = jobdir_lock(dir->fd);
        if (dir->lock_fd < 0)
                return dir->lock_fd;
        (void) flock(dir->parent_fd, LOCK_UN);

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                if (mkdirat(dir->fd, folders[i], 0700) < 0)
                        return error_from_errno();
        return 0;
}

int jobdir_new(JobDir **ret, const char *jobs) {
        _cleanup_(jobdir_removep) JobDir *dir = NULL;
        uint8_t random[JOBDIR_ID_DIGITS / 2];
        int r;

        dir = calloc(1, sizeof(*dir));
        if (!dir)
                return -ENOMEM;
        dir->fd = dir->lock_fd = dir->parent_fd = -1;

        if (getrandom(random, sizeof(random), 0) != sizeof(random))
                return error_from_errno();
        hex_encode(random, sizeof(random), dir->id);
        dir->path = path_join(jobs, dir->id);
        if (!dir->path)
                return -ENOMEM;

        dir->parent_fd = file_make_dirs(AT_FDCWD, jobs, 0700);
        if (dir->parent_fd < 0)
                return dir->parent_fd;
        r = jobdir_fill(dir);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(dir);
        return 0;
}

bool jobdir_is_held(const char *jobs, const char *id) {
        uint8_t raw[JOBDIR_ID_DIGITS / 2];
        _cleanup_(closep) int jobs_fd = -1, fd = -1, lock = -1;

        if (hex_decode(id, raw, sizeof(raw)) < 0)
                return false;
        jobs_fd = open(jobs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        /* one that is just being made is not locked yet: its maker holds the parent meanwhile */
        if (jobs_fd < 0 || flock(jobs_fd, LOCK_SH) < 0)
                return errno != ENOENT;
        fd = openat(jobs_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno != ENOENT && errno != ENOTDIR && errno != ELOOP;
        lock = jobdir_lock(fd);
        return lock < 0;
}

/* Returns 1 if the directory was removed. */
static int jobdir_reap_one(int jobs_fd, const char *id, unsigned *killed) {
        _cleanup_(closep) int fd = -1, lock = -1;
        uint8_t raw[JOBDIR_ID_DIGITS / 2];
        unsigned asked, swept;
        int r;

        if (hex_decode(id, raw, sizeof(raw)) < 0)
                return 0; /* not made by us */
        fd = openat(jobs_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return 0;
        lock = jobdir_lock(fd);
        if (lock < 0)
                return 0; /* its owner lives */

        asked = jobdir_ask_to_end(fd, id);
        swept = jobdir_sweep_marked(fd, id);
        *killed += asked > swept ? asked : swept;
        r = file_remove_tree(jobs_fd, id);
        return r < 0 ? r : 1;
}

int jobdir_reap(const char *jobs, unsigned *ret_killed, unsigned *ret_removed) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        unsigned killed = 0, removed = 0;

        dir = opendir(jobs);
        if (!dir && errno != ENOENT)
                return error_from_errno();
        if (dir && flock(dirfd(dir), LOCK_EX) < 0)
                return error_from_errno();

        while (dir && (entry = readdir(dir)))
                removed += jobdir_reap_one(dirfd(dir), entry->d_name, &killed) == 1;
        *ret_killed = killed;
        *ret_removed = removed;
        return 0;
}
