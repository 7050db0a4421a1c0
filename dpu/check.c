/*
 * dpucc check
 *
 * Tells of any compiled file for which DPU it is, from which source, and whether it is right:
 * for people as text, for programs (the daemon, after every compile) as one JSON object on one
 * line per file (docs/FORMATS.md, "Check report").
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_writer.h"
#include "dpu/command.h"
#include "dpu/compiler/partition.h"
#include "dpu/examine.h"
#include "dpu/model.h"
#include "dpu/model_report.h"
#include "dpu/ports.h"
#include "dpu/target_argument.h"
#include "dpu/verification.h"
#include "dpu/where.h"
#include "xmodel/fingerprint.h"

#define CHECK_VERSION  1
#define CHECK_JSON_MAX ((size_t) 64 << 20) /* bytes of the report of one file */

const char command_check_help[] =
        "usage: dpucc check [--arch FILE | --target-name NAME | --fingerprint 0x...]\n"
        "                   [--source FILE] [--require-dpu] [--json]\n"
        "                   [--report FILE [--verified WHICH]] FILE...\n"
        "\n"
        "Tells for which DPU a compiled model is, from which source it was made, and\n"
        "whether the runtime will take it.\n"
        "\n"
        "      --arch FILE        is it for the board of this arch.json?\n"
        "      --target-name NAME is it for the target of this name?\n"
        "      --fingerprint 0xN  is it for the DPU with this fingerprint?\n"
        "      --source FILE      was it compiled from this model?\n"
        "      --require-dpu      a file without DPU code is not right\n"
        "      --report FILE      report.json that the compiler left: was the code verified?\n"
        "      --verified WHICH   code that is not verified is not right: small (a large model\n"
        "                         may be left out, if the report says so) or full\n"
        "      --json             one line of JSON for each file\n"
        "\n"
        "Example:\n"
        "  dpucc check --arch arch.json --source Unet_int.xmodel out/unet.xmodel\n"
        "\n"
        "Exit status: 0 all are right, 8 one is not, 1 one cannot be read, 2 usage.\n";

typedef struct CheckArguments {
        bool has_target;
        Target target;
        const char *source_path;
        bool require_dpu;
        const char *report_path;
        AttemptsVerify verified;
        bool json;
} CheckArguments;

/* one file, all that is known of it */
typedef struct Check {
        const char *path;
        const char *class; /* XmodelClass by name; "unreadable" */
        Graph *graph;      /* NULL unless it is a compiled model */
        Ports ports;
        Examination examination;
        Verification verification; /* nothing is told unless there is a report */
} Check;

static void check_deinit(Check *check) {
        ports_deinit(&check->ports);
        examination_deinit(&check->examination);
        check->graph = graph_free(check->graph);
}

/* --- arguments ----------------------------------------------------------------------------- */

enum {
        CHECK_ARCH = 256,
        CHECK_TARGET_NAME,
        CHECK_FINGERPRINT,
        CHECK_SOURCE,
        CHECK_REQUIRE_DPU,
        CHECK_REPORT,
        CHECK_VERIFIED,
        CHECK_JSON,
};

static int check_parse_target(const char *name, int option, const char *text, CheckArguments *ret) {
        Problem problem = { "" };
        int r;

        if (ret->has_target)
                return command_usage(name, "one of --arch, --target-name and --fingerprint");
        ret->has_target = true;
        if (option == CHECK_ARCH)
                r = target_argument_read(text, &ret->target, &problem);
        else
                r = target_parse(text, &ret->target, &problem);
        if (r < 0)
                return command_failed(name, r, &problem);
        if ((option == CHECK_FINGERPRINT && ret->target.fingerprint == 0) ||
            (option == CHECK_TARGET_NAME && ret->target.fingerprint != 0))
                return command_usage(name,
                                     "'%s': names belong to --target-name, numbers to "
                                     "--fingerprint",
                                     text);
        return COMMAND_OK;
}

static int check_option(const char *name, int option, void *arguments) {
        CheckArguments *ret = arguments;

        switch (option) {
        case CHECK_ARCH:
        case CHECK_TARGET_NAME:
        case CHECK_FINGERPRINT:
                return check_parse_target(name, option, optarg, ret);
        case CHECK_SOURCE:
                ret->source_path = optarg;
                break;
        case CHECK_REQUIRE_DPU:
                ret->require_dpu = true;
                break;
        case CHECK_REPORT:
                ret->report_path = optarg;
                break;
        case CHECK_VERIFIED:
                if (attempts_verify_find(optarg, &ret->verified) < 0)
                        return command_usage(name, "--verified takes none, small or full, not '%s'",
                                             optarg);
                break;
        case CHECK_JSON:
                ret->json = true;
                break;
        }
        return COMMAND_OK;
}

static int check_parse(int argc, char **argv, CheckArguments *ret) {
        static const struct option options[] = {
                { "arch", required_argument, NULL, CHECK_ARCH },
                { "target-name", required_argument, NULL, CHECK_TARGET_NAME },
                { "fingerprint", required_argument, NULL, CHECK_FINGERPRINT },
                { "source", required_argument, NULL, CHECK_SOURCE },
                { "require-dpu", no_argument, NULL, CHECK_REQUIRE_DPU },
                { "report", required_argument, NULL, CHECK_REPORT },
                { "verified", required_argument, NULL, CHECK_VERIFIED },
                { "json", no_argument, NULL, CHECK_JSON },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "", options, check_option, ret);
        if (code != COMMAND_OK)
                return code;
        if (ret->verified != ATTEMPTS_VERIFY_NONE && !ret->report_path)
                return command_usage(argv[0], "--verified needs --report");
        if (optind == argc)
                return command_usage(argv[0], "no file to check");
        return COMMAND_OK;
}

static int check_source_forms(const Model *model, ExamineSource *ret) {
        int r;

        r = model_form(model, CANON_MAP_SORTED, NULL, &ret->map_sorted);
        if (r < 0)
                return r;
        r = model_form(model, CANON_CANONICAL, NULL, &ret->canonical);
        if (r < 0)
                return r;
        ret->has_forms = true;
        return 0;
}

/* Any file may be a source: compilers record the files before the graph, too. */
static int check_load_source(const char *path, ExamineSource *ret, Problem *problem) {
        Model model;
        int r;

        r = model_init(&model, path, problem);
        if (r < 0)
                return r;
        r = model_md5(&model, &ret->bytes);
        if (r == 0 && model.walk)
                r = check_source_forms(&model, ret);
        if (r == 0 && model.class == XMODEL_QUANTIZED)
                r = model_graph(&model, &ret->graph, problem);
        model_deinit(&model);
        return r;
}

/* --- one file ------------------------------------------------------------------------------ */

/* What the report beside it says; of a file without DPU code there is nothing to say. */
static int check_verification(const CheckArguments *arguments, Check *to) {
        ExamineFindings *problems = &to->examination.problems;
        Problem problem = { "" };
        int r;

        if (!arguments->report_path || to->examination.n_dpu == 0)
                return 0;
        r = verification_read(arguments->report_path, &to->verification, &problem);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return examine_findings_add(problems, "%s", problem.text);
        if (!verification_is_enough(&to->verification, arguments->verified, &problem))
                return examine_findings_add(problems, "%s", problem.text);
        return 0;
}

static int check_examine(const Model *model, const CheckArguments *arguments,
                         const ExamineSource *source, Check *to) {
        ExamineSpec spec = {
                .target = arguments->has_target ? &arguments->target : NULL,
                .source = source,
                .require_dpu = arguments->require_dpu,
        };
        Problem problem = { "" };
        int r;

        r = model_graph(model, &to->graph, &problem);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return examine_findings_add(&to->examination.problems, "%s", problem.text);

        spec.graph = to->graph;
        r = examine_run(&spec, &to->examination);
        if (r < 0)
                return r;
        r = check_verification(arguments, to);
        if (r < 0)
                return r;
        graph_count_consumers(to->graph);
        return ports_init(&to->ports, to->graph);
}

/* Fills @to. Returns the exit code for this file, or -ENOMEM. */
static int check_file(const char *path, const CheckArguments *arguments,
                      const ExamineSource *source, Check *to) {
        Problem problem = { "" };
        Model model;
        int r;

        *to = (Check){ .path = path, .class = "unreadable" };
        r = model_init(&model, path, &problem);
        if (r < 0) {
                r = examine_findings_add(&to->examination.problems, "%s", problem.text);
                return r < 0 ? r : COMMAND_ERROR;
        }

        to->class = xmodel_class_name(model.class);
        if (model.class == XMODEL_COMPILED)
                r = check_examine(&model, arguments, source, to);
        else
                r = examine_findings_add(&to->examination.problems, "not a compiled model: %s",
                                         model.reason.text);
        if (r == 0 && !examination_is_right(&to->examination))
                r = model.walk ? COMMAND_NOT_RIGHT : COMMAND_ERROR;
        model_deinit(&model);
        return r;
}

/* --- output -------------------------------------------------------------------------------- */

static void check_write_findings(const ExamineFindings *findings, JsonWriter *w, const char *key) {
        json_writer_array(w, key);
        for (size_t i = 0; i < findings->n; i++)
                json_writer_string(w, NULL, findings->items[i]);
        if (findings->n_more > 0)
                json_writer_format(w, NULL, "and %zu more", findings->n_more);
        json_writer_end(w);
}

static int check_compare_types(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* The types of the ops on the CPU, each once, ascending. */
static int check_cpu_types(const Graph *graph, const char ***ret, size_t *ret_n) {
        const char **types = calloc(graph->n_ops + 1, sizeof(*types));
        size_t n = 0, unique = 0;

        if (!types)
                return -ENOMEM;
        for (size_t i = 0; i < graph->n_ops; i++) {
                const Op *op = graph->ops[i];

                if (!partition_is_constant(op) && strcmp(where_device(op), "CPU") == 0)
                        types[n++] = op->type;
        }
        qsort(types, n, sizeof(*types), check_compare_types);
        for (size_t i = 0; i < n; i++)
                if (i == 0 || strcmp(types[i], types[i - 1]) != 0)
                        types[unique++] = types[i];

        *ret = types;
        *ret_n = unique;
        return 0;
}

static void check_write_fingerprint(const Examination *examination, JsonWriter *w) {
        FingerprintInfo info;
        bool decoded = examination->has_fingerprint &&
                       fingerprint_decode(examination->fingerprint, &info, NULL) == 0;

        if (examination->has_fingerprint)
                json_writer_format(w, "fingerprint", "0x%016" PRIx64, examination->fingerprint);
        else
                json_writer_null(w, "fingerprint");
        json_writer_string(w, "target", decoded ? info.name : NULL);
}

static const char *check_dpu_name(const Graph *graph) {
        for (size_t i = 0; i < graph->root->n_children; i++)
                if (where_runs_on(graph->root->children[i], "DPU"))
                        return attrs_string(&graph->root->children[i]->attrs, "dpu_name");
        return NULL;
}

static int check_write_graph(const Check *check, JsonWriter *w) {
        const Examination *examination = &check->examination;
        _cleanup_(freep) const char **types = NULL;
        size_t n_types;
        int r;

        r = check_cpu_types(check->graph, &types, &n_types);
        if (r < 0)
                return r;
        json_writer_string(w, "graph", check->graph->name);
        json_writer_uint64(w, "dpu_subgraphs", examination->n_dpu);
        json_writer_uint64(w, "cpu_subgraphs", examination->n_cpu);
        json_writer_uint64(w, "user_subgraphs", examination->n_user);
        json_writer_bool(w, "no_dpu_code", examination->n_dpu == 0);
        json_writer_bool(w, "verified", check->verification.simulated);
        check_write_fingerprint(examination, w);
        json_writer_string(w, "dpu_name", check_dpu_name(check->graph));
        json_writer_string(w, "board", board_match_name(examination->board));
        json_writer_string(w, "source", source_match_name(examination->source));
        json_writer_array(w, "cpu_ops");
        for (size_t i = 0; i < n_types; i++)
                json_writer_string(w, NULL, types[i]);
        json_writer_end(w);
        ports_write_json(check->ports.inputs, check->ports.n_inputs, w, "inputs");
        ports_write_json(check->ports.outputs, check->ports.n_outputs, w, "outputs");
        model_report_string_map(&check->graph->attrs, "libs_info", w, "compiler");
        model_report_string_map(&check->graph->attrs, "files_md5sum", w, "sources");
        return 0;
}

static int check_print_json(const Check *check) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(CHECK_JSON_MAX);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_LINE);
        int r;

        json_writer_object(&w, NULL);
        json_writer_int64(&w, "check", CHECK_VERSION);
        json_writer_string(&w, "file", check->path);
        json_writer_bool(&w, "ok", examination_is_right(&check->examination));
        json_writer_string(&w, "class", check->class);
        check_write_findings(&check->examination.problems, &w, "problems");
        check_write_findings(&check->examination.notes, &w, "notes");
        if (check->graph) {
                r = check_write_graph(check, &w);
                if (r < 0)
                        return r;
        }
        json_writer_end(&w);
        r = json_writer_finish(&w);
        if (r < 0)
                return r;
        (void) fwrite(out.data, 1, out.size, stdout);
        return 0;
}

/* "  label: text", made safe for a terminal */
static void check_print(const char *label, const char *text) {
        Problem line;

        (void) problem_set(&line, 0, "%s: %s", label, text);
        (void) printf("  %s\n", line.text);
}

static void check_print_findings(const char *label, const ExamineFindings *findings) {
        for (size_t i = 0; i < findings->n; i++)
                check_print(label, findings->items[i]);
        if (findings->n_more > 0)
                (void) printf("  %s: and %zu more\n", label, findings->n_more);
}

static void check_print_pairs(const char *label, const Attrs *attrs, const char *name) {
        const Attr *attr = attrs_find(attrs, name);
        Problem line;

        if (!attr || attr->kind != ATTR_MAP_STRING_STRING)
                return;
        for (size_t i = 0; i < attr->n; i++) {
                (void) problem_set(&line, 0, "%s %s", attr->pairs[i].key,
                                   attr->pairs[i].value.string);
                check_print(label, line.text);
        }
}

static void check_print_target(const Examination *examination) {
        FingerprintInfo info;

        if (!examination->has_fingerprint)
                return;
        if (fingerprint_decode(examination->fingerprint, &info, NULL) == 0)
                (void) printf("  target: 0x%016" PRIx64 " %s\n", examination->fingerprint,
                              info.name);
        else
                (void) printf("  target: 0x%016" PRIx64 "\n", examination->fingerprint);
}

static void check_print_text(const Check *check) {
        const Examination *examination = &check->examination;
        Problem line;

        (void) problem_set(&line, 0, "%s: %s", check->path,
                           examination_is_right(examination) ? "right" : "not right");
        (void) printf("%s\n", line.text);
        if (check->graph) {
                (void) printf("  subgraphs: %zu USER, %zu DPU, %zu CPU\n", examination->n_user,
                              examination->n_dpu, examination->n_cpu);
                check_print_target(examination);
                check_print_pairs("compiler", &check->graph->attrs, "libs_info");
                check_print_pairs("source", &check->graph->attrs, "files_md5sum");
        }
        if (examination->board == BOARD_EQUAL)
                (void) printf("  board: takes it\n");
        if (source_match_name(examination->source))
                check_print("compiled from the given source",
                            source_match_name(examination->source));
        check_print_findings("problem", &examination->problems);
        check_print_findings("note", &examination->notes);
}

/* the exit code, or -errno */
static int check_one(const char *path, const CheckArguments *arguments,
                     const ExamineSource *source) {
        Check check;
        int code, r = 0;

        code = check_file(path, arguments, source, &check);
        if (code >= 0 && arguments->json)
                r = check_print_json(&check);
        else if (code >= 0)
                check_print_text(&check);
        check_deinit(&check);
        return r < 0 ? r : code;
}

static int check_all(int argc, char **argv, const CheckArguments *arguments,
                     const ExamineSource *source) {
        int worst = COMMAND_OK;

        for (int i = optind; i < argc; i++) {
                int code = check_one(argv[i], arguments, source);

                if (code < 0)
                        return command_failed(argv[0], code, NULL);
                if (code == COMMAND_ERROR || worst == COMMAND_OK)
                        worst = code;
        }
        return worst;
}

int command_check(int argc, char **argv) {
        CheckArguments arguments = { 0 };
        ExamineSource source = { 0 };
        Problem problem = { "" };
        int code, r;

        code = check_parse(argc, argv, &arguments);
        if (code != COMMAND_OK)
                return code;
        if (arguments.source_path) {
                r = check_load_source(arguments.source_path, &source, &problem);
                if (r < 0)
                        return command_failed(argv[0], r, &problem);
        }
        code = check_all(argc, argv, &arguments, arguments.source_path ? &source : NULL);
        (void) graph_free(source.graph);
        return code;
}
