#include <stdio.h>

#include "base/cleanup.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/output.h"

const char command_log_help[] =
        "usage: dpucc-client log X\n"
        "\n"
        "Prints the compiler's log of X.\n"
        "\n"
        "X is a source, a delivered file, NET@TARGET, or a key of which 8 digits are enough.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client log unet_int.xmodel\n"
        "  dpucc-client log unet@b1024 | less\n"
        "\n"
        "Exit status: 0 done, 2 X may mean several, 5 no such thing, 6 no daemon.\n";

static void log_print(const Exchange *x) {
        output_result(stdout, x->log.data, x->log.size);
}

int command_log(Options *options, int argc, char **argv) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__LogRequest request = DPUCC__WIRE__LOG_REQUEST__INIT;

        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_LOG;
        x.request.log = &request;
        return ask_of(options, argc, argv, &x, &request.selector, log_print);
}
