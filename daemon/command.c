#include "daemon/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

static void command_add(Command *command, Strings *list, const char *text) {
        int r;

        r = strings_add(list, text);
        if (r < 0 && command->error == 0)
                command->error = r;
}

void command_argument(Command *command, const char *text) {
        command_add(command, &command->argv, text);
}

void command_option(Command *command, const char *option, const char *value) {
        command_argument(command, option);
        command_argument(command, value);
}

void command_format(Command *command, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = strings_vprintf(&text, format, arguments);
        va_end(arguments);
        if (r == 0)
                command_argument(command, text);
        else
                command->error = r;
}

void command_arguments(Command *command, const Strings *words) {
        for (size_t i = 0; i < words->n; i++)
                command_argument(command, words->items[i]);
}

void command_variable(Command *command, const char *name, const char *value) {
        _cleanup_(freep) char *text = NULL;

        if (!value)
                return;
        if (asprintf(&text, "%s=%s", name, value) < 0) {
                text = NULL;
                command->error = -ENOMEM;
                return;
        }
        command_add(command, &command->env, text);
}

void command_pass(Command *command, const char *name) {
        command_variable(command, name, getenv(name));
}

int command_finish(const Command *command) {
        return command->error;
}

void command_deinit(Command *command) {
        strings_deinit(&command->argv);
        strings_deinit(&command->env);
        free(command->engine);
        free(command->container);
        free(command->verdict);
        *command = (Command){};
}
