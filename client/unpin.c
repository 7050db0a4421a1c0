#include "client/command.h"
#include "client/pinning.h"

const char command_unpin_help[] =
        "usage: dpucc-client unpin X\n"
        "\n"
        "Undoes a pin: X may be evicted like everything else. Prints the key.\n"
        "\n"
        "X is a source, a delivered file, NET@TARGET, or a key of which 8 digits are enough.\n"
        "\n"
        "Example:\n"
        "  dpucc-client unpin 0f3a55c1\n"
        "\n"
        "Exit status: 0 done, 2 X may mean several, 5 no such thing, or it is not pinned, 6 no "
        "daemon.\n";

int command_unpin(Options *options, int argc, char **argv) {
        return pinning_run(options, argc, argv, true);
}
