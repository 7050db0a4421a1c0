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

        request.has_unpin = true;
        request.unpin = unpin;
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_PIN;
        x.request.pin = &request;
        return ask_of(options, argc, argv, &x, &request.selector, pinning_print);
}
