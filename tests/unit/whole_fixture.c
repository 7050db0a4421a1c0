#include "whole_fixture.h"

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/comparison.h"
#include "dpu/compiler/compiler.h"
#include "dpu/programs.h"
#include "dpu/trial.h"
#include "tests/support/regenerate.h"
#include "tests/support/rules.h"

int whole_compile(const Graph *source, const FingerprintInfo *target, Graph **ret,
                  Problem *problem) {
        const CompilerSpec spec = { .source = source,
                                    .fingerprint = target->fingerprint,
                                    .compiler = "test",
                                    .last = COMPILER_EMIT };
        _cleanup_(compilation_freep) Compilation *c = NULL;
        int r;

        r = compiler_run(&spec, &c, problem);
        if (r == 0)
                r = graph_verify(c->graph, problem);
        if (r == 0)
                r = rules_keep(&(RulesSpec){ NULL, c->graph, target }, problem);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        *ret = TAKE_PTR(c->graph);
        return 0;
}

static int fill(Evaluator *evaluator, const Graph *graph, void *userdata, Problem *problem) {
        return feed_inputs(userdata, evaluator, graph, problem);
}

/* ops without a definition put out the same numbers everywhere */
static EvaluatorOptions evaluator_options(const WholeTrial *trial) {
        return (EvaluatorOptions){ .n_threads = trial->n_threads, .substitute = true, .seed = 5 };
}

static int compare_graphs(const Graph *source, const Graph *compiled, const WholeTrial *trial,
                          Feed *feed, Problem *problem) {
        const ComparisonOptions options = { .evaluator = evaluator_options(trial) };
        Comparison c;
        int r;

        r = comparison_run(source, compiled, &options, fill, feed, &c, problem);
        if (r < 0)
                return r;
        if (c.n_differences > 0)
                return problem_set(problem, -EBADMSG, "%s (%s) is not what the source says",
                                   c.differences[0].op->name, c.differences[0].op->type);
        if (c.n_outputs == 0 || c.n_outputs_missing > 0)
                return problem_set(problem, -EBADMSG, "%zu outputs are missing",
                                   c.n_outputs_missing);
        return 0;
}

static int compare_programs(const Graph *compiled, const WholeTrial *whole, Feed *feed,
                            Problem *problem) {
        const TrialOptions options = { .evaluator = evaluator_options(whole),
                                       .seed = 7,
                                       .n_orders = whole->n_orders };
        _cleanup_(programs_cleanup) Programs programs = {};
        _cleanup_(trial_deinit) Trial trial = {};
        int r;

        r = programs_of_graph(compiled, &programs, problem);
        if (r == 0 && programs.n > 0)
                r = trial_run(compiled, programs.items, programs.n, feed, &options, &trial,
                              problem);
        if (r < 0 || programs.n == 0 || trial.right)
                return r;
        for (size_t i = 0; i < trial.n_programs; i++) {
                const TrialProgram *p = &trial.programs[i];

                if (p->first || p->stopped.text[0])
                        return problem_set(problem, -EBADMSG, "the program of %s: %s %s",
                                           p->subgraph->name, p->stopped.text,
                                           p->first ? p->first->name : "");
        }
        return problem_set(problem, -EBADMSG, "a program is wrong");
}

int whole_compare(const Graph *source, const Graph *compiled, const WholeTrial *trial,
                  Problem *problem) {
        Feed feed = { .pattern = trial->pattern, .seed = 3 };
        int r;

        r = compare_graphs(source, compiled, trial, &feed, problem);
        return r < 0 ? r : compare_programs(compiled, trial, &feed, problem);
}

void whole_check(const Graph *source) {
        static const size_t targets[] = { 2, 7 };

        for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
                const FingerprintInfo target = regenerate_target(targets[i]);
                _cleanup_(graph_freep) Graph *compiled = NULL;
                Problem problem = { "" };

                if (whole_compile(source, &target, &compiled, &problem) < 0)
                        fail_msg("%s: %s", target.short_name, problem.text);
                for (int pattern = 0; pattern < PATTERN_COUNT; pattern++) {
                        const WholeTrial trial = { (Pattern) pattern, 1, 1 };

                        if (whole_compare(source, compiled, &trial, &problem) < 0)
                                fail_msg("%s, inputs %s: %s", target.short_name,
                                         pattern_name(trial.pattern), problem.text);
                }
        }
}
