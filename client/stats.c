#include <inttypes.h>
#include <stdio.h>

#include "client/ask.h"
#include "client/command.h"
#include "client/output.h"

const char command_stats_help[] =
        "usage: dpucc-client stats\n"
        "\n"
        "Prints what the daemon counted since it was started, one \"NAME VALUE\" on each line.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client stats\n"
        "  dpucc-client stats --json\n"
        "\n"
        "Exit status: 0 done, 6 no daemon.\n";

static void stats_print(const Exchange *x) {
        const Dpucc__Wire__StatisticList *list = x->reply->stats;

        if (x->reply->body_case != DPUCC__WIRE__REPLY__BODY_STATS)
                return;
        for (size_t i = 0; i < list->n_statistics; i++) {
                output_padded(OUTPUT_PLAIN, list->statistics[i]->name, 31);
                (void) printf(" %" PRIu64 "\n", list->statistics[i]->value);
        }
}

int command_stats(Options *options, int argc, char **argv) {
        int first = options_operands(options, argc, argv, NULL, 0, 0);

        if (first < 0)
                return options_code(first);
        return ask_plainly(options, DPUCC__WIRE__REQUEST__BODY_STATS, stats_print);
}
