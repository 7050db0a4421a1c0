/* dpucc profile: what a compiled model does, and how long that takes by the cycle model */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/json_writer.h"
#include "dpu/command.h"
#include "dpu/programs.h"
#include "dpu/sim/account.h"
#include "dpu/table.h"

const char command_profile_help[] =
        "usage: dpucc profile [--clock MHZ] [--layers] [--json] FILE\n"
        "\n"
        "Counts what the DPU subgraphs of a compiled model do: instructions, bytes moved,\n"
        "multiplications; and estimates the time by a cycle model. What computing takes is\n"
        "well known; how fast memory is, is assumed, so there are two estimates: between\n"
        "the optimistic and the pessimistic one. No board was measured. Understands\n"
        "DPUCZDX8G with ISA 1.\n"
        "\n"
        "      --clock MHZ  clock of the DPU (300)\n"
        "      --layers     each layer with weights, and how well it uses its engine\n"
        "      --json       as JSON, with all layers\n"
        "\n"
        "Example:\n"
        "  dpucc profile --layers out/unet.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

#define PROFILE_OUTPUT_MAX ((size_t) 64 << 20)
#define PROFILE_CLOCK_MAX  10000

typedef struct ProfileArguments {
        uint64_t clock; /* MHz */
        bool layers;
        bool json;
} ProfileArguments;

enum {
        OPTION_CLOCK = 256,
        OPTION_LAYERS,
        OPTION_JSON,
};

static int profile_option(const char *name, int option, void *arguments) {
        ProfileArguments *ret = arguments;

        switch (option) {
        case OPTION_CLOCK:
                return command_number(name, "--clock", optarg, PROFILE_CLOCK_MAX, &ret->clock);
        case OPTION_LAYERS:
                ret->layers = true;
                break;
        case OPTION_JSON:
                ret->json = true;
                break;
        }
        return COMMAND_OK;
}

static int profile_parse(int argc, char **argv, ProfileArguments *ret) {
        static const struct option options[] = {
                { "clock", required_argument, NULL, OPTION_CLOCK },
                { "layers", no_argument, NULL, OPTION_LAYERS },
                { "json", no_argument, NULL, OPTION_JSON },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "", options, profile_option, ret);
        if (code != COMMAND_OK)
                return code;
        if (ret->clock == 0)
                return command_usage(argv[0], "a clock of 0 MHz");
        return optind + 1 == argc ? COMMAND_OK : command_usage(argv[0], "one file, please");
}

/* --- numbers --------------------------------------------------------------------------------- */

static double profile_percent(uint64_t part, uint64_t of) {
        return of > 0 ? 100.0 * (double) part / (double) of : 0;
}

static double profile_ms(uint64_t cycles, uint64_t clock) {
        return (double) cycles / (double) clock / 1000;
}

/* --- text ------------------------------------------------------------------------------------ */

static void profile_print_cost(const Account *account, const Cost *cost, const char *name,
                               uint64_t clock) {
        uint64_t most = account->conv_peak * cost->cycles;

        (void) printf("%-12s %" PRIu64 " cycles, %.3f ms, %.1f%% of the peak; busy:", name,
                      cost->cycles, profile_ms(cost->cycles, clock),
                      profile_percent(account->multiplications, most));
        for (unsigned e = 0; e < ISA_ENGINES; e++)
                (void) printf(" %s %.0f%%", isa_engine_name((IsaEngine) (1u << e)),
                              profile_percent(cost->busy[e], cost->cycles));
        (void) printf("\n");
}

static int profile_print_layers(const Account *account) {
        _cleanup_(table_cleanup) Table table = TABLE_INIT(6);

        for (const char *const *head = (const char *const[]){ "MAC", "cycles", "used", "weights",
                                                              "type", "layer", NULL };
             *head; head++)
                table_cell(&table, "%s", *head);
        for (size_t i = 0; i < account->n_layers; i++) {
                const AccountLayer *layer = &account->layers[i];

                table_cell(&table, "%" PRIu64, layer->multiplications);
                table_cell(&table, "%" PRIu64, layer->cycles);
                table_cell(&table, "%.1f%%",
                           profile_percent(layer->multiplications, layer->cycles * layer->peak));
                table_cell(&table, "%" PRIu64, layer->weight_bytes);
                table_cell(&table, "%s", layer->op->type);
                table_cell(&table, "%s", layer->op->name);
        }
        (void) printf("\n");
        return table_print(&table, 0, stdout);
}

static int profile_print(const Program *program, const Account *account,
                         const ProfileArguments *arguments) {
        Problem name;

        (void) problem_set(&name, 0, "%s", program->subgraph->name); /* makes it printable */
        (void) printf("subgraph     %s\ntarget       %s\ninstructions", name.text,
                      program->target.name);
        for (int kind = 0; kind < ISA_KINDS; kind++)
                if (account->counts[kind] > 0)
                        (void) printf(" %s %" PRIu64, isa_describe((IsaKind) kind)->name,
                                      account->counts[kind]);
        (void) printf("\nloaded       images %" PRIu64 ", weights %" PRIu64 ", biases %" PRIu64
                      " bytes\nsaved        %" PRIu64 " bytes\n",
                      account->load_images, account->load_weights, account->load_bias,
                      account->save);
        (void) printf("layers       %" PRIu64 " MAC; pools and elementwise %" PRIu64 " cycles\n",
                      account->multiplications, account->other_cycles);
        (void) printf("clock        %" PRIu64 " MHz, cycle model %d\n", arguments->clock,
                      COST_MODEL_VERSION);
        profile_print_cost(account, &account->optimistic, "optimistic", arguments->clock);
        profile_print_cost(account, &account->pessimistic, "pessimistic", arguments->clock);
        return arguments->layers ? profile_print_layers(account) : 0;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void profile_write_cost(JsonWriter *w, const char *key, const Account *account,
                               const Cost *cost, uint64_t clock) {
        json_writer_object(w, key);
        json_writer_uint64(w, "cycles", cost->cycles);
        json_writer_double(w, "milliseconds", profile_ms(cost->cycles, clock));
        json_writer_double(
                w, "percent_of_peak",
                profile_percent(account->multiplications, account->conv_peak * cost->cycles));
        json_writer_object(w, "busy_cycles");
        for (unsigned e = 0; e < ISA_ENGINES; e++)
                json_writer_uint64(w, isa_engine_name((IsaEngine) (1u << e)), cost->busy[e]);
        json_writer_end(w);
        json_writer_end(w);
}

static void profile_write_layers(JsonWriter *w, const Account *account) {
        json_writer_array(w, "layers");
        for (size_t i = 0; i < account->n_layers; i++) {
                const AccountLayer *layer = &account->layers[i];

                json_writer_object(w, NULL);
                json_writer_string(w, "name", layer->op->name);
                json_writer_string(w, "type", layer->op->type);
                json_writer_uint64(w, "multiplications", layer->multiplications);
                json_writer_uint64(w, "instructions", layer->instructions);
                json_writer_uint64(w, "cycles", layer->cycles);
                json_writer_uint64(w, "peak_per_cycle", layer->peak);
                json_writer_uint64(w, "weight_bytes", layer->weight_bytes);
                json_writer_end(w);
        }
        json_writer_end(w);
}

static void profile_write(JsonWriter *w, const Program *program, const Account *account,
                          uint64_t clock) {
        json_writer_object(w, NULL);
        json_writer_string(w, "subgraph", program->subgraph->name);
        json_writer_string(w, "target", program->target.name);
        json_writer_uint64(w, "cycle_model", COST_MODEL_VERSION);
        json_writer_uint64(w, "clock_mhz", clock);
        json_writer_object(w, "instructions");
        for (int kind = 0; kind < ISA_KINDS; kind++)
                json_writer_uint64(w, isa_describe((IsaKind) kind)->name, account->counts[kind]);
        json_writer_end(w);
        json_writer_object(w, "bytes");
        json_writer_uint64(w, "load_images", account->load_images);
        json_writer_uint64(w, "load_weights", account->load_weights);
        json_writer_uint64(w, "load_biases", account->load_bias);
        json_writer_uint64(w, "save", account->save);
        json_writer_end(w);
        json_writer_uint64(w, "multiplications", account->multiplications);
        json_writer_uint64(w, "other_cycles", account->other_cycles);
        profile_write_cost(w, "optimistic", account, &account->optimistic, clock);
        profile_write_cost(w, "pessimistic", account, &account->pessimistic, clock);
        profile_write_layers(w, account);
        json_writer_end(w);
}

/* --- the command ----------------------------------------------------------------------------- */

static int profile_programs(const Programs *programs, const ProfileArguments *arguments,
                            JsonWriter *w, Problem *problem) {
        for (size_t i = 0; i < programs->n; i++) {
                _cleanup_(account_cleanup) Account account = {};
                int r = account_take(&programs->items[i], &account, problem);

                if (r < 0)
                        return r;
                if (w) {
                        profile_write(w, &programs->items[i], &account, arguments->clock);
                        continue;
                }
                if (i > 0)
                        (void) printf("\n");
                r = profile_print(&programs->items[i], &account, arguments);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int profile_json(const Programs *programs, const ProfileArguments *arguments,
                        Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(PROFILE_OUTPUT_MAX);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_PRETTY);
        int r;

        json_writer_array(&w, NULL);
        r = profile_programs(programs, arguments, &w, problem);
        json_writer_end(&w);
        if (r == 0)
                r = json_writer_finish(&w);
        if (r == 0)
                (void) fwrite(out.data, 1, out.size, stdout);
        return r;
}

int command_profile(int argc, char **argv) {
        ProfileArguments arguments = { .clock = COST_CLOCK_DEFAULT };
        _cleanup_(programs_cleanup) Programs programs = {};
        Problem problem = { "" };
        int code, r;

        code = profile_parse(argc, argv, &arguments);
        if (code != COMMAND_OK)
                return code;
        r = programs_load(argv[optind], &programs, &problem);
        if (r == 0)
                r = arguments.json ? profile_json(&programs, &arguments, &problem)
                                   : profile_programs(&programs, &arguments, NULL, &problem);
        return r < 0 ? command_failed(argv[0], r, &problem) : COMMAND_OK;
}
