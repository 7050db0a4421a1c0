#pragma once

/*
 * Options of the command line
 *
 * The global ones may stand before the command or among its own.
 */

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Options {
        const char *socket;    /* NULL: the default place */
        const char *toolchain; /* NULL: as the daemon decides */
        int64_t timeout_ms;    /* -1: none */
        bool json;
        bool force;
        bool no_daemon; /* run dpuccd --once instead of asking the daemon */

        const char *help; /* of the command that runs; NULL before there is one */
} Options;

/* Called for each option of the command's own. 0, or -EINVAL after saying why. */
typedef int (*OptionsFn)(int c, const char *value, void *userdata);

/* what a command has beside the global options */
typedef struct OptionsOwn {
        const char *shorts;         /* as getopt(3), "" if none */
        const struct option *longs; /* ends with an empty one; NULL if none */
        OptionsFn fn;
        void *userdata;
} OptionsOwn;

void options_init(Options *ret);

/* Parses what stands before the command. Returns its index in @argv, argc if there is none;
 * -EINVAL: wrong, and said so; -ECANCELED: help is asked for, and the caller has it. */
int options_parse_global(Options *options, int argc, char **argv);

/* For a command that hands the rest over: takes the global options out of its arguments, up to "--",
 * but for --help. 0; -EINVAL: wrong, and said so. */
int options_take_from(Options *options, int *argc, char **argv);

/* Parses the arguments of a command, argv[0] being its name as messages show it. Returns the
 * index of the first operand (options are moved before them). -EINVAL: wrong, and said so;
 * -ECANCELED: help was asked for and printed. @own may be NULL. */
int options_parse(Options *options, int argc, char **argv, const OptionsOwn *own);

/* the exit code after one of these errors */
int options_code(int r);

/* "NAME: TEXT" and where the help is; returns CODE_USAGE */
int options_complain(const char *name, const char *text);

/* Parses, and wants exactly @n operands (or from @n to @max). Returns as options_parse(). */
int options_operands(Options *options, int argc, char **argv, const OptionsOwn *own, int n,
                     int max);
