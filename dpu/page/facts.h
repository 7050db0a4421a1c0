#pragma once

/*
 * Facts: all that a page says about a compiled model, before it is written in some form
 *
 * Read from the compiled graph. What its DPU programs do and take is counted where they are of
 * an instruction set that is known (sim/account.h); where they are not, or do not make sense, the
 * page says so and holds all the rest.
 */

#include "base/digest.h"
#include "dpu/difference.h"
#include "dpu/page/drawing.h"
#include "dpu/page/kept.h"
#include "dpu/ports.h"
#include "dpu/reasons.h"
#include "dpu/sim/account.h"
#include "dpu/sim/program.h"

/* a line of the page's provenance, from whoever asks for the page */
typedef struct FactsNote {
        const char *name, *value;
} FactsNote;

typedef struct FactsSpec {
        const char *title;
        Graph *graph; /* compiled; its consumers are counted anew */
        uint64_t file_size;
        Md5 md5;              /* of the file */
        uint64_t fingerprint; /* of what it was compiled for; 0: not known */

        const Graph *source; /* these may be NULL */
        const CompilerLogFacts *log;
        const Kept *kept;
        Graph *previous; /* compiled; likewise */
        uint64_t previous_size;
        Md5 previous_md5;

        const FactsNote *notes;
        size_t n_notes;
} FactsSpec;

typedef struct FactsProgram {
        const Subgraph *subgraph;
        bool known; /* else why_not says why, and the rest is empty */
        Program program;
        Account account;
        Problem why_not;
} FactsProgram;

typedef struct FactsCost {
        uint64_t cycles[2]; /* optimistic, pessimistic */
        uint64_t multiplications;
        uint64_t load_images, load_weights, load_bias, save; /* bytes */
        uint64_t most;                                       /* cycles of the longest layer */
} FactsCost;

typedef struct Facts {
        const FactsSpec *spec;
        Drawing drawing;
        Ports ports;
        Reasons reasons;
        KeptLayer *layers; /* by Op.index */
        FactsProgram *programs;
        size_t n_programs;
        const AccountLayer **accounts; /* by Op.index; NULL: nothing was counted */
        FactsCost cost;                /* of all programs together */
        bool has_cost;                 /* there are programs, and all are known */
        FactsCost previous_cost;       /* of the previous one; likewise */
        bool has_previous_cost;
        Difference difference; /* from the previous one to this one, if there is one */
} Facts;

int facts_init(Facts *ret, const FactsSpec *spec); /* -ENOMEM */
void facts_deinit(Facts *facts);

static inline void facts_cleanup(Facts *facts) {
        facts_deinit(facts);
}

/* A box that an engineer has to do something for: off the DPU, and not in the board's runtime. */
bool facts_needs_work(const Box *box, Problem *ret_why);

/* DPU, CPU and USER layers that are boxes and are on the CPU */
static inline bool facts_is_off_dpu(const Box *box) {
        return box->side == SIDE_CPU;
}

uint64_t facts_traffic(const FactsCost *cost); /* bytes between DPU and memory */
double facts_ms(uint64_t cycles);              /* at COST_CLOCK_DEFAULT */
double facts_percent(uint64_t part, uint64_t whole);
