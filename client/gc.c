#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/output.h"

const char command_gc_help[] =
        "usage: dpucc-client gc\n"
        "\n"
        "Evicts from the cache what its limits do not allow (\"cache\" in dpuccd.json), what is "
        "worth\n"
        "least first, and removes what killed processes left. The daemon does the same by itself; "
        "this\n"
        "does it now and says what became of it. What is pinned, was asked for within the hour, "
        "or is\n"
        "in use stays.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client gc\n"
        "  dpucc-client gc --no-daemon\n"
        "\n"
        "Exit status: 0 done (also if the limits cannot be kept), 1 not possible, 6 no daemon.\n";

static void gc_print_kept(const char *why, uint64_t n) {
        if (n > 0)
                (void) printf("  %" PRIu64 " %s\n", n, why);
}

static void gc_print(const Exchange *x) {
        const Dpucc__Wire__GcReply *gc = x->reply->gc;
        char freed[16], bytes[16];

        if (x->reply->body_case != DPUCC__WIRE__REPLY__BODY_GC)
                return;
        output_size(gc->freed_bytes, freed);
        output_size(gc->bytes, bytes);
        (void) printf("evicted %" PRIu64 ", removed %" PRIu64 " of nobody: %s\n", gc->evicted,
                      gc->orphans, freed);
        (void) printf("the cache holds %" PRIu64 ", %s\n", gc->entries, bytes);
        if (gc->failed > 0)
                (void) printf("%" PRIu64 " could not be removed\n", gc->failed);
        if (gc->satisfied)
                return;
        (void) puts("that is more than its limits allow, because these must stay:");
        gc_print_kept("pinned", gc->pinned);
        gc_print_kept("asked for within the hour", gc->leased);
        gc_print_kept("in use", gc->in_use);
}

int command_gc(Options *options, int argc, char **argv) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__Empty empty = DPUCC__WIRE__EMPTY__INIT;
        int first = options_operands(options, argc, argv, NULL, 0, 0);

        if (first < 0)
                return options_code(first);
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_GC;
        x.request.gc = &empty;
        x.patient = true;
        return ask(options, &x, gc_print);
}
