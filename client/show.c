#include <stdio.h>

#include "base/cleanup.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/describe.h"
#include "client/output.h"

const char command_show_help[] =
        "usage: dpucc-client show X\n"
        "\n"
        "Shows what is known of X: its unit, its artifact, and where the files are. With --json "
        "the\n"
        "report is there, too.\n"
        "\n"
        "X is a source, a delivered file, NET@TARGET, or a key of which 8 digits are enough.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client show unet_int.xmodel\n"
        "  dpucc-client show --json unet@b1024 | jq -r .report_json | jq .\n"
        "\n"
        "Exit status: 0 done, 2 X may mean several, 5 no such thing, 6 no daemon.\n";

static void show_unit(const Dpucc__Wire__Unit *unit) {
        output_text(OUTPUT_BOLD, unit->name);
        (void) fputs("  ", stdout);
        output_text(describe_state_colour(unit->state), describe_state(unit->state));
        (void) putchar('\n');
        output_field("detail", unit->detail);
        output_field_bytes("source", unit->source_path);
        if (unit->has_arch_path)
                output_field_bytes("arch file", unit->arch_path);
        output_field("target", unit->target);
        output_field("fingerprint", unit->fingerprint);
        if (unit->has_output_path)
                output_field_bytes("delivered", unit->output_path);
}

static void show_artifact(const Dpucc__Wire__Artifact *a, bool alone) {
        char text[16];

        if (alone && a->has_source_path)
                output_field_bytes("source", a->source_path);
        if (alone)
                output_field("target", a->target);
        output_field("key", a->key);
        output_field("toolchain", a->toolchain);
        output_field("compiler", a->compiler);
        output_field("net name", a->net_name);
        if (a->has_failed && a->failed) {
                output_field("result", "the compile failed; 'dpucc-client log' has the reason");
        } else {
                output_size(a->size, text);
                output_field("size", text);
        }
        output_duration(a->build_ms, text);
        output_field("build time", text);
        if (a->has_adopted_path) {
                output_field("note", "adopted, not compiled here");
                output_field_bytes("adopted", a->adopted_path);
        }
        if (a->has_no_dpu_code && a->no_dpu_code)
                output_field("note", "holds no DPU code: it runs on the CPU only");
        if (a->warning)
                output_field("note", a->warning);
}

static void show_print(const Exchange *x) {
        const Dpucc__Wire__ShowReply *show = x->reply->show;

        if (x->reply->body_case != DPUCC__WIRE__REPLY__BODY_SHOW)
                return;
        if (show->unit)
                show_unit(show->unit);
        if (show->artifact)
                show_artifact(show->artifact, !show->unit);
        for (size_t i = 0; i < show->n_paths; i++)
                output_field_bytes(i == 0 ? "files" : "", show->paths[i]);
}

int command_show(Options *options, int argc, char **argv) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__ShowRequest request = DPUCC__WIRE__SHOW_REQUEST__INIT;

        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_SHOW;
        x.request.show = &request;
        return ask_of(options, argc, argv, &x, &request.selector, show_print);
}
