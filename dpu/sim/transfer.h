#pragma once

/*
 * LOAD and SAVE: from memory to one bank, and back
 *
 * A pixel is `channel` bytes in memory and the words that they fill in the bank. The lanes of its
 * last word that they do not fill are noise after a LOAD. LOAD can replace bytes at both ends of a
 * row by zeros, for convolutions that treat the channels of a window's row as one pixel
 * (channel augmentation). (Fields: docs/ISA.md.)
 */

#include "dpu/sim/core.h"

int load_execute(Core *core, const Instruction *instruction, Problem *problem);
int save_execute(Core *core, const Instruction *instruction, Problem *problem);
