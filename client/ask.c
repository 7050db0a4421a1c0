#include "client/ask.h"

#include <errno.h>
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

int ask_directory(Options *options, int argc, char **argv, int min, ProtobufCBinaryData *ret,
                  char **ret_place) {
        const char *path;
        int r;

        r = ask_operand(options, argc, argv, min, &path);
        if (r < 0 || !path)
                return r;
        r = place_of_directory(path, ret_place);
        if (r < 0) {
                (void) options_complain(argv[0], strerror(-r));
                return r;
        }
        ret->data = (uint8_t *) *ret_place;
        ret->len = strlen(*ret_place);
        return 0;
}

/* *@ret_place owns what @ret->path points to. Names and keys mean something in a directory that is
 * gone, too: there they are no paths. */
static int ask_name(const char *text, Dpucc__Wire__Selector *ret, char **ret_place) {
        Dpucc__Wire__Selector selector = DPUCC__WIRE__SELECTOR__INIT;
        int r;

        r = place_of(text, ret_place);
        if (r == -ENOMEM)
                return r;
        selector.text.data = (uint8_t *) text;
        selector.text.len = strlen(text);
        selector.has_path = r == 0;
        selector.path.data = (uint8_t *) *ret_place;
        selector.path.len = r == 0 ? strlen(*ret_place) : 0;
        *ret = selector;
        return 0;
}

int ask_of(Options *options, int argc, char **argv, Exchange *x, Dpucc__Wire__Selector **selector,
           AskPrintFn print) {
        _cleanup_(freep) char *place = NULL;
        Dpucc__Wire__Selector chosen;
        const char *text;
        int code, r;

        r = ask_operand(options, argc, argv, 1, &text);
        if (r < 0)
                return options_code(r);
        r = ask_name(text, &chosen, &place);
        if (r < 0) {
                (void) options_complain(argv[0], strerror(-r));
                return options_code(r);
        }
        *selector = &chosen;
        code = ask(options, x, print);
        *selector = NULL;
        return code;
}

const Dpucc__Wire__ShowReply *ask_about(const Options *options, const char *text, Exchange *x) {
        Dpucc__Wire__ShowRequest request = DPUCC__WIRE__SHOW_REQUEST__INIT;
        Dpucc__Wire__Selector selector;
        _cleanup_(freep) char *place = NULL;
        int r;

        r = ask_name(text, &selector, &place);
        if (r < 0) {
                x->code = CODE_ERROR;
                (void) problem_set(&x->problem, r, "%s: %s", text, strerror(-r));
                return NULL;
        }
        request.selector = &selector;
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY_SHOW;
        x->request.show = &request;
        (void) exchange_run(x, options);
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY__NOT_SET; /* it was borrowed */
        if (x->code != CODE_DONE || x->reply->body_case != DPUCC__WIRE__REPLY__BODY_SHOW)
                return NULL;
        return x->reply->show;
}

const ProtobufCBinaryData *ask_source_of(const Dpucc__Wire__ShowReply *show) {
        if (show->unit)
                return &show->unit->source_path;
        return show->artifact && show->artifact->has_source_path ? &show->artifact->source_path
                                                                 : NULL;
}

bool ask_is_source(const char *path, const Dpucc__Wire__ShowReply *show) {
        const ProtobufCBinaryData *source = ask_source_of(show);
        _cleanup_(freep) char *place = NULL;

        return source && place_of(path, &place) == 0 && strlen(place) == source->len &&
               memcmp(place, source->data, source->len) == 0;
}
