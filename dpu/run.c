/*
 * dpucc run
 *
 * What a model makes of inputs from files or patterns: so that a picture can be pushed through it
 * where there is no board. Of a compiled model the DPU code is simulated.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "dpu/command.h"
#include "dpu/execution.h"
#include "dpu/feed.h"
#include "dpu/model.h"
#include "dpu/npy.h"
#include "dpu/ports.h"
#include "dpu/programs.h"

#define RUN_FILE_MAX ((size_t) 1 << 33) /* bytes of one output */
#define RUN_NAME_MAX 200

const char command_run_help[] =
        "usage: dpucc run [--input NAME=FILE]... [--seed N] [--by-graph] [--raw] -o DIR FILE\n"
        "\n"
        "Puts inputs through a quantized or compiled model and writes every output into a\n"
        "file of its own, named after its tensor. The DPU code of a compiled model runs in\n"
        "the simulator; everything else is evaluated by the definition of the ops.\n"
        "\n"
        "      --input NAME=FILE  a .npy file, or raw elements: int8 go into a fixed-point\n"
        "                         input as they are, other types are real numbers; without\n"
        "                         NAME= for the only input; without any: random numbers\n"
        "      --seed N           for other random numbers\n"
        "      --by-graph         evaluate the DPU's part of the graph, too\n"
        "      --raw              write elements without the .npy header\n"
        "  -o, --output DIR       where to; made if it does not exist\n"
        "\n"
        "Outputs are float32, or int8 where the model puts out fixed-point numbers.\n"
        "Custom ops have no definition here: a model that has one is refused. Code is\n"
        "simulated for DPUCZDX8G with ISA 1 only.\n"
        "\n"
        "Example:\n"
        "  dpucc run --input picture.npy -o out Unet_int.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

typedef struct RunArguments {
        const char *path, *output;
        Feed feed;
        bool by_graph, raw;
} RunArguments;

static int run_option(const char *name, int option, void *arguments) {
        RunArguments *ret = arguments;
        Problem problem = { "" };
        int r;

        switch (option) {
        case 'o':
                ret->output = optarg;
                return COMMAND_OK;
        case 'g':
                ret->by_graph = true;
                return COMMAND_OK;
        case 'r':
                ret->raw = true;
                return COMMAND_OK;
        case 'n':
                return command_number(name, "--seed", optarg, UINT64_MAX, &ret->feed.seed);
        case 'i':
                r = feed_add(&ret->feed, optarg, &problem);
                return r < 0 ? command_failed(name, r, &problem) : COMMAND_OK;
        default:
                return COMMAND_USAGE;
        }
}

static int run_parse(int argc, char **argv, RunArguments *ret) {
        static const struct option options[] = {
                { "input", required_argument, NULL, 'i' },
                { "seed", required_argument, NULL, 'n' },
                { "by-graph", no_argument, NULL, 'g' },
                { "raw", no_argument, NULL, 'r' },
                { "output", required_argument, NULL, 'o' },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "o:", options, run_option, ret);
        if (code != COMMAND_OK)
                return code;
        if (optind != argc - 1)
                return command_usage(argv[0], "one model");
        if (!ret->output)
                return command_usage(argv[0], "-o is missing");
        ret->path = argv[optind];
        return COMMAND_OK;
}

/* --- output ---------------------------------------------------------------------------------- */

/* A tensor's name as a file name: tensors may be called anything. */
static void run_file_name(const char *tensor, const char *suffix, char ret[RUN_NAME_MAX + 8]) {
        size_t n = 0;

        for (const char *c = tensor; *c && n < RUN_NAME_MAX; c++) {
                bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                             (*c >= '0' && *c <= '9') || *c == '_' || *c == '-' ||
                             (*c == '.' && n > 0);

                ret[n++] = (char) (plain ? *c : '_');
        }
        (void) snprintf(ret + n, 8, "%s", suffix);
}

/* The elements of @values as the outside knows them: fixed-point numbers only where the tensor
 * says so. */
static int run_elements(const Values *values, NpyType type, Bytes *ret) {
        int r;

        if (type == NPY_INT8)
                return bytes_append(ret, values->fixed, values->n);
        r = bytes_reserve(ret, values->n * sizeof(float));
        for (size_t i = 0; r == 0 && i < values->n; i++) {
                double number;
                float element;

                values_read(values, i, 1, &number);
                element = (float) number;
                r = bytes_append(ret, &element, sizeof(element));
        }
        return r;
}

static int run_encode(const Op *op, const Values *values, bool raw, Bytes *ret) {
        _cleanup_(bytes_cleanup) Bytes elements = BYTES_INIT(RUN_FILE_MAX);
        int32_t fix_point;
        bool fixed = values_tensor_is_fixed(&op->tensor, &fix_point);
        Npy npy = { .type = fixed ? NPY_INT8 : NPY_FLOAT32,
                    .n_dims = values->n_dims,
                    .n = values->n };
        int r;

        r = run_elements(values, npy.type, raw ? ret : &elements);
        if (r < 0 || raw)
                return r;
        for (size_t i = 0; i < npy.n_dims; i++)
                npy.dims[i] = (uint64_t) values->dims[i];
        npy.data = bytes_slice(&elements);
        return npy_write(&npy, ret);
}

static int run_write(const RunArguments *arguments, int dirfd, const Op *op, const Values *values,
                     Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(RUN_FILE_MAX);
        char name[RUN_NAME_MAX + 8];
        Problem line;
        int r;

        run_file_name(op->tensor.name, arguments->raw ? ".bin" : ".npy", name);
        r = run_encode(op, values, arguments->raw, &file);
        if (r < 0)
                return r;
        r = file_write_durable(dirfd, name, file.data, file.size, 0666);
        if (r < 0)
                return problem_set(problem, r, "%s/%s: %s", arguments->output, name, strerror(-r));
        (void) problem_set(&line, 0, "%s/%s", arguments->output, name);
        (void) printf("%s\n", line.text);
        return 0;
}

static int run_outputs(const RunArguments *arguments, const Evaluator *evaluator,
                       const Ports *ports, Problem *problem) {
        _cleanup_(closep) int dirfd = -1;
        int r;

        dirfd = file_make_dirs(AT_FDCWD, arguments->output, 0777);
        if (dirfd < 0)
                return problem_set(problem, dirfd, "%s: %s", arguments->output, strerror(-dirfd));
        for (size_t i = 0; i < ports->n_outputs; i++) {
                const Op *op = ports->outputs[i].op;

                r = run_write(arguments, dirfd, op, evaluator_values(evaluator, op), problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- the work ----------------------------------------------------------------------------------- */

/* Evaluates the graph, with @programs in the places of its DPU subgraphs. */
static int run_evaluate(const RunArguments *arguments, const Graph *graph, const Programs *programs,
                        Evaluator *evaluator, Problem *problem) {
        _cleanup_(execution_freep) Execution *execution = NULL;
        int r;

        r = execution_new(&execution, programs->items, programs->n, graph, evaluator,
                          arguments->feed.seed);
        if (r < 0)
                return r;
        r = execution_run(execution, problem);
        return r < 0 ? problem_prefix(problem, r, "%s", arguments->path) : 0;
}

static int run_graph(RunArguments *arguments, const Graph *graph, const Programs *programs,
                     Problem *problem) {
        const EvaluatorOptions options = { .seed = arguments->feed.seed };
        _cleanup_(evaluator_freep) Evaluator *evaluator = NULL;
        _cleanup_(ports_deinit) Ports ports = { 0 };
        int r;

        r = ports_init(&ports, graph);
        if (r < 0)
                return r;
        r = evaluator_new(&evaluator, graph, &options);
        if (r < 0)
                return r;
        r = feed_inputs(&arguments->feed, evaluator, graph, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ports.n_outputs; i++)
                evaluator_keep(evaluator, ports.outputs[i].op);
        r = run_evaluate(arguments, graph, programs, evaluator, problem);
        if (r < 0)
                return r;
        return run_outputs(arguments, evaluator, &ports, problem);
}

static int run_model(RunArguments *arguments, Problem *problem) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(programs_cleanup) Programs programs = { 0 };
        XmodelClass class;
        int r;

        r = model_load_graph(arguments->path, &class, &graph, problem);
        if (r < 0)
                return r;
        if (class == XMODEL_COMPILED && !arguments->by_graph) {
                r = programs_of_graph(graph, &programs, problem);
                if (r < 0)
                        return problem_prefix(problem, r, "%s", arguments->path);
        }
        return run_graph(arguments, graph, &programs, problem);
}

int command_run(int argc, char **argv) {
        RunArguments arguments = { 0 };
        Problem problem = { "" };
        int code, r;

        code = run_parse(argc, argv, &arguments);
        if (code == COMMAND_OK) {
                r = run_model(&arguments, &problem);
                code = r < 0 ? command_failed(argv[0], r, &problem) : COMMAND_OK;
        }
        feed_deinit(&arguments.feed);
        return code;
}
