#include "dpu/origin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define ORIGIN_CUTS_MAX 32

/* "_i0": a part of an op that was split */
static bool origin_is_part(const char *at) {
        size_t n;

        if (strncmp(at, "_i", 2) != 0)
                return false;
        n = strspn(at + 2, "0123456789");
        return n > 0 && at[2 + n] == '\0';
}

static bool origin_begins_piece(const char *at) {
        static const char *const pieces[] = {
                "_fix", "_inserted_fix_", "_download_", "_upload_", "_reshaped", "_transfered_",
        };

        if (*at == '(' || strcmp(at, "_") == 0 || origin_is_part(at))
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
                if (strncmp(at, pieces[i], strlen(pieces[i])) == 0)
                        return true;
        return false;
}

bool origin_cut(char *name) {
        for (size_t i = strlen(name); i-- > 1;) {
                if (!origin_begins_piece(name + i))
                        continue;
                name[i] = '\0';
                return true;
        }
        return false;
}

int origin_find(const Graph *graph, const char *name, const Op **ret) {
        _cleanup_(freep) char *rest = strdup(name);
        const Op *op;

        if (!rest)
                return -ENOMEM;
        op = graph_find_op(graph, rest);
        for (size_t i = 0; !op && i < ORIGIN_CUTS_MAX && origin_cut(rest); i++)
                op = graph_find_op(graph, rest);
        *ret = op;
        return 0;
}

const Op *origin_layer(const Op *op) {
        while (strcmp(op->type, "fix") == 0 && op_input(op, 0))
                op = op_input(op, 0);
        return op;
}
