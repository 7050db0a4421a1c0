#include "client/pinning.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "client/ask.h"

static void pinning_print(const Exchange *x) {
        if (x->reply->body_case == DPUCC__WIRE__REPLY__BODY_PIN)
                (void) puts(x->reply->pin->key);
}

int pinning_run(Options *options, int argc, char **argv, bool unpin) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__PinRequest request = DPUCC__WIRE__PIN_REQUEST__INIT;
        Dpucc__Wire__Selector selector;
        _cleanup_(freep) char *place = NULL;
        int r;

        r = ask_selector(options, argc, argv, &selector, &place);
        if (r < 0)
                return options_code(r);

        request.selector = &selector;
        request.has_unpin = true;
        request.unpin = unpin;
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_PIN;
        x.request.pin = &request;
        return ask(options, &x, pinning_print);
}
