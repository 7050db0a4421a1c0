#include "client/command.h"
#include "client/pinning.h"

const char command_pin_help[] =
        "usage: dpucc-client pin X\n"
        "\n"
        "Keeps what X stands for now in the cache, whatever its limits are, and prints the key. A "
        "later\n"
        "compile of the same source has another key: pin that, too, if it is to stay.\n"
        "\n"
        "X is a source, a delivered file, NET@TARGET, or a key of which 8 digits are enough.\n"
        "\n"
        "Example:\n"
        "  dpucc-client pin unet@b4096\n"
        "\n"
        "Exit status: 0 done, 2 X may mean several, 5 no such thing, 6 no daemon.\n";

int command_pin(Options *options, int argc, char **argv) {
        return pinning_run(options, argc, argv, false);
}
