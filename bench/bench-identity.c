/*
 * What does the identity of a model cost, in memory?
 *
 *   bench-identity MODEL.xmodel [ROUNDS]        rows C1
 *   bench-identity --make MEGABYTES MODEL.xmodel
 *
 * XXH3-128 of the file's bytes, the XIR walk (the file checked and indexed), and the canonical digest
 * with the walk that it needs: of the same bytes, in turn, in one process, without reading the file.
 * --make writes a model of about that size: 3x3 convolutions one after the other, as the quantizer
 * exports them. bench/digest-peers runs both.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/file.h"
#include "bench/row.h"
#include "dpu/models/quantized.h"
#include "xmodel/canon.h"

#define BENCH_ROUNDS_MAX 1000
#define BENCH_LAYERS_MAX 100

typedef struct Bench {
        Slice file;
        char what[64];
        size_t rounds;
        int64_t hash[BENCH_ROUNDS_MAX], walk[BENCH_ROUNDS_MAX], canon[BENCH_ROUNDS_MAX];
} Bench;

static void bench_die(const char *what, int r) {
        (void) fprintf(stderr, "bench-identity: %s: %s\n", what, strerror(-r));
        exit(1);
}

static void bench_round(Bench *bench, size_t i) {
        _cleanup_(walk_freep) Walk *walk = NULL;
        int64_t start = clock_monotonic_ns(), walked;
        Digest digest;
        int r;

        digest = digest_of(bench->file.data, bench->file.size);
        bench->hash[i] = clock_monotonic_ns() - start;
        start = clock_monotonic_ns();
        r = walk_new(&walk, bench->file, NULL);
        walked = clock_monotonic_ns();
        if (r == 0)
                r = canon_digest(walk, NULL, CANON_CANONICAL, &digest);
        if (r < 0)
                bench_die("the model", r);
        bench->walk[i] = walked - start;
        bench->canon[i] = clock_monotonic_ns() - start;
}

static void bench_measure(Bench *bench) {
        bench_round(bench, 0);
        for (size_t i = 0; i < bench->rounds; i++)
                bench_round(bench, i);
        (void) snprintf(bench->what, sizeof(bench->what), "%.0f MB in memory",
                        (double) bench->file.size / 1e6);
        row_times("C1", bench->what, "dpucc canonical digest", bench->canon, bench->rounds);
        row_times("C1", bench->what, "dpucc, of that the walk", bench->walk, bench->rounds);
        row_times("C1", bench->what, "XXH3-128 of the bytes", bench->hash, bench->rounds);
}

/* --- models ------------------------------------------------------------------------------------ */

static int make_graph(double megabytes, Graph **ret) {
        const int32_t channels = megabytes < 4 ? 64 : 256;
        const double layer = 9.0 * channels * channels * 4 / 1e6;
        _cleanup_(quantized_freep) Quantized *q = NULL;
        char paths[BENCH_LAYERS_MAX][32];
        Op *x;
        int r;

        r = quantized_new(&q, "Convolutions", 1);
        if (r < 0)
                return r;
        x = quantized_input(q, 32, 32, channels);
        for (size_t i = 0; i < BENCH_LAYERS_MAX && (double) i * layer < megabytes; i++) {
                const QuantizedConv conv = {
                        paths[i], paths[i], channels, 3, 1, 1, SCALE_GAIN_KEEP
                };

                (void) snprintf(paths[i], sizeof(paths[i]), "conv%zu", i);
                x = quantized_fix(q, quantized_conv2d(q, x, &conv));
        }
        quantized_return(q, x);
        return quantized_finish(q, UINT64_MAX, ret, NULL);
}

static int make(double megabytes, const char *path) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        int r = fd < 0 ? -errno : 0;

        if (r == 0)
                r = make_graph(megabytes, &graph);
        if (r == 0)
                r = graph_write(graph, true, &file, NULL);
        return r < 0 ? r : file_write_all(fd, file.data, file.size);
}

int main(int argc, char **argv) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(WALK_FILE_MAX);
        static Bench bench;
        int r;

        if (argc == 4 && strcmp(argv[1], "--make") == 0) {
                r = make(strtod(argv[2], NULL), argv[3]);
                if (r < 0)
                        bench_die(argv[3], r);
                return 0;
        }
        if (argc < 2)
                bench_die("which model?", -EINVAL);
        bench.rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 15;
        if (bench.rounds < 1 || bench.rounds > BENCH_ROUNDS_MAX)
                bench_die(argv[2], -ERANGE);
        r = file_read(AT_FDCWD, argv[1], &file);
        if (r < 0)
                bench_die(argv[1], r);
        bench.file = bytes_slice(&file);
        bench_measure(&bench);
        return 0;
}
