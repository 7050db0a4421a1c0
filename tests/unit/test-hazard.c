/*
 * Tokens: each wait has its post, and what they leave unordered is found. By hand, and by taking
 * tokens out of real programs.
 */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/sim/engine.h"
#include "tests/support/corpus.h"
#include "tests/support/micro.h"

static int run(const Program *program, const SimulatorOptions *options, Problem *problem) {
        _cleanup_(simulator_freep) Simulator *s = NULL;

        assert_int_equal(simulator_new(&s, program, options, problem), 0);
        return simulator_run(s, problem);
}

static Instruction with_tokens(IsaKind kind, uint32_t wait, uint32_t post) {
        Instruction instruction = isa_blank(kind);

        instruction.tokens.dpdon = wait;
        instruction.tokens.dpdby = post;
        return instruction;
}

enum { L = ISA_ENGINE_LOAD, S = ISA_ENGINE_SAVE, C = ISA_ENGINE_CONV, M = ISA_ENGINE_MISC };

static void begin(Micro *m, const Instruction *instructions, size_t n) {
        micro_init(m, MICRO_B4096, 4096, 4096);
        for (size_t i = 0; i < n; i++)
                micro_add_as_is(m, instructions[i]);
        micro_add_as_is(m, with_tokens(ISA_END, S, S));
        micro_finish(m);
}

static void ordered_accesses_pass(void **state) {
        Instruction program[] = { with_tokens(ISA_LOAD, L, L | S),
                                  with_tokens(ISA_SAVE, S | L, S | L),
                                  with_tokens(ISA_LOAD, L | S, L) };
        Problem problem = { "" };
        Micro m;

        program[1].save.reg_id = program[2].load.reg_id = 1;
        begin(&m, program, 3);
        if (run(&m.program, NULL, &problem) < 0)
                fail_msg("%s", problem.text);
        micro_deinit(&m);
}

/* read after write, write after read, write after write; in banks and in memory */
static void unordered_accesses_are_found(void **state) {
        Instruction program[] = { with_tokens(ISA_LOAD, L, L), with_tokens(ISA_SAVE, S, S) };
        Micro m;

        program[1].save.reg_id = 1;
        begin(&m, program, 2);
        assert_true(micro_is_refused(
                &m, -EBUSY,
                "offset 0x14: SAVE: reads word 0 of bank 0, which LOAD at offset 0x0 writes"));
        micro_deinit(&m);

        program[0] = with_tokens(ISA_SAVE, S, S);
        program[0].save.reg_id = 1;
        program[1] = with_tokens(ISA_LOAD, L, L);
        begin(&m, program, 2);
        assert_true(micro_is_refused(
                &m, -EBUSY,
                "offset 0x14: LOAD: writes word 0 of bank 0, which SAVE at offset 0x0 reads"));
        micro_deinit(&m);

        program[1].load.bank_id = 8;
        program[1].load.reg_id = 1;
        begin(&m, program, 2);
        assert_true(micro_is_refused(
                &m, -EBUSY, "LOAD: reads byte 0 of REG_1, which SAVE at offset 0x0 writes"));
        micro_deinit(&m);

        program[0] = with_tokens(ISA_LOAD, L, L);
        program[0].load.reg_id = 1;
        program[1] = with_tokens(ISA_SAVE, S, S);
        program[1].save.bank_id = 8;
        program[1].save.reg_id = 1;
        begin(&m, program, 2);
        assert_true(micro_is_refused(
                &m, -EBUSY, "SAVE: writes byte 0 of REG_1, which LOAD at offset 0x0 reads"));
        micro_deinit(&m);
}

/* Two SAVEs of which the second does not wait for the first go side by side: not to one place. */
static void two_saves_may_not_meet(void **state) {
        Instruction program[] = { with_tokens(ISA_SAVE, S, 0), with_tokens(ISA_SAVE, 0, S) };
        Problem problem = { "" };
        Micro m;

        program[0].save.reg_id = program[1].save.reg_id = 1;
        program[1].save.ddr_addr = 1;
        begin(&m, program, 2);
        if (run(&m.program, NULL, &problem) < 0)
                fail_msg("%s", problem.text);
        micro_deinit(&m);
        program[1].save.ddr_addr = 0;
        begin(&m, program, 2);
        assert_true(micro_is_refused(
                &m, -EBUSY, "SAVE: writes byte 0 of REG_1, which SAVE at offset 0x0 writes"));
        micro_deinit(&m);
}

/* ... and what waits for the second knows that the first has finished, too. */
static void finishing_implies_what_came_before(void **state) {
        Instruction program[] = { with_tokens(ISA_SAVE, S, 0), with_tokens(ISA_SAVE, 0, S | L),
                                  with_tokens(ISA_LOAD, L | S, L) };
        Problem problem = { "" };
        Micro m;

        program[0].save.reg_id = program[1].save.reg_id = program[2].load.reg_id = 1;
        program[1].save.ddr_addr = 1;
        program[2].load.channel = 2;
        begin(&m, program, 3);
        if (run(&m.program, NULL, &problem) < 0)
                fail_msg("%s", problem.text);
        micro_deinit(&m);
}

static void tokens_must_balance(void **state) {
        Instruction program[2] = { with_tokens(ISA_LOAD, L | C, L) };
        Micro m;

        begin(&m, program, 1);
        assert_true(micro_is_refused(
                &m, -EDEADLK,
                "offset 0x0: LOAD: waits for a token from CONV that nothing before it posts"));
        micro_deinit(&m);
        program[0] = with_tokens(ISA_LOAD, L, L | M);
        begin(&m, program, 1);
        assert_true(micro_is_refused(&m, -EDEADLK, "a token from LOAD to MISC is left over"));
        micro_deinit(&m);
        program[0] = with_tokens(ISA_LOAD, L, 0);
        program[1] = with_tokens(ISA_LOAD, L, L);
        begin(&m, program, 2);
        assert_true(
                micro_is_refused(&m, -EDEADLK, "offset 0x14: LOAD: waits for a token from LOAD"));
        micro_deinit(&m);
}

/* in other orders a wait without a post is a standstill */
static void standstill_is_found_in_every_order(void **state) {
        Instruction program[] = { with_tokens(ISA_LOAD, L | C, L) };
        Micro m;

        begin(&m, program, 1);
        for (int order = SIMULATOR_ORDER_PROGRAM; order <= SIMULATOR_ORDER_RANDOM; order++) {
                const SimulatorOptions options = { .order = (SimulatorOrder) order };

                assert_int_equal(run(&m.program, &options, NULL), -EDEADLK);
        }
        micro_deinit(&m);
}

static void programs_end_with_end(void **state) {
        Micro m;

        micro_init(&m, MICRO_B4096, 16, 16);
        micro_add(&m, isa_blank(ISA_END));
        micro_add(&m, isa_blank(ISA_LOAD));
        micro_add(&m, isa_blank(ISA_END));
        micro_finish(&m);
        assert_true(micro_is_refused(&m, -EBADMSG, "offset 0x4: more instructions after END"));
        m.program.code.size = 0;
        assert_true(micro_is_refused(&m, -EBADMSG, "does not end with END"));
        micro_deinit(&m);
}

static void work_is_limited(void **state) {
        const SimulatorOptions options = { .work_max = 100 };
        Problem problem = { "" };
        Micro m;

        micro_init(&m, MICRO_B4096, 4096, 16);
        for (unsigned i = 0; i < 7; i++)
                micro_add(&m, isa_blank(ISA_LOAD));
        micro_finish(&m);
        assert_int_equal(run(&m.program, &options, &problem), -E2BIG);
        assert_non_null(strstr(problem.text, "the limit of 100 operations"));
        micro_deinit(&m);
}

/* --- real programs --------------------------------------------------------------------------- */

/* one token: the k-th post from an engine to another, and the wait that takes it */
typedef struct Pair {
        uint32_t post, wait; /* offsets */
        unsigned from, to;
} Pair;

typedef struct Pairs {
        Pair *items;
        size_t n, posted[ISA_ENGINES][ISA_ENGINES], waited[ISA_ENGINES][ISA_ENGINES];
        size_t max;
} Pairs;

/* the @k-th pair between two engines, which gets its other half later */
static Pair *pair_of(Pairs *pairs, unsigned from, unsigned to, size_t k) {
        for (size_t i = 0; i < pairs->n; i++)
                if (pairs->items[i].from == from && pairs->items[i].to == to && k-- == 0)
                        return &pairs->items[i];
        return NULL;
}

static int collect(void *userdata, const Instruction *instruction) {
        Pairs *pairs = userdata;
        unsigned self = token_engine(isa_describe(instruction->kind)->engine);

        for (unsigned e = 0; e < ISA_ENGINES; e++) {
                if (e == self)
                        continue;
                if (instruction->tokens.dpdon & 1u << e) {
                        Pair *pair = pair_of(pairs, e, self, pairs->waited[e][self]++);

                        if (pair)
                                pair->wait = instruction->offset;
                }
                if (instruction->tokens.dpdby & 1u << e && pairs->n < pairs->max)
                        pairs->items[pairs->n++] =
                                (Pair){ .post = instruction->offset, .from = self, .to = e };
        }
        return 0;
}

/* word 0 of an instruction has the tokens: waits from bit 24, posts from bit 20 */
static void clear_bit(uint8_t *code, uint32_t offset, unsigned bit) {
        code[offset + bit / 8] &= (uint8_t) ~(1u << bit % 8);
}

/* Without one token, post and wait both, a program has a race or the token was superfluous. */
static void damage(const Program *program, Random *random, size_t *tried, size_t *found) {
        _cleanup_(freep) uint8_t *code = malloc(program->code.size);
        Pairs pairs = { .items = calloc(4096, sizeof(Pair)), .max = 4096 };

        assert_non_null(code);
        assert_non_null(pairs.items);
        assert_int_equal(engine_scan(program->code, collect, &pairs, NULL), 0);
        for (unsigned n = 0; n < 8 && pairs.n > 0; n++) {
                const Pair *pair = &pairs.items[random_below(random, pairs.n)];
                Program broken = *program;

                if (pair->wait == 0)
                        continue;
                memcpy(code, program->code.data, program->code.size);
                broken.code = slice_of(code, program->code.size);
                clear_bit(code, pair->wait, 24 + pair->from);
                assert_int_equal(run(&broken, NULL, NULL) < 0, 1); /* one half: always an error */
                clear_bit(code, pair->post, 20 + pair->to);
                (*tried)++;
                *found += run(&broken, NULL, NULL) == -EBUSY;
        }
        free(pairs.items);
}

typedef struct Mutation {
        Random random;
        size_t tried, found;
} Mutation;

#define SMALL 100000 /* bytes of code: those that run in no time */

static void visit(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        Mutation *mutation = userdata;

        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        for (size_t i = 0; i < graph->root->n_children; i++) {
                _cleanup_(program_cleanup) Program program = {};

                if (program_is_dpu(graph->root->children[i]) &&
                    program_load(graph->root->children[i], &program, NULL) == 0 &&
                    program.code.size < SMALL)
                        damage(&program, &mutation->random, &mutation->tried, &mutation->found);
        }
}

static void a_missing_token_is_found(void **state) {
        Mutation mutation = { .random = RANDOM_INIT(1) };

        if (!corpus_present())
                skip();
        assert_int_equal(corpus_each("compiled", visit, &mutation), 19);
        print_message("%zu of %zu found\n", mutation.found, mutation.tried);
        assert_true(mutation.tried > 50);
        assert_true(mutation.found * 100 >= mutation.tried * 90);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ordered_accesses_pass),
                cmocka_unit_test(unordered_accesses_are_found),
                cmocka_unit_test(two_saves_may_not_meet),
                cmocka_unit_test(finishing_implies_what_came_before),
                cmocka_unit_test(tokens_must_balance),
                cmocka_unit_test(standstill_is_found_in_every_order),
                cmocka_unit_test(programs_end_with_end),
                cmocka_unit_test(work_is_limited),
                cmocka_unit_test(a_missing_token_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
