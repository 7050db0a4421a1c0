#pragma once

/*
 * Rules: what compiled files look like
 *
 * The conventions of the vendor's compiler for quantized graphs and DPUCZDX8G ISA 1, as public
 * pairs of quantized and compiled models and public compiled models show them, and what the
 * vendor's runtime looks up (Xilinx/Vitis-AI src/vai_runtime/vart). docs/COMPILER.md lists them by
 * the names that they have here.
 *
 * They share no code with the compiler: what it writes is held against what is said here.
 */

#include "base/problem.h"
#include "xmodel/fingerprint.h"
#include "xmodel/graph.h"

typedef struct RulesSpec {
        const Graph *source;   /* what it was compiled from; NULL: only the file itself */
        const Graph *compiled; /* of both, consumers are counted */
        const FingerprintInfo *target;
} RulesSpec;

typedef struct Rules Rules;

typedef struct Rule {
        const char *name;
        const char *says;
        void (*check)(Rules *rules);
        bool needs_source;
} Rule;

const Rule *rules_at(size_t index); /* NULL past the end */

/* Called where a rule does not hold; @where is an op, tensor or subgraph. */
typedef void (*RulesBroken)(const Rule *rule, const char *where, const char *what, void *userdata);

/* A known exception. */
typedef struct RulesDeviation {
        const char *rule;
        const char *what; /* beginning of what is said; "": whatever it is */
        const char *reason;
} RulesDeviation;

/* those of the open compiler, ended by one without a rule; docs/COMPILER.md has them, too */
extern const RulesDeviation rules_of_ours[];

/* @what: NULL: anything. @list may be NULL. */
bool rules_is_listed(const RulesDeviation *list, const Rule *rule, const char *what);

/* -EBADMSG with @problem: the file deviates in a way that is not among ours. */
int rules_keep(const RulesSpec *spec, Problem *problem);

#define RULES_MAX 96

/* @counts: how often each rule was looked at, added to what is there */
void rules_check(const RulesSpec *spec, RulesBroken broken, void *userdata,
                 size_t counts[RULES_MAX]);
