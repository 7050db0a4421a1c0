#include <stdio.h>

#include "base/cleanup.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/output.h"

const char command_cancel_help[] =
        "usage: dpucc-client cancel X\n"
        "\n"
        "Ends the compiles of X that run or wait, for everybody who wants them, and prints which\n"
        "these were. X is a model, a delivered file, NET@TARGET, or 8 or more digits of a key. "
        "The\n"
        "next save compiles again, and so does the next get.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client cancel output/Unet_int.xmodel\n"
        "  dpucc-client cancel Unet@leopard\n"
        "\n"
        "Exit status: 0 done, 5 no compile of X runs or waits, 6 no daemon.\n";

static void cancel_print(const Exchange *x) {
        const Dpucc__Wire__JobList *list = x->reply->cancelled;

        if (x->reply->body_case != DPUCC__WIRE__REPLY__BODY_CANCELLED)
                return;
        for (size_t i = 0; i < list->n_jobs; i++) {
                output_text(OUTPUT_BOLD, list->jobs[i]->name);
                (void) fputs("  ", stdout);
                output_bytes(list->jobs[i]->source_path);
                (void) putchar('\n');
        }
}

int command_cancel(Options *options, int argc, char **argv) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;

        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_CANCEL_JOBS;
        return ask_of(options, argc, argv, &x, &x.request.cancel_jobs, cancel_print);
}
