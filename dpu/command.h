#pragma once

/*
 * Commands of the `dpucc` program
 *
 * One file per command, dpu/<name>.c. It defines
 *
 *      int command_<name>(int argc, char **argv);
 *      const char command_<name>_help[];
 *
 * declared here, and main.c has one line for it in its table. argv[0] is the command's own
 * name, so that getopt_long() works as in a program of that name; `--help` is answered by
 * main.c with the text above before the command is called. A command returns an exit code,
 * writes results to stdout and problems to stderr.
 */

#include <getopt.h>
#include <stdint.h>

#include "base/problem.h"

/* the exit codes of the whole project that `dpucc` uses */
enum {
        COMMAND_OK = 0,
        COMMAND_ERROR = 1,
        COMMAND_USAGE = 2,
        COMMAND_NOT_A_SOURCE = 5,
        COMMAND_NOT_RIGHT =
                8, /* `check`, `verify`: the file is not what it should be; `diff`: they differ */
};

typedef struct Command {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *help;    /* whole text, begins with "usage: dpucc NAME" */
        const char *summary; /* a few words for the list of commands */
} Command;

/* Says what is wrong with the command line and where the help is; returns COMMAND_USAGE. */
int command_usage(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes the options of @argv, which getopt_long() knows by @letters and @options, one by one, until
 * one gives another code than COMMAND_OK. The operands are from optind on. */
typedef int (*CommandOptionFn)(const char *name, int option, void *arguments);
int command_options(int argc, char **argv, const char *letters, const struct option *options,
                    CommandOptionFn fn, void *arguments);

/* The value of @option as a decimal number; complains as above if it is none, or above @max. */
int command_number(const char *name, const char *option, const char *text, uint64_t max,
                   uint64_t *ret);

/* Prints @problem, or strerror(-@r) when it is empty; returns COMMAND_ERROR. */
int command_failed(const char *name, int r, const Problem *problem);

/* the commands; main.c has the table */
int command_check(int argc, char **argv);
int command_companions(int argc, char **argv);
int command_compile(int argc, char **argv);
int command_diff(int argc, char **argv);
int command_digest(int argc, char **argv);
int command_disasm(int argc, char **argv);
int command_init(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_mkmodel(int argc, char **argv);
int command_profile(int argc, char **argv);
int command_report(int argc, char **argv);
int command_run(int argc, char **argv);
int command_targets(int argc, char **argv);
int command_verify(int argc, char **argv);

extern const char command_check_help[];
extern const char command_companions_help[];
extern const char command_compile_help[];
extern const char command_diff_help[];
extern const char command_digest_help[];
extern const char command_disasm_help[];
extern const char command_init_help[];
extern const char command_inspect_help[];
extern const char command_mkmodel_help[];
extern const char command_profile_help[];
extern const char command_report_help[];
extern const char command_run_help[];
extern const char command_targets_help[];
extern const char command_verify_help[];
