/*
 * How quick and how big is the watcher?
 *
 *   bench-watch [DIR]        works in a new directory below DIR (default: $TMPDIR, /tmp)
 *
 * Prints one line for each measurement, the median of several runs:
 *
 *   crawl      adding a root until SCANNED, with a warm directory cache, and the resident memory
 *              it takes; a directory holds ten files, one in a hundred is a model
 *   event      from close(2) or rename(2) in another process to the event in the sink
 *   overflow   from the first dispatch after the queue has overflowed until all is known again
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "bench/row.h"
#include "daemon/watch.h"

#define BENCH_RUNS  5
#define BENCH_SAVES 200

static void bench_die(const char *what) {
        (void) fprintf(stderr, "bench-watch: %s: %s\n", what, strerror(errno));
        exit(1);
}

static void bench_save(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

        if (fd < 0 || file_write_all(fd, "model", 5) < 0)
                bench_die(path);
        close(fd);
}

/* ---- the watcher's side --------------------------------------------------------------------- */

static bool bench_wanted(const char *name, void *userdata) {
        (void) userdata;
        return path_ends_with(name, ".xmodel");
}

static bool bench_ignored(const char *relative, bool is_directory, void *userdata) {
        (void) userdata;
        return is_directory && path_basename(relative)[0] == '.';
}

static const WatchFilter bench_filter = { .wanted = bench_wanted, .ignored = bench_ignored };

typedef struct BenchCount {
        size_t n_changed;
        int64_t last_ns; /* when */
} BenchCount;

static void bench_sink(const WatchEvent *event, void *userdata) {
        BenchCount *count = userdata;

        if (event->kind != WATCH_FILE_CHANGED)
                return;
        count->n_changed++;
        count->last_ns = clock_monotonic_ns();
}

static void bench_drain(Watch *watch, BenchCount *count) {
        int r;

        do
                r = watch_dispatch(watch, bench_sink, count, WATCH_BUDGET);
        while (r == 1);
        if (r < 0) {
                errno = -r;
                bench_die("watch_dispatch");
        }
}

static Watch *bench_watch(const char *path, BenchCount *count) {
        WatchRoot *root;
        Watch *watch;

        if (watch_new(&watch, WATCH_NODES_MAX) < 0 ||
            watch_add_root(watch, path, &bench_filter, NULL, &root) < 0)
                bench_die(path);
        bench_drain(watch, count);
        return watch;
}

/* ---- crawl ---------------------------------------------------------------------------------- */

static long bench_resident_kib(void) {
        _cleanup_(fclosep) FILE *file = fopen("/proc/self/statm", "re");
        long total = 0, resident = 0;

        if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2)
                bench_die("/proc/self/statm");
        return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void bench_make_tree(const char *top, unsigned n_directories) {
        char path[PATH_MAX];

        for (unsigned d = 0; d < n_directories; d++) {
                (void) snprintf(path, sizeof(path), "%s/%u/%u", top, d / 100, d % 100);
                close(file_make_dirs(AT_FDCWD, path, 0777));
                for (unsigned i = 0; i < 10; i++) {
                        (void) snprintf(path, sizeof(path), "%s/%u/%u/%u.%s", top, d / 100, d % 100,
                                        i, i == 0 && d % 10 == 0 ? "xmodel" : "txt");
                        bench_save(path);
                }
        }
}

/* a process of its own: freed memory would be used again, and not count */
static void bench_crawl(const char *top, unsigned n_directories) {
        long before = bench_resident_kib(), after = 0;
        int64_t ns[BENCH_RUNS];
        BenchCount count = { 0 };

        for (unsigned i = 0; i < BENCH_RUNS; i++) {
                int64_t start = clock_monotonic_ns();
                Watch *watch = bench_watch(top, &count);

                ns[i] = clock_monotonic_ns() - start;
                if (i == 0)
                        after = bench_resident_kib();
                watch_free(watch);
        }
        printf("crawl     %6u directories %7u files  %9.3f ms  %6ld KiB more\n", n_directories,
               n_directories * 10, row_median_ms(ns, BENCH_RUNS), after - before);
}

static void bench_in_child(void (*run)(const char *top, unsigned n), const char *top, unsigned n) {
        pid_t pid = -1;
        int status;

        (void) fflush(NULL);
        pid = fork();
        if (pid < 0)
                bench_die("fork");
        if (pid == 0) {
                run(top, n);
                exit(0);
        }
        if (waitpid(pid, &status, 0) != pid || status != 0)
                exit(1);
}

/* ---- event ---------------------------------------------------------------------------------- */

/* Saves once for each byte that comes, and answers when it did. */
static void bench_saver(const char *top, bool by_rename, int go, int done) {
        char path[PATH_MAX], temporary[PATH_MAX], byte;

        (void) snprintf(path, sizeof(path), "%s/x.xmodel", top);
        (void) snprintf(temporary, sizeof(temporary), "%s/x.tmp", top);
        while (read(go, &byte, 1) == 1) {
                int fd = open(by_rename ? temporary : path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
                int64_t at;

                if (fd < 0 || file_write_all(fd, "model", 5) < 0)
                        bench_die(path);
                at = clock_monotonic_ns();
                close(fd);
                if (by_rename) {
                        at = clock_monotonic_ns();
                        if (rename(temporary, path) < 0)
                                bench_die(path);
                }
                if (file_write_all(done, &at, sizeof(at)) < 0)
                        bench_die("pipe");
        }
        exit(0);
}

static int64_t bench_one_save(Watch *watch, BenchCount *count, int go, int done) {
        struct pollfd pfd = { .fd = watch_fd(watch), .events = POLLIN };
        size_t before = count->n_changed;
        int64_t at;

        if (file_write_all(go, "g", 1) < 0)
                bench_die("pipe");
        while (count->n_changed == before) {
                if (poll(&pfd, 1, 10000) != 1)
                        bench_die("no event");
                bench_drain(watch, count);
        }
        if (read(done, &at, sizeof(at)) != sizeof(at))
                bench_die("pipe");
        return count->last_ns - at;
}

static void bench_event(const char *top, bool by_rename) {
        BenchCount count = { 0 };
        Watch *watch = bench_watch(top, &count);
        int64_t ns[BENCH_SAVES];
        int go[2], done[2];
        pid_t pid = -1;

        (void) fflush(NULL);
        if (pipe2(go, O_CLOEXEC) < 0 || pipe2(done, O_CLOEXEC) < 0 || (pid = fork()) < 0)
                bench_die("fork");
        if (pid == 0) {
                close(go[1]);
                bench_saver(top, by_rename, go[0], done[1]);
        }
        close(go[0]);
        close(done[1]);
        for (unsigned i = 0; i < BENCH_SAVES; i++)
                ns[i] = bench_one_save(watch, &count, go[1], done[0]);
        close(go[1]);
        close(done[0]);
        (void) waitpid(pid, NULL, 0);
        watch_free(watch);
        printf("event     %-36s %9.3f ms\n", by_rename ? "rename" : "close",
               row_median_ms(ns, BENCH_SAVES));
}

/* ---- overflow ------------------------------------------------------------------------------- */

static void bench_overflow(const char *top) {
        BenchCount count = { 0 };
        Watch *watch = bench_watch(top, &count);
        size_t known = count.n_changed;
        char path[PATH_MAX];
        int64_t start;

        for (unsigned i = 0; i < 20001; i++) {
                (void) snprintf(path, sizeof(path), "%s/%u.xmodel", top, i);
                bench_save(path);
        }
        start = clock_monotonic_ns();
        bench_drain(watch, &count);
        printf("overflow  %-36s %9.3f ms\n", "20001 files",
               (double) (clock_monotonic_ns() - start) / (double) CLOCK_NS_PER_MS);
        if (count.n_changed < known + 20001)
                printf("overflow  LOST %zu files\n", known + 20001 - count.n_changed);
        watch_free(watch);
}

int main(int argc, char **argv) {
        const char *base = argc > 1 ? argv[1] : getenv("TMPDIR");
        char top[PATH_MAX], path[PATH_MAX];

        (void) snprintf(top, sizeof(top) - 32, "%s/bench-watch-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(top))
                bench_die(top);

        for (unsigned n = 10; n <= 10000; n *= 10) {
                (void) snprintf(path, sizeof(path), "%.4000s/%u", top, n);
                bench_make_tree(path, n);
                bench_in_child(bench_crawl, path, n);
        }
        (void) snprintf(path, sizeof(path), "%.4000s/10/0/0", top);
        bench_event(path, false);
        bench_event(path, true);
        bench_overflow(path);

        return file_remove_tree(AT_FDCWD, top) < 0;
}
