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

#include "client/code.h"
#include "client/options.h"

typedef int (*CommandFn)(Options *options, int argc, char **argv);

typedef struct Command {
        const char *name;
        CommandFn run;
        const char *help;
        const char *summary;
} Command;

const Command *commands_all(size_t *ret_n);     /* in the order in which help lists them */
const Command *commands_find(const char *name); /* or NULL */
extern const char commands_options_help[];      /* of the options that all commands take */

#define COMMAND_DECLARE(_name)                                                                     \
        int command_##_name(Options *options, int argc, char **argv);                              \
        extern const char command_##_name##_help[]

COMMAND_DECLARE(adopt);
COMMAND_DECLARE(build);
COMMAND_DECLARE(cancel);
COMMAND_DECLARE(check);
COMMAND_DECLARE(complete);
COMMAND_DECLARE(diff);
COMMAND_DECLARE(doctor);
COMMAND_DECLARE(fsck);
COMMAND_DECLARE(gc);
COMMAND_DECLARE(get);
COMMAND_DECLARE(init);
COMMAND_DECLARE(list);
COMMAND_DECLARE(log);
COMMAND_DECLARE(monitor);
COMMAND_DECLARE(pause);
COMMAND_DECLARE(pin);
COMMAND_DECLARE(reload);
COMMAND_DECLARE(report);
COMMAND_DECLARE(resume);
COMMAND_DECLARE(roots);
COMMAND_DECLARE(show);
COMMAND_DECLARE(shutdown);
COMMAND_DECLARE(stats);
COMMAND_DECLARE(status);
COMMAND_DECLARE(unpin);
COMMAND_DECLARE(unwatch);
COMMAND_DECLARE(version);
COMMAND_DECLARE(wait);
COMMAND_DECLARE(watch);
COMMAND_DECLARE(why);
