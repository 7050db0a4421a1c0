#pragma once

/*
 * Commands: the arguments and the whole environment of a child
 *
 * Built up by additions that cannot fail one by one: the first error is kept, and
 * command_finish() tells it. Nothing is inherited: a variable that a child gets was named.
 */

#include <stdatomic.h>
#include <stdbool.h>

#include "base/strings.h"

typedef struct Command {
        Strings argv; /* argv[0] is an absolute path */
        Strings env;
        char *engine;    /* program of the container engine; NULL: no container */
        char *container; /* its name */
        bool removed;    /* there is none of that name, or it has nothing of ours running */
        char *verdict;   /* path of what a kept container (box.h) tells about the end; or NULL */
        bool intact;     /* such a container may be kept for others */
        const atomic_bool
                *cancelled; /* borrowed: once it is set nobody wants the answer; or NULL */
        int error;
} Command;

void command_argument(Command *command, const char *text);
void command_option(Command *command, const char *option, const char *value); /* two arguments */
void command_format(Command *command, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
void command_arguments(Command *command, const Strings *words);

/* NULL is no variable. The caller adds each name once. */
void command_variable(Command *command, const char *name, const char *value);
void command_pass(Command *command, const char *name); /* as we have it */

int command_finish(const Command *command); /* -ENOMEM */
void command_deinit(Command *command);

static inline void command_cleanup(Command *command) {
        command_deinit(command);
}
