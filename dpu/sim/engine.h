#pragma once

/*
 * Engines: which instruction runs next, and running it
 *
 * An EngineRun goes once through a program, in the order that was asked for. The instructions of
 * one engine always run in program order.
 */

#include "base/random.h"
#include "dpu/sim/core.h"
#include "dpu/sim/order.h"
#include "dpu/sim/token.h"

/* Told after each instruction. A negative result ends the run. */
typedef int (*EngineDone)(void *userdata, const Instruction *instruction);

typedef struct EngineRun {
        Core *core;
        Slice code;
        SimulatorOrder order;
        Random random; /* of the order */
        EngineDone done;
        void *userdata;
} EngineRun;

/* -EBADMSG, -EINVAL, -EDEADLK, -EBUSY, -E2BIG, with @problem as simulator_run() says; -ENOMEM */
int engine_run(EngineRun *run, Problem *problem);

/* Decodes all of @code, without running it: END is the last instruction and nowhere else. Calls
 * @each, which may be NULL, for every instruction. -EBADMSG with @problem. */
int engine_scan(Slice code, EngineDone each, void *userdata, Problem *problem);
