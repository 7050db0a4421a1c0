/*
 * The cycle model is frozen: the numbers here change only with COST_MODEL_VERSION.
 */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/sim/account.h"
#include "dpu/sim/cost.h"
#include "tests/support/corpus.h"
#include "tests/support/micro.h"

static FingerprintInfo target_of(uint64_t fingerprint) {
        FingerprintInfo target;

        assert_int_equal(fingerprint_decode(fingerprint, &target, NULL), 0);
        return target;
}

static void instructions_cost_what_they_did(void **state) {
        const FingerprintInfo target = target_of(MICRO_B4096);
        Instruction init = isa_blank(ISA_CONVINIT), conv = isa_blank(ISA_CONV);
        Instruction load = isa_blank(ISA_LOAD), elew = isa_blank(ISA_ELEW);
        Instruction aluinit = isa_blank(ISA_ALUINIT), alu = isa_blank(ISA_ALU);
        CostState s = {};

        init.convinit.kernel_h = 3;
        init.convinit.kernel_w = 5;
        conv.conv.length = 7;
        conv.conv.channel_group = 2;
        assert_int_equal(cost_of(&init, &target, &cost_optimistic, &s), 0);
        assert_int_equal(cost_of(&conv, &target, &cost_optimistic, &s), 3 * 5 * 7 * 2);
        assert_int_equal(cost_of(&conv, &target, &cost_pessimistic, &s), 3 * 5 * 7 * 2);

        aluinit.aluinit.kernel_h = aluinit.aluinit.kernel_w = 2;
        aluinit.aluinit.length = 9;
        aluinit.aluinit.channel_group = 4;
        assert_int_equal(cost_of(&aluinit, &target, &cost_optimistic, &s), 0);
        assert_int_equal(cost_of(&alu, &target, &cost_optimistic, &s), 4 * 9 * 4);
        elew.elew.length = 10;
        elew.elew.num = 3;
        elew.elew.channel_group = 2;
        assert_int_equal(cost_of(&elew, &target, &cost_optimistic, &s), 60);

        load.load.length = 10;
        load.load.channel = 17; /* two words each, 170 bytes */
        assert_int_equal(cost_of(&load, &target, &cost_optimistic, &s), 20);
        assert_int_equal(cost_of(&load, &target, &cost_pessimistic, &s), 100 + 22);
}

static void run_cost(Micro *m, const CostAssumptions *assumptions, uint64_t cycles) {
        Problem problem = { "" };
        Cost cost = {};

        if (cost_program(m->program.code, &m->program.target, assumptions, &cost, &problem) < 0)
                fail_msg("%s", problem.text);
        assert_int_equal(cost.cycles, cycles);
}

/* two loads, a save and another that does not wait for it */
static void engines_overlap_as_tokens_allow(void **state) {
        Instruction load = isa_blank(ISA_LOAD), save = isa_blank(ISA_SAVE);
        Micro m;

        micro_init(&m, MICRO_B4096, 16, 4096);
        load.load.length = 100;
        load.load.channel = load.load.jump_read = 16;
        load.tokens.dpdon = load.tokens.dpdby = ISA_ENGINE_LOAD;
        micro_add_as_is(&m, load);
        micro_add_as_is(&m, load);
        m.items[1].tokens.dpdby |= ISA_ENGINE_SAVE;
        save.save.length = 50;
        save.save.channel = 16;
        save.tokens.dpdon = ISA_ENGINE_SAVE | ISA_ENGINE_LOAD;
        micro_add_as_is(&m, save);
        save.tokens.dpdon = 0;
        save.tokens.dpdby = ISA_ENGINE_SAVE;
        micro_add_as_is(&m, save);
        save = isa_blank(ISA_END);
        save.tokens.dpdon = save.tokens.dpdby = ISA_ENGINE_SAVE;
        micro_add_as_is(&m, save);
        micro_finish(&m);
        run_cost(&m, &cost_optimistic, 100 + 100 + 50);
        run_cost(&m, &cost_pessimistic, 2 * (100 + 200) + 2 * (100 + 100));
        micro_deinit(&m);
}

static void a_wait_for_nothing_is_an_error(void **state) {
        Instruction save = isa_blank(ISA_SAVE);
        Problem problem = { "" };
        Cost cost;
        Micro m;

        micro_init(&m, MICRO_B4096, 16, 4096);
        save.tokens.dpdon = ISA_ENGINE_CONV;
        micro_add_as_is(&m, save);
        micro_add_as_is(&m, isa_blank(ISA_END));
        micro_finish(&m);
        assert_int_equal(
                cost_program(m.program.code, &m.program.target, &cost_optimistic, &cost, &problem),
                -EDEADLK);
        micro_deinit(&m);
}

/* --- real programs --------------------------------------------------------------------------- */

typedef struct Frozen {
        const char *name;
        unsigned index; /* of the DPU subgraph */
        uint64_t multiplications, optimistic, pessimistic;
} Frozen;

static const Frozen frozen[] = {
#include "tests/data/cycle-model-1.inc"
};

static void check_frozen(const char *name, unsigned index, const Account *account) {
        for (size_t i = 0; i < ARRAY_SIZE(frozen); i++) {
                const Frozen *f = &frozen[i];

                if (strcmp(f->name, name) != 0 || f->index != index)
                        continue;
                assert_int_equal(account->multiplications, f->multiplications);
                assert_int_equal(account->optimistic.cycles, f->optimistic);
                assert_int_equal(account->pessimistic.cycles, f->pessimistic);
                return;
        }
        fail_msg("{ \"%s\", %u, %llu, %llu, %llu },", name, index,
                 (unsigned long long) account->multiplications,
                 (unsigned long long) account->optimistic.cycles,
                 (unsigned long long) account->pessimistic.cycles);
}

/* what layers need is never more than what their engine does in the cycles they take */
static void check_layers(const char *name, const Account *account) {
        for (size_t i = 0; i < account->n_layers; i++) {
                const AccountLayer *layer = &account->layers[i];

                if (layer->instructions == 0 ||
                    layer->multiplications > layer->cycles * layer->peak)
                        fail_msg("%s: layer %s: %llu multiplications in %llu cycles", name,
                                 layer->op->name, (unsigned long long) layer->multiplications,
                                 (unsigned long long) layer->cycles);
        }
}

static void visit(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        unsigned index = 0;

        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        for (size_t i = 0; i < graph->root->n_children; i++) {
                _cleanup_(program_cleanup) Program program = {};
                _cleanup_(account_cleanup) Account account = {};

                if (!program_is_dpu(graph->root->children[i]) ||
                    program_load(graph->root->children[i], &program, NULL) < 0)
                        continue;
                assert_int_equal(account_take(&program, &account, NULL), 0);
                check_layers(name, &account);
                check_frozen(name, index++, &account);
        }
}

static void real_programs_cost_what_they_did(void **state) {
        if (!corpus_present())
                skip();
        assert_int_equal(corpus_each("compiled", visit, NULL), 19);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(instructions_cost_what_they_did),
                cmocka_unit_test(engines_overlap_as_tokens_allow),
                cmocka_unit_test(a_wait_for_nothing_is_an_error),
                cmocka_unit_test(real_programs_cost_what_they_did),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
