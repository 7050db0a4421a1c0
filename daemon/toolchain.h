#pragma once

/*
 * Toolchains: which compiler, what it is made of, and how it is called
 *
 *   dpucc      the embedded open compiler: the `dpucc` program beside the daemon
 *   native     the vendor's vai_c_xir, as a program of this machine
 *   container  the same in an image of docker or podman
 *
 * Any of them may have a launcher, words that go before the command (launcher.h).
 *
 * A toolchain's identity is the content of what it runs, not a version that it claims. For files
 * of this machine it is computed on every use (the stat memo makes that a few system calls); what
 * an engine or a launcher has to be asked for may be TOOLCHAIN_FRESH_MS old. After each job it is
 * taken again, always anew: a compiler that was updated meanwhile made nothing that we keep.
 *
 * A Toolchain does not change after toolchain_new() (but for the memo of its identity, which has
 * a lock); counted references, the count for the loop thread only. What blocks says so and is for
 * pool threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"
#include "cache/key.h"
#include "cache/state.h"
#include "daemon/box.h"
#include "daemon/command.h"
#include "daemon/config.h"
#include "daemon/container.h"
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
const ConfigToolchain *toolchain_config(const Toolchain *toolchain);
uint64_t toolchain_timeout_ms(const Toolchain *toolchain);
uint64_t toolchain_memory_max(const Toolchain *toolchain); /* of address space; 0: no such limit */
/* Of this machine's memory, as far as the configuration tells; 0: it does not. */
uint64_t toolchain_memory_expected(const Toolchain *toolchain);
/* Its processes are ours to look at: neither an engine's nor on another machine. */
bool toolchain_is_measurable(const Toolchain *toolchain);
CanonForm toolchain_form(const Toolchain *toolchain); /* of the snapshot that it is given */

/* The program of this machine that would run now: a new string. -ENOENT with the remedy in
 * @problem. Quick. Not for containers. */
int toolchain_find(const Toolchain *toolchain, char **ret, Problem *problem);

#define TOOLCHAIN_FRESH_MS 5000

typedef struct ToolchainIdentity {
        Digest digest;
        uint32_t n_files;
        char image[CONTAINER_ID_MAX]; /* container: its id; else "" */
} ToolchainIdentity;

/* Blocks. @fresh: nothing that was learnt earlier. -ENOENT: not installed. -ENODATA: the image is
 * not there. -EAGAIN: it cannot be told now (an engine is down, a file is being changed). */
int toolchain_identify(Toolchain *toolchain, State *state, bool fresh, ToolchainIdentity *ret,
                       Problem *problem);

/* For one of many who want to know at once. */
typedef struct ToolchainQuestion {
        int64_t since_ns; /* clock_monotonic_ns(): what was found out after that is an answer, also
                           * that the engine is down */
        bool may_ask;     /* an engine or another machine, which may take half a minute */
        const atomic_bool *cancelled; /* then it is cut short: -ECANCELED; or NULL */
} ToolchainQuestion;

#define TOOLCHAIN_UNKNOWN 1 /* outcome: somebody would have to be asked */

int toolchain_answer(Toolchain *toolchain, State *state, const ToolchainQuestion *question,
                     ToolchainIdentity *ret, Problem *problem);

/* Everything of a key that is the toolchain's. */
int toolchain_add_to_key(const Toolchain *toolchain, const ToolchainIdentity *identity, Key *key);

typedef struct CommandSpec {
        const char *job_id;    /* jobdir.h */
        const char *directory; /* absolute: in/, out/, tmp/ */
        const char *jobs;      /* the directory of all jobs */
        const char *xmodel;    /* these are relative to the job's directory */
        const char *arch;
        const char *output_dir;
        const char *net_name;
        const char *options;    /* rendered; "" for none */
        const Digest *identity; /* that the toolchain must have */
        const Box *box;         /* run in it; NULL: where nobody else was */
} CommandSpec;

/* A container that is kept for several compiles. Blocks. Errors as toolchain_command(). */
int toolchain_new_box(const Toolchain *toolchain, const Digest *identity, const char *jobs,
                      Box **ret, Problem *problem);

/* argv and environment of one compile, ready for proc_spawn(). Blocks. -ESTALE: it is not what
 * @spec->identity says any more; else as toolchain_identify(). */
int toolchain_command(const Toolchain *toolchain, const CommandSpec *spec, Command *ret,
                      Problem *problem);

/* How the job's directory is called where the compiler runs: what its log may name. */
const char *toolchain_job_root(const Toolchain *toolchain, const char *directory);

/* After the child's end, whatever it was. Of a container it finds out how the compiler itself
 * ended, and removes it, unless it is a box that may be kept (@command->intact); for the other
 * kinds there is nothing to do. Blocks. -EAGAIN: the compiler did not run to its end. */
int toolchain_conclude(const Toolchain *toolchain, Command *command, ContainerEnd *ret,
                       Problem *problem);

/* Ends what killing the child does not end. Blocks. */
void toolchain_abandon(const Toolchain *toolchain, Command *command);
