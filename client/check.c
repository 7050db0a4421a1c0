#include "client/command.h"
#include "client/handover.h"

const char command_check_help[] =
        "usage: dpucc-client check FILE [--arch A | --fingerprint 0x...] [--source Q]\n"
        "\n"
        "Tells of any compiled file for which target it was made, from which source, and whether\n"
        "the board with that arch.json will take it. The same as 'dpucc check', which has the "
        "rest\n"
        "of the help.\n"
        "\n"
        "Example:\n"
        "  dpucc-client check unet.xmodel --arch arch.json\n"
        "\n"
        "Exit status: 0 it is right, 8 it is not, 1 error, 2 usage.\n";

int command_check(Options *options, int argc, char **argv) {
        return handover_run("check", options->json, argc, argv);
}
