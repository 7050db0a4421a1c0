/* dpucc report: what a compiled model holds (see model_report.h) */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "dpu/command.h"
#include "dpu/model.h"
#include "dpu/model_report.h"
#include "dpu/target_argument.h"

const char command_report_help[] =
        "usage: dpucc report [--arch FILE | --target NAME] FILE\n"
        "\n"
        "Prints the report of a compiled model, as JSON: its subgraphs, every layer off\n"
        "the DPU with the reason and whether the board's runtime implements it, inputs,\n"
        "outputs, sizes, origin.\n"
        "\n"
        "      --arch FILE    arch.json it was compiled for, to be named in the report\n"
        "      --target NAME  likewise, a name or a fingerprint\n"
        "\n"
        "Example:\n"
        "  dpucc report out/unet.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

typedef struct ReportArguments {
        const char *arch;
        const char *target;
} ReportArguments;

static int report_parse(int argc, char **argv, ReportArguments *ret) {
        enum { OPTION_ARCH = 256, OPTION_TARGET };
        static const struct option options[] = {
                { "arch", required_argument, NULL, OPTION_ARCH },
                { "target", required_argument, NULL, OPTION_TARGET },
                { NULL, 0, NULL, 0 },
        };
        int option;

        opterr = 0;
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                switch (option) {
                case OPTION_ARCH:
                        ret->arch = optarg;
                        break;
                case OPTION_TARGET:
                        ret->target = optarg;
                        break;
                default:
                        return command_usage(argv[0], "bad option or missing value: '%s'",
                                             argv[optind - 1]);
                }
        }
        if (ret->arch && ret->target)
                return command_usage(argv[0], "one of --arch and --target");
        return optind + 1 == argc ? COMMAND_OK : command_usage(argv[0], "one file, please");
}

static int report_load(const char *path, Graph **ret, uint64_t *ret_size, Problem *problem) {
        Model model;
        int r;

        r = model_init(&model, path, problem);
        if (r < 0)
                return r;
        *ret_size = model.bytes.size;
        if (model.class == XMODEL_COMPILED)
                r = model_graph(&model, ret, problem);
        else
                r = problem_set(problem, -EBADMSG, "%s: not a compiled model: %s", path,
                                model.reason.text);
        model_deinit(&model);
        return r;
}

static int report_run(const char *path, const ReportArguments *arguments, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(MODEL_REPORT_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL;
        ModelReportSpec spec = { 0 };
        int r;

        if (arguments->arch || arguments->target) {
                r = target_argument_resolve(arguments->arch, arguments->target, &spec.fingerprint,
                                            problem);
                if (r < 0)
                        return r;
        }
        r = report_load(path, &graph, &spec.file_size, problem);
        if (r < 0)
                return r;
        spec.graph = graph;
        r = model_report_write(&spec, &out);
        if (r < 0)
                return r;
        (void) fwrite(out.data, 1, out.size, stdout);
        return 0;
}

int command_report(int argc, char **argv) {
        ReportArguments arguments = { 0 };
        Problem problem = { "" };
        int code, r;

        code = report_parse(argc, argv, &arguments);
        if (code != COMMAND_OK)
                return code;
        r = report_run(argv[optind], &arguments, &problem);
        return r < 0 ? command_failed(argv[0], r, &problem) : COMMAND_OK;
}
