#pragma once

/*
 * Accounts: what a program does, counted
 *
 * Instructions by kind, bytes by what they are for, multiplications, and for each layer with
 * weights what it asks for and what the program spends on it. Instructions do not say which layer
 * they belong to; the weights tell: the LOADs that bring them name their place in memory, which is
 * that of a constant of the graph, whose only consumer is the layer.
 */

#include <stddef.h>
#include <stdint.h>

#include "dpu/isa/isa.h"
#include "dpu/sim/cost.h"
#include "dpu/sim/program.h"

typedef struct AccountLayer {
        const Op *op;
        uint64_t multiplications; /* that its result needs, padding included */
        uint64_t cycles;          /* of CONV or ALU */
        uint64_t peak;            /* multiplications per cycle of that engine */
        uint64_t weight_bytes;    /* loaded, repetitions included */
        uint64_t instructions;    /* CONV or ALU */
} AccountLayer;

typedef struct Account {
        uint64_t counts[ISA_KINDS];
        uint64_t load_images, load_weights, load_bias, save; /* bytes */
        uint64_t multiplications;                            /* that the layers need */
        uint64_t conv_peak;   /* multiplications per cycle: PP * ICP * OCP */
        AccountLayer *layers; /* in the order of the graph */
        size_t n_layers;
        uint64_t other_cycles; /* of ALU and ELEW that belong to no layer with weights */
        Cost optimistic, pessimistic;
} Account;

/* -EBADMSG, -EDEADLK with @problem; -ENOMEM */
int account_take(const Program *program, Account *ret, Problem *problem);
void account_deinit(Account *account);

static inline void account_cleanup(Account *account) {
        account_deinit(account);
}
