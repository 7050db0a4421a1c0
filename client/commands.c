#include <string.h>

#include "base/cleanup.h"
#include "client/command.h"

const char commands_options_help[] =
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
        { "complete", command_complete, command_complete_help, "candidates, for shells" },
        { "version", command_version, command_version_help, "versions of client and daemon" },
};

const Command *commands_all(size_t *ret_n) {
        *ret_n = ARRAY_SIZE(commands);
        return commands;
}

const Command *commands_find(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        return NULL;
}
