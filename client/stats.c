#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "client/answer.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/output.h"
#include "client/prometheus.h"

#define STATS_TEXT_MAX (1024 * 1024)

const char command_stats_help[] =
        "usage: dpucc-client stats [--prometheus]\n"
        "\n"
        "Prints what the daemon counted since it was started, one \"NAME VALUE\" on each line, and "
        "of\n"
        "what it measured how many values there were, their mean, and bounds that half of them and "
        "99 %\n"
        "of them do not exceed.\n"
        "\n"
        "  --prometheus   in the text format of Prometheus\n"
        "\n"
        "Examples:\n"
        "  dpucc-client stats\n"
        "  dpucc-client stats --json\n"
        "  dpucc-client stats --prometheus >/var/lib/node_exporter/dpucc.prom\n"
        "\n"
        "Exit status: 0 done, 6 no daemon.\n";

/* the bound of the bucket in which the value is that @percent of all do not exceed */
static uint64_t stats_bound(const Dpucc__Wire__Histogram *histogram, uint64_t percent) {
        uint64_t wanted = (histogram->count * percent + 99) / 100, so_far = 0;

        for (size_t i = 0; i < histogram->n_buckets; i++) {
                so_far += histogram->buckets[i]->count;
                if (so_far >= wanted)
                        return histogram->buckets[i]->up_to;
        }
        return 0;
}

static void stats_print_histogram(const Dpucc__Wire__Histogram *histogram) {
        output_padded(OUTPUT_PLAIN, histogram->name, 31);
        (void) printf(" %" PRIu64, histogram->count);
        if (histogram->count > 0)
                (void) printf(", mean %" PRIu64 ", half <= %" PRIu64 ", 99 %% <= %" PRIu64,
                              histogram->sum / histogram->count, stats_bound(histogram, 50),
                              stats_bound(histogram, 99));
        (void) putchar('\n');
}

static void stats_print(const Exchange *x) {
        const Dpucc__Wire__StatisticList *list = x->reply->stats;

        if (x->reply->body_case != DPUCC__WIRE__REPLY__BODY_STATS)
                return;
        for (size_t i = 0; i < list->n_statistics; i++) {
                output_padded(OUTPUT_PLAIN, list->statistics[i]->name, 31);
                (void) printf(" %" PRIu64 "\n", list->statistics[i]->value);
        }
        for (size_t i = 0; i < list->n_histograms; i++)
                stats_print_histogram(list->histograms[i]);
}

/* Nothing must not be taken for an answer. Returns an exit code. */
static int stats_print_prometheus(const Exchange *x) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(STATS_TEXT_MAX);
        int r = -EBADMSG;

        if (x->reply->body_case == DPUCC__WIRE__REPLY__BODY_STATS)
                r = prometheus_of(x->reply->stats, &text);
        if (r < 0) {
                output_complain(strerror(-r));
                return CODE_ERROR;
        }
        (void) fwrite(text.data, 1, text.size, stdout);
        return CODE_DONE;
}

static int stats_for_prometheus(const Options *options) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__Empty empty = DPUCC__WIRE__EMPTY__INIT;

        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_STATS;
        x.request.stats = &empty;
        (void) exchange_run(&x, options);
        return answer_print(&x, options) ? x.code : stats_print_prometheus(&x);
}

static int stats_option(int c, const char *value, void *userdata) {
        (void) c; /* there is one only */
        (void) value;
        *(bool *) userdata = true;
        return 0;
}

int command_stats(Options *options, int argc, char **argv) {
        static const struct option longs[] = { { "prometheus", no_argument, NULL, 256 }, {} };
        bool prometheus = false;
        const OptionsOwn own = { "", longs, stats_option, &prometheus };
        int first = options_operands(options, argc, argv, &own, 0, 0);

        if (first < 0)
                return options_code(first);
        return prometheus ? stats_for_prometheus(options)
                          : ask_plainly(options, DPUCC__WIRE__REQUEST__BODY_STATS, stats_print);
}
