/*
 * `dpucc targets`: the table of known targets, or what one arch.json, fingerprint or name means
 */

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/json_writer.h"
#include "dpu/command.h"
#include "dpu/target_argument.h"
#include "xmodel/fingerprint.h"
#include "xmodel/target.h"

#define TARGETS_OUTPUT_MAX (1024 * 1024) /* bytes of JSON */

const char command_targets_help[] =
        "usage: dpucc targets [--json]\n"
        "       dpucc targets [--json] FILE|FINGERPRINT|NAME...\n"
        "\n"
        "Without arguments: every DPU target that the vendor's tools have a name for, with its\n"
        "fingerprint, short name, parallelism (pixels x input x output channels) and features.\n"
        "The same name can stand there twice: Vitis AI 2.5 and 3.x give it to fingerprints that\n"
        "differ in bit 30, and a DPU runs only models compiled for exactly its own.\n"
        "\n"
        "With arguments: what an arch.json, a fingerprint or a name means.\n"
        "\n"
        "  --json   machine-readable\n"
        "\n"
        "Examples:\n"
        "  dpucc targets\n"
        "  dpucc targets boards/kv260/arch.json\n"
        "  dpucc targets 0x101000016010407\n"
        "  dpucc targets DPUCZDX8G_ISA1_B1024\n"
        "  dpucc targets b1024\n"
        "\n"
        "Exit status: 0 done, 1 not a target (the reason is printed), 2 usage.\n";

/* the names of @features, separated by spaces */
static int targets_features(unsigned features, Bytes *ret) {
        int r = 0;

        for (unsigned bit = 1; r == 0 && bit < _DPU_FEATURE_MAX; bit <<= 1)
                if (features & bit)
                        r = bytes_printf(ret, "%s%s", ret->size > 0 ? " " : "",
                                         dpu_feature_name((DpuFeature) bit));
        return r;
}

/* the other row that has this name, or NULL */
static const NamedTarget *targets_namesake(const NamedTarget *row) {
        size_t n;
        const NamedTarget *rows = named_targets(&n);

        for (size_t i = 0; row && i < n; i++)
                if (&rows[i] != row && strcmp(rows[i].name, row->name) == 0)
                        return &rows[i];
        return NULL;
}

/* --- text ----------------------------------------------------------------------------------- */

static int targets_print_row(const FingerprintInfo *info) {
        _cleanup_(bytes_cleanup) Bytes features = BYTES_INIT(1024);
        char size[32] = "-";
        int r;

        r = targets_features(info->features, &features);
        if (r < 0)
                return r;
        if (info->pixels > 0)
                (void) snprintf(size, sizeof(size), "%ux%ux%u", info->pixels, info->input_channels,
                                info->output_channels);
        (void) printf("%-34s 0x%016llx %-24s %-9s %-18s %.*s\n", info->name,
                      (unsigned long long) info->fingerprint, info->short_name, size,
                      target_release_name(info->named->release), (int) features.size,
                      features.data ? (const char *) features.data : "");
        return 0;
}

/* every row, or those with a short name */
static int targets_print_table(const char *short_name, bool *ret_found) {
        size_t n;
        const NamedTarget *rows = named_targets(&n);
        bool found = false;
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++) {
                FingerprintInfo info;

                r = fingerprint_decode(rows[i].fingerprint, &info, NULL);
                if (r < 0 || (short_name && strcmp(info.short_name, short_name) != 0))
                        continue;
                if (!found)
                        (void) printf("%-34s %-18s %-24s %-9s %-18s %s\n", "NAME", "FINGERPRINT",
                                      "SHORT", "PPxICxOC", "VITIS AI", "FEATURES");
                found = true;
                r = targets_print_row(&info);
        }
        *ret_found = found;
        return r;
}

static void targets_print_engines(const FingerprintInfo *info) {
        const struct {
                const char *name;
                unsigned pixels;
        } engines[] = {
                { "ALU", info->alu_pixels },
                { "pool", info->pool_pixels },
                { "depthwise", info->depthwise_pixels },
                { "eltwise", info->eltwise_pixels },
        };

        (void) printf("  other engines  ");
        for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
                if (engines[i].pixels > 0)
                        (void) printf(" %s %u", engines[i].name, engines[i].pixels);
        (void) printf(" (pixels)\n");
}

static void targets_print_names(const FingerprintInfo *info) {
        const NamedTarget *namesake = targets_namesake(info->named);

        if (info->named)
                (void) printf("  named by        Vitis AI %s\n",
                              target_release_name(info->named->release));
        else
                (void) printf("  named by        no release; compilers make this name up\n");
        if (!namesake)
                return;
        (void) printf("  same name       0x%016llx in Vitis AI %s%s: another target\n",
                      (unsigned long long) namesake->fingerprint,
                      target_release_name(namesake->release),
                      fingerprint_differs_in_argmax(namesake->fingerprint, info->fingerprint)
                              ? " (differs in bit 30, argmax)"
                              : "");
}

static int targets_print_info(const FingerprintInfo *info) {
        _cleanup_(bytes_cleanup) Bytes features = BYTES_INIT(1024);
        int r;

        r = targets_features(info->features, &features);
        if (r < 0)
                return r;

        (void) printf("%s\n  fingerprint     0x%016llx\n  short name      %s\n", info->name,
                      (unsigned long long) info->fingerprint, info->short_name);
        targets_print_names(info);
        if (info->pixels > 0)
                (void) printf("  parallelism     %u pixels x %u input x %u output channels, "
                              "%u operations per cycle\n",
                              info->pixels, info->input_channels, info->output_channels,
                              info->peak_ops);
        if (!info->decoded) {
                (void) printf("  features        nothing public decodes the bits of this family\n");
                return 0;
        }
        (void) printf("  batch           %u\n  image banks     %u\n", info->batch,
                      info->image_banks);
        targets_print_engines(info);
        (void) printf("  features        %.*s\n", (int) features.size,
                      features.data ? (const char *) features.data : "");
        return 0;
}

static int targets_print(const Target *target, Problem *problem) {
        FingerprintInfo info;
        uint64_t fingerprint;
        int r;

        r = target_resolve(target, &fingerprint, problem);
        if (r == -ENOENT) {
                (void) printf("%s\n  fingerprint     in no public table; a compiler may know it\n",
                              target->name);
                return 0;
        }
        if (r == 0)
                r = fingerprint_decode(fingerprint, &info, problem);
        if (r == 0)
                r = targets_print_info(&info);
        if (r < 0)
                return r;
        if (target->fingerprint == 0)
                (void) printf("  note            only named: which fingerprint is meant depends on "
                              "the compiler's release; shown is the newest\n");
        return 0;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void targets_write_features(JsonWriter *w, unsigned features) {
        json_writer_array(w, "features");
        for (unsigned bit = 1; bit < _DPU_FEATURE_MAX; bit <<= 1)
                if (features & bit)
                        json_writer_string(w, NULL, dpu_feature_name((DpuFeature) bit));
        json_writer_end(w);
}

static void targets_write_info(JsonWriter *w, const FingerprintInfo *info) {
        json_writer_string(w, "name", info->name);
        json_writer_format(w, "fingerprint", "0x%016llx", (unsigned long long) info->fingerprint);
        json_writer_string(w, "short_name", info->short_name);
        json_writer_string(w, "family", dpu_family_name(info->family));
        json_writer_uint64(w, "isa", info->isa);
        json_writer_string(w, "release",
                           info->named ? target_release_name(info->named->release) : NULL);
        json_writer_bool(w, "decoded", info->decoded);
        if (info->pixels > 0) {
                json_writer_uint64(w, "pixel_parallel", info->pixels);
                json_writer_uint64(w, "input_channel_parallel", info->input_channels);
                json_writer_uint64(w, "output_channel_parallel", info->output_channels);
                json_writer_uint64(w, "peak_ops_per_cycle", info->peak_ops);
        }
        if (info->decoded) {
                json_writer_uint64(w, "batch", info->batch);
                json_writer_uint64(w, "image_banks", info->image_banks);
                json_writer_uint64(w, "alu_pixel_parallel", info->alu_pixels);
                json_writer_uint64(w, "pool_pixel_parallel", info->pool_pixels);
                json_writer_uint64(w, "depthwise_pixel_parallel", info->depthwise_pixels);
                json_writer_uint64(w, "eltwise_pixel_parallel", info->eltwise_pixels);
                targets_write_features(w, info->features);
        }
}

static void targets_write(JsonWriter *w, const Target *target) {
        char identity[FINGERPRINT_NAME_MAX];
        FingerprintInfo info;
        uint64_t fingerprint;

        target_identity(target, identity);
        json_writer_object(w, NULL);
        json_writer_string(w, "identity", identity);
        json_writer_bool(w, "only_named", target->fingerprint == 0);
        if (target_resolve(target, &fingerprint, NULL) == 0 &&
            fingerprint_decode(fingerprint, &info, NULL) == 0)
                targets_write_info(w, &info);
        else
                json_writer_string(w, "name", target->name);
        json_writer_end(w);
}

static void targets_write_table(JsonWriter *w) {
        size_t n;
        const NamedTarget *rows = named_targets(&n);

        for (size_t i = 0; i < n; i++) {
                const Target target = { .fingerprint = rows[i].fingerprint };

                targets_write(w, &target);
        }
}

/* --- the command ------------------------------------------------------------------------------ */

/* a fingerprint or a name, else a file */
static int targets_read(const char *argument, Target *ret, Problem *problem) {
        int r;

        r = target_parse(argument, ret, problem);
        if (r < 0 && (strchr(argument, '/') || access(argument, F_OK) == 0))
                r = target_argument_read(argument, ret, problem);
        return r;
}

static int targets_show(const char *argument, Problem *problem) {
        Target target;
        bool found = false;
        int r;

        r = targets_read(argument, &target, problem);
        if (r == 0)
                return targets_print(&target, problem);
        return targets_print_table(argument, &found) == 0 && found ? 0 : r;
}

/* exit code: what can be read is written, the rest goes to stderr */
static int targets_show_json(int argc, char **argv) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(TARGETS_OUTPUT_MAX);
        JsonWriter w = json_writer_begin(&text, JSON_WRITER_PRETTY);
        int code = COMMAND_OK, r;

        json_writer_object(&w, NULL);
        json_writer_array(&w, "targets");
        if (optind == argc)
                targets_write_table(&w);
        for (int i = optind; i < argc; i++) {
                Problem problem = { "" };
                Target target;

                r = targets_read(argv[i], &target, &problem);
                if (r < 0)
                        code = command_failed(argv[0], r, &problem);
                else
                        targets_write(&w, &target);
        }
        json_writer_end(&w);
        json_writer_end(&w);
        r = json_writer_finish(&w);
        if (r < 0)
                return command_failed(argv[0], r, NULL);
        (void) fwrite(text.data, 1, text.size, stdout);
        return code;
}

static int targets_show_text(int argc, char **argv) {
        int code = COMMAND_OK, r;
        bool found;

        if (optind == argc) {
                r = targets_print_table(NULL, &found);
                return r < 0 ? command_failed(argv[0], r, NULL) : COMMAND_OK;
        }
        for (int i = optind; i < argc; i++) {
                Problem problem = { "" };

                r = targets_show(argv[i], &problem);
                if (r < 0)
                        code = command_failed(argv[0], r, &problem);
        }
        return code;
}

/* there is one option only */
static int targets_option(const char *name, int option, void *arguments) {
        bool *json = arguments;

        (void) name;
        (void) option;
        *json = true;
        return COMMAND_OK;
}

int command_targets(int argc, char **argv) {
        static const struct option options[] = { { "json", no_argument, NULL, 'j' }, {} };
        bool json = false;
        int code;

        code = command_options(argc, argv, "", options, targets_option, &json);
        if (code != COMMAND_OK)
                return code;
        return json ? targets_show_json(argc, argv) : targets_show_text(argc, argv);
}
