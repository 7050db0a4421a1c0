/*
 * The programs of real compiled models: each is read, decoded to its end and encoded again, to
 * the same bytes. Models for other DPUs are named and skipped.
 */

#include "unit.h"

#include <errno.h>
#include <inttypes.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "dpu/isa/isa.h"
#include "dpu/sim/program.h"
#include "tests/support/corpus.h"

typedef struct Tally {
        size_t programs, instructions;
        size_t skipped; /* DPU subgraphs for other DPUs */
        size_t kinds[ISA_KINDS];
} Tally;

static void round_trip(const char *name, Slice code, Tally *tally) {
        _cleanup_(bytes_cleanup) Bytes again = BYTES_INIT(PROGRAM_CODE_MAX);
        Problem problem = { "" };
        Instruction instruction;

        for (uint32_t at = 0; at < code.size; at += 4 * isa_describe(instruction.kind)->words) {
                if (isa_decode(code, at, &instruction, &problem) < 0 ||
                    isa_encode(&instruction, &again, &problem) < 0)
                        fail_msg("%s: %s", name, problem.text);
                tally->kinds[instruction.kind]++;
                tally->instructions++;
        }
        assert_true(slice_equal(code, bytes_slice(&again)));
        assert_int_equal(instruction.kind, ISA_END);
}

static void visit_subgraph(const char *name, const Subgraph *subgraph, Tally *tally) {
        _cleanup_(program_cleanup) Program program = {};
        Problem problem = { "" };
        int r;

        r = program_load(subgraph, &program, &problem);
        if (r == -ENOTSUP || (r == -EBADMSG && strstr(problem.text, "dpu_fingerprint"))) {
                print_message("skipped: %s: %s\n", name, problem.text);
                tally->skipped++;
                return;
        }
        if (r < 0)
                fail_msg("%s: %s", name, problem.text);
        assert_true(program.n_inputs > 0 && program.n_outputs > 0);
        round_trip(name, program.code, tally);
        tally->programs++;
}

static void visit(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(graph_freep) Graph *graph = NULL;

        assert_int_equal(graph_read(&graph, bytes_slice(content), NULL), 0);
        for (size_t i = 0; i < graph->root->n_children; i++)
                if (program_is_dpu(graph->root->children[i]))
                        visit_subgraph(name, graph->root->children[i], userdata);
}

static void programs_round_trip(void **state) {
        Tally tally = {};

        assert_int_equal(corpus_each("compiled", visit, &tally), 19);
        print_message("%zu programs, %zu instructions, %zu subgraphs skipped\n", tally.programs,
                      tally.instructions, tally.skipped);
        for (int kind = 0; kind < ISA_KINDS; kind++)
                print_message("%-8s %zu\n", isa_describe((IsaKind) kind)->name, tally.kinds[kind]);
        assert_int_equal(tally.programs, 17);
        assert_int_equal(tally.skipped, 11);
        assert_int_equal(tally.instructions, 147712);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(programs_round_trip),
        };

        if (!corpus_present())
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
