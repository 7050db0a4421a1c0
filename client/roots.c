#include <stdio.h>

#include "client/ask.h"
#include "client/command.h"
#include "client/describe.h"

const char command_roots_help[] = "usage: dpucc-client roots\n"
                                  "\n"
                                  "Lists the workspaces that the daemon watches.\n"
                                  "\n"
                                  "Example:\n"
                                  "  dpucc-client roots\n"
                                  "\n"
                                  "Exit status: 0 done, 6 no daemon.\n";

static void roots_print(const Exchange *x) {
        const Dpucc__Wire__RootList *list = x->reply->roots;

        if (x->reply->body_case != DPUCC__WIRE__REPLY__BODY_ROOTS)
                return;
        for (size_t i = 0; i < list->n_roots; i++)
                describe_root(list->roots[i]);
        describe_roots_left_out(list->n_roots_left_out);
        if (list->n_roots == 0)
                (void) puts("no workspace is watched: 'dpucc-client watch DIR' adds one");
}

int command_roots(Options *options, int argc, char **argv) {
        int first = options_operands(options, argc, argv, NULL, 0, 0);

        if (first < 0)
                return options_code(first);
        return ask_plainly(options, DPUCC__WIRE__REQUEST__BODY_ROOTS, roots_print);
}
