#include "dpu/page/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/runtime_op.h"

double facts_ms(uint64_t cycles) {
        return (double) cycles / COST_CLOCK_DEFAULT / 1000;
}

double facts_percent(uint64_t part, uint64_t whole) {
        return whole > 0 ? 100.0 * (double) part / (double) whole : 0;
}

uint64_t facts_traffic(const FactsCost *cost) {
        return cost->load_images + cost->load_weights + cost->load_bias + cost->save;
}

bool facts_needs_work(const Box *box, Problem *ret_why) {
        if (!facts_is_off_dpu(box))
                return false;
        return !runtime_op_is_implemented(box->op, ret_why) ||
               (box->fix && !runtime_op_is_implemented(box->fix, ret_why));
}

/* --- programs ------------------------------------------------------------------------------ */

static void facts_add_cost(FactsCost *cost, const Account *account) {
        cost->cycles[0] += account->optimistic.cycles;
        cost->cycles[1] += account->pessimistic.cycles;
        cost->multiplications += account->multiplications;
        cost->load_images += account->load_images;
        cost->load_weights += account->load_weights;
        cost->load_bias += account->load_bias;
        cost->save += account->save;
        for (size_t i = 0; i < account->n_layers; i++)
                if (account->layers[i].cycles > cost->most)
                        cost->most = account->layers[i].cycles;
}

static void facts_add_account(Facts *facts, const Account *account) {
        facts_add_cost(&facts->cost, account);
        for (size_t i = 0; i < account->n_layers; i++)
                facts->accounts[account->layers[i].op->index] = &account->layers[i];
}

/* Whatever is wrong with a program is a fact like others. */
static int facts_add_program(Facts *facts, const Subgraph *subgraph) {
        FactsProgram *program = &facts->programs[facts->n_programs++];
        int r;

        program->subgraph = subgraph;
        r = program_load(subgraph, &program->program, &program->why_not);
        if (r == 0)
                r = account_take(&program->program, &program->account, &program->why_not);
        if (r == -ENOMEM)
                return r;
        program->known = r == 0;
        if (r == 0)
                facts_add_account(facts, &program->account);
        else
                facts->has_cost = false;
        return 0;
}

static int facts_add_programs(Facts *facts) {
        const Subgraph *root = facts->spec->graph->root;
        int r = 0;

        facts->programs = calloc(root->n_children + 1, sizeof(*facts->programs));
        facts->accounts = calloc(facts->spec->graph->n_ops + 1, sizeof(*facts->accounts));
        if (!facts->programs || !facts->accounts)
                return -ENOMEM;
        facts->has_cost = true;
        for (size_t i = 0; i < root->n_children && r == 0; i++)
                if (program_is_dpu(root->children[i]))
                        r = facts_add_program(facts, root->children[i]);
        if (facts->n_programs == 0)
                facts->has_cost = false;
        return r;
}

/* The sum only. It is no error if it cannot be had. */
static int facts_sum_previous(Facts *facts) {
        const Subgraph *root = facts->spec->previous->root;
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < root->n_children && r == 0; i++) {
                _cleanup_(program_cleanup) Program program = { .arena = ARENA_INIT };
                _cleanup_(account_cleanup) Account account = {};
                Problem unheard;

                if (!program_is_dpu(root->children[i]))
                        continue;
                r = program_load(root->children[i], &program, &unheard);
                if (r == 0)
                        r = account_take(&program, &account, &unheard);
                if (r == 0)
                        facts_add_cost(&facts->previous_cost, &account);
                n++;
        }
        facts->has_previous_cost = r == 0 && n > 0;
        return r == -ENOMEM ? r : 0;
}

/* --- reasons ------------------------------------------------------------------------------- */

/* What a kept report says counts more: there was more to see when it was made. */
static int facts_add_reasons(Facts *facts) {
        const Graph *graph = facts->spec->graph;
        int r;

        r = reasons_init(&facts->reasons, graph, facts->spec->source, facts->spec->log);
        if (r < 0)
                return r;
        facts->layers = calloc(graph->n_ops + 1, sizeof(*facts->layers));
        if (!facts->layers)
                return -ENOMEM;
        for (size_t i = 0; i < graph->n_ops; i++) {
                const Reason *reason = &facts->reasons.items[i];

                facts->layers[i] = (KeptLayer){
                        .reason = reason->text,
                        .reason_from = reason->from,
                        .source = reason->source ? reason->source->name : NULL,
                        .source_type = reason->source ? reason->source->type : NULL,
                };
        }
        if (facts->spec->kept)
                kept_read_layers(facts->spec->kept, graph, facts->layers);
        return 0;
}

int facts_init(Facts *ret, const FactsSpec *spec) {
        Facts facts = { .spec = spec };
        int r = 0;

        if (spec->previous)
                r = difference_run(spec->previous, spec->graph, &facts.difference);
        graph_count_consumers(spec->graph);
        if (r == 0)
                r = drawing_init(&facts.drawing, spec->graph);
        if (r == 0)
                r = ports_init(&facts.ports, spec->graph);
        if (r == 0)
                r = facts_add_reasons(&facts);
        if (r == 0)
                r = facts_add_programs(&facts);
        if (r == 0 && spec->previous)
                r = facts_sum_previous(&facts);
        if (r < 0) {
                facts_deinit(&facts);
                return r;
        }
        *ret = facts;
        return 0;
}

void facts_deinit(Facts *facts) {
        for (size_t i = 0; i < facts->n_programs; i++) {
                account_deinit(&facts->programs[i].account);
                program_deinit(&facts->programs[i].program);
        }
        free(facts->programs);
        free(facts->accounts);
        free(facts->layers);
        drawing_deinit(&facts->drawing);
        ports_deinit(&facts->ports);
        reasons_deinit(&facts->reasons);
        difference_deinit(&facts->difference);
        *facts = (Facts){ 0 };
}
