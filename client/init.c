#include "client/command.h"
#include "client/handover.h"

const char command_init_help[] =
        "usage: dpucc-client init [--write] [--force] [--json] [DIR]\n"
        "\n"
        "Looks for quantized models and arch files in DIR (default: here), proposes a dpucc.json\n"
        "and explains it line by line. The same as 'dpucc init', which has the rest of the help;\n"
        "no daemon is needed.\n"
        "\n"
        "Example:\n"
        "  dpucc-client init --write ~/release && dpucc-client watch ~/release\n"
        "\n"
        "Exit status: 0 done, 1 error, or there is a dpucc.json, 2 usage, 5 nothing to propose.\n";

int command_init(Options *options, int argc, char **argv) {
        return handover_run("init", options->json, argc, argv);
}
