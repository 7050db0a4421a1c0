/* dpucc report: what a compiled model holds (see model_report.h) */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "dpu/command.h"
#include "dpu/model.h"
#include "dpu/model_report.h"
#include "dpu/target_argument.h"

const char command_report_help[] =
        "usage: dpucc report [--arch FILE | --target NAME] [--source FILE] [--log FILE] FILE\n"
        "\n"
        "Prints the report of a compiled model, as JSON: its subgraphs, every layer off\n"
        "the DPU with the reason and whether the board's runtime implements it, inputs,\n"
        "outputs, sizes, origin.\n"
        "\n"
        "      --arch FILE    arch.json it was compiled for, to be named in the report\n"
        "      --target NAME  likewise, a name or a fingerprint\n"
        "      --source FILE  the model it was compiled from: names layers as they are there\n"
        "      --log FILE     what the compiler printed: reasons, as far as it gives any\n"
        "\n"
        "Example:\n"
        "  dpucc report --source Unet_int.xmodel --log compile.log out/unet.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

typedef struct ReportArguments {
        const char *arch;
        const char *target;
        const char *source;
        const char *log;
} ReportArguments;

static int report_parse(int argc, char **argv, ReportArguments *ret) {
        enum { OPTION_ARCH = 256, OPTION_TARGET, OPTION_SOURCE, OPTION_LOG };
        static const struct option options[] = {
                { "arch", required_argument, NULL, OPTION_ARCH },
                { "target", required_argument, NULL, OPTION_TARGET },
                { "source", required_argument, NULL, OPTION_SOURCE },
                { "log", required_argument, NULL, OPTION_LOG },
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
                case OPTION_SOURCE:
                        ret->source = optarg;
                        break;
                case OPTION_LOG:
                        ret->log = optarg;
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

/* The graph of a file that must be of class @wanted; @ret_size may be NULL. */
static int report_load(const char *path, XmodelClass wanted, Graph **ret, uint64_t *ret_size,
                       Problem *problem) {
        Model model;
        int r;

        r = model_init(&model, path, problem);
        if (r < 0)
                return r;
        if (ret_size)
                *ret_size = model.bytes.size;
        if (model.class == wanted)
                r = model_graph(&model, ret, problem);
        else
                r = problem_set(problem, -EBADMSG, "%s: not a %s model: %s", path,
                                xmodel_class_name(wanted), model.reason.text);
        model_deinit(&model);
        return r;
}

static int report_load_log(const char *path, CompilerLog **ret, Problem *problem) {
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
        _cleanup_(closep) int fd = -1;
        uint8_t buffer[16384];
        ssize_t n;
        int r;

        r = compiler_log_new(&log);
        if (r < 0)
                return r;
        fd = file_open_regular(AT_FDCWD, path);
        if (fd < 0)
                return problem_set(problem, fd, "%s: %s", path, strerror(-fd));
        while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
                r = compiler_log_feed(log, slice_of(buffer, (size_t) n));
                if (r < 0)
                        return r;
        }
        if (n < 0) {
                r = error_from_errno();
                return problem_set(problem, r, "%s: %s", path, strerror(-r));
        }
        r = compiler_log_end(log);
        if (r == 0)
                *ret = TAKE_PTR(log);
        return r;
}

static int report_print(const ModelReportSpec *spec) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(MODEL_REPORT_MAX);
        int r;

        r = model_report_write(spec, &out);
        if (r == 0)
                (void) fwrite(out.data, 1, out.size, stdout);
        return r;
}

static int report_run(const char *path, const ReportArguments *arguments, Problem *problem) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(graph_freep) Graph *source = NULL;
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
        ModelReportSpec spec = { 0 };
        int r = 0;

        if (arguments->arch || arguments->target)
                r = target_argument_resolve(arguments->arch, arguments->target, &spec.fingerprint,
                                            problem);
        if (r == 0)
                r = report_load(path, XMODEL_COMPILED, &graph, &spec.file_size, problem);
        if (r == 0 && arguments->source)
                r = report_load(arguments->source, XMODEL_QUANTIZED, &source, NULL, problem);
        if (r == 0 && arguments->log)
                r = report_load_log(arguments->log, &log, problem);
        if (r < 0)
                return r;
        spec.graph = graph;
        spec.source = source;
        spec.log = log ? compiler_log_facts(log) : NULL;
        return report_print(&spec);
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
