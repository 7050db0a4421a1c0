#include "dpu/constants.h"

#include <errno.h>
#include <string.h>

#include "base/slice.h"

/* what compilers put behind the name of a constant that they rewrite */
static const char *const constants_suffixes[] = { "(reshaped)", "_new" };

static Slice constants_base_name(const char *name) {
        Slice base = slice_of_string(name);

        for (size_t i = 0; i < sizeof(constants_suffixes) / sizeof(constants_suffixes[0]); i++) {
                size_t n = strlen(constants_suffixes[i]);

                if (base.size > n &&
                    memcmp(base.data + base.size - n, constants_suffixes[i], n) == 0)
                        base.size -= n;
        }
        return base;
}

/* a `fix` behind a constant */
static bool constants_is_parameter(const Op *op) {
        const Op *input = op_input(op, 0);

        return strcmp(op->type, "fix") == 0 && input && strcmp(input->type, "const") == 0;
}

void constants_keep(Evaluator *source_run, const Graph *source) {
        for (size_t i = 0; i < source->n_ops; i++)
                if (constants_is_parameter(source->ops[i]))
                        evaluator_keep(source_run, source->ops[i]);
}

static const Op *constants_find(const Graph *source, Slice name) {
        for (size_t i = 0; i < source->n_ops; i++)
                if (constants_is_parameter(source->ops[i]) &&
                    slice_is(name, op_input(source->ops[i], 0)->name))
                        return source->ops[i];
        return NULL;
}

static int32_t constants_fix_point(const Op *op) {
        int32_t fix_point = 0;

        (void) attrs_int32(&op->tensor.attrs, "fix_point", &fix_point);
        return fix_point;
}

/* By how many bits a compiler shifts @constant before it stores it: a bias that is finer than half a
 * step of the products (docs/EVALUATOR.md). */
static int32_t constants_shift(const Graph *compiled, const Op *constant) {
        for (size_t i = constant->index + 1; i < compiled->n_ops; i++) {
                const Op *op = compiled->ops[i];
                const Arg *bias = op_arg(op, "bias"), *weights = op_arg(op, "weights");

                if (bias && bias->n_ops > 0 && bias->ops[0] == constant && weights &&
                    weights->n_ops > 0 && op_input(op, 0))
                        return constants_fix_point(constant) -
                               (constants_fix_point(op_input(op, 0)) +
                                constants_fix_point(weights->ops[0]) + 1);
        }
        return 0;
}

static int constants_set_one(const Values *from, Evaluator *compiled_run, const Graph *compiled,
                             const Op *op, Problem *problem) {
        int32_t shift = constants_shift(compiled, op);
        Values values;
        int r;

        r = evaluator_blank(compiled_run, op, &values, problem);
        if (r < 0)
                return r;
        if (from->storage != VALUES_FIXED || values.storage != VALUES_FIXED ||
            values.n != from->n || values.fix_point != from->fix_point) {
                values_deinit(&values);
                return problem_set(problem, -EINVAL,
                                   "%s: the source's constant has another size or fix point",
                                   op->name);
        }
        for (size_t i = 0; i < values.n; i++)
                values.fixed[i] = (int8_t) (from->fixed[i] >> (shift < 0   ? 0
                                                               : shift > 7 ? 7
                                                                           : shift));
        evaluator_set(compiled_run, op, &values);
        return 0;
}

int constants_set(const Evaluator *source_run, const Graph *source, Evaluator *compiled_run,
                  const Graph *compiled, Problem *problem) {
        for (size_t i = 0; i < compiled->n_ops; i++) {
                const Op *op = compiled->ops[i], *parameter;
                int r;

                if (strcmp(op->type, "const-fix") != 0)
                        continue;
                parameter = constants_find(source, constants_base_name(op->name));
                if (!parameter)
                        continue;
                r = constants_set_one(evaluator_values(source_run, parameter), compiled_run,
                                      compiled, op, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}
