#include "dpu/reasons.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/compiler/lower_spec.h"
#include "dpu/compiler/partition.h"
#include "dpu/origin.h"
#include "dpu/where.h"

bool reasons_is_off_dpu(const Op *op) {
        return !partition_is_constant(op) && strcmp(where_device(op), "CPU") == 0;
}

static bool reasons_is_border(const Op *op) {
        static const char *const borders[] = { "fix2float", "float2fix", "fix" };

        for (size_t i = 0; i < ARRAY_SIZE(borders); i++)
                if (strcmp(op->type, borders[i]) == 0)
                        return true;
        return false;
}

/* What a compiler left unsaid but the op's type tells; NULL if it tells nothing either. */
static const char *reasons_by_type(const Op *op) {
        if (reasons_is_border(op))
                return "converts between fixed point and float at the border of the DPU";
        if (strcmp(op->type, "softmax") == 0)
                return "the DPU's compilers never put softmax on it";
        return NULL;
}

static void reasons_set(Reason *reason, const char *text, const char *from) {
        if (reason->text || !text)
                return;
        reason->text = text;
        reason->from = from;
}

static int reasons_from_source(Reasons *reasons, const Graph *graph, const Graph *source) {
        for (size_t i = 0; i < graph->n_ops; i++) {
                const Op *found;
                int r;

                if (!reasons_is_off_dpu(graph->ops[i]))
                        continue;
                r = origin_find(source, graph->ops[i]->name, &found);
                if (r < 0)
                        return r;
                reasons->items[i].source = found ? origin_layer(found) : NULL;
        }
        return 0;
}

/* One op of the log. It may have got another name after it was printed: then the two meet in
 * the source. What only converts for it did not move for the same reason. */
static int reasons_take_log_op(Reasons *reasons, const Graph *graph, const Graph *source,
                               size_t index) {
        const CompilerLogOp *said = &reasons->log->items[index];
        const Op *found = NULL;
        int r;

        r = origin_find(graph, said->name, &found);
        if (r < 0)
                return r;
        if (found && reasons_is_off_dpu(found)) {
                reasons_set(&reasons->items[found->index], said->reason, "log");
                reasons->used[index] = true;
                return 0;
        }
        if (!source)
                return 0;
        r = origin_find(source, said->name, &found);
        if (r < 0 || !found)
                return r;
        found = origin_layer(found);
        for (size_t i = 0; i < reasons->n; i++) {
                if (reasons->items[i].source != found || reasons_is_border(graph->ops[i]))
                        continue;
                reasons_set(&reasons->items[i], said->reason, "log");
                reasons->used[index] = true;
        }
        return 0;
}

static int reasons_from_log(Reasons *reasons, const Graph *graph, const Graph *source) {
        for (size_t i = 0; i < reasons->log->n; i++) {
                int r = reasons_take_log_op(reasons, graph, source, i);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int reasons_collect(Reasons *reasons, const Graph *graph, const Graph *source) {
        int r = 0;

        for (size_t i = 0; i < graph->n_ops; i++)
                reasons_set(&reasons->items[i],
                            attrs_string(&graph->ops[i]->attrs, LOWER_REASON_ATTR), "compiler");
        if (source)
                r = reasons_from_source(reasons, graph, source);
        if (r == 0 && reasons->log)
                r = reasons_from_log(reasons, graph, source);
        for (size_t i = 0; i < graph->n_ops; i++)
                reasons_set(&reasons->items[i], reasons_by_type(graph->ops[i]), "type");
        return r;
}

int reasons_init(Reasons *reasons, const Graph *graph, const Graph *source,
                 const CompilerLogFacts *log) {
        Reasons made = { .n = graph->n_ops, .log = log ? &log->cpu : NULL };
        int r = -ENOMEM;

        made.items = calloc(made.n + 1, sizeof(*made.items));
        made.used = calloc(log ? log->cpu.n + 1 : 1, sizeof(*made.used));
        if (made.items && made.used)
                r = reasons_collect(&made, graph, source);
        if (r < 0) {
                reasons_deinit(&made);
                return r;
        }
        *reasons = made;
        return 0;
}

void reasons_deinit(Reasons *reasons) {
        free(reasons->items);
        free(reasons->used);
        *reasons = (Reasons){ 0 };
}
