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
#include "client/command.h"
#include "client/masquerade.h"

static const char main_options[] =
        "Options, before or after the command:\n"
        "  --socket PATH      the daemon's socket (DPUCC_SOCKET)\n"
        "  --json             print one JSON object\n"
        "  --timeout S        give up after S seconds, exit status 124\n"
        "  --no-daemon        do it here (with dpuccd --once), whether a daemon runs or not\n"
        "  --toolchain NAME   compile with this toolchain (DPUCC_TOOLCHAIN)\n"
        "  --force            compile even if the cache has the result\n"
        "  --help, --version\n";

static const Command commands[] = {
        { "get", command_get, command_get_help, "the artifact of a model" },
        { "build", command_build, command_build_help, "compile a model, wherever it is" },
        { "adopt", command_adopt, command_adopt_help, "keep what was compiled elsewhere" },
        { "status", command_status, command_status_help, "workspaces, units, queue" },
        { "wait", command_wait, command_wait_help, "until everything saved is compiled" },
        { "monitor", command_monitor, command_monitor_help, "what happens, as it happens" },
        { "cancel", command_cancel, command_cancel_help, "end a compile" },
        { "pause", command_pause, command_pause_help, "let no compile start" },
        { "resume", command_resume, command_resume_help, "undo that" },
        { "watch", command_watch, command_watch_help, "make a directory a workspace" },
        { "unwatch", command_unwatch, command_unwatch_help, "undo that" },
        { "roots", command_roots, command_roots_help, "the workspaces" },
        { "list", command_list, command_list_help, "what the cache holds" },
        { "show", command_show, command_show_help, "what is known of one of them" },
        { "log", command_log, command_log_help, "the compiler's log" },
        { "why", command_why, command_why_help, "what its key is made of" },
        { "pin", command_pin, command_pin_help, "never evict it" },
        { "unpin", command_unpin, command_unpin_help, "undo that" },
        { "gc", command_gc, command_gc_help, "evict now what the limits do not allow" },
        { "init", command_init, command_init_help, "propose a project file for a workspace" },
        { "check", command_check, command_check_help, "will a board take this file?" },
        { "report", command_report, command_report_help, "what a compiled file holds" },
        { "diff", command_diff, command_diff_help, "what two of them do not share" },
        { "doctor", command_doctor, command_doctor_help, "what works here, and what does not" },
        { "stats", command_stats, command_stats_help, "the daemon's counters" },
        { "fsck", command_fsck, command_fsck_help, "is everything in the cache as it should be?" },
        { "reload", command_reload, command_reload_help, "read the configuration again" },
        { "shutdown", command_shutdown, command_shutdown_help, "stop the daemon" },
        { "version", command_version, command_version_help, "versions of client and daemon" },
};

static const Command *main_find(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        return NULL;
}

static void main_print_usage(FILE *out) {
        (void) fputs("usage: dpucc-client [OPTION...] COMMAND [ARGUMENT...]\n"
                     "\n"
                     "Asks dpuccd, the compile cache for DPU models.\n"
                     "\n"
                     "Commands:\n",
                     out);
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                (void) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
        (void) fprintf(out,
                       "\n%s\n"
                       "'dpucc-client COMMAND --help' explains one command, with examples.\n"
                       "Exit status: 0 done, 1 error, 2 usage, 3 not ready, 4 the compile failed,\n"
                       "5 not found or not a source, 6 no daemon, 7 over a limit, 8 not right,\n"
                       "124 timed out.\n",
                       main_options);
}

static int main_unknown(const char *name) {
        Problem p;

        (void) problem_set(&p, 0, "no command '%s'", name);
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
        command = main_find(argv[1]);
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
        command = main_find(argv[first]);
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
        int code = masked ? masquerade(argc, argv) : main_run(argc, argv);

        /* a full disk or a closed pipe behind stdout is a failure too */
        if (fflush(stdout) != 0 || ferror(stdout)) {
                (void) fprintf(stderr, "dpucc-client: writing the output: %m\n");
                return code == CODE_DONE ? CODE_ERROR : code;
        }
        return code;
}
