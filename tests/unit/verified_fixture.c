#include "verified_fixture.h"

#include "unit.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "dpu/comparison.h"
#include "dpu/feed.h"
#include "dpu/models/network.h"
#include "dpu/programs.h"
#include "dpu/trial.h"
#include "tests/support/compiled.h"
#include "tests/support/corpus.h"
#include "tests/support/regenerate.h"

/* of one model and target */
typedef struct Verified {
        const VerifiedSpec *spec;
        const Graph *compiled;
        Programs programs;
        size_t n_tensors, n_runs;
} Verified;

static int fill(Evaluator *evaluator, const Graph *graph, void *userdata, Problem *problem) {
        return feed_inputs(userdata, evaluator, graph, problem);
}

static void check_graph(Verified *v, Feed *feed) {
        const ComparisonOptions options = { .evaluator = { .substitute = true, .seed = 5 } };
        Problem problem = { "" };
        Comparison c;

        if (comparison_run(v->spec->source, v->compiled, &options, fill, feed, &c, &problem) < 0)
                fail_msg("%s: %s", v->spec->name, problem.text);
        if (c.n_differences > 0)
                fail_msg("%s, inputs %s: %s differs from the source", v->spec->name,
                         pattern_name(feed->pattern), c.differences[0].op->name);
        assert_int_equal(c.n_outputs_missing, 0);
        assert_int_not_equal(c.n_outputs, 0);
        v->n_tensors = c.n_compared;
}

static void check_program(const Verified *v, const Feed *feed, const TrialProgram *p) {
        if (p->stopped.text[0])
                fail_msg("%s, inputs %s: %s", v->spec->name, pattern_name(feed->pattern),
                         p->stopped.text);
        if (p->first)
                fail_msg("%s, inputs %s: the code's %s differs from the graph's", v->spec->name,
                         pattern_name(feed->pattern), p->first->name);
        assert_int_equal(p->n_outputs_wrong, 0);
        assert_int_not_equal(p->n_outputs, 0);
        assert_int_equal(p->n_runs, v->spec->n_orders + 1);
}

static void check_programs(Verified *v, Feed *feed) {
        const TrialOptions options = { .evaluator = { .substitute = true, .seed = 5 },
                                       .seed = 3,
                                       .n_orders = v->spec->n_orders };
        Problem problem = { "" };
        Trial trial;

        if (trial_run(v->compiled, v->programs.items, v->programs.n, feed, &options, &trial,
                      &problem) < 0)
                fail_msg("%s: %s", v->spec->name, problem.text);
        for (size_t i = 0; i < trial.n_programs; i++) {
                check_program(v, feed, &trial.programs[i]);
                v->n_runs += trial.programs[i].n_runs;
        }
        assert_true(trial.right);
        trial_deinit(&trial);
}

static void check_target(const VerifiedSpec *spec, const FingerprintInfo *target) {
        const uint64_t begin = clock_monotonic_ns();
        _cleanup_(graph_freep) Graph *graph = NULL;
        Verified v = { .spec = spec };
        Problem problem = { "" };
        uint64_t compiled;

        if (compiled_make(spec->source, target, &graph, &problem) < 0)
                fail_msg("%s for %s: %s", spec->name, target->short_name, problem.text);
        compiled = clock_monotonic_ns();
        v.compiled = graph;
        if (programs_of_graph(graph, &v.programs, &problem) < 0)
                fail_msg("%s for %s: %s", spec->name, target->short_name, problem.text);
        if (spec->n_programs > 0)
                assert_int_equal(v.programs.n, spec->n_programs);
        for (size_t p = 0; p < PATTERN_COUNT; p++) {
                Feed feed = { .pattern = (Pattern) p, .seed = 3 };

                check_graph(&v, &feed);
                check_programs(&v, &feed);
        }
        print_message("%s, %s: %zu tensors equal, %zu programs equal in %zu runs; %.0f ms to "
                      "compile, %.1f s to verify\n",
                      spec->name, target->short_name, v.n_tensors, v.programs.n, v.n_runs,
                      (double) (compiled - begin) / 1e6,
                      (double) (clock_monotonic_ns() - compiled) / 1e9);
        programs_deinit(&v.programs);
}

void verified_check(const VerifiedSpec *spec) {
        for (size_t i = 0; i < REGENERATE_TARGETS; i++) {
                const FingerprintInfo target = regenerate_target(i);

                if (spec->targets & (1u << i))
                        check_target(spec, &target);
        }
}

void verified_network(const char *network, int32_t size, unsigned targets, size_t n_orders) {
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

void verified_corpus(const char *const *names, unsigned targets, size_t n_orders) {
        CorpusRun run = { .names = names, .spec = { .targets = targets, .n_orders = n_orders } };
        size_t n = 0;

        if (!corpus_present())
                skip();
        while (names[n])
                n++;
        assert_true(corpus_each("quantized", check_model, &run) > 0);
        assert_int_equal(run.n_done, n);
}
