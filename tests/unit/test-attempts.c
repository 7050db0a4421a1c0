/*
 * A compiler that makes mistakes never gets them into a verified result. The mistakes are made here,
 * behind the real compiler's back: in its program, in its graph, in what it returns.
 */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/attempts.h"
#include "dpu/isa/isa.h"
#include "dpu/models/network.h"
#include "source_fixture.h"
#include "tests/support/sample_graph.h"

#define FINGERPRINT UINT64_C(0x101000056010402)
#define CODE_MAX    ((size_t) 1 << 24)

/* what is wrong, and what was seen of it */
static struct {
        void (*spoil)(Compilation *c);
        int result; /* of the compiler, instead of its own */
        size_t n_calls;
        char said[16384];
} scene;

static bool on_dpu(const Op *op) {
        const char *device = op ? attrs_string(&op->attrs, "device") : NULL;

        return device && strcmp(device, "DPU") == 0;
}

/* the op of the compiled graph whose name has that in it */
static Op *find(const Graph *graph, const char *type, const char *part) {
        for (size_t i = 0; i < graph->n_ops; i++)
                if (strcmp(graph->ops[i]->type, type) == 0 && strstr(graph->ops[i]->name, part))
                        return graph->ops[i];
        return NULL;
}

static Subgraph *dpu_of(const Graph *graph) {
        for (size_t i = 0; i < graph->root->n_children; i++)
                if (strcmp(attrs_string(&graph->root->children[i]->attrs, "device"), "DPU") == 0)
                        return graph->root->children[i];
        return NULL;
}

static int compile(const CompilerSpec *spec, Compilation **ret, Problem *problem) {
        int r = compiler_run(spec, ret, problem);

        scene.n_calls++;
        if (r == 0 && scene.spoil)
                scene.spoil(*ret);
        if (r != 0 || !dpu_of((*ret)->graph) || scene.result == 0)
                return r;
        if (scene.result < 0)
                *ret = compilation_free(*ret);
        else
                for (size_t i = 0; i < (*ret)->partition->n_parts; i++)
                        if ((*ret)->partition->parts[i].device == DEVICE_DPU)
                                (*ret)->failed = &(*ret)->partition->parts[i];
        return problem_set(problem, scene.result, "the test says so");
}

static void say(const char *line, void *userdata) {
        size_t at = strlen(scene.said);

        (void) snprintf(scene.said + at, sizeof(scene.said) - at, "%s\n", line);
}

static Graph *lenet(void) {
        const NetworkOptions options = { .seed = 4, .change_weight = UINT64_MAX };
        Graph *graph;

        assert_int_equal(network_make(network_find("lenet"), &options, &graph, NULL), 0);
        return graph;
}

static AttemptsSpec spec_of(const Graph *source, AttemptsVerify verify) {
        return (AttemptsSpec){ .compiler = { .source = source,
                                             .fingerprint = FINGERPRINT,
                                             .compiler = "test",
                                             .last = COMPILER_EMIT },
                               .compile = compile,
                               .verify = verify,
                               .say = say };
}

static Attempts attempt(const Graph *source, AttemptsVerify verify, void (*spoil)(Compilation *),
                        int result) {
        const AttemptsSpec spec = spec_of(source, verify);
        Attempts attempts = {};
        Problem problem = { "" };

        memset(&scene, 0, sizeof(scene));
        scene.spoil = spoil;
        scene.result = result;
        if (attempts_run(&spec, &attempts, &problem) < 0)
                fail_msg("%s", problem.text);
        assert_int_equal(graph_verify(attempts.compilation->graph, NULL), 0);
        return attempts;
}

/* --- mistakes --------------------------------------------------------------------------------- */

/* changes one field of the last instruction of that kind */
static void change_last(Compilation *c, IsaKind kind, size_t field, uint32_t change) {
        Subgraph *dpu = dpu_of(c->graph);
        _cleanup_(bytes_cleanup) Bytes code = BYTES_INIT(CODE_MAX), words = BYTES_INIT(64);
        Instruction instruction, last = { .offset = UINT32_MAX };
        Slice old;

        if (!dpu)
                return;
        assert_int_equal(attrs_bytes(&dpu->attrs, "mc_code", &old), 0);
        for (uint32_t at = 0; at < old.size;
             at += isa_describe(instruction.kind)->words * (uint32_t) sizeof(uint32_t)) {
                assert_int_equal(isa_decode(old, at, &instruction, NULL), 0);
                if (instruction.kind == kind)
                        last = instruction;
        }
        assert_int_not_equal(last.offset, UINT32_MAX);
        last.values[field] ^= change;
        assert_int_equal(bytes_append(&code, old.data, old.size), 0);
        assert_int_equal(isa_encode(&last, &words, NULL), 0);
        memcpy(code.data + last.offset, words.data, words.size);
        assert_int_equal(graph_set_bytes(c->graph, &dpu->attrs, "mc_code", bytes_slice(&code)), 0);
}

static size_t field_of(IsaKind kind, const char *name) {
        const IsaDescription *description = isa_describe(kind);

        for (size_t i = 0; i < description->n_fields; i++)
                if (strcmp(description->fields[i].name, name) == 0)
                        return i;
        fail_msg("no field %s", name);
        return 0;
}

/* as long as the last layer is on the DPU: another shift of its sums */
static void shift_last_layer(Compilation *c) {
        if (on_dpu(find(c->graph, "conv2d-fix", "fc3")))
                change_last(c, ISA_CONVINIT, field_of(ISA_CONVINIT, "shift_cut"), 1);
}

/* the last result is saved without waiting for what computes it, or without telling */
static void forget_token(Compilation *c) {
        if (dpu_of(c->graph))
                change_last(c, ISA_SAVE, 1, ISA_ENGINE_CONV);
}

static void forget_activation(Compilation *c) {
        Op *conv = find(c->graph, "conv2d-fix", "conv1");

        if (on_dpu(conv))
                assert_int_equal(graph_set_string(c->graph, &conv->attrs, "nonlinear", "NONE"), 0);
}

/* whatever a convolution puts out, with a relu that nobody wanted */
static void add_activation(Compilation *c) {
        Op *conv = find(c->graph, "conv2d-fix", "");

        if (on_dpu(conv))
                assert_int_equal(graph_set_string(c->graph, &conv->attrs, "nonlinear", "RELU"), 0);
}

/* --- what follows ------------------------------------------------------------------------------ */

static void check_on_cpu(const Attempts *attempts, const char *type, const char *part) {
        const Op *op = find(attempts->compilation->graph, type, part);
        const char *reason;

        assert_non_null(op);
        assert_false(on_dpu(op));
        reason = attrs_string(&op->attrs, "partition_msg");
        assert_non_null(reason);
        assert_non_null(strstr(reason, "internal error of this compiler"));
}

static void check_all_on_cpu(const Attempts *attempts) {
        assert_null(dpu_of(attempts->compilation->graph));
        assert_false(attempts->proved);
        check_on_cpu(attempts, "conv2d", "conv1");
        check_on_cpu(attempts, "conv2d", "conv2");
        assert_non_null(strstr(scene.said, "Not on the DPU: internal error"));
}

static void what_is_right_is_compiled_once(void **state) {
        _cleanup_(graph_freep) Graph *source = lenet();
        _cleanup_(attempts_cleanup) Attempts attempts =
                attempt(source, ATTEMPTS_VERIFY_SMALL, NULL, 0);

        assert_int_equal(scene.n_calls, 1);
        assert_true(attempts.proved);
        assert_int_equal(attempts.proof.n_programs, 1);
        assert_int_equal(attempts.proof.n_patterns, PATTERN_COUNT);
        assert_int_equal(attempts.n_internal_errors, 0);
        assert_true(on_dpu(find(attempts.compilation->graph, "conv2d-fix", "fc3")));
}

static void a_wrong_layer_stays_on_the_cpu(void **state) {
        _cleanup_(graph_freep) Graph *source = lenet();
        _cleanup_(attempts_cleanup) Attempts attempts =
                attempt(source, ATTEMPTS_VERIFY_SMALL, shift_last_layer, 0);

        assert_int_equal(scene.n_calls, 2);
        assert_true(attempts.proved);
        assert_int_equal(attempts.n_internal_errors, 1);
        check_on_cpu(&attempts, "matmul", "fc3");
        assert_true(on_dpu(find(attempts.compilation->graph, "conv2d-fix", "fc2")));
        assert_non_null(strstr(scene.said, "Not on the DPU: internal error"));
}

static void nobody_notices_without_verification(void **state) {
        _cleanup_(graph_freep) Graph *source = lenet();
        _cleanup_(attempts_cleanup) Attempts attempts =
                attempt(source, ATTEMPTS_VERIFY_NONE, shift_last_layer, 0);

        assert_int_equal(scene.n_calls, 1);
        assert_false(attempts.proved);
        assert_int_equal(attempts.proof.n_programs, 0);
}

static void a_program_that_is_stopped_goes_as_a_whole(void **state) {
        _cleanup_(graph_freep) Graph *source = lenet();
        _cleanup_(attempts_cleanup) Attempts attempts =
                attempt(source, ATTEMPTS_VERIFY_FULL, forget_token, 0);

        assert_true(scene.n_calls <= ATTEMPTS_MAX);
        check_all_on_cpu(&attempts);
}

static void a_wrong_graph_is_found(void **state) {
        _cleanup_(graph_freep) Graph *source = lenet();
        _cleanup_(attempts_cleanup) Attempts attempts =
                attempt(source, ATTEMPTS_VERIFY_FULL, forget_activation, 0);

        assert_int_equal(scene.n_calls, 2);
        assert_true(attempts.proved);
        check_on_cpu(&attempts, "conv2d", "conv1");
        assert_true(on_dpu(find(attempts.compilation->graph, "conv2d-fix", "conv2")));
}

static void a_part_that_is_refused_goes_as_a_whole(void **state) {
        _cleanup_(graph_freep) Graph *source = lenet();
        _cleanup_(attempts_cleanup) Attempts attempts =
                attempt(source, ATTEMPTS_VERIFY_SMALL, NULL, COMPILER_PART_REFUSED);

        assert_true(scene.n_calls <= ATTEMPTS_MAX);
        check_all_on_cpu(&attempts);
}

static void a_compiler_that_contradicts_itself_uses_no_dpu(void **state) {
        _cleanup_(graph_freep) Graph *source = lenet();
        _cleanup_(attempts_cleanup) Attempts attempts =
                attempt(source, ATTEMPTS_VERIFY_NONE, NULL, -EINVAL);

        assert_int_equal(scene.n_calls, 2);
        check_all_on_cpu(&attempts);
}

/* no memory is no reason for another result */
static void errors_of_the_machine_are_errors(void **state) {
        _cleanup_(graph_freep) Graph *source = lenet();
        const AttemptsSpec spec = spec_of(source, ATTEMPTS_VERIFY_SMALL);
        Attempts attempts = {};
        Problem problem = { "" };

        memset(&scene, 0, sizeof(scene));
        scene.result = -ENOMEM;
        assert_int_equal(attempts_run(&spec, &attempts, &problem), -ENOMEM);
        assert_int_equal(scene.n_calls, 1);
        assert_null(attempts.compilation);
}

static void there_may_be_nothing_to_verify(void **state) {
        _cleanup_(graph_freep) Graph *source = sample_graph_off_dpu();
        _cleanup_(attempts_cleanup) Attempts attempts =
                attempt(source, ATTEMPTS_VERIFY_FULL, NULL, 0);

        assert_false(attempts.proved);
        assert_false(attempts.too_large);
        assert_null(dpu_of(attempts.compilation->graph));
        assert_int_equal(attempts.n_internal_errors, 0);
}

/* the vendor gives such layers no workload, so neither do we */
static void layers_without_workload_are_verified(void **state) {
        const SourceResize twice = { .height = 8, .width = 8 };
        Attempts attempts;
        Source s;
        Op *input;

        source_init(&s);
        input = source_input(&s, 5, SOURCE_DIMS(1, 4, 4, 8));
        (void) source_fix(&s, source_resize(&s, input, twice), 5);
        graph_count_consumers(s.graph);

        attempts = attempt(s.graph, ATTEMPTS_VERIFY_SMALL, NULL, 0);
        assert_non_null(dpu_of(attempts.compilation->graph));
        assert_int_equal(proof_work(attempts.compilation->graph), 0);
        assert_true(attempts.proved);
        attempts_deinit(&attempts);
        source_deinit(&s);
}

/* What the CPU has to do takes the evaluator time as well. */
static void a_model_may_be_large_on_the_cpu(void **state) {
        const SourceResize larger = { .height = 64, .width = 64 };
        Attempts attempts;
        Source s;
        Op *op;

        source_init(&s);
        op = source_fix(
                &s, source_resize(&s, source_input(&s, 5, SOURCE_DIMS(1, 4, 4, 256)), larger), 5);
        (void) source_conv(&s, source_unary(&s, "tanh", op), 3, 512, 10);
        graph_count_consumers(s.graph);

        attempts = attempt(s.graph, ATTEMPTS_VERIFY_SMALL, NULL, 0);
        assert_non_null(dpu_of(attempts.compilation->graph));
        assert_int_equal(proof_work(attempts.compilation->graph), 0);
        assert_int_equal(attempts.n_internal_errors, 0);
        assert_true(attempts.too_large);
        assert_false(attempts.proved);
        attempts_deinit(&attempts);
        source_deinit(&s);
}

/* Their numbers are made up, alike before and behind the compiler; that hides nothing of the DPU. */
static void check_verified_beside(const char *type, const char *mode, bool is_fixed) {
        Attempts attempts;
        Source s;
        Op *op;

        source_init(&s);
        op = source_fix(&s, source_conv(&s, source_input(&s, 5, SOURCE_DIMS(1, 4, 4, 3)), 1, 4, 10),
                        3);
        op = source_unary(&s, type, op);
        source_ints(&s, op, "shape", SOURCE_DIMS(1, 4, 4, 4));
        source_word(&s, op, "data_type", "FLOAT32");
        source_word(&s, op, "mode", mode);
        if (is_fixed)
                (void) source_fix(&s, source_conv(&s, source_fix(&s, op, 4), 1, 4, 10), 3);
        graph_count_consumers(s.graph);

        attempts = attempt(s.graph, ATTEMPTS_VERIFY_FULL, NULL, 0);
        assert_int_equal(attempts.n_internal_errors, 0);
        assert_non_null(dpu_of(attempts.compilation->graph));
        assert_true(attempts.proved);
        attempts_deinit(&attempts);

        attempts = attempt(s.graph, ATTEMPTS_VERIFY_FULL, add_activation, 0);
        assert_int_not_equal(attempts.n_internal_errors, 0);
        attempts_deinit(&attempts);
        source_deinit(&s);
}

static void what_is_not_defined_costs_no_dpu_code(void **state) {
        check_verified_beside("MyOp", "any", true);
        check_verified_beside("MyOp", "any", false); /* an output of the model */
        check_verified_beside("resize", "BICUBIC", true);
        check_verified_beside("resize", "BICUBIC", false);
}

/* Its program is wrong, and then the other graph is more than the evaluator may do. */
static void what_is_wrong_is_not_too_large(void **state) {
        _cleanup_(graph_freep) Graph *source = lenet();
        _cleanup_(attempts_cleanup) Attempts attempts =
                attempt(source, ATTEMPTS_VERIFY_NONE, shift_last_layer, 0);
        ProofSpec spec = { .compiled = attempts.compilation->graph };
        Problem problem = { "" };
        Proof proof = {};
        Source s;

        source_init(&s);
        (void) source_conv(&s, source_input(&s, 5, SOURCE_DIMS(1, 32, 32, 256)), 3, 64, 10);
        graph_count_consumers(s.graph);
        spec.source = s.graph;
        spec.max_work = 2 * proof_work(spec.compiled);

        if (proof_run(&spec, &proof, &problem) < 0)
                fail_msg("%s", problem.text);
        assert_int_equal(proof.n_findings, 1);
        assert_non_null(strstr(proof.findings[0].what.text, "in the simulator"));
        source_deinit(&s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_right_is_compiled_once),
                cmocka_unit_test(a_wrong_layer_stays_on_the_cpu),
                cmocka_unit_test(nobody_notices_without_verification),
                cmocka_unit_test(a_program_that_is_stopped_goes_as_a_whole),
                cmocka_unit_test(a_wrong_graph_is_found),
                cmocka_unit_test(a_part_that_is_refused_goes_as_a_whole),
                cmocka_unit_test(a_compiler_that_contradicts_itself_uses_no_dpu),
                cmocka_unit_test(errors_of_the_machine_are_errors),
                cmocka_unit_test(there_may_be_nothing_to_verify),
                cmocka_unit_test(layers_without_workload_are_verified),
                cmocka_unit_test(a_model_may_be_large_on_the_cpu),
                cmocka_unit_test(what_is_wrong_is_not_too_large),
                cmocka_unit_test(what_is_not_defined_costs_no_dpu_code),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
