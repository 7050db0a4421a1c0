#include <string.h>

#include "base/cleanup.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/describe.h"
#include "client/place.h"

const char command_watch_help[] =
        "usage: dpucc-client watch [--trust] DIR\n"
        "\n"
        "Makes DIR a workspace: quantized models in it are compiled "
        "whenever they change. It stays\n"
        "one when the daemon is started again, until 'unwatch'.\n"
        "\n"
        "  --trust   let its dpucc.json put outputs outside of DIR\n"
        "\n"
        "Examples:\n"
        "  dpucc-client watch .\n"
        "  dpucc-client watch ~/models && dpucc-client wait\n"
        "\n"
        "Exit status: 0 it is watched, 1 or 5 it cannot be, 6 no daemon.\n";

static int watch_option(int c, const char *value, void *userdata) {
        (void) c; /* there is one only */
        (void) value;
        *(bool *) userdata = true;
        return 0;
}

static void watch_print(const Exchange *x) {
        if (x->reply->body_case == DPUCC__WIRE__REPLY__BODY_WATCH)
                describe_root(x->reply->watch);
}

int command_watch(Options *options, int argc, char **argv) {
        static const struct option longs[] = { { "trust", no_argument, NULL, 256 }, {} };
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__WatchRequest watch = DPUCC__WIRE__WATCH_REQUEST__INIT;
        _cleanup_(freep) char *place = NULL;
        bool trust = false;
        const OptionsOwn own = { "", longs, watch_option, &trust };
        int first = options_operands(options, argc, argv, &own, 1, 1);
        int r;

        if (first < 0)
                return options_code(first);
        r = place_of_directory(argv[first], &place);
        if (r < 0)
                return options_complain(argv[0], strerror(-r));

        watch.path.data = (uint8_t *) place;
        watch.path.len = strlen(place);
        watch.has_trust = watch.trust = trust;
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_WATCH;
        x.request.watch = &watch;
        return ask(options, &x, watch_print);
}
