/*
 * What does it cost to keep an artifact, and to find it again?
 *
 *   bench-store [DIR]        works in a new directory below DIR (default: $TMPDIR, /tmp)
 *
 * Rows B13, for several sizes of the compiled model; what is compared runs in turn, so that a disk's
 * moods meet both:
 *
 *   keep       cache_publish() of the model, meta.json, report.json and the log; beside it a copy of
 *              the model under a temporary name, fsync, rename, fsync of its directory
 *   ... there  the same artifact once more under another key: all its objects are there
 *   find       cache_lookup() of what was verified before
 *   processes  that publish small artifacts at the same time
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "bench/row.h"
#include "cache/cache.h"
#include "cache/state.h"

#define BENCH_RUNS       9
#define BENCH_LOOKUPS    1000
#define BENCH_PUBLISHERS 50 /* artifacts for each process */
#define BENCH_CHUNK      ((size_t) 1024 * 1024)

typedef struct Bench {
        char root[256];
        int dirfd;
        State *state;
        Cache *cache;
        unsigned seed; /* another key, and another content, each time */
} Bench;

static void bench_die(const char *what, int r) {
        (void) fprintf(stderr, "bench-store: %s: %s\n", what, strerror(-r));
        exit(1);
}

/* --- what is published ------------------------------------------------------------------------- */

/* A file of @size bytes that no compression and no deduplication makes smaller. */
static int bench_make_model(const Bench *bench, size_t size, unsigned seed) {
        _cleanup_(freep) uint64_t *chunk = malloc(BENCH_CHUNK);
        Random random = RANDOM_INIT(seed);
        int fd, r = 0;

        fd = openat(bench->dirfd, "model", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || !chunk)
                bench_die("model", fd < 0 ? -errno : -ENOMEM);
        for (size_t done = 0; done < size && r == 0; done += BENCH_CHUNK) {
                for (size_t i = 0; i < BENCH_CHUNK / sizeof(*chunk); i++)
                        chunk[i] = random_u64(&random);
                r = file_write_all(fd, chunk,
                                   size - done < BENCH_CHUNK ? size - done : BENCH_CHUNK);
        }
        if (r < 0 || fsync(fd) < 0)
                bench_die("model", r < 0 ? r : -errno);
        return fd;
}

/* the model is what @fd has open, or if that is -1, @data */
static void bench_publish(Bench *bench, int fd, Slice data) {
        _cleanup_(key_freep) Key *key = NULL;
        _cleanup_(record_freep) Record *stored = NULL;
        const unsigned seed = bench->seed++;
        const Digest snapshot = digest_of(&seed, sizeof(seed));
        const CacheFile files[] = {
                { .role = RECORD_ROLE_LOG, .fd = -1, .data = slice_of(&seed, sizeof(seed)) },
                { .role = RECORD_ROLE_XMODEL, .fd = fd, .data = data },
                { .role = RECORD_ROLE_META, .fd = -1, .data = slice_of(&snapshot, 9) },
                { .role = RECORD_ROLE_REPORT, .fd = -1, .data = slice_of(&snapshot, 13) },
        };
        Record draft = { .kind = RECORD_SUCCESS, .toolchain = "bench" };
        int r;

        if (key_new(&key) < 0 || key_add_toolchain(key, "bench") < 0 ||
            key_add_snapshot(key, "canonical", 1, &snapshot) < 0 ||
            key_add_fingerprint(key, 1) < 0 || key_finish(key, &draft.key) < 0)
                bench_die("key", -ENOMEM);
        draft.transcript = key_fields(key, &draft.n_transcript);
        r = cache_publish(bench->cache, &draft, files, ARRAY_SIZE(files), &stored);
        if (r < 0)
                bench_die("publish", r);
}

static void bench_copy(const Bench *bench, int model) {
        char temp[FILE_TEMP_NAME];
        _cleanup_(closep) int fd = file_open_temp(bench->dirfd, 0600, temp);
        int r;

        if (fd < 0 || lseek(model, 0, SEEK_SET) < 0)
                bench_die("copy", -errno);
        r = file_copy_fd(model, fd, NULL);
        if (r < 0 || fsync(fd) < 0 || renameat(bench->dirfd, temp, bench->dirfd, "copy") < 0 ||
            fsync(bench->dirfd) < 0)
                bench_die("copy", r < 0 ? r : -errno);
}

/* --- measuring --------------------------------------------------------------------------------- */

static void bench_open(Bench *bench, const char *dir) {
        int r;

        bench->seed = 1;
        (void) snprintf(bench->root, sizeof(bench->root), "%s/bench-store.XXXXXX", dir);
        if (!mkdtemp(bench->root))
                bench_die(bench->root, -errno);
        bench->dirfd = open(bench->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (bench->dirfd < 0)
                bench_die(bench->root, -errno);
        r = state_open(&bench->state, bench->root, NULL);
        if (r < 0)
                bench_die("state", r);
}

/* as in a cache that has been in use for a while */
static void bench_make_shards(const char *root, const char *directory) {
        char path[512];

        for (unsigned shard = 0; shard < 256; shard++) {
                (void) snprintf(path, sizeof(path), "%s/%s/%02x", root, directory, shard);
                closep(&(int){ file_make_dirs(AT_FDCWD, path, 0700) });
        }
}

static void bench_open_cache(Bench *bench) {
        char path[sizeof(bench->root) + 8];
        int r;

        (void) snprintf(path, sizeof(path), "%s/cache", bench->root);
        r = cache_open(&bench->cache, path, bench->state, CACHE_NORMAL, NULL);
        if (r < 0)
                bench_die(path, r);
        bench_make_shards(path, "objects");
        bench_make_shards(path, "records");
}

static void bench_close_cache(Bench *bench) {
        bench->cache = cache_close(bench->cache);
        (void) file_remove_tree(bench->dirfd, "cache");
}

static double bench_lookups(Bench *bench, const Digest *key) {
        int64_t start = clock_monotonic_ns();

        for (unsigned i = 0; i < BENCH_LOOKUPS; i++) {
                _cleanup_(record_freep) Record *record = NULL;
                int r = cache_lookup(bench->cache, key, &record);

                if (r != 0)
                        bench_die("lookup", r);
        }
        return (double) (clock_monotonic_ns() - start) / CLOCK_NS_PER_MS / BENCH_LOOKUPS;
}

static int bench_take_key(const Digest *key, void *userdata) {
        *(Digest *) userdata = *key;
        return 1;
}

static void bench_size(Bench *bench, size_t mib) {
        int64_t copy[BENCH_RUNS], publish[BENCH_RUNS], again[BENCH_RUNS], start;
        char what[64];
        Digest key = {};

        bench_open_cache(bench);
        for (unsigned run = 0; run < BENCH_RUNS; run++) {
                _cleanup_(closep) int model =
                        bench_make_model(bench, mib * 1024 * 1024, bench->seed);

                start = clock_monotonic_ns();
                bench_copy(bench, model);
                copy[run] = clock_monotonic_ns() - start;
                start = clock_monotonic_ns();
                bench_publish(bench, model, slice_of(NULL, 0));
                publish[run] = clock_monotonic_ns() - start;
                start = clock_monotonic_ns();
                bench_publish(bench, model, slice_of(NULL, 0));
                again[run] = clock_monotonic_ns() - start;
        }
        (void) cache_each(bench->cache, 1, bench_take_key, &key);
        (void) snprintf(what, sizeof(what), "keep %zu MiB", mib);
        row_times("B13", what, "dpucc", publish, BENCH_RUNS);
        row_times("B13", what, "cp, fsync", copy, BENCH_RUNS);
        (void) snprintf(what, sizeof(what), "keep %zu MiB that is there already", mib);
        row_times("B13", what, "dpucc", again, BENCH_RUNS);
        (void) snprintf(what, sizeof(what), "find %zu MiB, in the process", mib);
        row_value("B13", what, "dpucc", bench_lookups(bench, &key), "ms");
        bench_close_cache(bench);
}

/* Another process has connections of its own to the database. */
static void bench_be_publisher(const Bench *parent, unsigned number) {
        static uint64_t model[8192];
        Bench bench = *parent;

        bench.seed = 1000000 * (number + 1);
        if (state_open(&bench.state, bench.root, NULL) < 0)
                _exit(1);
        bench_open_cache(&bench);
        for (unsigned i = 0; i < BENCH_PUBLISHERS; i++) {
                model[0] = bench.seed;
                bench_publish(&bench, -1, slice_of(model, sizeof(model)));
        }
        _exit(0);
}

static void bench_publishers(Bench *bench, unsigned n) {
        int64_t start;
        char what[64];
        int status;

        bench_open_cache(bench);
        start = clock_monotonic_ns();
        for (unsigned i = 0; i < n; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        bench_die("fork", -errno);
                if (pid == 0)
                        bench_be_publisher(bench, i);
        }
        while (wait(&status) >= 0)
                if (status != 0)
                        exit(1);
        (void) snprintf(what, sizeof(what), "keep 64 KiB, %u processes", n);
        row_value("B13", what, "dpucc",
                  (double) (n * BENCH_PUBLISHERS) * (double) CLOCK_NS_PER_S /
                          (double) (clock_monotonic_ns() - start),
                  "artifacts/s");
        bench_close_cache(bench);
}

int main(int argc, char **argv) {
        const char *dir = argc > 1 ? argv[1] : getenv("TMPDIR");
        static const size_t sizes[] = { 1, 16, 64, 256 };
        static const unsigned publishers[] = { 1, 2, 4 };
        Bench bench = {};

        bench_open(&bench, dir ? dir : "/tmp");
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
                bench_size(&bench, sizes[i]);
        for (size_t i = 0; i < ARRAY_SIZE(publishers); i++)
                bench_publishers(&bench, publishers[i]);

        (void) state_close(bench.state);
        closep(&bench.dirfd);
        (void) file_remove_tree(AT_FDCWD, bench.root);
        return 0;
}
