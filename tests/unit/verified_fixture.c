#include "verified_fixture.h"

#include "unit.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "dpu/models/network.h"
#include "tests/support/corpus.h"
#include "tests/support/regenerate.h"
#include "whole_fixture.h"

static void check_target(const VerifiedSpec *spec, const FingerprintInfo *target) {
        const int64_t begin = clock_monotonic_ns();
        _cleanup_(graph_freep) Graph *graph = NULL;
        Problem problem = { "" };
        int64_t compiled;

        if (whole_compile(spec->source, target, &graph, &problem) < 0)
                fail_msg("%s for %s: %s", spec->name, target->short_name, problem.text);
        compiled = clock_monotonic_ns();
        if (spec->n_programs > 0)
                assert_int_equal(regenerate_count(graph), spec->n_programs);
        for (int pattern = 0; pattern < PATTERN_COUNT; pattern++) {
                const bool random = pattern == PATTERN_RANDOM;
                const WholeTrial trial = { (Pattern) pattern, random ? spec->n_orders : 0, 0 };

                if (whole_compare(spec->source, graph, &trial, &problem) < 0)
                        fail_msg("%s for %s, inputs %s: %s", spec->name, target->short_name,
                                 pattern_name(trial.pattern), problem.text);
        }
        print_message("%s for %s: %zu programs, equal with %d patterns of inputs and in %u orders; "
                      "%.0f ms to compile, %.1f s to verify\n",
                      spec->name, target->short_name, regenerate_count(graph), PATTERN_COUNT,
                      spec->n_orders + 1, (double) (compiled - begin) / 1e6,
                      (double) (clock_monotonic_ns() - compiled) / 1e9);
}

void verified_check(const VerifiedSpec *spec) {
        for (size_t i = 0; i < REGENERATE_TARGETS; i++) {
                const FingerprintInfo target = regenerate_target(i);

                if (spec->targets & (1u << i))
                        check_target(spec, &target);
        }
}

void verified_network(const char *network, int32_t size, unsigned targets, unsigned n_orders) {
        const NetworkOptions options = { .seed = 4, .size = size, .change_weight = UINT64_MAX };
        _cleanup_(graph_freep) Graph *source = NULL;
        VerifiedSpec spec = {
                .name = network, .targets = targets, .n_orders = n_orders, .n_programs = 1
        };

        assert_int_equal(network_make(network_find(network), &options, &source, NULL), 0);
        spec.source = source;
        verified_check(&spec);
}

/* --- the corpus ------------------------------------------------------------------------------ */

typedef struct CorpusRun {
        const char *const *names;
        VerifiedSpec spec;
        size_t n_done;
} CorpusRun;

static void check_model(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *source = NULL;
        CorpusRun *run = userdata;

        for (size_t i = 0; run->names[i]; i++) {
                if (strcmp(run->names[i], name) != 0)
                        continue;
                assert_int_equal(graph_read(&source, bytes_slice(content), NULL), 0);
                graph_count_consumers(source);
                run->spec.name = name;
                run->spec.source = source;
                verified_check(&run->spec);
                run->n_done++;
        }
}

void verified_corpus(const char *const *names, unsigned targets, unsigned n_orders) {
        CorpusRun run = { .names = names, .spec = { .targets = targets, .n_orders = n_orders } };
        size_t n = 0;

        if (!corpus_present())
                skip();
        while (names[n])
                n++;
        assert_true(corpus_each("quantized", check_model, &run) > 0);
        assert_int_equal(run.n_done, n);
}
