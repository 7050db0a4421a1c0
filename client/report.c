#include "client/command.h"
#include "client/handover.h"

const char command_report_help[] =
        "usage: dpucc-client report FILE [--source Q] [--log FILE] [--arch A]\n"
        "\n"
        "Prints what a compiled file holds, as JSON: its subgraphs, every layer off the DPU with\n"
        "the reason and whether the board's runtime implements it. The same as 'dpucc report',\n"
        "which has the rest of the help.\n"
        "\n"
        "Example:\n"
        "  dpucc-client report unet.xmodel --source Unet_int.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

int command_report(Options *options, int argc, char **argv) {
        (void) options; /* a report is JSON anyway */
        return handover_run("report", false, argc, argv);
}
