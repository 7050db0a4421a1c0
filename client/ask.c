#include "client/ask.h"

#include <string.h>

#include "base/cleanup.h"
#include "client/answer.h"
#include "client/place.h"

int ask(const Options *options, Exchange *x, AskPrintFn print) {
        (void) exchange_run(x, options);
        if (!answer_print(x, options) && print)
                print(x);
        return x->code;
}

int ask_plainly(const Options *options, Dpucc__Wire__Request__BodyCase body, AskPrintFn print) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__Empty empty = DPUCC__WIRE__EMPTY__INIT;

        x.request.body_case = body;
        x.request.roots = &empty; /* all members of the union that are Empty share this place */
        return ask(options, &x, print);
}

int ask_operand(Options *options, int argc, char **argv, int min, const char **ret) {
        int first = options_operands(options, argc, argv, NULL, min, 1);

        if (first < 0)
                return first;
        *ret = first < argc ? argv[first] : NULL;
        return 0;
}

int ask_selector(Options *options, int argc, char **argv, Dpucc__Wire__Selector *ret,
                 char **ret_place) {
        Dpucc__Wire__Selector selector = DPUCC__WIRE__SELECTOR__INIT;
        const char *text;
        int r;

        r = ask_operand(options, argc, argv, 1, &text);
        if (r < 0)
                return r;
        r = place_of(text, ret_place);
        if (r < 0) {
                (void) options_complain(argv[0], strerror(-r));
                return r;
        }

        selector.text.data = (uint8_t *) text;
        selector.text.len = strlen(text);
        selector.has_path = true;
        selector.path.data = (uint8_t *) *ret_place;
        selector.path.len = strlen(*ret_place);
        *ret = selector;
        return 0;
}
