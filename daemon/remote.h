#pragma once

/*
 * The identity of a compiler on another machine
 *
 * Where a launcher runs the compiler elsewhere, what is installed here says nothing. The same
 * files are digested there, by a small shell script that is sent through the launcher (it needs
 * sh, find, sort, xargs and sha256sum). Blocks for as long as the launcher needs to find a
 * place: pool threads only.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/problem.h"
#include "base/slice.h"
#include "daemon/config.h"

/* Adds paths and contents of @program and, unless @alone, of the packages it belongs to.
 * -ENOENT: it is not there. -EAGAIN: the launcher failed. -ECANCELED: @cancelled (or NULL). */
int remote_hash(const ConfigToolchain *toolchain, const char *program, bool alone,
                const atomic_bool *cancelled, Hasher *hasher, uint32_t *ret_n, Problem *problem);

/* How many files the script's answer names. -EBADMSG: it is not all of it. Pure. */
int remote_count(Slice answer, uint32_t *ret);
