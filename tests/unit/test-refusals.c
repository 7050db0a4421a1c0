/*
 * Any layers may have to stay on the CPU: because an engine cannot do them, the generator has no
 * code, or a program turned out wrong. Whatever is left must be lowered, cut into parts and
 * generated all the same, and be right.
 */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/compiler/compiler.h"
#include "dpu/compiler/engines.h"
#include "dpu/compiler/lower.h"
#include "dpu/models/network.h"
#include "dpu/proof.h"
#include "lower_fixture.h"

static Graph *network(const char *name, int32_t size) {
        const NetworkOptions options = { .seed = 4, .size = size, .change_weight = UINT64_MAX };
        Graph *graph;

        assert_int_equal(network_make(network_find(name), &options, &graph, NULL), 0);
        return graph;
}

/* --- by the engines ---------------------------------------------------------------------------- */

/* refuses by type, or by chance, but always the same: trial and final run must agree */
typedef struct Chooser {
        Engines engines;
        const char *type; /* NULL: by chance */
        uint64_t seed;
} Chooser;

static int choose(const Op *op, const void *userdata, Problem *reason) {
        const Chooser *chooser = userdata;
        bool refused;

        if (chooser->type)
                refused = strcmp(op->type, chooser->type) == 0;
        else
                refused = pattern_seed(chooser->seed, slice_of_string(op->tensor.name)) >> 62 == 0;
        if (refused)
                return problem_set(reason, -EOPNOTSUPP, "the test says so");
        return engines_accept(op, &chooser->engines, reason) ? 0 : -EOPNOTSUPP;
}

static void check_lowering(const Graph *source, const char *type, uint64_t seed) {
        Chooser chooser = { .type = type, .seed = seed };
        const LowerSpec spec = { .accepts = choose, .userdata = &chooser };
        _cleanup_(graph_freep) Graph *lowered = NULL;
        FingerprintInfo info;
        Problem problem = { "" };

        assert_int_equal(fingerprint_decode(LOWER_B4096, &info, NULL), 0);
        engines_init(&chooser.engines, &info);
        if (lower_run(source, &spec, &lowered, &problem) < 0 || graph_verify(lowered, &problem) < 0)
                fail_msg("without %s, %llu: %s", type, (unsigned long long) seed, problem.text);
        lower_compare(source, lowered, PATTERN_RANDOM);
}

static void lowering_goes_on_without_a_type(void **state) {
        static const char *const types[] = {
                "conv2d-fix",  "pool-fix",     "eltwise-fix",           "concat-fix",
                "reshape-fix", "upsample-fix", "transposed-conv2d-fix", "depthwise-conv2d-fix"
        };
        static const char *const networks[] = { "lenet", "mobilenetv2", "yolov5n" };

        for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
                _cleanup_(graph_freep) Graph *source = network(networks[i], i == 0 ? 0 : 32);

                for (size_t k = 0; k < ARRAY_SIZE(types); k++)
                        check_lowering(source, types[k], 0);
        }
}

static void lowering_goes_on_without_any_layers(void **state) {
        static const char *const networks[] = { "lenet", "mobilenetv2" };

        for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
                _cleanup_(graph_freep) Graph *source = network(networks[i], i == 0 ? 0 : 32);

                for (uint64_t seed = 0; seed < (i == 0 ? 40 : 4); seed++)
                        check_lowering(source, NULL, seed);
        }
}

/* --- after the fact ---------------------------------------------------------------------------- */

static void check_compile(const Graph *source, Random *random) {
        const char **refused = calloc(source->n_ops + 1, sizeof(*refused));
        const CompilerSpec spec = { .source = source,
                                    .fingerprint = LOWER_B512,
                                    .compiler = "test",
                                    .last = COMPILER_EMIT,
                                    .refused = refused };
        _cleanup_(compilation_freep) Compilation *c = NULL;
        Problem problem = { "" };
        ProofSpec proof = { .source = source };
        Proof result;

        assert_non_null(refused);
        for (size_t i = 0; i < source->n_ops; i++)
                if (random_below(random, 8) == 0)
                        refused[i] = "the test says so";
        if (compiler_run(&spec, &c, &problem) != 0)
                fail_msg("%s", problem.text);
        proof.compiled = c->graph;
        if (proof_run(&proof, &result, &problem) < 0)
                fail_msg("%s", problem.text);
        if (result.n_findings > 0)
                fail_msg("%s", result.findings[0].what.text);
        free(refused);
}

static void what_is_left_is_right(void **state) {
        Random random = RANDOM_INIT(5);
        _cleanup_(graph_freep) Graph *lenet = network("lenet", 0), *yolo = network("yolov5n", 32);

        for (size_t i = 0; i < 12; i++)
                check_compile(lenet, &random);
        for (size_t i = 0; i < 2; i++)
                check_compile(yolo, &random);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lowering_goes_on_without_a_type),
                cmocka_unit_test(lowering_goes_on_without_any_layers),
                cmocka_unit_test(what_is_left_is_right),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
