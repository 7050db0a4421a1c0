/*
 * Damage to the vendor's programs shows.
 *
 * Every field of every kind of instruction is changed, one bit of one instruction at a time, in
 * real programs. Each time the simulator must stop, or the outputs must differ from what the
 * evaluator says. Some changes are harmless (an address in an instruction that reads nothing new
 * from there), so a field counts as seen if some of its changes are noticed; one of which none is
 * would be a field that the simulator ignores.
 */

#include "unit.h"

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/feed.h"
#include "dpu/isa/isa.h"
#include "dpu/sim/evaluator.h"
#include "dpu/sim/simulator.h"
#include "tests/support/corpus.h"

#define MODEL_MAX ((size_t) 1300 << 10) /* bytes: larger ones take too long for what they add */
#define ENOUGH    2                     /* changes noticed, then a field is left alone */
#define TRIES_MAX 12                    /* of one field in one program */
#define CODE_MAX  ((size_t) 1 << 24)

typedef struct Score {
        size_t tried, noticed;
} Score;

static Score scores[ISA_KINDS][ISA_FIELDS_MAX];

/* What these fields are for happens in no program of the corpus: a fourth wrap of an input's rows
 * (a third for the ALU), average pooling, an output of the ALU in groups of rows. Programs made by
 * hand use them (test-conv, test-alu). */
static const struct {
        IsaKind kind;
        const char *field;
} unused[] = {
        { ISA_CONV, "bank_addr_in_3" },     { ISA_ALU, "bank_addr_in_2" },
        { ISA_ALU, "bank_addr_in_3" },      { ISA_ALUINIT, "multi_factor" },
        { ISA_ALUINIT, "jump_write_endl" },
};

static bool is_used(IsaKind kind, size_t field) {
        const IsaField *description = &isa_describe(kind)->fields[field];

        for (size_t i = 0; i < ARRAY_SIZE(unused); i++)
                if (unused[i].kind == kind && strcmp(unused[i].field, description->name) == 0)
                        return false;
        return description->status == ISA_PROVED;
}

/* a program, what goes in and what should come out */
typedef struct Subject {
        Program program; /* code is replaced by @code */
        const Evaluator *evaluator;
        Instruction *instructions;
        size_t n;
        Bytes code;
        Random random;
} Subject;

static Slice elements_of(const Subject *subject, const ProgramTensor *tensor) {
        const Values *values = evaluator_values(subject->evaluator, tensor->op);

        assert_non_null(values);
        assert_int_equal(values->storage, VALUES_FIXED);
        return slice_of(values->fixed, values->n);
}

static bool outputs_are_right(const Subject *subject, const Simulator *simulator) {
        for (size_t i = 0; i < subject->program.n_outputs; i++) {
                const ProgramTensor *tensor = subject->program.outputs[i].tensor;
                _cleanup_(bytes_cleanup) Bytes got = BYTES_INIT((size_t) 1 << 26);

                assert_int_equal(simulator_read(simulator, tensor, &got), 0);
                if (!slice_equal(bytes_slice(&got), elements_of(subject, tensor)))
                        return false;
        }
        return true;
}

static bool runs_right(Subject *subject) {
        const SimulatorOptions options = { .seed = random_u64(&subject->random),
                                           .work_max = UINT64_C(1) << 36 };
        _cleanup_(simulator_freep) Simulator *simulator = NULL;

        subject->program.code = bytes_slice(&subject->code);
        assert_int_equal(simulator_new(&simulator, &subject->program, &options, NULL), 0);
        for (size_t i = 0; i < subject->program.n_inputs; i++) {
                const ProgramTensor *tensor = subject->program.inputs[i].tensor;

                assert_int_equal(
                        simulator_write(simulator, tensor, elements_of(subject, tensor), NULL), 0);
        }
        return simulator_run(simulator, NULL) == 0 && outputs_are_right(subject, simulator);
}

/* one bit of a field, as it is stored */
static void flip(Instruction *instruction, size_t field, Random *random) {
        const IsaField *description = &isa_describe(instruction->kind)->fields[field];
        uint32_t less = description->form == ISA_LESS_ONE ? 1 : 0;
        uint32_t stored = instruction->values[field] - less;

        stored ^= UINT32_C(1) << random_below(random, description->width);
        instruction->values[field] = stored + less;
}

static void damage(Subject *subject, size_t index, size_t field) {
        const Instruction *original = &subject->instructions[index];
        Score *score = &scores[original->kind][field];
        Instruction damaged = *original;
        _cleanup_(bytes_cleanup) Bytes words = BYTES_INIT(64);
        _cleanup_(bytes_cleanup) Bytes before = BYTES_INIT(64);
        uint8_t *place = subject->code.data + original->offset;

        flip(&damaged, field, &subject->random);
        assert_int_equal(isa_encode(&damaged, &words, NULL), 0);
        assert_int_equal(bytes_append(&before, place, words.size), 0);
        memcpy(place, words.data, words.size);
        score->tried++;
        score->noticed += !runs_right(subject);
        memcpy(place, before.data, before.size);
}

static void damage_kind(Subject *subject, IsaKind kind) {
        const IsaDescription *description = isa_describe(kind);
        size_t *places = calloc(subject->n + 1, sizeof(*places)), n = 0;

        assert_non_null(places);
        for (size_t i = 0; i < subject->n; i++)
                if (subject->instructions[i].kind == kind)
                        places[n++] = i;
        for (size_t field = 0; n > 0 && field < description->n_fields; field++) {
                subject->random = RANDOM_INIT(kind * ISA_FIELDS_MAX + field); /* of its own */
                for (size_t i = 0; i < TRIES_MAX && scores[kind][field].noticed < ENOUGH; i++)
                        damage(subject, places[random_below(&subject->random, n)], field);
        }
        free(places);
}

static void decode_all(Subject *subject) {
        Slice code = subject->program.code;

        subject->instructions = calloc(code.size / 4 + 1, sizeof(Instruction));
        assert_non_null(subject->instructions);
        for (size_t at = 0; at < code.size;) {
                Instruction *instruction = &subject->instructions[subject->n++];

                assert_int_equal(isa_decode(code, (uint32_t) at, instruction, NULL), 0);
                at += isa_describe(instruction->kind)->words * 4;
        }
}

static void damage_program(const Subgraph *subgraph, const Evaluator *evaluator) {
        Subject subject = { .evaluator = evaluator,
                            .code = BYTES_INIT(CODE_MAX),
                            .random = RANDOM_INIT(1) };

        if (program_load(subgraph, &subject.program, NULL) < 0)
                return; /* for another DPU */
        assert_int_equal(
                bytes_append(&subject.code, subject.program.code.data, subject.program.code.size),
                0);
        decode_all(&subject);
        assert_true(runs_right(&subject));
        for (int kind = 0; kind < ISA_KINDS; kind++)
                if (kind != ISA_END)
                        damage_kind(&subject, (IsaKind) kind);
        assert_true(runs_right(&subject));
        free(subject.instructions);
        bytes_deinit(&subject.code);
        program_deinit(&subject.program);
}

static bool is_for_isa1(const Graph *graph) {
        for (size_t i = 0; i < graph->root->n_children; i++) {
                Program program;

                if (!program_is_dpu(graph->root->children[i]))
                        continue;
                if (program_load(graph->root->children[i], &program, NULL) < 0)
                        return false;
                program_deinit(&program);
        }
        return true;
}

static void damage_model(const char *name, const Bytes *content, void *userdata) {
        const EvaluatorOptions options = { .substitute = true };
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL; /* borrows the graph: goes first */
        Feed feed = { .pattern = PATTERN_RANDOM };
        size_t *n = userdata;

        if (content->size > MODEL_MAX)
                return;
        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        graph_count_consumers(graph);
        if (!is_for_isa1(graph))
                return;
        assert_int_equal(evaluator_new(&evaluator, graph, &options), 0);
        assert_int_equal(feed_inputs(&feed, evaluator, graph, NULL), 0);
        for (size_t i = 0; i < graph->n_ops; i++)
                evaluator_keep(evaluator, graph->ops[i]);
        assert_int_equal(evaluator_run(evaluator, NULL, NULL, NULL), 0);
        for (size_t i = 0; i < graph->root->n_children; i++)
                if (program_is_dpu(graph->root->children[i]))
                        damage_program(graph->root->children[i], evaluator);
        (*n)++;
}

static void damage_shows(void **state) {
        size_t n = 0, unseen = 0;

        assert_true(corpus_each("compiled", damage_model, &n) > 0);
        assert_true(n >= 8);
        for (int kind = 0; kind < ISA_KINDS; kind++) {
                const IsaDescription *description = isa_describe((IsaKind) kind);

                for (size_t i = 0; i < description->n_fields; i++) {
                        const Score *score = &scores[kind][i];

                        if (score->tried == 0)
                                continue;
                        print_message("%-8s %-18s %-10s noticed %zu of %zu\n", description->name,
                                      description->fields[i].name,
                                      isa_status_name(description->fields[i].status),
                                      score->noticed, score->tried);
                        unseen += score->noticed == 0 && is_used((IsaKind) kind, i);
                }
        }
        assert_int_equal(unseen, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(damage_shows) };

        if (!corpus_present())
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
