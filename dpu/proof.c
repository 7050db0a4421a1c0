#include "dpu/proof.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/comparison.h"
#include "dpu/feed.h"
#include "dpu/programs.h"
#include "dpu/trial.h"

#define PROOF_SEED 1

/* What the evaluator cannot tell is not on the DPU, and the same before and after the compiler. */
static EvaluatorOptions proof_evaluator(const ProofSpec *spec) {
        return (EvaluatorOptions){
                .substitute = true,
                .substitute_refused = true,
                .seed = PROOF_SEED,
                .max_work = spec->max_work,
        };
}

static ProofFinding *proof_add(Proof *proof) {
        /* what does not fit turns up again when the first ones are mended */
        size_t i = proof->n_findings < PROOF_FINDINGS_MAX ? proof->n_findings++ : 0;

        proof->findings[i] = (ProofFinding){ 0 };
        return &proof->findings[i];
}

/* --- the graph ------------------------------------------------------------------------------- */

static int proof_fill(Evaluator *evaluator, const Graph *graph, void *userdata, Problem *problem) {
        return feed_inputs(userdata, evaluator, graph, problem);
}

static void proof_note_difference(Proof *proof, const ComparisonDifference *d, Pattern pattern) {
        ProofFinding *finding = proof_add(proof);

        finding->op = d->op;
        (void) problem_set(&finding->what, 0,
                           "inputs %s: element %zu of %s is %.9g instead of %.9g, by the graph",
                           pattern_name(pattern), d->index, d->op->tensor.name, d->got,
                           d->expected);
}

static int proof_graph(const ProofSpec *spec, Feed *feed, Proof *proof, Problem *problem) {
        const ComparisonOptions options = { .evaluator = proof_evaluator(spec) };
        Comparison comparison;
        int r;

        r = comparison_run(spec->source, spec->compiled, &options, proof_fill, feed, &comparison,
                           problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < comparison.n_differences; i++)
                proof_note_difference(proof, &comparison.differences[i], feed->pattern);
        if (comparison.n_outputs_missing > 0)
                (void) problem_set(&proof_add(proof)->what, 0, "%zu outputs are missing",
                                   comparison.n_outputs_missing);
        return 0;
}

/* --- the programs ----------------------------------------------------------------------------- */

static void proof_note_program(Proof *proof, const TrialProgram *p, Pattern pattern) {
        ProofFinding *finding;

        if (p->stopped.text[0] == '\0' && p->n_outputs_wrong == 0)
                return;
        finding = proof_add(proof);
        finding->op = p->first;
        finding->subgraph = p->subgraph;
        if (p->stopped.text[0])
                (void) problem_set(&finding->what, 0, "inputs %s: the simulator stops: %s",
                                   pattern_name(pattern), p->stopped.text);
        else
                (void) problem_set(
                        &finding->what, 0,
                        "inputs %s: element %zu of %s is %d instead of %d, in the simulator",
                        pattern_name(pattern), p->index, p->first ? p->first->tensor.name : "?",
                        p->got, p->expected);
}

static int proof_programs(const ProofSpec *spec, const Programs *programs, Feed *feed, Proof *proof,
                          Problem *problem) {
        const TrialOptions options = { .evaluator = proof_evaluator(spec), .seed = PROOF_SEED };
        Trial trial;
        int r;

        r = trial_run(spec->compiled, programs->items, programs->n, feed, &options, &trial,
                      problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < trial.n_programs; i++)
                proof_note_program(proof, &trial.programs[i], feed->pattern);
        trial_deinit(&trial);
        return 0;
}

/* --- both -------------------------------------------------------------------------------------- */

/* What is too large for the evaluator after something was found wrong is wrong. */
static int proof_pattern(const ProofSpec *spec, const Programs *programs, Feed *feed, Proof *proof,
                         Problem *problem) {
        int r;

        r = proof_programs(spec, programs, feed, proof, problem);
        if (r < 0)
                return r;
        r = proof_graph(spec, feed, proof, problem);
        return (r == -EFBIG || r == -E2BIG) && proof->n_findings > 0 ? 0 : r;
}

int proof_run(const ProofSpec *spec, Proof *ret, Problem *problem) {
        _cleanup_(programs_cleanup) Programs programs = {};
        Proof proof = {};
        int r;

        r = graph_verify(spec->compiled, problem);
        if (r < 0)
                return r;
        graph_count_consumers(spec->compiled);
        r = programs_of_graph(spec->compiled, &programs, problem);
        if (r < 0)
                return r;
        proof.n_programs = programs.n;
        for (size_t i = 0; i < PATTERN_COUNT && proof.n_findings == 0; i++) {
                Feed feed = { .pattern = (Pattern) i, .seed = PROOF_SEED };

                if (spec->progress)
                        spec->progress(feed.pattern, spec->userdata);
                r = proof_pattern(spec, &programs, &feed, &proof, problem);
                if (r < 0)
                        return r;
                proof.n_patterns++;
        }
        *ret = proof;
        return 0;
}

uint64_t proof_work(const Graph *compiled) {
        uint64_t work = 0;

        (void) attrs_uint64(&compiled->root->attrs, "workload", &work);
        return work;
}
