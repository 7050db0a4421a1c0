#pragma once

/* In which of the legal orders instructions run. Tokens and the order inside each engine always
 * hold; a program whose tokens are right computes the same in all of them. */
typedef enum SimulatorOrder {
        SIMULATOR_ORDER_PROGRAM,    /* as they stand in the program */
        SIMULATOR_ORDER_EAGER_LOAD, /* LOAD whenever it can, SAVE only when nothing else can */
        SIMULATOR_ORDER_PRIORITY,   /* a fixed priority of the engines: one of 24, by seed */
        SIMULATOR_ORDER_RANDOM,     /* any engine that can, by seed */
} SimulatorOrder;
