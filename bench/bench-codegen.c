/*
 * The vendor's programs and ours, side by side
 *
 *   bench-codegen [--rows]
 *
 * For every compiled model of the corpus: its program, and the one that is generated for the same
 * ops and target. Facts: instructions, bytes moved, cycles in which CONV and MISC compute. Cycles in
 * all by both assumptions of the cost model (dpu/sim/cost.h), which are no measurements; and how
 * long the generation took. Then the networks
 * of mkmodel for B1024, from the quantized graph on. Prints the tables of docs/CODEGEN.md; with
 * --rows, only the vendor's models, and their means as rows C4.
 */

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "bench/row.h"
#include "dpu/compiler/compiler.h"
#include "dpu/models/network.h"
#include "dpu/sim/account.h"
#include "tests/support/corpus.h"
#include "tests/support/regenerate.h"

typedef struct Sums {
        uint64_t instructions, bytes, conv, misc, optimistic, pessimistic;
} Sums;

typedef struct Table {
        double logarithms[4]; /* of ours / vendor's: cycles optimistic, pessimistic, instructions,
                                 bytes */
        double milliseconds;
        bool quiet;
        unsigned n;
} Table;

static int sum_program(const Subgraph *subgraph, Sums *sums, FingerprintInfo *target) {
        _cleanup_(account_cleanup) Account account = {};
        _cleanup_(program_cleanup) Program program = {};
        int r;

        r = program_load(subgraph, &program, NULL);
        if (r < 0)
                return r;
        r = account_take(&program, &account, NULL);
        if (r < 0)
                return r;
        *target = program.target;
        for (size_t i = 0; i < ISA_KINDS; i++)
                sums->instructions += account.counts[i];
        sums->bytes +=
                account.load_images + account.load_weights + account.load_bias + account.save;
        sums->conv += account.optimistic.busy[__builtin_ctz(ISA_ENGINE_CONV)];
        sums->misc += account.optimistic.busy[__builtin_ctz(ISA_ENGINE_MISC)];
        sums->optimistic += account.optimistic.cycles;
        sums->pessimistic += account.pessimistic.cycles;
        return 0;
}

static Sums sum_graph(const Graph *graph, FingerprintInfo *target) {
        Sums sums = {};

        for (size_t i = 0; i < graph->root->n_children; i++)
                if (program_is_dpu(graph->root->children[i]))
                        (void) sum_program(graph->root->children[i], &sums, target);
        return sums;
}

static void visit(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        FingerprintInfo target = {};
        Problem problem = { "" };
        Table *table = userdata;
        Sums theirs, ours;
        uint64_t begin, end;

        if (graph_read(&graph, bytes_slice(content), NULL) < 0 || regenerate_count(graph) == 0)
                return;
        theirs = sum_graph(graph, &target);
        begin = clock_monotonic_ns();
        if (regenerate_run(graph, &target, &problem) < 0) {
                (void) printf("| %s | refused: %s |\n", name, problem.text);
                return;
        }
        end = clock_monotonic_ns();
        ours = sum_graph(graph, &target);
        table->logarithms[0] += log((double) ours.optimistic / (double) theirs.optimistic);
        table->logarithms[1] += log((double) ours.pessimistic / (double) theirs.pessimistic);
        table->logarithms[2] += log((double) ours.instructions / (double) theirs.instructions);
        table->logarithms[3] += log((double) ours.bytes / (double) theirs.bytes);
        table->milliseconds += (double) (end - begin) / 1e6;
        table->n++;
        if (table->quiet)
                return;
        (void) printf("| %s | %" PRIu64 " / %" PRIu64 " | %.2f / %.2f | %.3f / %.3f | %.3f / %.3f ",
                      name, theirs.instructions, ours.instructions, (double) theirs.bytes / 1e6,
                      (double) ours.bytes / 1e6, (double) theirs.conv / 1e6,
                      (double) ours.conv / 1e6, (double) theirs.misc / 1e6,
                      (double) ours.misc / 1e6);
        (void) printf("| %.3f / %.3f (%.2f) | %.3f / %.3f (%.2f) | %.0f |\n",
                      (double) theirs.optimistic / 1e6, (double) ours.optimistic / 1e6,
                      (double) ours.optimistic / (double) theirs.optimistic,
                      (double) theirs.pessimistic / 1e6, (double) ours.pessimistic / 1e6,
                      (double) ours.pessimistic / (double) theirs.pessimistic,
                      (double) (end - begin) / 1e6);
}

/* --- from the quantized graph on ------------------------------------------------------------- */

#define B1024 2 /* of regenerate_target() */

static int measure_network(const Network *network) {
        const NetworkOptions options = NETWORK_OPTIONS_INIT;
        CompilerSpec spec = { .compiler = "bench", .last = COMPILER_EMIT };
        _cleanup_(compilation_freep) Compilation *compilation = NULL;
        _cleanup_(graph_freep) Graph *source = NULL;
        FingerprintInfo found;
        uint64_t begin, end;
        Sums sums;
        int r;

        r = network_make(network, &options, &source, NULL);
        if (r < 0)
                return r;
        spec.source = source;
        spec.fingerprint = regenerate_target(B1024).fingerprint;
        begin = clock_monotonic_ns();
        r = compiler_run(&spec, &compilation, NULL);
        end = clock_monotonic_ns();
        if (r != 0)
                return r < 0 ? r : -EINVAL;
        sums = sum_graph(compilation->graph, &found);
        (void) printf("| %s | %" PRIu64 " | %.2f | %.3f | %.3f | %.0f |\n", network->name,
                      sums.instructions, (double) sums.bytes / 1e6, (double) sums.optimistic / 1e6,
                      (double) sums.pessimistic / 1e6, (double) (end - begin) / 1e6);
        return 0;
}

static int measure_networks(void) {
        const Network *network;
        int r = 0;

        (void) printf("| network, B1024 | instructions | MB moved | Mcycles, optimistic | Mcycles, "
                      "pessimistic | ms to compile |\n|---|---|---|---|---|---|\n");
        for (size_t i = 0; (network = network_at(i)) && r == 0; i++)
                r = measure_network(network);
        return r;
}

static int means(void) {
        static const char *const names[] = { "cycles, optimistic", "cycles, pessimistic",
                                             "instructions", "bytes moved" };
        Table table = { .quiet = true };
        char what[80];

        if (corpus_each("compiled", visit, &table) < 0 || table.n == 0)
                return EXIT_FAILURE;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                (void) snprintf(what, sizeof(what), "%s, ours / theirs, mean of %u models",
                                names[i], table.n);
                row_value("C4", what, "dpucc", exp(table.logarithms[i] / table.n), "");
        }
        row_value("C4", "time to generate all of them", "dpucc", table.milliseconds, "ms");
        return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        Table table = {};

        if (!corpus_present())
                return 77;
        if (argc > 1 && strcmp(argv[1], "--rows") == 0)
                return means();
        (void) printf(
                "| model | instructions | MB moved | CONV | MISC | Mcycles, optimistic | Mcycles, "
                "pessimistic | ms to generate |\n|---|---|---|---|---|---|---|---|\n");
        if (corpus_each("compiled", visit, &table) < 0 || table.n == 0)
                return EXIT_FAILURE;
        (void) printf("geometric mean of ours / vendor's: %.2f, %.2f\n",
                      exp(table.logarithms[0] / table.n), exp(table.logarithms[1] / table.n));
        return measure_networks() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
