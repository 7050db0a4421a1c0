#include "lower_fixture.h"

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/comparison.h"
#include "dpu/compiler/engines.h"
#include "dpu/compiler/lower.h"
#include "dpu/feed.h"
#include "tests/support/corpus.h"
#include "whole_fixture.h"

static int accepts(const Op *op, const void *userdata, Problem *reason) {
        return engines_accept(op, userdata, reason) ? 0 : -EOPNOTSUPP;
}

static int lower_to(const Graph *source, uint64_t fingerprint, Graph **ret, Problem *problem) {
        FingerprintInfo info;
        Engines engines;
        LowerSpec spec = { .accepts = accepts, .userdata = &engines };
        int r;

        r = fingerprint_decode(fingerprint, &info, problem);
        if (r < 0)
                return r;
        engines_init(&engines, &info);
        return lower_run(source, &spec, ret, problem);
}

Graph *lower_for(const Graph *source, uint64_t fingerprint) {
        Problem problem = { "" };
        Graph *graph = NULL;

        if (lower_to(source, fingerprint, &graph, &problem) < 0 ||
            graph_verify(graph, &problem) < 0)
                fail_msg("%s: %s", source->name, problem.text);
        return graph;
}

int lower_try(const Graph *source, uint64_t fingerprint) {
        _cleanup_(graph_freep) Graph *graph = NULL;

        return lower_to(source, fingerprint, &graph, NULL);
}

static int fill(Evaluator *evaluator, const Graph *graph, void *userdata, Problem *problem) {
        return feed_inputs(userdata, evaluator, graph, problem);
}

void lower_compare(const Graph *source, const Graph *lowered, Pattern pattern) {
        const ComparisonOptions options = { .evaluator = { .substitute = true, .seed = 5 } };
        Feed feed = { .pattern = pattern, .seed = 3 };
        Problem problem = { "" };
        Comparison c;

        if (comparison_run(source, lowered, &options, fill, &feed, &c, &problem) < 0)
                fail_msg("%s: %s", source->name, problem.text);
        if (c.n_differences > 0)
                fail_msg("%s, inputs %s: %s differs first, %zu of %zu tensors", source->name,
                         pattern_name(pattern), c.differences[0].op->name, c.n_different,
                         c.n_compared);
        assert_int_equal(c.n_outputs_missing, 0);
        assert_int_not_equal(c.n_outputs, 0);
}

static bool is_border(const Op *op) {
        return strcmp(op->type, "fix2float") == 0 || strcmp(op->type, "float2fix") == 0 ||
               strncmp(op->type, "const", 5) == 0 || strncmp(op->type, "data", 4) == 0;
}

static void check_kept(const Graph *lowered, const char *const *kept) {
        size_t n = 0;

        for (size_t i = 0; i < lowered->n_ops; i++) {
                const Op *op = lowered->ops[i];

                if (is_border(op) || attrs_string(&op->attrs, LOWER_DEVICE_ATTR))
                        continue;
                assert_non_null(attrs_string(&op->attrs, LOWER_REASON_ATTR));
                if (!kept[n])
                        fail_msg("%s: %s (%s) stays on the CPU: %s", lowered->name, op->name,
                                 op->type, attrs_string(&op->attrs, LOWER_REASON_ATTR));
                assert_string_equal(op->type, kept[n]);
                n++;
        }
        assert_null(kept[n]);
}

void lower_check(const Graph *source, uint64_t fingerprint, const char *const *kept) {
        _cleanup_(graph_freep) Graph *lowered = lower_for(source, fingerprint);

        check_kept(lowered, kept);
        for (int pattern = 0; pattern < PATTERN_COUNT; pattern++)
                lower_compare(source, lowered, (Pattern) pattern);
}

Graph *lower_all(const Graph *source) {
        static const char *const none[] = { NULL };

        lower_check(source, LOWER_B4096, none);
        whole_check(source);
        return lower_for(source, LOWER_B4096);
}

const Op *lower_find(const Graph *lowered, const char *type) {
        for (size_t i = lowered->n_ops; i-- > 0;)
                if (strcmp(lowered->ops[i]->type, type) == 0)
                        return lowered->ops[i];
        return NULL;
}

const char *lower_reason(const Graph *lowered, const char *type) {
        for (size_t i = 0; i < lowered->n_ops; i++)
                if (strcmp(lowered->ops[i]->type, type) == 0)
                        return attrs_string(&lowered->ops[i]->attrs, LOWER_REASON_ATTR);
        return NULL;
}

/* --- the corpus ------------------------------------------------------------------------------ */

typedef struct CorpusRun {
        const LowerExpected *models;
        size_t n, n_done;
} CorpusRun;

static void check_corpus_model(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *source = NULL;
        CorpusRun *run = userdata;
        Problem problem;

        for (size_t i = 0; i < run->n; i++) {
                if (strcmp(run->models[i].name, name) != 0)
                        continue;
                assert_int_equal(
                        graph_read(&source, slice_of(content->data, content->size), &problem), 0);
                graph_count_consumers(source);
                lower_check(source, LOWER_B4096, run->models[i].kept);
                run->n_done++;
        }
}

void lower_check_corpus(const LowerExpected *models, size_t n) {
        CorpusRun run = { .models = models, .n = n };

        if (!corpus_present())
                skip();
        assert_true(corpus_each("quantized", check_corpus_model, &run) > 0);
        assert_int_equal(run.n_done, n);
}
