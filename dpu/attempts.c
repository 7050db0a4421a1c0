#include "dpu/attempts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "dpu/origin.h"

/* one run of attempts_run() */
typedef struct AttemptsRun {
        const AttemptsSpec *spec;
        const char **refused; /* owned; by index of the source's ops */
        const char *all_refused;
        Arena arena; /* of reasons */
        size_t n_internal_errors;
} AttemptsRun;

static void attempts_run_deinit(AttemptsRun *run) {
        free(run->refused);
        arena_deinit(&run->arena);
}

static const char *const attempts_verify_names[] = {
        [ATTEMPTS_VERIFY_NONE] = "none",
        [ATTEMPTS_VERIFY_SMALL] = "small",
        [ATTEMPTS_VERIFY_FULL] = "full",
};

int attempts_verify_find(const char *name, AttemptsVerify *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(attempts_verify_names); i++)
                if (strcmp(attempts_verify_names[i], name) == 0) {
                        *ret = (AttemptsVerify) i;
                        return 0;
                }
        return -ENOENT;
}

const char *attempts_verify_name(AttemptsVerify verify) {
        return attempts_verify_names[verify];
}

/* --- what went wrong --------------------------------------------------------------------------- */

static void attempts_say(const AttemptsRun *run, const char *text) {
        run->spec->say(text, run->spec->userdata);
}

/* The reason of layers that are off the DPU because of @what, told and kept. */
static int attempts_note(AttemptsRun *run, const char *where, const char *what, const char **ret) {
        Problem reason;

        (void) problem_set(&reason, 0, "internal error of this compiler%s%s: %s",
                           where ? " in " : "", where ?: "", what);
        *ret = arena_string(&run->arena, reason.text, strlen(reason.text));
        if (!*ret)
                return -ENOMEM;
        run->n_internal_errors++;
        (void) problem_prefix(&reason, 0, "Not on the DPU");
        attempts_say(run, reason.text);
        return 0;
}

/* Refuses what @op was made from; false in @ret_new: nothing that was not refused before. */
static int attempts_refuse(AttemptsRun *run, const Op *op, const char *reason, bool *ret_new) {
        const Graph *source = run->spec->compiler.source;
        const Op *origin;
        int r;

        r = origin_find(source, op->name, &origin);
        if (r < 0 || !origin)
                return r;
        for (;;) {
                if (!run->refused[origin->index]) {
                        run->refused[origin->index] = reason;
                        *ret_new = true;
                }
                if (strcmp(origin->type, "fix") != 0 || !op_input(origin, 0))
                        return 0;
                origin = op_input(origin, 0);
        }
}

static int attempts_refuse_all_of(AttemptsRun *run, const Op *const *ops, size_t n,
                                  const char *reason, bool *ret_new) {
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++)
                if (!partition_is_constant(ops[i]))
                        r = attempts_refuse(run, ops[i], reason, ret_new);
        return r;
}

static int attempts_give_up(AttemptsRun *run, const char *what) {
        return attempts_note(run, NULL, what, &run->all_refused);
}

/* The part in which @subgraph's ops are; NULL: none. */
static const Part *attempts_part(const Compilation *c, const Subgraph *subgraph) {
        for (size_t i = 0; subgraph && i < c->partition->n_parts; i++)
                if (strcmp(c->graph->root->children[i]->name, subgraph->name) == 0)
                        return &c->partition->parts[i];
        return NULL;
}

static int attempts_take_finding(AttemptsRun *run, const Compilation *c,
                                 const ProofFinding *finding, bool *ret_new) {
        const Part *part = attempts_part(c, finding->subgraph);
        const char *reason;
        bool new = false;
        int r;

        r = attempts_note(run, finding->op ? finding->op->name : NULL, finding->what.text, &reason);
        if (r == 0 && finding->op)
                r = attempts_refuse(run, finding->op, reason, &new);
        if (r == 0 && !new &&part)
                r = attempts_refuse_all_of(run, part->ops, part->n_ops, reason, &new);
        *ret_new = *ret_new || new;
        return r;
}

static int attempts_take_findings(AttemptsRun *run, const Compilation *c, const Proof *proof) {
        bool new = false;
        int r = 0;

        for (size_t i = 0; i < proof->n_findings && r == 0; i++)
                r = attempts_take_finding(run, c, &proof->findings[i], &new);
        return r < 0 || new ? r : attempts_give_up(run, "nothing less helps");
}

static int attempts_take_part(AttemptsRun *run, const Part *part, const char *what) {
        const char *reason;
        bool new = false;
        int r;

        r = attempts_note(run, part->smallest, what, &reason);
        if (r == 0)
                r = attempts_refuse_all_of(run, part->ops, part->n_ops, reason, &new);
        return r < 0 || new ? r : attempts_give_up(run, what);
}

/* --- rounds ------------------------------------------------------------------------------------ */

static void attempts_progress(Pattern pattern, void *userdata) {
        const AttemptsRun *run = userdata;
        Problem line;

        (void) problem_set(&line, 0, "Verify in the simulator, inputs %s: %u%%",
                           pattern_name(pattern), (unsigned) pattern * 100 / PATTERN_COUNT);
        attempts_say(run, line.text);
}

static bool attempts_wants_proof(const AttemptsRun *run, const Compilation *c, Attempts *ret) {
        /* not by its workload: layers that only move numbers have none */
        if (run->spec->verify == ATTEMPTS_VERIFY_NONE ||
            partition_count(c->partition, DEVICE_DPU) == 0)
                return false;
        ret->too_large = run->spec->verify == ATTEMPTS_VERIFY_SMALL &&
                         proof_work(c->graph) > ATTEMPTS_SMALL_WORK;
        return !ret->too_large;
}

/* true in @ret_done: @ret is complete */
static int attempts_prove(AttemptsRun *run, Attempts *ret, bool *ret_done, Problem *problem) {
        const ProofSpec spec = {
                .source = run->spec->compiler.source,
                .compiled = ret->compilation->graph,
                .max_work = run->spec->verify == ATTEMPTS_VERIFY_SMALL ? ATTEMPTS_SMALL_WORK : 0,
                .progress = attempts_progress,
                .userdata = run,
        };
        int r;

        *ret_done = true;
        if (!attempts_wants_proof(run, ret->compilation, ret))
                return 0;
        r = proof_run(&spec, &ret->proof, problem);
        if (r == -ENOMEM)
                return r;
        ret->too_large = r == -EFBIG || r == -E2BIG;
        if (ret->too_large)
                return run->spec->verify == ATTEMPTS_VERIFY_SMALL
                               ? 0
                               : problem_prefix(problem, r, "it cannot be verified");
        ret->proved = r == 0 && ret->proof.n_findings == 0;
        *ret_done = ret->proved;
        if (r < 0)
                return attempts_give_up(run, problem->text);
        return ret->proved ? 0 : attempts_take_findings(run, ret->compilation, &ret->proof);
}

/* Nobody has looked at the source itself before. */
static bool attempts_is_our_error(const AttemptsRun *run, int error) {
        return (error == -EINVAL || error == -EEXIST) && !run->all_refused &&
               graph_verify(run->spec->compiler.source, NULL) == 0;
}

static int attempts_compile(AttemptsRun *run, Attempts *ret, bool *ret_done, Problem *problem) {
        CompilerSpec spec = run->spec->compiler;
        int r;

        *ret_done = false;
        spec.refused = run->refused;
        spec.all_refused = run->all_refused;
        r = run->spec->compile(&spec, &ret->compilation, problem);
        if (r == COMPILER_PART_REFUSED)
                return attempts_take_part(run, ret->compilation->failed, problem->text);
        if (r < 0 && attempts_is_our_error(run, r))
                return attempts_give_up(run, problem->text);
        return r < 0 ? r : attempts_prove(run, ret, ret_done, problem);
}

static int attempts_rounds(AttemptsRun *run, Attempts *ret, Problem *problem) {
        bool done = false;

        for (size_t i = 0; !done; i++) {
                Problem what = { "" };
                int r;

                attempts_deinit(ret);
                if (i == ATTEMPTS_MAX - 1 && !run->all_refused)
                        run->all_refused = "internal error of this compiler: too many layers went "
                                           "wrong";
                r = attempts_compile(run, ret, &done, &what);
                if (r < 0)
                        return problem_set(problem, r, "%s", what.text);
        }
        return 0;
}

int attempts_run(const AttemptsSpec *spec, Attempts *ret, Problem *problem) {
        _cleanup_(attempts_run_deinit) AttemptsRun run = { .spec = spec };
        Attempts made = {};
        int r;

        run.refused = calloc(spec->compiler.source->n_ops + 1, sizeof(*run.refused));
        if (!run.refused)
                return -ENOMEM;
        r = attempts_rounds(&run, &made, problem);
        if (r < 0) {
                attempts_deinit(&made);
                return r;
        }
        made.n_internal_errors = run.n_internal_errors;
        *ret = made;
        return 0;
}

void attempts_deinit(Attempts *attempts) {
        (void) compilation_free(attempts->compilation);
        *attempts = (Attempts){};
}
