#pragma once

/*
 * Options for the compiler: the -e/--options of vai_c_xir
 *
 * vai_c_xir hands that text to Python's eval(), so what reaches it is never what somebody wrote,
 * but what we render from what we understood: known keys with plain values, sorted, each a
 * quoted string. Written are either a Python dictionary of literals, as people know it,
 *
 *      {'prefetch': 'true', "output_ops": "a_fix,b_fix"}
 *
 * or JSON, which is nearly the same. `plugins` is never passed (it loads code), nor are `target`
 * and `fingerprint` (they would override the arch file unseen).
 */

#include <stddef.h>

#include "base/problem.h"

#define OPTIONS_MAX       16
#define OPTIONS_VALUE_MAX 4096 /* bytes */

typedef struct Option {
        const char *name; /* static */
        char *value;
} Option;

typedef struct Options {
        Option items[OPTIONS_MAX]; /* sorted by name */
        size_t n;
} Options;

/* NULL or "" are no options. -EINVAL with @problem set, -ENOMEM. */
int options_parse(const char *text, Options *ret, Problem *problem);
void options_deinit(Options *options);

/* "{'a': 'x', 'b': 'y'}", or "" for no options. A new string; NULL when out of memory. */
char *options_render(const Options *options);
