/*
 * Do clients notice how large the cache is, and that it is being cleared?
 *
 *   bench-cache [ENTRIES]      (default: 100000), in a new directory below $TMPDIR or /tmp
 *
 * Runs the real daemon, from ../bin of where this program is, on a cache that is filled with made-up
 * entries and one real artifact, which is then asked for again and again: a connection, a greeting
 * and a `get` each time, in this process. Prints:
 *
 *   start      from the start of the daemon to its first answer, with an index and without, and to
 *              the first artifact
 *   rebuild    until the index that was lost is complete again
 *   list       the first answer to `list` (100 artifacts)
 *   quiet      latency of a get while nothing else goes on: median, 99th percentile, maximum
 *   gc         the same while all but a hundredth of the entries are evicted, because the limit was
 *              lowered; and how long that took
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
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
#include "cache/key.h"
#include "cache/record.h"
#include "client/exchange.h"

#define BENCH_QUIET_GETS 3000
#define BENCH_GETS_MAX   200000
#define BENCH_LOOK_EVERY 100 /* gets, between two looks at the daemon's counters */

extern char **environ;

typedef struct Bench {
        char root[256];
        char bin[PATH_MAX];
        unsigned entries;
        pid_t daemon;
        int64_t *latencies;
        size_t n;
} Bench;

static void bench_die(const char *what, int r) {
        (void) fprintf(stderr, "bench-cache: %s: %s\n", what, strerror(-r));
        exit(1);
}

static const char *bench_path(const Bench *bench, const char *name) {
        static char paths[16][PATH_MAX];
        static unsigned next;
        char *path = paths[next++ % 16];

        (void) snprintf(path, PATH_MAX, "%s/%s", bench->root, name);
        return path;
}

/* --- programs ---------------------------------------------------------------------------------- */

static pid_t bench_spawn(const Bench *bench, const char *const *argv) {
        posix_spawn_file_actions_t actions;
        char program[PATH_MAX + 64];
        pid_t pid;
        int r;

        (void) snprintf(program, sizeof(program), "%s/%s", bench->bin, argv[0]);
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_addopen(&actions, 1, bench_path(bench, "log"),
                                                O_WRONLY | O_CREAT | O_APPEND, 0600);
        (void) posix_spawn_file_actions_adddup2(&actions, 1, 2);
        r = posix_spawn(&pid, program, &actions, NULL, (char *const *) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                bench_die(program, -r);
        return pid;
}

static void bench_run(const Bench *bench, const char *const *argv) {
        pid_t pid = bench_spawn(bench, argv);
        int status;

        if (waitpid(pid, &status, 0) != pid || status != 0)
                bench_die(argv[1] ?: argv[0], -EIO);
}

static void bench_put(const Bench *bench, const char *name, const char *text) {
        _cleanup_(closep) int dirfd = open(bench->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = dirfd < 0 ? -errno : file_write_durable(dirfd, name, text, strlen(text), 0600);

        if (r < 0)
                bench_die(name, r);
}

static void bench_configure(const Bench *bench, unsigned max_entries) {
        char text[160];

        (void) snprintf(
                text, sizeof(text),
                "{\"toolchain\": \"dpucc\", \"cache\": {\"max_entries\": %u, \"min_free_mib\": 0}}",
                max_entries);
        bench_put(bench, "dpuccd.json", text);
}

/* --- requests ---------------------------------------------------------------------------------- */

static void bench_exchange(Exchange *x) {
        Options options;

        options_init(&options);
        if (exchange_run(x, &options) != CODE_DONE) {
                (void) fprintf(stderr, "bench-cache: %s\n",
                               x->reply && x->reply->message ? x->reply->message : x->problem.text);
                exit(1);
        }
}

static int64_t bench_get(const Bench *bench) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__Get get = DPUCC__WIRE__GET__INIT;
        const char *source = bench_path(bench, "net_int.xmodel"),
                   *arch = bench_path(bench, "arch.json");
        int64_t before = clock_monotonic_ns();

        x.fds[0] = open(source, O_RDONLY | O_CLOEXEC);
        x.fds[1] = open(arch, O_RDONLY | O_CLOEXEC);
        x.n_fds = 2;
        get.source_path.data = (uint8_t *) source;
        get.source_path.len = strlen(source);
        get.has_arch_path = true;
        get.arch_path.data = (uint8_t *) arch;
        get.arch_path.len = strlen(arch);
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_GET;
        x.request.get = &get;
        bench_exchange(&x);
        return clock_monotonic_ns() - before;
}

static int64_t bench_list(void) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__ListRequest list = DPUCC__WIRE__LIST_REQUEST__INIT;
        int64_t before = clock_monotonic_ns();

        list.has_limit = true;
        list.limit = 100;
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_LIST;
        x.request.list = &list;
        bench_exchange(&x);
        return clock_monotonic_ns() - before;
}

static uint64_t bench_statistic(const char *name) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__Empty empty = DPUCC__WIRE__EMPTY__INIT;

        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_STATS;
        x.request.stats = &empty;
        bench_exchange(&x);
        for (size_t i = 0; i < x.reply->stats->n_statistics; i++)
                if (strcmp(x.reply->stats->statistics[i]->name, name) == 0)
                        return x.reply->stats->statistics[i]->value;
        return 0;
}

/* --- the daemon -------------------------------------------------------------------------------- */

static int64_t bench_start(Bench *bench) {
        static const char *const argv[] = { "dpuccd", NULL };
        int64_t before = clock_monotonic_ns();
        Connection connection;
        Problem problem;

        bench->daemon = bench_spawn(bench, argv);
        while (connection_open(&connection, NULL, clock_monotonic_ns() + CLOCK_NS_PER_S, &problem) <
               0) {
                int status;

                if (waitpid(bench->daemon, &status, WNOHANG) == bench->daemon)
                        bench_die("dpuccd ended", -EIO);
                if (clock_monotonic_ns() - before > 60 * CLOCK_NS_PER_S)
                        bench_die("dpuccd does not answer", -ETIMEDOUT);
        }
        connection_close(&connection);
        (void) bench_statistic("asks");
        return clock_monotonic_ns() - before;
}

static void bench_stop(Bench *bench) {
        int status;

        (void) kill(bench->daemon, SIGTERM);
        (void) waitpid(bench->daemon, &status, 0);
        bench->daemon = 0;
}

/* --- made-up entries ----------------------------------------------------------------------------- */

static void bench_write(const Bench *bench, const char *directory, const Digest *name, Slice data) {
        char hex[DIGEST_HEX], path[PATH_MAX];
        int fd;

        digest_to_hex(name, hex);
        (void) snprintf(path, sizeof(path), "%s/cache/%s/%.2s", bench->root, directory, hex);
        (void) mkdir(path, 0700);
        (void) snprintf(path, sizeof(path), "%s/cache/%s/%.2s/%s", bench->root, directory, hex,
                        hex + 2);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
        if (fd < 0 || file_write_all(fd, data.data, data.size) < 0)
                bench_die(path, -errno);
        close(fd);
}

static RecordObject bench_object(const Bench *bench, RecordRole role, Slice data) {
        const RecordObject object = {
                .role = role,
                .digest = digest_of(data.data, data.size),
                .size = data.size,
                .mode = 0644,
        };

        bench_write(bench, "objects", &object.digest, data);
        return object;
}

/* Without the syncs of a publication, which would take minutes. */
static void bench_fill_one(const Bench *bench, unsigned i) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(RECORD_BYTES_MAX);
        _cleanup_(key_freep) Key *key = NULL;
        const Digest snapshot = digest_of(&i, sizeof(i));
        RecordObject objects[2];
        KeyField provenance[] = { { "net_name", slice_of_string("net") },
                                  { "source", slice_of_string("/somewhere/else/net_int.xmodel") } };
        Record record = {
                .kind = RECORD_SUCCESS,
                .created_ns = INT64_C(1700000000000000000) + i,
                .toolchain = "bench",
                .provenance = provenance,
                .n_provenance = 2,
                .build_ms = i % 100000,
                .objects = objects,
                .n_objects = 2,
        };

        objects[0] = bench_object(bench, RECORD_ROLE_XMODEL, slice_of(&snapshot, sizeof(snapshot)));
        objects[1] = bench_object(bench, RECORD_ROLE_LOG, slice_of_string("a log"));
        if (key_new(&key) < 0 || key_add_toolchain(key, "bench") < 0 ||
            key_add_snapshot(key, "canonical", 1, &snapshot) < 0 ||
            key_add_fingerprint(key, 1) < 0 || key_finish(key, &record.key) < 0)
                bench_die("key", -ENOMEM);
        record.transcript = key_fields(key, &record.n_transcript);
        if (record_encode(&record, &file) < 0)
                bench_die("record", -EINVAL);
        bench_write(bench, "records", &record.key, bytes_slice(&file));
}

/* --- measuring ----------------------------------------------------------------------------------- */

static void bench_quiet(Bench *bench) {
        for (bench->n = 0; bench->n < BENCH_QUIET_GETS; bench->n++)
                bench->latencies[bench->n] = bench_get(bench);
        row_times("B15", "get, nothing else going on", "dpucc", bench->latencies, bench->n);
}

static void bench_gc(Bench *bench) {
        static const char *const reload[] = { "dpucc-client", "reload", NULL };
        unsigned limit = bench->entries / 100;
        int64_t before = clock_monotonic_ns(), took;
        uint64_t left = bench->entries;

        bench_configure(bench, limit);
        bench_run(bench, reload);
        for (bench->n = 0; bench->n < BENCH_GETS_MAX && left > limit; bench->n++) {
                bench->latencies[bench->n] = bench_get(bench);
                if (bench->n % BENCH_LOOK_EVERY == 0)
                        left = bench_statistic("cache_entries");
        }
        took = clock_monotonic_ns() - before;
        row_times("B15", "get, while 99 % are evicted", "dpucc", bench->latencies, bench->n);
        row_value("B15", "get, while 99 % are evicted: longest", "dpucc",
                  (double) bench->latencies[bench->n - 1] / (double) CLOCK_NS_PER_MS, "ms");
        row_value("B15", "evicting 99 %", "dpucc", (double) took / (double) CLOCK_NS_PER_S, "s");
}

static void bench_say(const char *what, int64_t ns) {
        row_value("B15", what, "dpucc", (double) ns / (double) CLOCK_NS_PER_MS, "ms");
}

static void bench_starts(Bench *bench) {
        int64_t before, started;

        bench_say("first answer after start, index lost", bench_start(bench));
        before = clock_monotonic_ns();
        while (bench_statistic("cache_entries") < bench->entries)
                (void) bench_get(bench);
        bench_say("until the index is complete again", clock_monotonic_ns() - before);
        bench_stop(bench);
        started = bench_start(bench);
        bench_say("first answer after start", started);
        bench_say("first artifact after start", started + bench_get(bench));
        bench_say("list of 100 artifacts", bench_list());
}

static void bench_prepare(Bench *bench) {
        const char *const mkmodel[] = {
                "dpucc", "mkmodel", "lenet", "-o", bench_path(bench, "net_int.xmodel"), NULL
        };
        const char *const build[] = { "dpucc-client",
                                      "--no-daemon",
                                      "get",
                                      "--wait",
                                      bench_path(bench, "net_int.xmodel"),
                                      NULL };
        static const char arch[] = "{\"fingerprint\":\"0x101000056010402\"}";

        (void) setenv("HOME", bench->root, 1);
        (void) setenv("XDG_STATE_HOME", bench_path(bench, "state"), 1);
        (void) setenv("DPUCC_CACHE_DIR", bench_path(bench, "cache"), 1);
        (void) setenv("DPUCC_CONFIG", bench_path(bench, "dpuccd.json"), 1);
        (void) setenv("DPUCC_SOCKET", bench_path(bench, "socket"), 1);
        (void) setenv("DPUCC_TOOLCHAIN", "dpucc", 1);
        bench_configure(bench, 0);
        bench_put(bench, "arch.json", arch);
        bench_run(bench, mkmodel);
        bench_run(bench, build);
        for (unsigned i = 1; i < bench->entries; i++)
                bench_fill_one(bench, i);
        (void) unlink(bench_path(bench, "cache/index.db"));
        sync(); /* what was written here is not to be waited for later */
}

int main(int argc, char **argv) {
        const char *place = getenv("TMPDIR") ?: "/tmp";
        Bench bench = { .entries = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : 100000 };
        char self[PATH_MAX] = "";

        if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
                bench_die("/proc/self/exe", -errno);
        *strrchr(self, '/') = '\0';
        (void) snprintf(bench.bin, sizeof(bench.bin), "%s/../bin", self);
        (void) snprintf(bench.root, sizeof(bench.root), "%s/bench-cache.XXXXXX", place);
        bench.latencies = calloc(BENCH_GETS_MAX, sizeof(*bench.latencies));
        if (!bench.latencies || bench.entries < 100 || !mkdtemp(bench.root))
                bench_die(bench.root, -errno);

        bench_prepare(&bench);
        (void) printf("%u entries\n", bench.entries);
        bench_starts(&bench);
        bench_quiet(&bench);
        bench_gc(&bench);
        bench_stop(&bench);
        free(bench.latencies);
        return file_remove_tree(AT_FDCWD, bench.root) < 0;
}
