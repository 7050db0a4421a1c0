/*
 * Programs of any graph: what DPU subgraphs say of their code, regions and tensors. What is taken
 * can be run, counted and read, or is refused with a reason.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "dpu/sim/account.h"
#include "dpu/sim/simulator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORK_MAX   (1u << 20)
#define MEMORY_MAX (16u << 20) /* larger ones only cost time */
#define READ_MAX   ((size_t) 64 << 20)

static void must(bool good) {
        if (!good)
                abort();
}

static void run(const Program *program) {
        const SimulatorOptions options = { .threads = 1, .work_max = WORK_MAX };
        _cleanup_(simulator_freep) Simulator *s = NULL;
        Problem problem = { "" };
        uint64_t memory = 0;

        for (unsigned i = 0; i < PROGRAM_REGIONS; i++)
                memory += program->regions[i].size;
        if (memory > MEMORY_MAX || simulator_new(&s, program, &options, &problem) < 0)
                return;
        must(simulator_capture(s) == 0);
        must(simulator_run(s, &problem) == 0 || problem.text[0] != '\0');
        for (size_t i = 0; i < program->n_tensors; i++) {
                _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(READ_MAX);
                const ProgramTensor *tensor = &program->tensors[i];
                Slice captured;

                if (program->regions[tensor->reg_id].role == PROGRAM_NO_REGION)
                        continue;
                if (tensor->elements > MEMORY_MAX)
                        continue;
                must(simulator_read(s, tensor, &bytes) == 0);
                (void) simulator_captured(s, tensor, &captured);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(graph_freep) Graph *graph = NULL;

        if (graph_read(&graph, slice_of(data, size), NULL) < 0)
                return 0;
        for (size_t i = 0; i < graph->root->n_children; i++) {
                _cleanup_(program_cleanup) Program program = {};
                _cleanup_(account_cleanup) Account account = {};
                Problem problem = { "" };

                if (program_load(graph->root->children[i], &program, &problem) < 0) {
                        must(problem.text[0] != '\0');
                        continue;
                }
                (void) account_take(&program, &account, &problem);
                run(&program);
        }
        return 0;
}
