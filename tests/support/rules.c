#include "tests/support/rules.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "dpu/where.h"
#include "tests/support/rules_impl.h"

static const Rule *const tables[] = { rules_of_files, rules_of_memory, rules_of_runtime,
                                      rules_of_sources };

const Rule *rules_at(size_t index) {
        for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
                for (const Rule *rule = tables[t]; rule->name; rule++)
                        if (index-- == 0)
                                return rule;
        return NULL;
}

void rules_check(const RulesSpec *spec, RulesBroken broken, void *userdata,
                 size_t counts[RULES_MAX]) {
        for (size_t i = 0; i < RULES_MAX && rules_at(i); i++) {
                Rules rules = { .spec = *spec,
                                .rule = rules_at(i),
                                .broken = broken,
                                .userdata = userdata,
                                .count = &counts[i] };

                if (spec->source || !rules.rule->needs_source)
                        rules.rule->check(&rules);
        }
}

void rules_expect(Rules *rules, bool holds, const char *where, const char *format, ...) {
        char text[PROBLEM_MAX];
        va_list ap;

        (*rules->count)++;
        if (holds)
                return;
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        rules->broken(rules->rule, where, text, rules->userdata);
}

/* --- walking ----------------------------------------------------------------------------------- */

void rules_each_op(Rules *rules, RulesOpFn fn) {
        for (size_t i = 0; i < rules->spec.compiled->n_ops; i++)
                fn(rules, rules->spec.compiled->ops[i]);
}

void rules_each_dpu_op(Rules *rules, RulesOpFn fn) {
        for (size_t i = 0; i < rules->spec.compiled->n_ops; i++)
                if (strcmp(where_device(rules->spec.compiled->ops[i]), "DPU") == 0)
                        fn(rules, rules->spec.compiled->ops[i]);
}

void rules_each_op_of(Rules *rules, const Subgraph *part, RulesOpFn fn) {
        for (size_t i = 0; i < rules->spec.compiled->n_ops; i++)
                if (where_is(rules->spec.compiled->ops[i]) == part)
                        fn(rules, rules->spec.compiled->ops[i]);
}

void rules_each_part(Rules *rules, RulesSubgraphFn fn) {
        for (size_t i = 0; i < rules->spec.compiled->root->n_children; i++)
                fn(rules, rules->spec.compiled->root->children[i]);
}

void rules_each_dpu_part(Rules *rules, RulesSubgraphFn fn) {
        for (size_t i = 0; i < rules->spec.compiled->root->n_children; i++)
                if (where_runs_on(rules->spec.compiled->root->children[i], "DPU"))
                        fn(rules, rules->spec.compiled->root->children[i]);
}

void rules_each_leaf(Rules *rules, RulesSubgraphFn fn) {
        const Subgraph *root = rules->spec.compiled->root;

        for (size_t i = 0; i < root->n_children; i++)
                for (size_t k = 0; k < root->children[i]->n_children; k++)
                        if (where_runs_on(root->children[i], "DPU"))
                                fn(rules, root->children[i]->children[k]);
}

/* --- asking ------------------------------------------------------------------------------------ */

bool rules_joins(const char *text, const char *a, const char *b) {
        size_t n = strlen(a);

        return strncmp(text, a, n) == 0 && strcmp(text + n, b) == 0;
}

const Op *rules_arg(const Op *op, const char *name) {
        const Arg *arg = op_arg(op, name);

        return arg && arg->n_ops > 0 ? arg->ops[0] : NULL;
}

int32_t rules_int32(const Attrs *attrs, const char *name, int32_t otherwise) {
        int32_t value = otherwise;

        return attrs_int32(attrs, name, &value) == 0 ? value : otherwise;
}

bool rules_int32s(const Attrs *attrs, const char *name, size_t n, int32_t *ret) {
        const Attr *attr = attrs_find(attrs, name);

        if (!attr || attr->kind != ATTR_INT32_VEC || attr->n != n)
                return false;
        memcpy(ret, attr->int32s, n * sizeof(*ret));
        return true;
}

bool rules_has_kind(const Attrs *attrs, const char *name, AttrKind kind) {
        const Attr *attr = attrs_find(attrs, name);

        return attr && attr->kind == kind;
}

bool rules_reads(const Op *reader, const Op *op) {
        for (size_t a = 0; a < reader->n_args; a++)
                for (size_t i = 0; i < reader->args[a].n_ops; i++)
                        if (reader->args[a].ops[i] == op)
                                return true;
        return false;
}

size_t rules_part_number(const Rules *rules, const Op *op) {
        const Subgraph *root = rules->spec.compiled->root;
        size_t i;

        for (i = 0; i < root->n_children && root->children[i] != where_is(op);)
                i++;
        return i;
}
