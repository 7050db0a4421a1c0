#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/output.h"

const char command_list_help[] = "usage: dpucc-client list [--limit N]\n"
                                 "\n"
                                 "Lists the artifacts in the cache, the newest first.\n"
                                 "\n"
                                 "  --limit N   at most N of them (default 100)\n"
                                 "\n"
                                 "Examples:\n"
                                 "  dpucc-client list\n"
                                 "  dpucc-client list --json | jq -r '.artifacts[].key'\n"
                                 "\n"
                                 "Exit status: 0 done, 6 no daemon.\n";

#define LIST_LIMIT     100
#define LIST_LIMIT_MAX 10000

static int list_option(int c, const char *value, void *userdata) {
        char *end;
        long n;

        (void) c; /* there is one only */
        n = strtol(value, &end, 10);
        if (end == value || *end != '\0' || n < 1 || n > LIST_LIMIT_MAX) {
                (void) options_complain("dpucc-client list", "--limit takes a number from 1 to "
                                                             "10000");
                return -EINVAL;
        }
        *(uint32_t *) userdata = (uint32_t) n;
        return 0;
}

static void list_print_artifact(const Dpucc__Wire__Artifact *a) {
        int64_t age_s = clock_real_ns() / CLOCK_NS_PER_S - a->created_s;
        char size[16], age[16], build[16];

        output_size(a->size, size);
        output_duration(age_s > 0 ? (uint64_t) age_s * 1000 : 0, age);
        output_duration(a->build_ms, build);
        (void) printf("%.12s  ", a->key);
        output_padded(OUTPUT_BOLD, a->net_name ?: "", 24);
        (void) putchar(' ');
        output_padded(OUTPUT_PLAIN, a->target ?: "", 20);
        (void) putchar(' ');
        output_padded(OUTPUT_DIM, a->toolchain ?: "", 12);
        if (a->has_failed && a->failed)
                output_padded(OUTPUT_RED, "failed", 9);
        else
                (void) printf("%8s ", size);
        if (age_s > 0)
                (void) printf(" %8s ago, took %s\n", age, build);
        else /* times are whole seconds */
                (void) printf(" %12s, took %s\n", "just now", build);
}

static void list_print(const Exchange *x) {
        const Dpucc__Wire__ArtifactList *list = x->reply->list;

        if (x->reply->body_case != DPUCC__WIRE__REPLY__BODY_LIST)
                return;
        for (size_t i = 0; i < list->n_artifacts; i++)
                list_print_artifact(list->artifacts[i]);
        if (list->n_left_out > 0)
                (void) printf("%u more are not shown\n", (unsigned) list->n_left_out);
        if (list->n_artifacts == 0)
                (void) puts("the cache is empty");
}

int command_list(Options *options, int argc, char **argv) {
        static const struct option longs[] = { { "limit", required_argument, NULL, 256 }, {} };
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__ListRequest list = DPUCC__WIRE__LIST_REQUEST__INIT;
        uint32_t limit = LIST_LIMIT;
        const OptionsOwn own = { "", longs, list_option, &limit };
        int first = options_operands(options, argc, argv, &own, 0, 0);

        if (first < 0)
                return options_code(first);
        list.has_limit = true;
        list.limit = limit;
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_LIST;
        x.request.list = &list;
        return ask(options, &x, list_print);
}
