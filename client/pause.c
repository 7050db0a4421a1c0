#include "client/ask.h"
#include "client/command.h"

const char command_pause_help[] =
        "usage: dpucc-client pause\n"
        "\n"
        "From now on no compile starts: those that run go on, saves are seen, hits are answered, "
        "and\n"
        "what has to be compiled waits in the queue, until 'dpucc-client resume', or until the\n"
        "daemon is started again. 'wait' and 'get --wait' wait, too.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client pause; ./benchmark; dpucc-client resume\n"
        "\n"
        "Exit status: 0 done, 6 no daemon.\n";

int command_pause(Options *options, int argc, char **argv) {
        int first = options_operands(options, argc, argv, NULL, 0, 0);

        if (first < 0)
                return options_code(first);
        return ask_plainly(options, DPUCC__WIRE__REQUEST__BODY_PAUSE, NULL);
}
