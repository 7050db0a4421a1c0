#include <stdio.h>

#include "base/cleanup.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/output.h"

const char command_why_help[] =
        "usage: dpucc-client why X\n"
        "\n"
        "Prints everything that makes the key of X: what has to change before it is compiled "
        "again.\n"
        "Then, field by field, what differs from the nearest earlier key of the same source, "
        "target\n"
        "and net: why it was compiled.\n"
        "\n"
        "X is a source, a delivered file, NET@TARGET, or a key of which 8 digits are enough.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client why unet_int.xmodel\n"
        "  diff <(dpucc-client why 0f3a55c1) <(dpucc-client why 9b1c0d2e)\n"
        "\n"
        "Exit status: 0 done, 2 X may mean several, 5 no such thing, 6 no daemon.\n";

static void why_print_side(OutputColour colour, char sign, const char *value) {
        if (!value)
                return;
        (void) printf("    %c ", sign);
        output_text(colour, value);
        (void) putchar('\n');
}

static void why_print_changes(const Dpucc__Wire__WhyReply *why) {
        (void) fputs("differs from the earlier key ", stdout);
        output_text(OUTPUT_BOLD, why->earlier_key);
        (void) puts(why->n_changes > 0 ? " in" : " in nothing");
        for (size_t i = 0; i < why->n_changes; i++) {
                (void) fputs("  ", stdout);
                output_text(OUTPUT_PLAIN, why->changes[i]->tag);
                (void) putchar('\n');
                why_print_side(OUTPUT_RED, '-', why->changes[i]->old);
                why_print_side(OUTPUT_GREEN, '+', why->changes[i]->new_);
        }
}

static void why_print(const Exchange *x) {
        const Dpucc__Wire__WhyReply *why = x->reply->why;

        if (x->reply->body_case != DPUCC__WIRE__REPLY__BODY_WHY)
                return;
        (void) fputs("key ", stdout);
        output_text(OUTPUT_BOLD, why->key);
        (void) putchar('\n');
        for (size_t i = 0; i < why->n_fields; i++) {
                (void) fputs("  ", stdout);
                output_padded(OUTPUT_PLAIN, why->fields[i]->tag, 24);
                (void) putchar(' ');
                output_text(OUTPUT_PLAIN, why->fields[i]->value);
                (void) putchar('\n');
        }
        if (why->earlier_key)
                why_print_changes(why);
}

int command_why(Options *options, int argc, char **argv) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__WhyRequest request = DPUCC__WIRE__WHY_REQUEST__INIT;

        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_WHY;
        x.request.why = &request;
        return ask_of(options, argc, argv, &x, &request.selector, why_print);
}
