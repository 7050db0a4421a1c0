#pragma once

/*
 * DPUCZDX8G, ISA 1: instructions as bytes, as numbers, as text
 *
 * A program (`mc_code`) is a sequence of little-endian 32-bit words. The first word of an
 * instruction has its opcode in bits 28 to 31, and an opcode has one length. What the fields
 * are called, where they lie and how well each is known is in table.h; what they do, in
 * docs/ISA.md and dpu/sim.
 *
 * Nothing here knows a target or runs anything. No function allocates; all are thread-safe.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/problem.h"
#include "base/slice.h"
#include "dpu/isa/table.h"

/* Four engines work side by side, each on its own instructions in program order. The values are
 * the bits in dpdon and dpdby. */
typedef enum IsaEngine {
        ISA_ENGINE_LOAD = 1 << 0,
        ISA_ENGINE_SAVE = 1 << 1,
        ISA_ENGINE_CONV = 1 << 2,
        ISA_ENGINE_MISC = 1 << 3,
} IsaEngine;

#define ISA_ENGINES 4

typedef enum IsaStatus {
        ISA_PROVED,
        ISA_CHECKED,
        ISA_DOCUMENTED,
        ISA_GUESSED,
} IsaStatus;

typedef enum IsaForm {
        ISA_AS_IS,
        ISA_LESS_ONE,
} IsaForm;

typedef struct IsaField {
        const char *name;
        unsigned word, bit, width;
        IsaForm form;
        IsaStatus status;
} IsaField;

#define ISA_ENUM(name, member, opcode, words, engine, status) ISA_##name,
typedef enum IsaKind { ISA_INSTRUCTIONS(ISA_ENUM) ISA_KINDS } IsaKind;
#undef ISA_ENUM

typedef struct IsaDescription {
        const char *name;
        unsigned opcode;
        unsigned words;
        IsaEngine engine;
        IsaStatus status;
        const IsaField *fields; /* dpdon, dpdby, then the others */
        size_t n_fields;
} IsaDescription;

/* One struct for each instruction, IsaLoad with its members in the order of the table, and so
 * on. The members hold values: what was stored less one has its one again. */
#define ISA_MEMBER(name, word, bit, width, form, status) uint32_t name;
typedef struct IsaTokens {
        ISA_TOKEN_FIELDS(ISA_MEMBER)
} IsaTokens;
typedef struct IsaLoad {
        ISA_LOAD_FIELDS(ISA_MEMBER)
} IsaLoad;
typedef struct IsaSave {
        ISA_SAVE_FIELDS(ISA_MEMBER)
} IsaSave;
typedef struct IsaConvinit {
        ISA_CONVINIT_FIELDS(ISA_MEMBER)
} IsaConvinit;
typedef struct IsaConv {
        ISA_CONV_FIELDS(ISA_MEMBER)
} IsaConv;
typedef struct IsaAluinit {
        ISA_ALUINIT_FIELDS(ISA_MEMBER)
} IsaAluinit;
typedef struct IsaAlu {
        ISA_ALU_FIELDS(ISA_MEMBER)
} IsaAlu;
typedef struct IsaElewinit {
        ISA_ELEWINIT_FIELDS(ISA_MEMBER)
} IsaElewinit;
typedef struct IsaElew {
        ISA_ELEW_FIELDS(ISA_MEMBER)
} IsaElew;
#undef ISA_MEMBER

#define ISA_FIELDS_MAX 24 /* of one instruction */
#define ISA_WORDS_MAX  6

typedef struct Instruction {
        IsaKind kind;
        uint32_t offset; /* of its first byte in the program; where it came from, not part of it */
        union {
                uint32_t values[ISA_FIELDS_MAX]; /* of the fields, in the order of the table */
                IsaTokens tokens;
                IsaLoad load;
                IsaSave save;
                IsaConvinit convinit;
                IsaConv conv;
                IsaAluinit aluinit;
                IsaAlu alu;
                IsaElewinit elewinit;
                IsaElew elew;
        };
} Instruction;

const IsaDescription *isa_describe(IsaKind kind);
const char *isa_engine_name(IsaEngine engine); /* "LOAD" */
const char *isa_status_name(IsaStatus status); /* "proved" */

/* The instruction at @offset of @code, which is a multiple of 4 and inside. -EBADMSG with
 * @problem naming the offset: an opcode that does not exist, a reserved bit that is set, an
 * instruction that the end of @code cuts off. */
int isa_decode(Slice code, uint32_t offset, Instruction *ret, Problem *problem);

/* Appends the words of @instruction. -EINVAL with @problem: a value that its field cannot hold.
 * -EFBIG, -ENOMEM. */
int isa_encode(const Instruction *instruction, Bytes *ret, Problem *problem);

/* An instruction with every field at its smallest value: 0, or 1 where that is stored as 0. */
Instruction isa_blank(IsaKind kind);

/* Appends one line without newline: "CONV  wait=LC post=S length=13 ...". Fields whose stored
 * bits are 0 are left out. -EFBIG, -ENOMEM. */
int isa_disassemble(const Instruction *instruction, Bytes *ret);
