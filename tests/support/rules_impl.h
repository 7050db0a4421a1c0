#pragma once

/*
 * What the files of rules share. A rule visits what it is about and calls rules_expect() for it.
 */

#include <string.h>

#include "dpu/where.h"
#include "tests/support/rules.h"

struct Rules {
        RulesSpec spec;
        const Rule *rule; /* that is being checked */
        RulesBroken broken;
        void *userdata;
        size_t *count;
};

/* @holds, or the rule is broken at @where as the text says */
void rules_expect(Rules *rules, bool holds, const char *where, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

typedef void (*RulesOpFn)(Rules *rules, const Op *op);
typedef void (*RulesSubgraphFn)(Rules *rules, const Subgraph *subgraph);

void rules_each_op(Rules *rules, RulesOpFn fn);         /* of the compiled graph */
void rules_each_dpu_op(Rules *rules, RulesOpFn fn);     /* on the DPU */
void rules_each_part(Rules *rules, RulesSubgraphFn fn); /* below the root */
void rules_each_dpu_part(Rules *rules, RulesSubgraphFn fn);
void rules_each_leaf(Rules *rules, RulesSubgraphFn fn); /* below those of the DPU */

static inline bool rules_is(const Op *op, const char *type) {
        return op && strcmp(op->type, type) == 0;
}

static inline bool rules_is_const(const Op *op) {
        return strcmp(op->type, "const-fix") == 0 || strcmp(op->type, "const") == 0;
}

static inline bool rules_is_border(const Op *op) { /* upload, download */
        return rules_is(op, "upload") || rules_is(op, "download");
}

/* neither constant nor upload nor download */
static inline bool rules_computes(const Op *op) {
        return !rules_is_const(op) && !rules_is_border(op);
}

/* @text is "@a@b" */
bool rules_joins(const char *text, const char *a, const char *b);

const Op *rules_arg(const Op *op, const char *name); /* the first; NULL: none */
int32_t rules_int32(const Attrs *attrs, const char *name, int32_t otherwise);
bool rules_int32s(const Attrs *attrs, const char *name, size_t n, int32_t *ret);
bool rules_has_kind(const Attrs *attrs, const char *name, AttrKind kind);
bool rules_reads(const Op *reader, const Op *op);

size_t rules_part_number(const Rules *rules, const Op *op); /* among the root's children */

/* by index of the ops in a graph's order, those of @part only; fn as above */
void rules_each_op_of(Rules *rules, const Subgraph *part, RulesOpFn fn);

extern const Rule rules_of_files[], rules_of_memory[], rules_of_runtime[], rules_of_sources[];
