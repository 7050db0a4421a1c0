#include "daemon/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int limits_check_cpu_ops(const Pair *pair, const Record *record, Problem *problem) {
        Slice found = record_provenance(record, LIMITS_CPU_OPS_TAG);
        _cleanup_(freep) char *list = strndup((const char *) found.data ?: "", found.size);
        char *save = NULL;

        if (!list)
                return -ENOMEM;
        for (char *type = strtok_r(list, ",", &save); type; type = strtok_r(NULL, ",", &save)) {
                if (strings_contain(&pair->cpu_ops, type))
                        continue;
                return problem_set(problem, LIMITS_EXCEEDED,
                                   "op type %s of %s is on the CPU, and the limits of the project "
                                   "do not list it in cpu_ops",
                                   type, pair->net_name);
        }
        return 0;
}

int limits_check(const Pair *pair, const Record *record, Problem *problem) {
        if (pair->max_dpu_subgraphs >= 0 &&
            record->facts.dpu_subgraphs > (uint64_t) pair->max_dpu_subgraphs)
                return problem_set(problem, LIMITS_EXCEEDED,
                                   "%s has %" PRIu32 " DPU subgraphs, the limit of the project "
                                   "is %" PRId64,
                                   pair->net_name, record->facts.dpu_subgraphs,
                                   pair->max_dpu_subgraphs);
        return pair->limits_cpu_ops ? limits_check_cpu_ops(pair, record, problem) : 0;
}
