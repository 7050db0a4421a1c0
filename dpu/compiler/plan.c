#include "dpu/compiler/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"

static int plan_tensor_bytes(const Op *op, uint64_t *ret, Problem *problem) {
        uint64_t bits;

        if (op->tensor.bit_width < 0 ||
            __builtin_mul_overflow(tensor_elements(&op->tensor), (uint64_t) op->tensor.bit_width,
                                   &bits))
                return problem_set(problem, -EOVERFLOW, "op %s: its tensor has no sensible size",
                                   op->name);
        *ret = bits / 8 + (bits % 8 != 0);
        return 0;
}

static int plan_add(uint64_t *sum, uint64_t more, Problem *problem) {
        if (__builtin_add_overflow(*sum, more, sum))
                return problem_set(problem, -EOVERFLOW, "the tensors together are too large");
        return 0;
}

static int plan_sizes(Plan *plan, const Graph *graph, const Partition *partition,
                      Problem *problem) {
        int r;

        for (size_t i = 0; i < graph->n_ops; i++) {
                const Op *op = graph->ops[i];
                PlanPart *part = &plan->parts[partition->placements[i].part];
                bool constant = partition_is_constant(op);

                r = plan_tensor_bytes(op, &plan->tensor_bytes[i], problem);
                if (r < 0)
                        return r;
                r = plan_add(constant ? &part->constant_bytes : &part->tensor_bytes,
                             plan->tensor_bytes[i], problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* marks what @op reads from other parts */
static void plan_mark(const Op *op, const Partition *partition, size_t *read_by, bool *leaves,
                      PlanPart *part) {
        size_t here = partition->placements[op->index].part;

        for (size_t i = 0; i < op->n_args; i++)
                for (size_t k = 0; k < op->args[i].n_ops; k++) {
                        size_t from = op->args[i].ops[k]->index;

                        if (partition->placements[from].part == here)
                                continue;
                        leaves[from] = true;
                        if (read_by[from] == here)
                                continue; /* this part has it already */
                        read_by[from] = here;
                        part->inputs[part->n_inputs++] = op->args[i].ops[k];
                }
}

static size_t plan_count_slots(const Part *part) {
        size_t n = 0;

        for (size_t i = 0; i < part->n_ops; i++)
                for (size_t k = 0; k < part->ops[i]->n_args; k++)
                        n += part->ops[i]->args[k].n_ops;
        return n;
}

static int plan_compare_ops(const void *a, const void *b) {
        const Op *x = *(const Op *const *) a, *y = *(const Op *const *) b;

        return (x->index > y->index) - (x->index < y->index);
}

static int plan_inputs(Plan *plan, const Partition *partition, bool *leaves) {
        _cleanup_(freep) size_t *read_by = NULL; /* the last part that took it as an input */

        read_by = calloc(partition->n_ops + 1, sizeof(*read_by));
        if (!read_by)
                return -ENOMEM;
        for (size_t i = 0; i < partition->n_ops; i++)
                read_by[i] = SIZE_MAX;

        for (size_t i = 0; i < plan->n_parts; i++) {
                PlanPart *to = &plan->parts[i];
                const Part *part = &partition->parts[i];

                to->inputs = calloc(plan_count_slots(part) + 1, sizeof(*to->inputs));
                if (!to->inputs)
                        return -ENOMEM;
                for (size_t k = 0; k < part->n_ops; k++)
                        plan_mark(part->ops[k], partition, read_by, leaves, to);
                qsort(to->inputs, to->n_inputs, sizeof(*to->inputs), plan_compare_ops);
        }
        return 0;
}

static int plan_outputs(Plan *plan, const Partition *partition, const bool *leaves) {
        for (size_t i = 0; i < plan->n_parts; i++) {
                PlanPart *to = &plan->parts[i];
                const Part *part = &partition->parts[i];

                to->outputs = calloc(part->n_ops, sizeof(*to->outputs));
                if (!to->outputs)
                        return -ENOMEM;
                for (size_t k = 0; k < part->n_ops; k++) {
                        const Op *op = part->ops[k];
                        bool last = op->n_consumers == 0 && !partition_is_constant(op);

                        if (leaves[op->index] || last)
                                to->outputs[to->n_outputs++] = op;
                }
        }
        return 0;
}

static int plan_crossings(Plan *plan, const Partition *partition) {
        _cleanup_(freep) bool *leaves = NULL; /* some other part reads it */
        int r;

        leaves = calloc(partition->n_ops + 1, sizeof(*leaves));
        if (!leaves)
                return -ENOMEM;
        r = plan_inputs(plan, partition, leaves);
        if (r < 0)
                return r;
        return plan_outputs(plan, partition, leaves);
}

int plan_run(const Graph *lowered, const Partition *partition, Plan **ret, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        plan = calloc(1, sizeof(*plan));
        if (!plan)
                return -ENOMEM;
        plan->parts = calloc(partition->n_parts + 1, sizeof(*plan->parts));
        if (!plan->parts)
                return -ENOMEM;
        plan->n_parts = partition->n_parts;
        plan->tensor_bytes = calloc(lowered->n_ops + 1, sizeof(*plan->tensor_bytes));
        if (!plan->tensor_bytes)
                return -ENOMEM;

        r = plan_sizes(plan, lowered, partition, problem);
        if (r < 0)
                return r;
        r = plan_crossings(plan, partition);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(plan);
        return 0;
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;
        for (size_t i = 0; i < plan->n_parts; i++) {
                free(plan->parts[i].inputs);
                free(plan->parts[i].outputs);
        }
        free(plan->parts);
        free(plan->tensor_bytes);
        free(plan);
        return NULL;
}

static int plan_dump_ops(const Plan *plan, const char *what, const Op *const *ops, size_t n,
                         Bytes *ret) {
        int r;

        for (size_t i = 0; i < n; i++) {
                r = bytes_printf(ret, "    %s %s: %" PRIu64 " bytes\n", what, ops[i]->tensor.name,
                                 plan->tensor_bytes[ops[i]->index]);
                if (r < 0)
                        return r;
        }
        return 0;
}

int plan_dump(const Plan *plan, const Partition *partition, Bytes *ret) {
        int r;

        for (size_t i = 0; i < plan->n_parts; i++) {
                const PlanPart *part = &plan->parts[i];

                r = bytes_printf(ret,
                                 "%zu %s subgraph_%s: constants %" PRIu64 " bytes, tensors %" PRIu64
                                 " bytes, workload %" PRIu64 "\n",
                                 i, device_name(partition->parts[i].device),
                                 partition->parts[i].smallest, part->constant_bytes,
                                 part->tensor_bytes, part->workload);
                if (r == 0)
                        r = plan_dump_ops(plan, "reads", part->inputs, part->n_inputs, ret);
                if (r == 0)
                        r = plan_dump_ops(plan, "gives", part->outputs, part->n_outputs, ret);
                if (r < 0)
                        return r;
        }
        return 0;
}
