#include <stdio.h>

#include "client/ask.h"
#include "client/command.h"

const char command_reload_help[] =
        "usage: dpucc-client reload\n"
        "\n"
        "Makes the daemon read its configuration again. If the new one is wrong, the old one "
        "stays\n"
        "in force and the reason is printed.\n"
        "\n"
        "Example:\n"
        "  dpucc-client reload\n"
        "\n"
        "Exit status: 0 done, 1 the configuration is wrong, 6 no daemon.\n";

static void reload_print(const Exchange *x) {
        (void) x;
        (void) puts("configuration read");
}

int command_reload(Options *options, int argc, char **argv) {
        int first = options_operands(options, argc, argv, NULL, 0, 0);

        if (first < 0)
                return options_code(first);
        return ask_plainly(options, DPUCC__WIRE__REQUEST__BODY_RELOAD, reload_print);
}
