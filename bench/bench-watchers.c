/*
 * Our watcher beside inotifywait, fswatch, watchman and entr
 *
 *   bench-watchers [DIR]     works in a new directory below DIR (default: $TMPDIR, /tmp)
 *
 * Rows B4, B6, B10. All are processes that print a line for each save they tell of, and all are
 * measured here, by the line's arrival in a pipe. They run side by side, each on a directory of its
 * own, and one after the other gets a save. Ours is this program again, as `bench-watchers --print
 * DIR`: the daemon's watcher on poll(2), and nothing else of the daemon; and the whole daemon, seen
 * through `dpucc-client monitor`. Peers that are not installed are left out, and the output says so.
 *
 *   event     from close(2), or rename(2), in this process to the line; median and 99th centile
 *   slow      lines for one save of twenty pieces with 50 or 200 ms between them; one is right
 *   overflow  20,001 files saved while it was stopped: from its continuation until the last save,
 *             which the kernel's queue had no room for, is told of
 *
 * What is not equal: inotifywait and fswatch tell of every file; watchman keeps the whole tree in
 * memory to answer questions that nobody asks here, and waits for 20 ms of quiet unless told
 * otherwise; entr watches one file that it is given; the daemon's line takes the way over another
 * process.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "base/program.h"
#include "bench/row.h"
#include "daemon/watch.h"

#define BENCH_SAVES         100
#define BENCH_SLOW_PARTS    20
#define BENCH_BETWEEN_MS    150
#define BENCH_SAVE_PATIENCE 5000 /* ms */
#define BENCH_FLOOD         20001
#define BENCH_PATIENCE      30000 /* ms */

static void bench_die(const char *what) {
        (void) fprintf(stderr, "bench-watchers: %s: %s\n", what, strerror(errno));
        exit(1);
}

static void bench_pause_ms(int ms) {
        (void) poll(NULL, 0, ms);
}

/* ---- ours ------------------------------------------------------------------------------------ */

static bool print_wanted(const char *name, void *userdata) {
        (void) userdata;
        return path_ends_with(name, ".xmodel");
}

static bool print_ignored(const char *relative, bool is_directory, void *userdata) {
        (void) userdata;
        return is_directory && path_basename(relative)[0] == '.';
}

static void print_event(const WatchEvent *event, void *userdata) {
        bool *ready = userdata;

        if (event->kind == WATCH_SCANNED) {
                *ready = true;
                puts("ready");
        } else if (event->kind == WATCH_FILE_CHANGED && *ready) {
                puts(event->path);
        } else {
                return;
        }
        (void) fflush(stdout);
}

static int print_main(const char *directory) {
        const WatchFilter filter = { .wanted = print_wanted, .ignored = print_ignored };
        WatchRoot *root;
        bool ready = false;
        Watch *watch;
        int r;

        if (watch_new(&watch, WATCH_NODES_MAX) < 0 ||
            watch_add_root(watch, directory, &filter, NULL, &root) < 0)
                bench_die(directory);
        for (;;) {
                struct pollfd pfd = { .fd = watch_fd(watch), .events = POLLIN };

                do
                        r = watch_dispatch(watch, print_event, &ready, WATCH_BUDGET);
                while (r == 1);
                if (r < 0 || poll(&pfd, 1, -1) < 0)
                        return 1;
        }
}

/* ---- peers ----------------------------------------------------------------------------------- */

typedef struct Peer {
        const char *name;
        const char *program;
        const char *script; /* of sh: $1 the directory, $2 a scratch directory, $3 ourselves */
        const char *ready;  /* in a line of its output */
        const char *line;   /* in a line that tells of a save */
        bool one_file;      /* it watches only x.xmodel */
        bool scratch_pid;   /* the process that watches is named by $2/pid */
} Peer;

#define WATCHMAN_SCRIPT(_settle)                                                                   \
        "echo '{\"settle\":" _settle "}' >\"$1/.watchmanconfig\"\n"                                \
        "watchman -f --sockname \"$2/sock\" --logfile \"$2/log\" --pidfile \"$2/lock\" "           \
        "--no-save-state </dev/null >/dev/null 2>&1 &\n"                                           \
        "echo $! >\"$2/pid\"\n"                                                                    \
        "i=0; until [ -S \"$2/sock\" ] || [ $i = 200 ]; do i=$((i+1)); sleep 0.005; done\n"        \
        "watchman --sockname \"$2/sock\" --no-spawn watch \"$1\" >/dev/null\n"                     \
        "watchman --sockname \"$2/sock\" --no-spawn find \"$1\" \'*.xmodel\' >/dev/null\n"         \
        "printf '[\"subscribe\",\"%s\",\"s\",{\"fields\":[\"name\"],"                              \
        "\"expression\":[\"suffix\",\"xmodel\"]}]\n' \"$1\" |\n"                                   \
        "exec watchman --sockname \"$2/sock\" --no-spawn --no-pretty -p -j"

static const Peer peers[] = {
        { .name = "dpucc",
          .program = "sh",
          .script = "exec \"$3\" --print \"$1\"",
          .ready = "ready",
          .line = ".xmodel" },
        { .name = "dpuccd, monitor",
          .program = "sh",
          .script = "unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_STATE_HOME DPUCC_SOCKET\n"
                    "export HOME=\"$2\" XDG_RUNTIME_DIR=\"$2\" DPUCC_TOOLCHAIN=dpucc\n"
                    "PATH=$(dirname \"$3\")/../bin:$PATH\n"
                    "dpuccd -q </dev/null >/dev/null 2>&1 &\n"
                    "echo $! >\"$2/pid\"\n"
                    "i=0; until dpucc-client roots >/dev/null 2>&1 || [ $i = 500 ]; do\n"
                    "i=$((i+1)); sleep 0.01; done\n"
                    "dpucc-client watch \"$1\" >/dev/null\n"
                    "dpucc-client wait --all >/dev/null 2>&1\n"
                    "exec dpucc-client monitor",
          .ready = "monitoring",
          .line = " saved ",
          .scratch_pid = true },
        { .name = "inotifywait",
          .program = "inotifywait",
          .script = "exec inotifywait -m -r -e close_write,moved_to --format %w%f \"$1\" "
                    "2>&1",
          .ready = "established",
          .line = ".xmodel" },
        { .name = "fswatch",
          .program = "fswatch",
          .script = "(sleep 1; echo ready) & exec fswatch -r -l 0.1 \"$1\"",
          .ready = "ready",
          .line = ".xmodel" },
        { .name = "watchman",
          .program = "watchman",
          .script = WATCHMAN_SCRIPT("20"),
          .ready = "\"subscribe\"",
          .line = "is_fresh_instance\":false",
          .scratch_pid = true },
        { .name = "watchman 1 ms",
          .program = "watchman",
          .script = WATCHMAN_SCRIPT("1"),
          .ready = "\"subscribe\"",
          .line = "is_fresh_instance\":false",
          .scratch_pid = true },
        { .name = "entr",
          .program = "entr",
          .script = "echo \"$1/x.xmodel\" | exec entr -n echo saved",
          .ready = "saved",
          .line = "saved",
          .one_file = true },
};

typedef struct Running {
        const Peer *peer;
        pid_t pid;     /* of its shell, leader of its process group */
        pid_t watcher; /* of the process that watches */
        int fd;
        char buffer[64 * 1024];
        size_t n;
        char directory[PATH_MAX];
        char scratch[PATH_MAX];
} Running;

/* The next line, or NULL after @timeout_ms. Borrowed until the next call. */
static const char *running_line(Running *running, int timeout_ms) {
        static char line[sizeof(running->buffer)];

        for (;;) {
                struct pollfd pfd = { .fd = running->fd, .events = POLLIN };
                char *end = memchr(running->buffer, '\n', running->n);
                ssize_t n;

                if (end) {
                        size_t size = (size_t) (end - running->buffer);

                        memcpy(line, running->buffer, size);
                        line[size] = '\0';
                        running->n -= size + 1;
                        memmove(running->buffer, end + 1, running->n);
                        return line;
                }
                if (running->n == sizeof(running->buffer))
                        running->n = 0; /* no line of interest is that long */
                if (poll(&pfd, 1, timeout_ms) != 1)
                        return NULL;
                n = read(running->fd, running->buffer + running->n,
                         sizeof(running->buffer) - running->n);
                if (n <= 0)
                        return NULL;
                running->n += (size_t) n;
        }
}

static bool running_expect(Running *running, const char *what, int timeout_ms) {
        const char *line;

        while ((line = running_line(running, timeout_ms)))
                if (strstr(line, what))
                        return true;
        return false;
}

static void running_stop(Running *running) {
        (void) kill(-running->pid, SIGKILL);
        (void) waitpid(running->pid, NULL, 0);
        close(running->fd);
        (void) file_remove_tree(AT_FDCWD, running->scratch);
        free(running);
}

static void running_find_watcher(Running *running) {
        char path[PATH_MAX + 8];
        long pid;

        running->watcher = running->pid;
        if (!running->peer->scratch_pid)
                return;
        (void) snprintf(path, sizeof(path), "%s/pid", running->scratch);

        _cleanup_(fclosep) FILE *file = fopen(path, "re");
        if (!file || fscanf(file, "%ld", &pid) != 1)
                bench_die(path);
        running->watcher = (pid_t) pid;
}

static Running *running_start(const Peer *peer, const char *directory, const char *self) {
        Running *running = calloc(1, sizeof(*running));
        int out[2];

        if (!running || pipe2(out, O_CLOEXEC) < 0)
                bench_die("pipe");
        running->peer = peer;
        (void) snprintf(running->directory, sizeof(running->directory), "%s", directory);
        (void) snprintf(running->scratch, sizeof(running->scratch), "%.4000s.scratch", directory);
        if (mkdir(running->scratch, 0700) < 0)
                bench_die(running->scratch);
        running->pid = fork();
        if (running->pid < 0)
                bench_die("fork");
        if (running->pid == 0) {
                (void) setpgid(0, 0);
                (void) dup2(out[1], STDOUT_FILENO);
                (void) execlp("sh", "sh", "-c", peer->script, "sh", directory, running->scratch,
                              self, NULL);
                _exit(127);
        }
        (void) setpgid(running->pid, running->pid);
        close(out[1]);
        running->fd = out[0];
        if (!running_expect(running, peer->ready, BENCH_PATIENCE)) {
                running_stop(running);
                errno = ETIMEDOUT;
                bench_die(peer->name);
        }
        if (peer->one_file)
                bench_pause_ms(500); /* what it says first is not that it watches */
        running_find_watcher(running);
        return running;
}

/* ---- saves ----------------------------------------------------------------------------------- */

static int bench_open(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

        if (fd < 0 || file_write_all(fd, "model", 5) < 0)
                bench_die(path);
        return fd;
}

/* Returns the moment of the call that makes it a save. */
static int64_t bench_save(const char *directory, bool by_rename) {
        char path[PATH_MAX], temporary[PATH_MAX];
        int64_t at;
        int fd;

        (void) snprintf(path, sizeof(path), "%.4000s/x.xmodel", directory);
        (void) snprintf(temporary, sizeof(temporary), "%.4000s/x.tmp", directory);
        fd = bench_open(by_rename ? temporary : path);
        at = clock_monotonic_ns();
        close(fd);
        if (by_rename) {
                at = clock_monotonic_ns();
                if (rename(temporary, path) < 0)
                        bench_die(path);
        }
        return at;
}

static void bench_drain(Running *const *all) {
        for (size_t p = 0; p < ARRAY_SIZE(peers); p++)
                while (all[p] && running_line(all[p], 0))
                        ;
}

/* A peer that lost a save gets no more of them. */
static void bench_event(Running *const *all, bool by_rename) {
        static int64_t ns[ARRAY_SIZE(peers)][BENCH_SAVES];
        size_t n[ARRAY_SIZE(peers)] = {};

        for (size_t i = 0; i < BENCH_SAVES; i++) {
                for (size_t p = 0; p < ARRAY_SIZE(peers); p++) {
                        int64_t at;

                        if (!all[p] || n[p] < i)
                                continue;
                        at = bench_save(all[p]->directory, by_rename);
                        if (running_expect(all[p], peers[p].line, BENCH_SAVE_PATIENCE))
                                ns[p][n[p]++] = clock_monotonic_ns() - at;
                }
                bench_pause_ms(BENCH_BETWEEN_MS);
                bench_drain(all);
        }
        for (size_t p = 0; p < ARRAY_SIZE(peers); p++) {
                if (all[p] && n[p] < BENCH_SAVES)
                        row_value("B4", by_rename ? "renames told of" : "saves told of",
                                  peers[p].name, (double) n[p], "");
                else if (all[p])
                        row_times("B4",
                                  by_rename ? "save by rename to line" : "save by close to line",
                                  peers[p].name, ns[p], BENCH_SAVES);
        }
}

static void bench_slow(Running *const *all, int gap_ms) {
        int fds[ARRAY_SIZE(peers)];
        char path[PATH_MAX], what[64];

        for (unsigned i = 0; i < BENCH_SLOW_PARTS; i++) {
                for (size_t p = 0; p < ARRAY_SIZE(peers); p++) {
                        if (!all[p])
                                continue;
                        (void) snprintf(path, sizeof(path), "%.4000s/x.xmodel", all[p]->directory);
                        if (i == 0)
                                fds[p] = bench_open(path);
                        else if (file_write_all(fds[p], "model", 5) < 0)
                                bench_die(path);
                }
                bench_pause_ms(gap_ms);
        }
        (void) snprintf(what, sizeof(what), "lines for one save, %d ms between its 20 pieces",
                        gap_ms);
        for (size_t p = 0; p < ARRAY_SIZE(peers); p++) {
                const char *line;
                unsigned n = 0;

                if (!all[p])
                        continue;
                close(fds[p]);
                while ((line = running_line(all[p], 500)))
                        n += strstr(line, peers[p].line) != NULL;
                row_value("B6", what, peers[p].name, n, "");
        }
}

/* ---- overflow -------------------------------------------------------------------------------- */

static void bench_overflow(const Peer *peer, const char *directory, const char *self) {
        Running *running = running_start(peer, directory, self);
        char path[PATH_MAX], name[32];
        int64_t start;

        (void) kill(running->watcher, SIGSTOP);
        for (unsigned i = 0; i < BENCH_FLOOD; i++) {
                (void) snprintf(path, sizeof(path), "%s/%u.xmodel", directory, i);
                close(bench_open(path));
        }
        (void) snprintf(name, sizeof(name), "%u.xmodel", BENCH_FLOOD - 1);
        start = clock_monotonic_ns();
        (void) kill(running->watcher, SIGCONT);
        if (running_expect(running, name, 5000))
                row_value("B10", "20,001 saves while stopped, until the last", peer->name,
                          (double) (clock_monotonic_ns() - start) / CLOCK_NS_PER_MS, "ms");
        else
                row_value("B10", "was the last one told of (0: it is lost)", peer->name, 0, "");
        running_stop(running);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool bench_is_there(const Peer *peer) {
        char *program = NULL;
        bool is = program_find(peer->program, &program) == 0;

        free(program);
        return is;
}

static void bench_saves(const char *top, const char *self) {
        Running *all[ARRAY_SIZE(peers)] = {};
        char directory[PATH_MAX];

        for (size_t p = 0; p < ARRAY_SIZE(peers); p++) {
                if (!bench_is_there(&peers[p])) {
                        printf("          %-14s is not installed\n", peers[p].name);
                        continue;
                }
                (void) snprintf(directory, sizeof(directory), "%.4000s/saves%zu", top, p);
                close(file_make_dirs(AT_FDCWD, directory, 0777));
                (void) bench_save(directory, false);
                all[p] = running_start(&peers[p], directory, self);
        }
        bench_event(all, false);
        bench_event(all, true);
        bench_slow(all, 50);
        bench_slow(all, 200);
        for (size_t p = 0; p < ARRAY_SIZE(peers); p++)
                if (all[p])
                        running_stop(all[p]);
}

static void bench_floods(const char *top, const char *self) {
        char directory[PATH_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
                if (!bench_is_there(&peers[i]) || peers[i].one_file)
                        continue;
                (void) snprintf(directory, sizeof(directory), "%.4000s/flood%zu", top, i);
                close(file_make_dirs(AT_FDCWD, directory, 0777));
                bench_overflow(&peers[i], directory, self);
        }
}

int main(int argc, char **argv) {
        const char *base = argc > 1 ? argv[1] : getenv("TMPDIR");
        _cleanup_(freep) char *self = realpath("/proc/self/exe", NULL);
        char top[PATH_MAX];

        if (argc == 3 && strcmp(argv[1], "--print") == 0)
                return print_main(argv[2]);
        if (!self)
                bench_die("/proc/self/exe");

        (void) snprintf(top, sizeof(top) - 32, "%s/bench-watchers-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(top))
                bench_die(top);
        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        bench_saves(top, self);
        bench_floods(top, self);

        return file_remove_tree(AT_FDCWD, top) < 0;
}
