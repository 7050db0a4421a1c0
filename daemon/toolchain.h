#pragma once

/*
 * Toolchains: which compiler, what it is made of, and how it is called
 *
 *   dpucc   the embedded open compiler: the `dpucc` program beside the daemon
 *   native  the vendor's vai_c_xir, as a program of this machine
 *
 * A toolchain's identity is the content of what it runs, not a version that it claims. It is
 * computed from the files on every use (the stat memo makes that a few system calls), and
 * again after each job: a compiler that was updated meanwhile made nothing that we keep.
 *
 * A Toolchain is constant after toolchain_new(); counted references, the count for the loop
 * thread only. toolchain_identify() blocks and is for pool threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"
#include "cache/key.h"
#include "cache/state.h"
#include "daemon/config.h"
#include "xmodel/canon.h"

typedef struct ToolchainSpec {
        const ConfigToolchain *config; /* copied */
        const char *dpucc;             /* the program of kind dpucc */
        const char *not_this;          /* never run this file, whatever it is called; or NULL */
} ToolchainSpec;

typedef struct Toolchain Toolchain;

int toolchain_new(Toolchain **ret, const ToolchainSpec *spec);
Toolchain *toolchain_ref(Toolchain *toolchain);
Toolchain *toolchain_unref(Toolchain *toolchain);

static inline void toolchain_unrefp(Toolchain **toolchain) {
        (void) toolchain_unref(*toolchain);
}

const char *toolchain_name(const Toolchain *toolchain);
ToolchainKind toolchain_kind(const Toolchain *toolchain);
uint64_t toolchain_timeout_ms(const Toolchain *toolchain);
uint64_t toolchain_memory_max(const Toolchain *toolchain);
CanonForm toolchain_form(const Toolchain *toolchain); /* of the snapshot that it is given */
bool toolchain_may_lack_dpu_code(const Toolchain *toolchain);

/* The program that would run now: a new string. -ENOENT with the remedy in @problem. Quick. */
int toolchain_find(const Toolchain *toolchain, char **ret, Problem *problem);

typedef struct ToolchainIdentity {
        Digest digest;
        uint32_t n_files;
} ToolchainIdentity;

/* -ENOENT: not installed. -EAGAIN: it is being changed right now. */
int toolchain_identify(const Toolchain *toolchain, State *state, ToolchainIdentity *ret,
                       Problem *problem);

/* Everything of a key that is the toolchain's. */
int toolchain_add_to_key(const Toolchain *toolchain, const ToolchainIdentity *identity, Key *key);

/* argv and environment of one compile, ready for proc_spawn(). */
typedef struct Command {
        char **argv;
        char **env;
} Command;

typedef struct CommandSpec {
        const char *job_id;  /* jobdir.h */
        const char *tmp_dir; /* absolute */
        const char *xmodel;  /* these are relative to the job's directory */
        const char *arch;
        const char *output_dir;
        const char *net_name;
        const char *options; /* rendered; "" for none */
} CommandSpec;

int toolchain_command(const Toolchain *toolchain, const CommandSpec *spec, Command *ret,
                      Problem *problem);
void command_deinit(Command *command);

static inline void command_cleanup(Command *command) {
        command_deinit(command);
}
