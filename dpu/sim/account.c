#include "dpu/sim/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dpu/sim/bank.h"
#include "dpu/sim/engine.h"

#define ACCOUNT_NO_LAYER UINT32_MAX

/* --- layers ---------------------------------------------------------------------------------- */

/* a constant that is some layer's weights */
typedef struct AccountWeights {
        unsigned reg_id;
        uint64_t first, end; /* bytes of the region */
        uint32_t layer;
} AccountWeights;

typedef struct AccountRun {
        const Program *program;
        Account *account;
        AccountWeights *weights;
        size_t n_weights;
        CostState state;
        uint32_t conv_layer[BANK_DEPTH]; /* whose weights lie at this word of the weight banks */
        uint32_t alu_layer[BANK_DEPTH];
        unsigned first_weights, depthwise_weights, bias; /* banks */
} AccountRun;

static bool account_is_depthwise(const Op *op) {
        return strstr(op->type, "depthwise") != NULL;
}

/* Multiplications of one weight with one element that is not padding of a transposed
 * convolution: that has as many as it has inputs, not outputs, for each tap. */
static uint64_t account_multiplications(const Op *op, const Tensor *weights) {
        bool transposed = strncmp(op->type, "transposed-", 11) == 0;
        const Op *input = op_input(op, 0);
        uint64_t taps;

        if (weights->n_dims != 4 || !input)
                return 0;
        taps = (uint64_t) weights->dims[1] * (uint64_t) weights->dims[2];
        if (!account_is_depthwise(op))
                taps *= (uint64_t) weights->dims[transposed ? 0 : 3];
        return tensor_elements(transposed ? &input->tensor : &op->tensor) * taps;
}

static void account_add_layer(AccountRun *run, const Op *op, const ProgramTensor *place) {
        const FingerprintInfo *target = &run->program->target;
        Account *account = run->account;
        bool depthwise = account_is_depthwise(op);

        run->weights[run->n_weights++] = (AccountWeights){
                .reg_id = place->reg_id,
                .first = place->address,
                .end = place->address + place->elements,
                .layer = (uint32_t) account->n_layers,
        };
        account->layers[account->n_layers++] = (AccountLayer){
                .op = op,
                .multiplications = account_multiplications(op, &place->op->tensor),
                .peak = (uint64_t) target->input_channels *
                        (depthwise ? target->alu_pixels : target->pixels * target->output_channels),
        };
        account->multiplications += account->layers[account->n_layers - 1].multiplications;
}

static const Op *account_weights_of(const Op *op) {
        const Arg *arg = op_arg(op, "weights");

        return arg && arg->n_ops > 0 ? arg->ops[0] : NULL;
}

/* no deeper than GRAPH_DEPTH_MAX */
static void account_find_layers(AccountRun *run, const Subgraph *subgraph, size_t max) {
        for (size_t i = 0; i < subgraph->n_children; i++)
                account_find_layers(run, subgraph->children[i], max);
        for (size_t i = 0; i < subgraph->n_ops; i++) {
                const Op *weights = account_weights_of(subgraph->ops[i]);
                const ProgramTensor *place = weights ? program_place(run->program, weights) : NULL;

                if (place && run->account->n_layers < max)
                        account_add_layer(run, subgraph->ops[i], place);
        }
}

static size_t account_count_ops(const Subgraph *subgraph) {
        size_t n = subgraph->n_ops;

        for (size_t i = 0; i < subgraph->n_children; i++)
                n += account_count_ops(subgraph->children[i]);
        return n;
}

static int account_compare_layers(const void *a, const void *b) {
        const AccountWeights *x = a, *y = b;

        return (x->first > y->first) - (x->first < y->first);
}

/* --- instructions ---------------------------------------------------------------------------- */

static uint32_t account_find_weights(const AccountRun *run, const IsaLoad *f) {
        size_t low = 0, high = run->n_weights;

        while (low < high) { /* the last that begins at or before the address */
                size_t middle = low + (high - low) / 2;

                if (run->weights[middle].first <= f->ddr_addr)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == 0 || f->ddr_addr >= run->weights[low - 1].end ||
            run->weights[low - 1].reg_id != f->reg_id)
                return ACCOUNT_NO_LAYER;
        return run->weights[low - 1].layer;
}

static void account_load(AccountRun *run, const IsaLoad *f) {
        uint64_t bytes = (uint64_t) f->length * f->channel;
        uint32_t *words, layer;

        if (f->bank_id < run->first_weights) {
                run->account->load_images += bytes;
                return;
        }
        if (f->bank_id == run->bias) {
                run->account->load_bias += bytes;
                return;
        }
        run->account->load_weights += bytes;
        layer = account_find_weights(run, f);
        if (layer != ACCOUNT_NO_LAYER)
                run->account->layers[layer].weight_bytes += bytes;
        if (f->bank_id != run->first_weights && f->bank_id != run->depthwise_weights)
                return; /* the first bank tells for all */
        words = f->bank_id == run->first_weights ? run->conv_layer : run->alu_layer;
        for (uint32_t i = 0; i < f->length && i < BANK_DEPTH; i++)
                words[(f->bank_addr + i * f->jump_write) % BANK_DEPTH] = layer;
}

static void account_compute(AccountRun *run, const Instruction *instruction, uint64_t cycles) {
        uint32_t layer = ACCOUNT_NO_LAYER;

        if (instruction->kind == ISA_CONV)
                layer = run->conv_layer[instruction->conv.bank_addr_weights % BANK_DEPTH];
        /* depthwise convolution; as the other modes have no weights of the graph */
        if (instruction->kind == ISA_ALU && run->state.aluinit.exec_mode == 0)
                layer = run->alu_layer[instruction->alu.bank_addr_weights % BANK_DEPTH];
        if (layer == ACCOUNT_NO_LAYER) {
                run->account->other_cycles += cycles;
                return;
        }
        run->account->layers[layer].cycles += cycles;
        run->account->layers[layer].instructions++;
}

static int account_instruction(void *userdata, const Instruction *instruction) {
        AccountRun *run = userdata;
        uint64_t cycles =
                cost_of(instruction, &run->program->target, &cost_optimistic, &run->state);

        run->account->counts[instruction->kind]++;
        if (instruction->kind == ISA_LOAD)
                account_load(run, &instruction->load);
        else if (instruction->kind == ISA_SAVE)
                run->account->save +=
                        (uint64_t) instruction->save.length * instruction->save.channel;
        else if (cycles > 0)
                account_compute(run, instruction, cycles);
        return 0;
}

/* --- accounts -------------------------------------------------------------------------------- */

static int account_init(AccountRun *run) {
        const Subgraph *subgraph = run->program->subgraph;
        size_t max = subgraph ? account_count_ops(subgraph) : 0;

        run->account->layers = calloc(max + 1, sizeof(*run->account->layers));
        run->weights = calloc(max + 1, sizeof(*run->weights));
        if (!run->account->layers || !run->weights)
                return -ENOMEM;
        if (subgraph)
                account_find_layers(run, subgraph, max);
        qsort(run->weights, run->n_weights, sizeof(*run->weights), account_compare_layers);
        memset(run->conv_layer, 0xff, sizeof(run->conv_layer));
        memset(run->alu_layer, 0xff, sizeof(run->alu_layer));
        return 0;
}

static int account_count(AccountRun *run, Problem *problem) {
        const FingerprintInfo *target = &run->program->target;
        int r;

        run->first_weights = target->image_banks * target->pixels;
        run->depthwise_weights = run->first_weights + target->output_channels;
        run->bias = run->depthwise_weights + 1;
        run->account->conv_peak =
                (uint64_t) target->pixels * target->input_channels * target->output_channels;
        r = account_init(run);
        if (r < 0)
                return r;
        r = engine_scan(run->program->code, account_instruction, run, problem);
        if (r < 0)
                return r;
        r = cost_program(run->program->code, target, &cost_optimistic, &run->account->optimistic,
                         problem);
        if (r < 0)
                return r;
        return cost_program(run->program->code, target, &cost_pessimistic,
                            &run->account->pessimistic, problem);
}

int account_take(const Program *program, Account *ret, Problem *problem) {
        Account account = {};
        AccountRun run = { .program = program, .account = &account };
        int r;

        r = account_count(&run, problem);
        free(run.weights);
        if (r < 0) {
                account_deinit(&account);
                return r;
        }
        *ret = account;
        return 0;
}

void account_deinit(Account *account) {
        free(account->layers);
        *account = (Account){};
}
