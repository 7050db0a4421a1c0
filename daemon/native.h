#pragma once

/*
 * A compiler that is installed on this machine: where it is and what it is made of
 *
 * Block for a few system calls, native_hash() for as long as the stat memo does not know the
 * files.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"
#include "cache/state.h"
#include "daemon/config.h"

/* whose names the compiler's own packages begin with (conda packages of Vitis AI 1.3 to 3.5) */
#define NATIVE_PACKAGES                                                                            \
        "xcompiler", "xir", "target_factory", "target-factory", "vaic", "unilog", "xnnc"

/* The conda environment that is configured: a new string, or NULL if none is. -ENOENT. */
int native_prefix(const ConfigToolchain *toolchain, char **ret, Problem *problem);

/* 0 if @program can be run and is not the file @not_this (or NULL). -ENOENT with the remedy in
 * @problem; another -errno: nobody can tell. */
int native_check(const ConfigToolchain *toolchain, const char *program, const char *not_this,
                 Problem *problem);

/* The program: a new string. Never the file @not_this. -errno as above. Of a remote
 * toolchain it is not looked at. */
int native_find(const ConfigToolchain *toolchain, const char *not_this, char **ret,
                Problem *problem);

/* The folder of what the link @program leads to, a new string; NULL if that is the link's own, or
 * @program is none. */
int native_linked_folder(const char *program, char **ret);

/* Where packages of the compiler's names are found before those of its own: a new string, as in
 * PATH. The search paths that it gets, and what `pip install --user` made. NULL: no memory. */
char *native_places(void);

/* Paths and contents of @program, of the packages it belongs to and of those that may come before
 * them; @alone: of @program the content. */
int native_hash(const char *program, bool alone, State *state, Hasher *hasher, uint32_t *ret_n);
