/*
 * dpucc verify
 *
 * Does a compiled model compute what it should? Its programs against its graph, and its graph
 * against the one that it was compiled from.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_writer.h"
#include "dpu/command.h"
#include "dpu/comparison.h"
#include "dpu/feed.h"
#include "dpu/model.h"
#include "dpu/programs.h"
#include "dpu/trial.h"

#define VERIFY_JSON_MAX   ((size_t) 16 << 20)
#define VERIFY_ORDERS_MAX 1000
#define VERIFY_VERSION    1 /* of the JSON: docs/FORMATS.md */

const char command_verify_help[] =
        "usage: dpucc verify [--source FILE] [--inputs WHAT] [--seed N] [--orders N] [--json]\n"
        "                    FILE\n"
        "\n"
        "Does a compiled model compute what it should? Every DPU program of it is run in\n"
        "the simulator and held against the evaluation of its graph; and, with --source,\n"
        "the graph against that of the quantized model it was made from, every tensor\n"
        "that both have. What is wrong first is named: layer, tensor, element, numbers.\n"
        "Ops without a definition (custom ones) are replaced by numbers that are the same\n"
        "on all sides, and named.\n"
        "\n"
        "      --source FILE  the quantized model\n"
        "      --inputs WHAT  random (default), natural, ramp, max, min, extremes (max\n"
        "                     and min), all, or files: FILE.npy or NAME=FILE.npy, again\n"
        "                     for each input\n"
        "      --seed N       for other random numbers\n"
        "      --orders N     run the programs in N other orders that their tokens allow\n"
        "      --json         one line of JSON\n"
        "\n"
        "Programs are simulated for DPUCZDX8G with ISA 1 only; of models for other DPUs the\n"
        "graph is compared with the source, with the source's weights. No board is asked.\n"
        "\n"
        "Example:\n"
        "  dpucc verify --source Unet_int.xmodel --inputs all out/unet.xmodel\n"
        "\n"
        "Exit status: 0 all is equal, 8 it is not, 1 error, 2 usage.\n";

typedef struct VerifyArguments {
        const char *path, *source_path; /* source_path may be NULL */
        bool patterns[PATTERN_COUNT];
        Feed feed;
        uint64_t n_orders;
        bool json;
} VerifyArguments;

/* one compiled model and what it is held against */
typedef struct Verify {
        const VerifyArguments *arguments;
        Programs compiled;
        Problem left_out; /* why the code cannot be simulated; "": it can */
        Graph *source;    /* NULL: none was given */
        bool right;
        JsonWriter *json; /* NULL: text */
} Verify;

static void verify_deinit(Verify *verify) {
        programs_deinit(&verify->compiled);
        verify->source = graph_free(verify->source);
}

/* --- arguments ----------------------------------------------------------------------------- */

static int verify_parse_inputs(const char *name, const char *text, VerifyArguments *ret) {
        Problem problem = { "" };
        Pattern pattern;
        int r;

        if (pattern_find(text, &pattern) == 0) {
                ret->patterns[pattern] = true;
        } else if (strcmp(text, "extremes") == 0) {
                ret->patterns[PATTERN_MAX] = ret->patterns[PATTERN_MIN] = true;
        } else if (strcmp(text, "all") == 0) {
                for (size_t i = 0; i < PATTERN_COUNT; i++)
                        ret->patterns[i] = true;
        } else {
                r = feed_add(&ret->feed, text, &problem);
                if (r < 0)
                        return command_failed(name, r, &problem);
        }
        return COMMAND_OK;
}

static int verify_option(const char *name, int option, void *arguments) {
        VerifyArguments *ret = arguments;
        switch (option) {
        case 's':
                ret->source_path = optarg;
                return COMMAND_OK;
        case 'i':
                return verify_parse_inputs(name, optarg, ret);
        case 'n':
                return command_number(name, "--seed", optarg, UINT64_MAX, &ret->feed.seed);
        case 'o':
                return command_number(name, "--orders", optarg, VERIFY_ORDERS_MAX, &ret->n_orders);
        case 'j':
                ret->json = true;
                return COMMAND_OK;
        default:
                return COMMAND_USAGE;
        }
}

static bool verify_has_pattern(const VerifyArguments *arguments) {
        for (size_t i = 0; i < PATTERN_COUNT; i++)
                if (arguments->patterns[i])
                        return true;
        return false;
}

static int verify_parse(int argc, char **argv, VerifyArguments *ret) {
        static const struct option options[] = {
                { "source", required_argument, NULL, 's' },
                { "inputs", required_argument, NULL, 'i' },
                { "seed", required_argument, NULL, 'n' },
                { "orders", required_argument, NULL, 'o' },
                { "json", no_argument, NULL, 'j' },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "", options, verify_option, ret);
        if (code != COMMAND_OK)
                return code;
        if (optind != argc - 1)
                return command_usage(argv[0], "one compiled model");
        if (ret->feed.n_files > 0 && verify_has_pattern(ret))
                return command_usage(argv[0], "patterns or files, not both");
        if (ret->feed.n_files == 0 && !verify_has_pattern(ret))
                ret->patterns[PATTERN_RANDOM] = true;
        ret->path = argv[optind];
        return COMMAND_OK;
}

/* --- text and JSON ---------------------------------------------------------------------------- */

static void verify_text_program(const char *inputs, const TrialProgram *p) {
        Problem line;

        (void) problem_set(&line, 0, "%s", p->subgraph->name);
        (void) printf("inputs %s: %zu of %zu outputs of the code are those of the graph, in %zu "
                      "orders: %s\n",
                      inputs, p->n_outputs - p->n_outputs_wrong, p->n_outputs, p->n_runs,
                      line.text);
        if (p->stopped.text[0])
                (void) printf("  stopped: %s\n", p->stopped.text);
        if (!p->first)
                return;
        (void) problem_set(&line, 0, "%s (%s), tensor %s", p->first->name, p->first->type,
                           p->first->tensor.name);
        (void) printf("  differs: %s\n", line.text);
        (void) printf("    first at element %zu: %d, graph: %d; %zu of %zu tensors inside differ\n",
                      p->index, p->got, p->expected, p->n_inside_different, p->n_inside);
}

static void verify_json_program(const char *inputs, const TrialProgram *p, JsonWriter *w) {
        json_writer_object(w, NULL);
        json_writer_string(w, "inputs", inputs);
        json_writer_string(w, "subgraph", p->subgraph->name);
        json_writer_uint64(w, "runs", p->n_runs);
        json_writer_uint64(w, "outputs", p->n_outputs);
        json_writer_uint64(w, "outputs_different", p->n_outputs_wrong);
        json_writer_uint64(w, "tensors", p->n_inside);
        json_writer_uint64(w, "tensors_different", p->n_inside_different);
        json_writer_string(w, "stopped", p->stopped.text[0] ? p->stopped.text : NULL);
        if (p->first) {
                json_writer_object(w, "first");
                json_writer_string(w, "op", p->first->name);
                json_writer_string(w, "type", p->first->type);
                json_writer_string(w, "tensor", p->first->tensor.name);
                json_writer_uint64(w, "index", p->index);
                json_writer_int64(w, "got", p->got);
                json_writer_int64(w, "expected", p->expected);
                json_writer_end(w);
        }
        json_writer_end(w);
}

static void verify_text_difference(const ComparisonDifference *d) {
        Problem line;

        (void) problem_set(&line, 0, "%s (%s), tensor %s", d->op->name, d->op->type,
                           d->op->tensor.name);
        (void) printf("  differs: %s\n", line.text);
        (void) printf("    first at element %zu: %.9g, source: %.9g; %zu of %zu differ, by at "
                      "most %.9g steps\n",
                      d->index, d->got, d->expected, d->n_different, d->n_elements, d->largest);
}

static void verify_json_difference(const ComparisonDifference *d, JsonWriter *w) {
        json_writer_object(w, NULL);
        json_writer_string(w, "op", d->op->name);
        json_writer_string(w, "type", d->op->type);
        json_writer_string(w, "tensor", d->op->tensor.name);
        json_writer_uint64(w, "index", d->index);
        json_writer_double(w, "got", d->got);
        json_writer_double(w, "expected", d->expected);
        json_writer_uint64(w, "elements", d->n_elements);
        json_writer_uint64(w, "different", d->n_different);
        json_writer_double(w, "largest_in_steps", d->largest);
        json_writer_end(w);
}

static void verify_text_comparison(const char *inputs, const Comparison *c) {
        (void) printf("inputs %s: %zu of %zu tensors and %zu of %zu outputs are those of the "
                      "source\n",
                      inputs, c->n_compared - c->n_different, c->n_compared,
                      c->n_outputs - c->n_outputs_different, c->n_outputs + c->n_outputs_missing);
        for (size_t i = 0; i < c->n_differences; i++)
                verify_text_difference(&c->differences[i]);
        if (!c->complete)
                (void) printf("  differs: and more\n");
}

static void verify_json_comparison(const char *inputs, const Comparison *c, JsonWriter *w) {
        json_writer_object(w, NULL);
        json_writer_string(w, "inputs", inputs);
        json_writer_uint64(w, "tensors", c->n_compared);
        json_writer_uint64(w, "tensors_different", c->n_different);
        json_writer_uint64(w, "outputs", c->n_outputs);
        json_writer_uint64(w, "outputs_different", c->n_outputs_different);
        json_writer_uint64(w, "outputs_missing", c->n_outputs_missing);
        json_writer_array(w, "differences");
        for (size_t i = 0; i < c->n_differences; i++)
                verify_json_difference(&c->differences[i], w);
        json_writer_end(w);
        json_writer_bool(w, "complete", c->complete);
        json_writer_end(w);
}

/* ops that are there in name only */
static void verify_print_substituted(const Verify *verify) {
        if (verify->json)
                json_writer_array(verify->json, "substituted");
        for (size_t i = 0; i < verify->compiled.graph->n_ops; i++) {
                const Op *op = verify->compiled.graph->ops[i];
                Problem line;

                if (!evaluator_is_substituted(op))
                        continue;
                (void) problem_set(&line, 0, "%s (%s)", op->name, op->type);
                if (verify->json)
                        json_writer_string(verify->json, NULL, line.text);
                else
                        (void) printf("substituted: %s has no definition here\n", line.text);
        }
        if (verify->json)
                json_writer_end(verify->json);
}

/* --- the work -------------------------------------------------------------------------------------- */

static int verify_load_source(const char *path, Graph **ret, Problem *problem) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        XmodelClass found;
        int r;

        r = model_load_graph(path, &found, &graph, problem);
        if (r < 0)
                return r;
        if (found != XMODEL_QUANTIZED)
                return problem_set(problem, -EBADMSG, "%s: %s, not %s", path,
                                   xmodel_class_name(found), xmodel_class_name(XMODEL_QUANTIZED));

        *ret = TAKE_PTR(graph);
        return 0;
}

/* The programs of the model; or, where they are for another DPU but there is a source to hold the
 * graph against, the graph alone. */
static int verify_load_compiled(Verify *verify, Problem *problem) {
        const VerifyArguments *arguments = verify->arguments;
        XmodelClass class;
        int r;

        r = programs_load(arguments->path, &verify->compiled, problem);
        if (r != -ENOTSUP || !arguments->source_path)
                return r;
        verify->left_out = *problem;
        r = model_load_graph(arguments->path, &class, &verify->compiled.graph, problem);
        if (r == 0 && !verify->json)
                (void) printf("code is not simulated: %s\n"
                              "constants are the source's\n",
                              verify->left_out.text);
        return r;
}

static int verify_load(Verify *verify, Problem *problem) {
        const VerifyArguments *arguments = verify->arguments;
        int r;

        r = verify_load_compiled(verify, problem);
        if (r < 0)
                return r;
        r = graph_verify(verify->compiled.graph, problem);
        if (r < 0)
                return problem_prefix(problem, r, "%s", arguments->path);
        graph_count_consumers(verify->compiled.graph);
        if (!arguments->source_path)
                return 0;
        return verify_load_source(arguments->source_path, &verify->source, problem);
}

static int verify_fill(Evaluator *evaluator, const Graph *graph, void *userdata, Problem *problem) {
        return feed_inputs(userdata, evaluator, graph, problem);
}

static int verify_source(Verify *verify, Feed *feed, const char *inputs, Problem *problem) {
        const ComparisonOptions options = {
                .evaluator = { .substitute = true, .seed = feed->seed },
                .source_constants = verify->left_out.text[0] != '\0',
        };
        Comparison comparison;
        int r;

        r = comparison_run(verify->source, verify->compiled.graph, &options, verify_fill, feed,
                           &comparison, problem);
        if (r < 0)
                return r;
        if (comparison.n_differences > 0 || comparison.n_outputs_missing > 0)
                verify->right = false;
        if (verify->json)
                verify_json_comparison(inputs, &comparison, verify->json);
        else
                verify_text_comparison(inputs, &comparison);
        return 0;
}

static int verify_code(Verify *verify, Feed *feed, const char *inputs, Problem *problem) {
        const TrialOptions options = { .evaluator = { .substitute = true, .seed = feed->seed },
                                       .seed = feed->seed,
                                       .n_orders = verify->arguments->n_orders };
        Trial trial;
        int r;

        r = trial_run(verify->compiled.graph, verify->compiled.items, verify->compiled.n, feed,
                      &options, &trial, problem);
        if (r < 0)
                return r;
        verify->right = verify->right && trial.right;
        for (size_t i = 0; i < trial.n_programs; i++) {
                if (verify->json)
                        verify_json_program(inputs, &trial.programs[i], verify->json);
                else
                        verify_text_program(inputs, &trial.programs[i]);
        }
        trial_deinit(&trial);
        return 0;
}

typedef int (*VerifyFn)(Verify *verify, Feed *feed, const char *inputs, Problem *problem);

/* Every pattern in turn, or the files. */
static int verify_each(Verify *verify, const char *key, VerifyFn fn, Problem *problem) {
        Feed feed = verify->arguments->feed; /* its files stay the arguments' */
        int r = 0;

        if (verify->json)
                json_writer_array(verify->json, key);
        if (feed.n_files > 0)
                r = fn(verify, &feed, "from files", problem);
        for (size_t i = 0; r == 0 && i < PATTERN_COUNT; i++) {
                if (!verify->arguments->patterns[i])
                        continue;
                feed.pattern = (Pattern) i;
                r = fn(verify, &feed, pattern_name(feed.pattern), problem);
        }
        if (verify->json)
                json_writer_end(verify->json);
        return r;
}

static int verify_run(Verify *verify, Problem *problem) {
        bool simulated;
        int r;

        r = verify_load(verify, problem);
        if (r < 0)
                return r;
        verify_print_substituted(verify);
        simulated = verify->left_out.text[0] == '\0';
        if (verify->json)
                json_writer_string(verify->json, "code_left_out",
                                   simulated ? NULL : verify->left_out.text);
        if (simulated)
                r = verify_each(verify, "code", verify_code, problem);
        if (r < 0 || !verify->source)
                return r;
        return verify_each(verify, "source", verify_source, problem);
}

static int verify_run_json(Verify *verify, Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(VERIFY_JSON_MAX);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_LINE);
        int r;

        verify->json = &w;
        json_writer_object(&w, NULL);
        json_writer_int64(&w, "verify", VERIFY_VERSION);
        json_writer_string(&w, "file", verify->arguments->path);
        r = verify_run(verify, problem);
        if (r < 0)
                return r;
        json_writer_bool(&w, "ok", verify->right);
        json_writer_end(&w);
        r = json_writer_finish(&w);
        if (r == 0)
                (void) fwrite(out.data, 1, out.size, stdout);
        return r;
}

int command_verify(int argc, char **argv) {
        VerifyArguments arguments = { 0 };
        Verify verify = { .arguments = &arguments, .right = true };
        Problem problem = { "" };
        int code, r;

        code = verify_parse(argc, argv, &arguments);
        if (code == COMMAND_OK) {
                r = arguments.json ? verify_run_json(&verify, &problem)
                                   : verify_run(&verify, &problem);
                code = r < 0          ? command_failed(argv[0], r, &problem)
                       : verify.right ? COMMAND_OK
                                      : COMMAND_NOT_RIGHT;
        }
        verify_deinit(&verify);
        feed_deinit(&arguments.feed);
        return code;
}
