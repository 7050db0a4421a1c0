/* dpucc diff: what two compiled models do not have in common (see difference.h) */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/json_writer.h"
#include "dpu/command.h"
#include "dpu/difference.h"
#include "dpu/model.h"

#define DIFF_VERSION  1
#define DIFF_JSON_MAX ((size_t) 64 << 20) /* bytes */

const char command_diff_help[] =
        "usage: dpucc diff [--exit-code] [--json] A B\n"
        "\n"
        "Tells what two compiled models do not have in common: subgraphs, layers that\n"
        "moved between DPU and CPU, sizes, inputs and outputs, target, compiler. Two\n"
        "compiles of one model never have the same bytes; it says so when they do the\n"
        "same all the same.\n"
        "\n"
        "      --exit-code    status 8 if they do not do the same\n"
        "      --json         one line of JSON\n"
        "\n"
        "Example:\n"
        "  dpucc diff old/unet.xmodel new/unet.xmodel\n"
        "\n"
        "Exit status: 0 done, 8 they differ (with --exit-code), 1 error, 2 usage.\n";

typedef struct Diff {
        const char *paths[2];
        bool same_bytes;
        bool exit_code;
        bool json;
        Difference difference;
} Diff;

enum {
        OPTION_EXIT_CODE = 256,
        OPTION_JSON,
};

static int diff_option(const char *name, int option, void *arguments) {
        Diff *ret = arguments;

        (void) name;
        if (option == OPTION_EXIT_CODE)
                ret->exit_code = true;
        else
                ret->json = true;
        return COMMAND_OK;
}

static int diff_parse(int argc, char **argv, Diff *ret) {
        static const struct option options[] = {
                { "exit-code", no_argument, NULL, OPTION_EXIT_CODE },
                { "json", no_argument, NULL, OPTION_JSON },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "", options, diff_option, ret);
        if (code != COMMAND_OK)
                return code;
        if (optind + 2 != argc)
                return command_usage(argv[0], "two files, please");
        ret->paths[0] = argv[optind];
        ret->paths[1] = argv[optind + 1];
        return COMMAND_OK;
}

static int diff_load(const char *path, Graph **ret, Digest *ret_bytes, Problem *problem) {
        Model model;
        int r;

        r = model_init(&model, path, problem);
        if (r < 0)
                return r;
        *ret_bytes = digest_of(model.bytes.data, model.bytes.size);
        if (model.class == XMODEL_COMPILED)
                r = model_graph(&model, ret, problem);
        else
                r = problem_set(problem, -EBADMSG, "%s: not a compiled model: %s", path,
                                model.reason.text);
        model_deinit(&model);
        return r;
}

static int diff_run(Diff *diff, Problem *problem) {
        _cleanup_(graph_freep) Graph *a = NULL;
        _cleanup_(graph_freep) Graph *b = NULL;
        Digest x, y;
        int r;

        r = diff_load(diff->paths[0], &a, &x, problem);
        if (r < 0)
                return r;
        r = diff_load(diff->paths[1], &b, &y, problem);
        if (r < 0)
                return r;
        diff->same_bytes = digest_equal(&x, &y);
        return difference_run(a, b, &diff->difference);
}

/* --- output -------------------------------------------------------------------------------- */

static int diff_print_json(const Diff *diff) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(DIFF_JSON_MAX);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_LINE);
        const Difference *difference = &diff->difference;
        int r;

        json_writer_object(&w, NULL);
        json_writer_int64(&w, "diff", DIFF_VERSION);
        json_writer_string(&w, "a", diff->paths[0]);
        json_writer_string(&w, "b", diff->paths[1]);
        json_writer_bool(&w, "same_bytes", diff->same_bytes);
        json_writer_bool(&w, "same_function", !difference->effect);
        json_writer_array(&w, "changes");
        for (size_t i = 0; i < difference->n; i++) {
                const Change *change = &difference->items[i];

                json_writer_object(&w, NULL);
                json_writer_string(&w, "what", change->what);
                json_writer_string(&w, "name", change->name);
                json_writer_string(&w, "a", change->a);
                json_writer_string(&w, "b", change->b);
                json_writer_bool(&w, "effect", change->effect);
                json_writer_end(&w);
        }
        json_writer_end(&w);
        json_writer_uint64(&w, "more", difference->n_more);
        json_writer_end(&w);
        r = json_writer_finish(&w);
        if (r == 0)
                (void) fwrite(out.data, 1, out.size, stdout);
        return r;
}

static const char *diff_verdict(const Diff *diff) {
        if (diff->same_bytes)
                return "the same file";
        if (!diff->difference.effect)
                return "other bytes, the same function: machine code, parameters and constants "
                       "are equal";
        return "they differ";
}

static void diff_print_changes(const Difference *difference, bool effect, const char *title) {
        const char *pending = title;

        for (size_t i = 0; i < difference->n; i++) {
                const Change *change = &difference->items[i];
                Problem line;

                if (change->effect != effect)
                        continue;
                if (pending)
                        (void) printf("%s:\n", pending);
                pending = NULL;
                (void) problem_set(&line, 0, "%s%s%s: %s -> %s", change->what,
                                   change->name ? " " : "", change->name ?: "", change->a ?: "none",
                                   change->b ?: "none");
                (void) printf("  %s\n", line.text);
        }
}

static void diff_print_text(const Diff *diff) {
        (void) printf("%s\n", diff_verdict(diff));
        diff_print_changes(&diff->difference, true, "changed");
        diff_print_changes(&diff->difference, false, "changed, without effect");
        if (diff->difference.n_more > 0)
                (void) printf("and %zu more\n", diff->difference.n_more);
}

int command_diff(int argc, char **argv) {
        Problem problem = { "" };
        Diff diff = { 0 };
        bool differ;
        int code, r;

        code = diff_parse(argc, argv, &diff);
        if (code != COMMAND_OK)
                return code;
        r = diff_run(&diff, &problem);
        if (r == 0 && diff.json)
                r = diff_print_json(&diff);
        else if (r == 0)
                diff_print_text(&diff);
        differ = diff.difference.effect;
        difference_deinit(&diff.difference);
        if (r < 0)
                return command_failed(argv[0], r, &problem);
        return diff.exit_code && differ ? COMMAND_NOT_RIGHT : COMMAND_OK;
}
