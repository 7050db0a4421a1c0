/*
 * `dpucc-client`: talks to the daemon
 *
 * Finds the command and runs it. It is started often and for a moment, from Makefiles and
 * prompts: no event loop, and no library that takes time to load.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/problem.h"
#include "base/program.h"
#include "base/strings.h"
#include "client/command.h"
#include "client/masquerade.h"

#define MAIN_COMMANDS_MAX 64

static void main_print_usage(FILE *out) {
        size_t n;
        const Command *commands = commands_all(&n);

        (void) fputs("usage: dpucc-client [OPTION...] COMMAND [ARGUMENT...]\n"
                     "\n"
                     "Asks dpuccd, the compile cache for DPU models.\n"
                     "\n"
                     "Commands:\n",
                     out);
        for (size_t i = 0; i < n; i++)
                (void) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
        (void) fprintf(out,
                       "\n%s\n"
                       "'dpucc-client COMMAND --help' explains one command, with examples.\n"
                       "Exit status: 0 done, 1 error, 2 usage, 3 not ready, 4 the compile failed,\n"
                       "5 not found or not a source, 6 no daemon, 7 over a limit, 8 not right,\n"
                       "124 timed out.\n",
                       commands_options_help);
}

static int main_unknown(const char *name) {
        const char *known[MAIN_COMMANDS_MAX + 1] = {}, *nearest;
        size_t n;
        const Command *commands = commands_all(&n);
        Problem p;

        for (size_t i = 0; i < n && i < MAIN_COMMANDS_MAX; i++)
                known[i] = commands[i].name;
        nearest = strings_nearest(name, known);
        (void) problem_set(&p, 0, "no command '%s'%s%s%s", name, nearest ? "; did you mean '" : "",
                           nearest ?: "", nearest ? "'?" : "");
        return options_complain("dpucc-client", p.text);
}

/* argv[0] becomes "dpucc-client NAME", for messages */
static int main_run_command(Options *options, const Command *command, int argc, char **argv) {
        _cleanup_(freep) char *name = NULL;

        if (asprintf(&name, "dpucc-client %s", command->name) < 0)
                return CODE_ERROR;
        argv[0] = name;
        options->help = command->help;
        return command->run(options, argc, argv);
}

/* "help [COMMAND]" */
static int main_help(int argc, char **argv) {
        const Command *command;

        if (argc < 2) {
                main_print_usage(stdout);
                return CODE_DONE;
        }
        command = commands_find(argv[1]);
        if (!command)
                return main_unknown(argv[1]);
        (void) fputs(command->help, stdout);
        return CODE_DONE;
}

static int main_run(int argc, char **argv) {
        char program[] = "dpucc-client";
        const Command *command;
        Options options;
        int first;

        options_init(&options);
        options.help = NULL;
        argv[0] = program;
        if (argc >= 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
                (void) printf("dpucc-client %s\n", DPUCC_VERSION);
                return CODE_DONE;
        }

        first = options_parse_global(&options, argc, argv);
        if (first == -ECANCELED)
                return main_help(1, argv);
        if (first < 0)
                return options_code(first);
        if (first == argc) {
                main_print_usage(stderr);
                return CODE_USAGE;
        }
        if (strcmp(argv[first], "help") == 0)
                return main_help(argc - first, argv + first);
        command = commands_find(argv[first]);
        if (!command)
                return main_unknown(argv[first]);
        return main_run_command(&options, command, argc - first, argv + first);
}

/* a script that calls vai_c_xir is to get that tool's exit codes, too */
static bool main_is_masked(const char *program) {
        return program && strcmp(path_basename(program), MASQUERADE_NAME) == 0;
}

int main(int argc, char **argv) {
        bool masked = main_is_masked(argv[0]);
        int code, r;

        program_keep_streams();
        code = masked ? masquerade(argc, argv) : main_run(argc, argv);
        r = program_flush_output();
        if (r == 0)
                return code;
        (void) fprintf(stderr, "dpucc-client: writing the output: %s\n", strerror(-r));
        return code == CODE_DONE ? CODE_ERROR : code;
}
