/*
 * `dpucc`: the model tool and open DPU compiler
 *
 * Finds the command and runs it. Options before the command are the program's own; everything
 * after it belongs to the command.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/problem.h"
#include "base/program.h"
#include "base/strings.h"
#include "dpu/build_id.h"
#include "dpu/command.h"

static int command_help(int argc, char **argv);
static int command_version(int argc, char **argv);

static const char command_help_help[] = "usage: dpucc help [COMMAND]\n"
                                        "\n"
                                        "Prints the help of COMMAND, or the list of commands.\n";

static const char command_version_help[] =
        "usage: dpucc version\n"
        "\n"
        "Prints the version of dpucc and the id of this build.\n";

static const Command commands[] = {
        { "check", command_check, command_check_help, "is a compiled model what it should be" },
        { "compile", command_compile, command_compile_help, "compile a quantized model" },
        { "diff", command_diff, command_diff_help, "what two compiled models do not share" },
        { "digest", command_digest, command_digest_help, "the identity of models" },
        { "disasm", command_disasm, command_disasm_help, "the instructions of a compiled model" },
        { "help", command_help, command_help_help, "help of one command" },
        { "init", command_init, command_init_help, "propose a project file for a workspace" },
        { "inspect", command_inspect, command_inspect_help, "what a model file holds" },
        { "mkmodel", command_mkmodel, command_mkmodel_help, "make a quantized model" },
        { "companions", command_companions, command_companions_help, "the files beside it" },
        { "profile", command_profile, command_profile_help, "how long a compiled model takes" },
        { "report", command_report, command_report_help, "what a compiled model holds" },
        { "run", command_run, command_run_help, "what a model makes of its inputs" },
        { "targets", command_targets, command_targets_help, "known DPU targets, or what one is" },
        { "verify", command_verify, command_verify_help, "does a model compute what it should" },
        { "version", command_version, command_version_help, "the version of dpucc" },
};

static const Command *main_find(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        return NULL;
}

static void main_print_usage(FILE *out) {
        (void) fputs("usage: dpucc COMMAND [ARGUMENT...]\n"
                     "\n"
                     "Works on XIR models (.xmodel) and DPU targets; needs no daemon.\n"
                     "\n"
                     "Commands:\n",
                     out);
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                (void) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
        (void) fputs("\n"
                     "'dpucc COMMAND --help' explains one command, with examples.\n"
                     "Exit status: 0 done, 1 error, 2 usage, 5 nothing to propose (init),\n"
                     "8 not right (check, verify) or they differ (diff --exit-code).\n",
                     out);
}

static int main_unknown(const char *name) {
        const char *known[ARRAY_SIZE(commands) + 1] = {}, *nearest;
        Problem p;

        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                known[i] = commands[i].name;
        nearest = strings_nearest(name, known);
        (void) problem_set(&p, 0, "no command '%s'%s%s%s", name, nearest ? "; did you mean '" : "",
                           nearest ?: "", nearest ? "'?" : "");
        (void) fprintf(stderr, "dpucc: %s\nTry 'dpucc --help'.\n", p.text);
        return COMMAND_USAGE;
}

static int command_help(int argc, char **argv) {
        const Command *command;

        if (argc > 2)
                return command_usage(argv[0], "one command at most");
        if (argc < 2) {
                main_print_usage(stdout);
                return COMMAND_OK;
        }

        command = main_find(argv[1]);
        if (!command)
                return main_unknown(argv[1]);
        (void) fputs(command->help, stdout);
        return COMMAND_OK;
}

static int command_version(int argc, char **argv) {
        char text[BUILD_ID_MAX];

        if (argc > 1)
                return command_usage(argv[0], "takes no arguments");
        if (build_id_describe(text) < 0)
                return command_failed(argv[0], -ENOENT, NULL);
        (void) printf("dpucc %s\n", text);
        return COMMAND_OK;
}

/* "--help" and "--version" are other spellings of commands */
static const char *main_command_name(const char *argument) {
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
                return "help";
        if (strcmp(argument, "--version") == 0 || strcmp(argument, "-V") == 0)
                return "version";
        return argument;
}

static bool main_asks_for_help(int argc, char **argv) {
        return argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

static int main_run(int argc, char **argv) {
        const Command *command;

        if (argc < 2) {
                main_print_usage(stderr);
                return COMMAND_USAGE;
        }

        command = main_find(main_command_name(argv[1]));
        if (!command)
                return main_unknown(argv[1]);
        if (main_asks_for_help(argc - 1, argv + 1)) {
                (void) fputs(command->help, stdout);
                return COMMAND_OK;
        }
        return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv) {
        int code, r;

        program_keep_streams();
        code = main_run(argc, argv);
        r = program_flush_output();
        if (r == 0)
                return code;
        (void) fprintf(stderr, "dpucc: writing the output: %s\n", strerror(-r));
        return code == COMMAND_OK ? COMMAND_ERROR : code;
}
