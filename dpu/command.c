#include "dpu/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int command_usage(const char *name, const char *format, ...) {
        char text[PROBLEM_MAX];
        va_list ap;
        Problem p;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);

        (void) problem_set(&p, 0, "%s", text); /* arguments may hold anything */
        (void) fprintf(stderr, "dpucc %s: %s\nTry 'dpucc %s --help'.\n", name, p.text, name);
        return COMMAND_USAGE;
}

int command_options(int argc, char **argv, const char *letters, const struct option *options,
                    CommandOptionFn fn, void *arguments) {
        int option, code;

        opterr = 0;
        while ((option = getopt_long(argc, argv, letters, options, NULL)) != -1) {
                if (option == '?')
                        return command_usage(argv[0], "bad option or missing value: '%s'",
                                             argv[optind - 1]);
                code = fn(argv[0], option, arguments);
                if (code != COMMAND_OK)
                        return code;
        }
        return COMMAND_OK;
}

int command_number(const char *name, const char *option, const char *text, uint64_t max,
                   uint64_t *ret) {
        unsigned long long value;
        char *end;

        errno = 0;
        value = strtoull(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || strchr(text, '-') || value > max)
                return command_usage(name, "%s takes a number from 0 to %llu, not '%s'", option,
                                     (unsigned long long) max, text);
        *ret = value;
        return COMMAND_OK;
}

int command_failed(const char *name, int r, const Problem *problem) {
        const char *text = problem && problem->text[0] ? problem->text : strerror(-r);

        (void) fprintf(stderr, "dpucc %s: %s\n", name, text);
        return COMMAND_ERROR;
}
