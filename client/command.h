#pragma once

/*
 * Commands of dpucc-client
 *
 * One file per command, client/<name>.c, with
 *
 *      int command_<name>(Options *options, int argc, char **argv);
 *      const char command_<name>_help[];
 *
 * argv[0] is "dpucc-client <name>", for messages. A command returns an exit code, writes its
 * result to stdout and everything else to stderr.
 */

#include "client/options.h"

/* exit codes; those below CODE_TIMED_OUT that the daemon knows, too, are the wire's Outcome */
enum {
        CODE_DONE = 0,
        CODE_ERROR = 1,
        CODE_USAGE = 2,
        CODE_NOT_READY = 3,
        CODE_COMPILE_FAILED = 4,
        CODE_NOT_FOUND = 5,
        CODE_UNREACHABLE = 6,
        CODE_LIMIT_EXCEEDED = 7,
        CODE_TIMED_OUT = 124,
};

typedef int (*CommandFn)(Options *options, int argc, char **argv);

typedef struct Command {
        const char *name;
        CommandFn run;
        const char *help;
        const char *summary;
} Command;

#define COMMAND_DECLARE(_name)                                                                     \
        int command_##_name(Options *options, int argc, char **argv);                              \
        extern const char command_##_name##_help[]

COMMAND_DECLARE(build);
COMMAND_DECLARE(check);
COMMAND_DECLARE(get);
COMMAND_DECLARE(list);
COMMAND_DECLARE(log);
COMMAND_DECLARE(reload);
COMMAND_DECLARE(roots);
COMMAND_DECLARE(show);
COMMAND_DECLARE(shutdown);
COMMAND_DECLARE(stats);
COMMAND_DECLARE(status);
COMMAND_DECLARE(unwatch);
COMMAND_DECLARE(version);
COMMAND_DECLARE(wait);
COMMAND_DECLARE(watch);
COMMAND_DECLARE(why);
