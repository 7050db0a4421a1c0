#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "client/candidates.h"
#include "client/command.h"
#include "client/spoken.h"
#include "client/usage.h"

/*
 * All that shells know of our programs is here: their own scripts (packaging/completions) only
 * split the line and show what comes out. What there is to offer is read from the help texts
 * (usage.h): ours, and where another program has the command, that program's.
 */

const char command_complete_help[] =
        "usage: dpucc-client complete PROGRAM [WORD...]\n"
        "\n"
        "Prints what the last WORD may become on the command line of PROGRAM (dpucc-client or\n"
        "dpucc), one candidate on a line, after a tab what it is. \":files SUFFIX\" and\n"
        "\":directories\" stand for what the shell lists itself. For the completions of bash, zsh\n"
        "and fish. The daemon is asked for names, and given 0.3 s to answer.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client complete dpucc-client show un\n"
        "  dpucc-client complete dpucc check --\n"
        "\n"
        "Exit status: 0 done, 2 usage.\n";

typedef struct Completion {
        const Options *options;
        bool is_client;      /* else it is dpucc's line */
        const char *command; /* NULL: it is still to come */
        char *help;          /* of the command */
        UsageOption before;  /* whose value is wanted; no value: none is */
        Candidates candidates;
} Completion;

/* these are dpucc's own commands, and its help is the whole */
static bool complete_is_handed_over(const char *command) {
        static const char *const names[] = { "check", "diff", "init", "report" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(command, names[i]) == 0)
                        return true;
        return false;
}

/* is @word this option, with its value in the next word? */
static bool complete_wants_value(const UsageOption *option, const char *word) {
        const char letter[] = { '-', option->letter, '\0' };

        return option->value[0] &&
               (strcmp(word, option->name) == 0 || (option->letter && strcmp(word, letter) == 0));
}

/* Leaves in @ret the option of @text whose value comes after @word. */
static bool complete_find_value(const char *text, const char *word, UsageOption *ret) {
        while (text && usage_next_option(&text, ret))
                if (complete_wants_value(ret, word))
                        return true;
        *ret = (UsageOption){};
        return false;
}

/* Of the words before the last one: which is the command, and does an option wait for a value? */
static void complete_read(Completion *c, int n, char **words) {
        for (int i = 0; i < n; i++) {
                if (words[i][0] != '-') {
                        c->command = c->command ?: words[i];
                        continue;
                }
                if (c->is_client && !c->command &&
                    complete_find_value(commands_options_help, words[i], &c->before) && ++i < n)
                        c->before = (UsageOption){};
        }
}

static int complete_load_help(Completion *c) {
        const Command *command = c->is_client ? commands_find(c->command) : NULL;

        if (c->is_client && !command)
                return 0;
        if (c->is_client && !complete_is_handed_over(c->command)) {
                c->help = strdup(command->help);
                return c->help ? 0 : -ENOMEM;
        }
        return spoken_help("dpucc", c->command, &c->help);
}

/* --- what may come ---------------------------------------------------------------------------- */

static void complete_commands(const Completion *c) {
        size_t n;
        const Command *all = commands_all(&n);

        for (size_t i = 0; i < n; i++)
                candidates_add(&c->candidates, all[i].name, all[i].summary);
        candidates_add(&c->candidates, "help", "explain a command");
}

/* the lines of "Commands:" in dpucc's help */
static void complete_other_commands(const Completion *c) {
        _cleanup_(freep) char *help = NULL;
        const char *at;

        if (spoken_help("dpucc", NULL, &help) < 0)
                return;
        at = strstr(help, "\nCommands:\n");
        at = at ? at + strlen("\nCommands:\n") : "";
        while (strncmp(at, "  ", 2) == 0) {
                char word[USAGE_WORD_MAX] = "", text[128] = "";

                (void) sscanf(at, " %63s %127[^\n]", word, text);
                candidates_add(&c->candidates, word, text);
                at += strcspn(at, "\n");
                at += *at == '\n';
        }
}

static void complete_options(const Completion *c, const char *text) {
        UsageOption option;

        while (text && usage_next_option(&text, &option)) {
                const char letter[] = { '-', option.letter, '\0' };

                if (strcmp(option.name, "--help") == 0) /* in its own way, in many of them */
                        continue;
                if (option.name[0])
                        candidates_add(&c->candidates, option.name, option.text);
                else if (option.letter)
                        candidates_add(&c->candidates, letter, option.text);
        }
}

static void complete_things(const Completion *c, bool keys) {
        candidates_units(&c->candidates);
        if (keys)
                candidates_keys(&c->candidates);
}

/* after what the operand or the value is called */
static void complete_kind(const Completion *c, const char *kind) {
        bool is_unwatch = c->command && strcmp(c->command, "unwatch") == 0;

        if (strcmp(kind, "XMODEL") == 0 || strcmp(kind, "X") == 0) {
                complete_things(c, kind[1] == '\0');
                candidates_files(".xmodel");
        } else if (is_unwatch) {
                candidates_roots(&c->candidates);
        } else if (strcmp(kind, "DIR") == 0) {
                candidates_directories();
        } else if (strcmp(kind, "COMMAND") == 0) {
                complete_commands(c);
        } else if (strcmp(kind, "FILE") == 0 || strcmp(kind, "PATH") == 0 ||
                   strcmp(kind, "A") == 0) {
                candidates_files("");
        }
}

static void complete_value(const Completion *c) {
        const char *name = c->before.name;

        if (c->is_client && strcmp(name, "--target") == 0)
                candidates_targets(&c->candidates);
        else if (strcmp(name, "--toolchain") == 0)
                candidates_toolchains(&c->candidates);
        else if (strcmp(name, "--arch") == 0)
                candidates_files(".json");
        else if (strcmp(name, "--source") == 0 || strcmp(name, "--xmodel") == 0)
                candidates_files(".xmodel");
        else
                complete_kind(c, c->before.value);
}

static void complete_word(const Completion *c) {
        char operand[USAGE_WORD_MAX] = "";

        if (c->before.value[0]) {
                complete_value(c);
        } else if (c->candidates.typed[0] == '-') {
                complete_options(c, c->help);
                if (c->is_client && !(c->command && complete_is_handed_over(c->command)))
                        complete_options(c, commands_options_help);
                candidates_add(&c->candidates, "--help", "explain it, with examples");
        } else if (!c->command && c->is_client) {
                complete_commands(c);
        } else if (!c->command) {
                complete_other_commands(c);
        } else if (c->is_client && strcmp(c->command, "help") == 0) {
                complete_commands(c);
        } else if (c->help) {
                usage_operand(c->help, operand);
                complete_kind(c, operand);
        }
}

int command_complete(Options *options, int argc, char **argv) {
        Completion c = { .options = options };
        _cleanup_(freep) char *help = NULL;
        int n;

        if (argc == 2 && strcmp(argv[1], "--help") == 0) {
                (void) fputs(command_complete_help, stdout);
                return CODE_DONE;
        }
        if (argc < 2)
                return options_complain(argv[0], "an argument is missing");
        c.is_client = strcmp(argv[1], "dpucc-client") == 0;
        if (!c.is_client && strcmp(argv[1], "dpucc") != 0)
                return options_complain(argv[0], "PROGRAM is dpucc-client or dpucc");
        n = argc - 3; /* words before the last one */
        c.candidates = (Candidates){ .options = options, .typed = argc > 2 ? argv[argc - 1] : "" };
        complete_read(&c, n, argv + 2);
        if (c.command && complete_load_help(&c) < 0)
                return CODE_DONE; /* there is nothing to offer, and nobody to tell why */
        help = c.help;
        /* the option right before may be one of the command's own */
        if (n > 0 && c.command && !c.before.value[0])
                (void) (complete_find_value(c.help, argv[argc - 2], &c.before) ||
                        (c.is_client &&
                         complete_find_value(commands_options_help, argv[argc - 2], &c.before)));
        complete_word(&c);
        return CODE_DONE;
}
