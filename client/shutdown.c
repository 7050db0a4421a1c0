#include "base/cleanup.h"
#include "client/ask.h"
#include "client/command.h"

const char command_shutdown_help[] =
        "usage: dpucc-client shutdown\n"
        "\n"
        "Stops the daemon, and waits until it has: running compiles are ended, what is finished "
        "is\n"
        "kept. Under systemd use 'systemctl --user stop dpuccd', or it may be started again.\n"
        "\n"
        "Example:\n"
        "  dpucc-client shutdown\n"
        "\n"
        "Exit status: 0 it has stopped, 6 no daemon.\n";

int command_shutdown(Options *options, int argc, char **argv) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__Empty empty = DPUCC__WIRE__EMPTY__INIT;
        int first = options_operands(options, argc, argv, NULL, 0, 0);

        if (first < 0)
                return options_code(first);
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_SHUTDOWN;
        x.request.shutdown = &empty;
        x.until_gone = true;
        return ask(options, &x, NULL);
}
