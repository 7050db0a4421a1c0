#include "base/cleanup.h"
#include "client/ask.h"
#include "client/command.h"

const char command_unwatch_help[] =
        "usage: dpucc-client unwatch DIR\n"
        "\n"
        "Makes DIR an ordinary directory again. What was compiled stays where it is.\n"
        "\n"
        "Example:\n"
        "  dpucc-client unwatch ~/models\n"
        "\n"
        "Exit status: 0 done, 5 it is no workspace, 6 no daemon.\n";

int command_unwatch(Options *options, int argc, char **argv) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__UnwatchRequest unwatch = DPUCC__WIRE__UNWATCH_REQUEST__INIT;
        _cleanup_(freep) char *place = NULL;
        int r;

        r = ask_directory(options, argc, argv, 1, &unwatch.path, &place);
        if (r < 0)
                return options_code(r);

        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_UNWATCH;
        x.request.unwatch = &unwatch;
        return ask(options, &x, NULL);
}
