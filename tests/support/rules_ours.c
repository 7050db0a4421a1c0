#include <errno.h>
#include <string.h>

#include "tests/support/rules.h"

const RulesDeviation rules_of_ours[] = {
        { "cpu-ops", "partition_msg", "ops on the CPU say why they are there" },
        { "reshapes", "it is not where",
          "an input that is only reshaped is copied to the outputs" },
        { "reshapes", "it is not skipped", "likewise" },
        { "skipped", "it is not skipped", "likewise" },
        { "concat-skipped", "its inputs could be",
          "what is also an output, in two concats, twice in one, reshaped or a concat is copied" },
        { "slices-skipped", "it is a slice",
          "what has the concat's fix point is written into it even where other inputs have not" },
        { "registers", "REG_0", "room for zeros that layers without bias and paddings read" },
        { "registers", "REG_1 has", "room for LOADs that read past the end" },
        { "registers", "REG_2 has", "room for LOADs that read past the end" },
        { "registers", "REG_3 has", "room for LOADs that read past the end" },
        { "pairs", "", "each layer is listed for itself, whatever it is computed with" },
        { "on-chip", "it stays on the chip, and", "likewise" },
        { NULL, NULL, NULL },
};

bool rules_is_listed(const RulesDeviation *list, const Rule *rule, const char *what) {
        for (const RulesDeviation *d = list; d && d->rule; d++)
                if (strcmp(d->rule, rule->name) == 0 &&
                    (!what || strncmp(what, d->what, strlen(d->what)) == 0))
                        return true;
        return false;
}

typedef struct Keep {
        Problem *problem;
        int error;
} Keep;

static void keep_broken(const Rule *rule, const char *where, const char *what, void *userdata) {
        Keep *keep = userdata;

        if (keep->error == 0 && !rules_is_listed(rules_of_ours, rule, what))
                keep->error = problem_set(keep->problem, -EBADMSG, "rule %s: %s: %s", rule->name,
                                          where, what);
}

int rules_keep(const RulesSpec *spec, Problem *problem) {
        size_t counts[RULES_MAX] = { 0 };
        Keep keep = { .problem = problem };

        rules_check(spec, keep_broken, &keep, counts);
        return keep.error;
}
