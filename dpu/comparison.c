#include "dpu/comparison.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "dpu/constants.h"
#include "dpu/ports.h"
#include "dpu/sim/round.h"

/* what is known of one op of the compiled graph */
typedef struct Counterpart {
        const Op *source; /* NULL: none */
        bool is_output;
        bool tainted; /* it, or something it is made of and that has no counterpart, differs */
        ComparisonDifference *difference; /* a known one: the source's values take its place */
} Counterpart;

typedef struct ComparisonState {
        const Graph *source, *compiled;
        Counterpart *counterparts; /* by index of compiled op */
        uint64_t *hashes;          /* by index of source op */
        Evaluator *source_run, *compiled_run;
        Comparison *result;
        bool source_constants;
        size_t round; /* in the first, counts are taken */
} ComparisonState;

/* --- pairs by name ----------------------------------------------------------------------------- */

typedef struct TensorName {
        const char *name;
        const Op *op;
        UT_hash_handle hh;
} TensorName;

typedef struct TensorNames {
        TensorName *items; /* owned; the map's elements */
        TensorName *map;
} TensorNames;

static void tensor_names_deinit(TensorNames *names) {
        HASH_CLEAR(hh, names->map);
        free(names->items);
}

static int tensor_names_init(TensorNames *names, const Graph *graph) {
        names->items = calloc(graph->n_ops + 1, sizeof(*names->items));
        if (!names->items)
                return -ENOMEM;
        for (size_t i = 0; i < graph->n_ops; i++) {
                TensorName *item = &names->items[i], *old;

                item->name = graph->ops[i]->tensor.name;
                item->op = graph->ops[i];
                HASH_FIND_STR(names->map, item->name, old);
                if (old)
                        continue;
                HASH_ADD_KEYPTR(hh, names->map, item->name, strlen(item->name), item);
                if (map_failed(item))
                        return -ENOMEM;
        }
        return 0;
}

/* What the compiler hands over keeps its name with a "_download_0" behind it. */
static const Op *comparison_find(const TensorNames *names, const char *tensor) {
        static const char handed[] = "_download_0";
        size_t n = strlen(tensor), k = strlen(handed);
        TensorName *found;

        if (n > k && strcmp(tensor + n - k, handed) == 0)
                n -= k;
        HASH_FIND(hh, names->map, tensor, n, found);
        return found ? found->op : NULL;
}

/* Constants and inputs are no results; downloads repeat what they download. */
static bool comparison_is_result(const Op *op) {
        static const char *const others[] = { "const",    "const-fix", "data",
                                              "data-fix", "upload",    "download" };

        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                if (strcmp(op->type, others[i]) == 0)
                        return false;
        return true;
}

/* the output of the source that @op, an output, is by its base name */
static const Op *comparison_find_output(const Ports *source, const Op *op) {
        Slice base = ports_base_name(op->tensor.name);

        for (size_t i = 0; i < source->n_outputs; i++)
                if (slice_equal(source->outputs[i].base, base))
                        return source->outputs[i].op;
        return NULL;
}

static int comparison_pair(ComparisonState *state, const Ports *outputs) {
        _cleanup_(tensor_names_deinit) TensorNames names = { 0 };
        size_t n_there = 0; /* outputs */
        int r;

        r = tensor_names_init(&names, state->source);
        if (r < 0)
                return r;
        for (size_t i = 0; i < state->compiled->n_ops; i++) {
                const Op *op = state->compiled->ops[i], *source;
                Counterpart *part = &state->counterparts[i];

                if (!comparison_is_result(op))
                        continue;
                part->is_output = op->n_consumers == 0;
                source = comparison_find(&names, op->tensor.name);
                if (evaluator_is_substituted(op)) { /* no numbers to compare */
                        n_there += part->is_output && source && evaluator_is_substituted(source);
                        continue;
                }
                if (!source && part->is_output)
                        source = comparison_find_output(outputs, op);
                if (source && tensor_elements(&source->tensor) == tensor_elements(&op->tensor))
                        part->source = source;
                state->result->n_outputs += part->source && part->is_output;
        }
        n_there += state->result->n_outputs;
        state->result->n_outputs_missing =
                outputs->n_outputs > n_there ? outputs->n_outputs - n_there : 0;
        return 0;
}

/* --- one round ------------------------------------------------------------------------------------ */

static int comparison_note(const Op *op, Values *values, void *userdata) {
        ComparisonState *state = userdata;

        state->hashes[op->index] = values_hash(values);
        return 0;
}

static bool comparison_inputs_tainted(const ComparisonState *state, const Op *op) {
        for (size_t i = 0; i < op->n_args; i++)
                for (size_t k = 0; k < op->args[i].n_ops; k++)
                        if (state->counterparts[op->args[i].ops[k]->index].tainted)
                                return true;
        return false;
}

static void comparison_count(ComparisonState *state, const Counterpart *part, bool differs) {
        Comparison *result = state->result;

        if (state->round > 0)
                return;
        result->n_compared++;
        result->n_different += differs;
        result->n_outputs_different += differs && part->is_output;
}

/* An op that differs though nothing that it is made of does. The source keeps its values in the
 * next round. */
static void comparison_add(ComparisonState *state, const Op *op, Counterpart *part) {
        Comparison *result = state->result;

        if (result->n_differences == COMPARISON_DIFFERENCES_MAX) {
                result->complete = false;
                return;
        }
        part->difference = &result->differences[result->n_differences++];
        *part->difference = (ComparisonDifference){ .op = op, .source_op = part->source };
        evaluator_keep(state->source_run, part->source);
}

static double comparison_step(const Values *values) {
        return values->storage == VALUES_FIXED ? values_step(values) : 1;
}

static void comparison_measure(ComparisonDifference *difference, const Values *got,
                               const Values *expected) {
        difference->n_elements = got->n;
        difference->n_different = 0;
        for (size_t i = 0; i < got->n; i++) {
                double a, b;

                values_read(got, i, 1, &a);
                values_read(expected, i, 1, &b);
                if (a == b)
                        continue;
                if (difference->n_different++ == 0) {
                        difference->index = i;
                        difference->got = a;
                        difference->expected = b;
                }
                difference->largest = fmax(difference->largest, fabs(a - b) / comparison_step(got));
        }
}

/* goes on with the source's numbers */
static void comparison_replace(Values *values, const Values *expected) {
        double step = comparison_step(values);

        for (size_t i = 0; i < values->n; i++) {
                double number;

                values_read(expected, i, 1, &number);
                if (values->storage == VALUES_FIXED)
                        values->fixed[i] = (int8_t) round_saturate(rint(number / step), -128, 127);
                else
                        values->real[i] = number;
        }
}

static int comparison_check(const Op *op, Values *values, void *userdata) {
        ComparisonState *state = userdata;
        Counterpart *part = &state->counterparts[op->index];
        bool tainted = !evaluator_is_substituted(op) && comparison_inputs_tainted(state, op);
        bool differs;

        part->tainted = tainted;
        if (!part->source)
                return 0;
        if (part->difference) {
                const Values *expected = evaluator_values(state->source_run, part->source);

                comparison_measure(part->difference, values, expected);
                comparison_replace(values, expected);
                part->tainted = false;
                return 0;
        }
        differs = values_hash(values) != state->hashes[part->source->index];
        comparison_count(state, part, differs);
        part->tainted = differs;
        if (differs && !tainted)
                comparison_add(state, op, part);
        return 0;
}

/* Evaluates both; true in @ret_more: something new differs. */
static int comparison_round(ComparisonState *state, bool *ret_more, Problem *problem) {
        size_t known = state->result->n_differences;
        int r;

        r = evaluator_run(state->source_run, state->round == 0 ? comparison_note : NULL, state,
                          problem);
        if (r < 0)
                return problem_prefix(problem, r, "source");
        if (state->round == 0 && state->source_constants) {
                r = constants_set(state->source_run, state->source, state->compiled_run,
                                  state->compiled, problem);
                if (r < 0)
                        return r;
        }
        r = evaluator_run(state->compiled_run, comparison_check, state, problem);
        if (r < 0)
                return r;
        *ret_more = state->result->n_differences > known;
        state->round++;
        return 0;
}

/* --- all of it --------------------------------------------------------------------------------------- */

static void comparison_state_deinit(ComparisonState *state) {
        free(state->counterparts);
        free(state->hashes);
        (void) evaluator_free(state->source_run);
        (void) evaluator_free(state->compiled_run);
}

static int comparison_begin(ComparisonState *state, const ComparisonOptions *options,
                            ComparisonFill fill, void *userdata, Problem *problem) {
        _cleanup_(ports_deinit) Ports outputs = { 0 };
        int r;

        state->counterparts = calloc(state->compiled->n_ops + 1, sizeof(*state->counterparts));
        state->hashes = calloc(state->source->n_ops + 1, sizeof(*state->hashes));
        if (!state->counterparts || !state->hashes)
                return -ENOMEM;
        r = ports_init(&outputs, state->source);
        if (r < 0)
                return r;
        r = comparison_pair(state, &outputs);
        if (r < 0)
                return r;
        r = evaluator_new(&state->source_run, state->source, &options->evaluator);
        if (r < 0)
                return r;
        r = evaluator_new(&state->compiled_run, state->compiled, &options->evaluator);
        if (r < 0)
                return r;
        state->source_constants = options->source_constants;
        if (options->source_constants)
                constants_keep(state->source_run, state->source);
        r = fill(state->source_run, state->source, userdata, problem);
        if (r < 0)
                return r;
        return fill(state->compiled_run, state->compiled, userdata, problem);
}

int comparison_run(const Graph *source, const Graph *compiled, const ComparisonOptions *options,
                   ComparisonFill fill, void *userdata, Comparison *ret, Problem *problem) {
        Comparison result = { .complete = true };
        _cleanup_(comparison_state_deinit) ComparisonState state = { .source = source,
                                                                     .compiled = compiled,
                                                                     .result = &result };
        bool more = true;
        int r;

        r = comparison_begin(&state, options, fill, userdata, problem);
        if (r < 0)
                return r;
        while (more) { /* ends: each round adds a difference, and they are bounded */
                r = comparison_round(&state, &more, problem);
                if (r < 0)
                        return r;
        }

        *ret = result;
        return 0;
}
