/* dpucc report: what a compiled model holds, as JSON (model_report.h) or as a page (page/) */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "dpu/command.h"
#include "dpu/model.h"
#include "dpu/model_report.h"
#include "dpu/page/facts.h"
#include "dpu/page/html.h"
#include "dpu/page/markdown.h"
#include "dpu/page/svg.h"
#include "dpu/target_argument.h"

const char command_report_help[] =
        "usage: dpucc report [--html | --svg | --md] [-o FILE] [--previous FILE]\n"
        "                    [--arch FILE | --target NAME] [--source FILE] [--log FILE]\n"
        "                    [--report FILE] [--title TEXT] [--note NAME=TEXT]... FILE\n"
        "\n"
        "Prints the report of a compiled model, as JSON: its subgraphs, every layer off\n"
        "the DPU with the reason and whether the board's runtime implements it, inputs,\n"
        "outputs, sizes, origin. Or makes a page of it, for people: the graph, with what\n"
        "runs where, cycles, memory, and what is to be done for layers off the DPU.\n"
        "\n"
        "      --html           the page, one file that needs nothing else\n"
        "      --svg            the graph alone\n"
        "      --md             the tables, in Markdown, for a comment on a change\n"
        "  -o, --output FILE    where to; replaced in one step if it exists\n"
        "      --arch FILE      arch.json it was compiled for, to be named in the report\n"
        "      --target NAME    likewise, a name or a fingerprint\n"
        "      --source FILE    the model it was compiled from: names layers as they are\n"
        "                       there\n"
        "      --log FILE       what the compiler printed: reasons, as far as it gives any\n"
        "\n"
        "of a page:\n"
        "      --previous FILE  another compiled model, to be compared with\n"
        "      --report FILE    the report.json that lies beside the model: reasons that\n"
        "                       only showed when it was compiled\n"
        "      --title TEXT     its heading, instead of the file's name\n"
        "      --note NAME=TEXT a line of its provenance; may be given 32 times\n"
        "\n"
        "Examples:\n"
        "  dpucc report --source Unet_int.xmodel --log compile.log out/unet.xmodel\n"
        "  dpucc report --html -o unet.html --previous old/unet.xmodel out/unet.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

#define REPORT_NOTES_MAX 32
#define REPORT_PAGE_MAX  ((size_t) 512 << 20) /* bytes */

typedef enum ReportForm {
        REPORT_JSON,
        REPORT_HTML,
        REPORT_SVG,
        REPORT_MARKDOWN,
} ReportForm;

typedef struct ReportArguments {
        ReportForm form;
        const char *output;
        const char *arch;
        const char *target;
        const char *source;
        const char *log;
        const char *previous;
        const char *report;
        const char *title;
        char *note_names[REPORT_NOTES_MAX]; /* owned */
        FactsNote notes[REPORT_NOTES_MAX];
        size_t n_notes;
} ReportArguments;

static void report_arguments_deinit(ReportArguments *arguments) {
        for (size_t i = 0; i < arguments->n_notes; i++)
                free(arguments->note_names[i]);
}

enum {
        OPTION_ARCH = 256,
        OPTION_TARGET,
        OPTION_SOURCE,
        OPTION_LOG,
        OPTION_HTML,
        OPTION_SVG,
        OPTION_MARKDOWN,
        OPTION_PREVIOUS,
        OPTION_REPORT,
        OPTION_TITLE,
        OPTION_NOTE,
};

static int report_add_note(const char *name, ReportArguments *arguments) {
        const char *equals = strchr(optarg, '=');
        size_t i = arguments->n_notes;

        if (!equals || equals == optarg)
                return command_usage(name, "--note takes NAME=TEXT, not '%s'", optarg);
        if (i == REPORT_NOTES_MAX)
                return command_usage(name, "more than %d notes", REPORT_NOTES_MAX);
        arguments->note_names[i] = strndup(optarg, (size_t) (equals - optarg));
        if (!arguments->note_names[i])
                return command_failed(name, -ENOMEM, NULL);
        arguments->notes[i] = (FactsNote){ arguments->note_names[i], equals + 1 };
        arguments->n_notes++;
        return COMMAND_OK;
}

static int report_set_form(const char *name, ReportForm form, ReportArguments *arguments) {
        if (arguments->form != REPORT_JSON)
                return command_usage(name, "one of --html, --svg and --md");
        arguments->form = form;
        return COMMAND_OK;
}

static int report_option(const char *name, int option, void *userdata) {
        ReportArguments *arguments = userdata;
        const char **const texts[] = {
                [OPTION_ARCH - OPTION_ARCH] = &arguments->arch,
                [OPTION_TARGET - OPTION_ARCH] = &arguments->target,
                [OPTION_SOURCE - OPTION_ARCH] = &arguments->source,
                [OPTION_LOG - OPTION_ARCH] = &arguments->log,
                [OPTION_PREVIOUS - OPTION_ARCH] = &arguments->previous,
                [OPTION_REPORT - OPTION_ARCH] = &arguments->report,
                [OPTION_TITLE - OPTION_ARCH] = &arguments->title,
        };

        switch (option) {
        case 'o':
                arguments->output = optarg;
                return COMMAND_OK;
        case OPTION_HTML:
                return report_set_form(name, REPORT_HTML, arguments);
        case OPTION_SVG:
                return report_set_form(name, REPORT_SVG, arguments);
        case OPTION_MARKDOWN:
                return report_set_form(name, REPORT_MARKDOWN, arguments);
        case OPTION_NOTE:
                return report_add_note(name, arguments);
        default:
                *texts[option - OPTION_ARCH] = optarg;
                return COMMAND_OK;
        }
}

static int report_parse(int argc, char **argv, ReportArguments *ret) {
        static const struct option options[] = {
                { "html", no_argument, NULL, OPTION_HTML },
                { "svg", no_argument, NULL, OPTION_SVG },
                { "md", no_argument, NULL, OPTION_MARKDOWN },
                { "output", required_argument, NULL, 'o' },
                { "arch", required_argument, NULL, OPTION_ARCH },
                { "target", required_argument, NULL, OPTION_TARGET },
                { "source", required_argument, NULL, OPTION_SOURCE },
                { "log", required_argument, NULL, OPTION_LOG },
                { "previous", required_argument, NULL, OPTION_PREVIOUS },
                { "report", required_argument, NULL, OPTION_REPORT },
                { "title", required_argument, NULL, OPTION_TITLE },
                { "note", required_argument, NULL, OPTION_NOTE },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "o:", options, report_option, ret);
        if (code != COMMAND_OK)
                return code;
        if (ret->arch && ret->target)
                return command_usage(argv[0], "one of --arch and --target");
        if (ret->form == REPORT_JSON &&
            (ret->previous || ret->report || ret->title || ret->n_notes > 0))
                return command_usage(argv[0], "--previous, --report, --title and --note are of a "
                                              "page: --html, --svg or --md");
        return optind + 1 == argc ? COMMAND_OK : command_usage(argv[0], "one file, please");
}

/* a model as it is needed here */
typedef struct ReportModel {
        Graph *graph; /* owned */
        uint64_t size;
        Md5 md5;
} ReportModel;

static void report_model_deinit(ReportModel *model) {
        model->graph = graph_free(model->graph);
}

/* The graph of a file that must be of class @wanted. */
static int report_load(const char *path, XmodelClass wanted, ReportModel *ret, Problem *problem) {
        Model model;
        int r;

        r = model_init(&model, path, problem);
        if (r < 0)
                return r;
        ret->size = model.bytes.size;
        r = model_md5(&model, &ret->md5);
        if (r == 0 && model.class == wanted)
                r = model_graph(&model, &ret->graph, problem);
        else if (r == 0)
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

/* --- writing ------------------------------------------------------------------------------- */

static int report_write_page(ReportForm form, const FactsSpec *spec, Bytes *ret) {
        _cleanup_(facts_cleanup) Facts facts = { 0 };
        Markup m = { .out = ret };
        int r;

        r = facts_init(&facts, spec);
        if (r < 0)
                return r;
        if (form == REPORT_HTML)
                r = html_document(&facts, &m);
        else if (form == REPORT_SVG)
                svg_document(&facts, &m);
        else
                markdown_document(&facts, &m);
        return r < 0 ? r : m.error;
}

/* everything that the command line names */
typedef struct ReportInputs {
        ReportModel model, source, previous;
        CompilerLog *log;
        Kept kept;
        uint64_t fingerprint;
} ReportInputs;

static void report_inputs_deinit(ReportInputs *inputs) {
        report_model_deinit(&inputs->model);
        report_model_deinit(&inputs->source);
        report_model_deinit(&inputs->previous);
        inputs->log = compiler_log_free(inputs->log);
        kept_deinit(&inputs->kept);
}

static int report_read(const char *path, const ReportArguments *arguments, ReportInputs *ret,
                       Problem *problem) {
        int r = 0;

        if (arguments->arch || arguments->target)
                r = target_argument_resolve(arguments->arch, arguments->target, &ret->fingerprint,
                                            problem);
        if (r == 0)
                r = report_load(path, XMODEL_COMPILED, &ret->model, problem);
        if (r == 0 && arguments->source)
                r = report_load(arguments->source, XMODEL_QUANTIZED, &ret->source, problem);
        if (r == 0 && arguments->previous)
                r = report_load(arguments->previous, XMODEL_COMPILED, &ret->previous, problem);
        if (r == 0 && arguments->log)
                r = report_load_log(arguments->log, &ret->log, problem);
        if (r == 0 && arguments->report)
                r = kept_load(arguments->report, &ret->kept, problem);
        return r;
}

static int report_write_json(const ReportInputs *inputs, Bytes *ret) {
        const ModelReportSpec spec = { .graph = inputs->model.graph,
                                       .fingerprint = inputs->fingerprint,
                                       .file_size = inputs->model.size,
                                       .source = inputs->source.graph,
                                       .log = inputs->log ? compiler_log_facts(inputs->log)
                                                          : NULL };

        return model_report_write(&spec, ret);
}

static int report_write(const char *path, const ReportArguments *arguments,
                        const ReportInputs *inputs, Bytes *ret) {
        const FactsSpec spec = { .title = arguments->title ?: path_basename(path),
                                 .graph = inputs->model.graph,
                                 .file_size = inputs->model.size,
                                 .md5 = inputs->model.md5,
                                 .fingerprint = inputs->fingerprint,
                                 .source = inputs->source.graph,
                                 .log = inputs->log ? compiler_log_facts(inputs->log) : NULL,
                                 .kept = &inputs->kept,
                                 .previous = inputs->previous.graph,
                                 .previous_size = inputs->previous.size,
                                 .previous_md5 = inputs->previous.md5,
                                 .notes = arguments->notes,
                                 .n_notes = arguments->n_notes };

        return arguments->form == REPORT_JSON ? report_write_json(inputs, ret)
                                              : report_write_page(arguments->form, &spec, ret);
}

/* A report takes the place of no model, be it one that the caller knows by another name, and of
 * nothing that it is made of. */
static int report_check_place(const char *path, const ReportArguments *arguments,
                              Problem *problem) {
        const char *const inputs[] = { path,           arguments->source, arguments->previous,
                                       arguments->log, arguments->report, arguments->arch };
        const char *output = arguments->output;

        if (!output || strcmp(output, "-") == 0)
                return 0;
        if (path_ends_with(output, ".xmodel"))
                return problem_set(problem, -EINVAL,
                                   "%s: that is the name of a model, and a report is none", output);
        for (size_t i = 0; i < ARRAY_SIZE(inputs); i++)
                if (inputs[i] && file_is_same(output, inputs[i]))
                        return problem_set(problem, -EEXIST,
                                           "%s: the report would replace what it is made of; name "
                                           "another file (-o)",
                                           output);
        return 0;
}

static int report_run(const char *path, const ReportArguments *arguments, Problem *problem) {
        _cleanup_(report_inputs_deinit) ReportInputs inputs = { 0 };
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(REPORT_PAGE_MAX);
        int r;

        r = report_check_place(path, arguments, problem);
        if (r == 0)
                r = report_read(path, arguments, &inputs, problem);
        if (r == 0)
                r = report_write(path, arguments, &inputs, &out);
        if (r < 0)
                return r;
        if (arguments->output && strcmp(arguments->output, "-") != 0)
                return file_save(arguments->output, &out, problem);
        (void) fwrite(out.data, 1, out.size, stdout);
        return 0;
}

int command_report(int argc, char **argv) {
        _cleanup_(report_arguments_deinit) ReportArguments arguments = { 0 };
        Problem problem = { "" };
        int code, r;

        code = report_parse(argc, argv, &arguments);
        if (code != COMMAND_OK)
                return code;
        r = report_run(argv[optind], &arguments, &problem);
        return r < 0 ? command_failed(argv[0], r, &problem) : COMMAND_OK;
}
