#include "client/command.h"
#include "client/handover.h"

const char command_diff_help[] =
        "usage: dpucc-client diff A B [--exit-code] [--json]\n"
        "\n"
        "Tells what two compiled files do not have in common, and whether they do the same all\n"
        "the same. The same as 'dpucc diff', which has the rest of the help.\n"
        "\n"
        "Example:\n"
        "  dpucc-client diff old/unet.xmodel new/unet.xmodel\n"
        "\n"
        "Exit status: 0 done, 8 they differ (with --exit-code), 1 error, 2 usage.\n";

int command_diff(Options *options, int argc, char **argv) {
        return handover_run("diff", options->json, argc, argv);
}
