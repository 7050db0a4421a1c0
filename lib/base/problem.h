#pragma once

/*
 * Problems: what to tell a person
 *
 * A Problem is one line of text that names the place, the value and the remedy. Whoever finds
 * out what is wrong sets it, callers higher up may prefix it with what they know (a file name).
 * Control characters and broken UTF-8 in quoted input are escaped, so that a hostile file
 * cannot forge terminal output or log lines.
 */

#include <stdarg.h>

#define PROBLEM_MAX 1024 /* bytes, terminator included; longer text is cut with "..." */

typedef struct Problem {
        char text[PROBLEM_MAX]; /* "" when there is none */
} Problem;

/* Both return @r, so that `return problem_set(p, -EBADMSG, "...")` reads well. @p may be NULL. */
int problem_set(Problem *p, int r, const char *format, ...) __attribute__((format(printf, 3, 4)));
int problem_prefix(Problem *p, int r, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
