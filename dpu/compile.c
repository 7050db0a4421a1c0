/*
 * dpucc compile
 *
 * Takes the arguments of vai_c_xir and prints the lines that scripts look for in its output. It
 * differs where that tool is known to mislead: every error is one line and exit status 1, a file
 * without DPU code is called that, and so is one whose code nobody has compared with the model.
 *
 * What is compiled is the canonical form of the source, whatever bytes it came in, so two exports
 * of one model give the same file; the md5 in it is that of the canonical form.
 */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/utf8.h"
#include "dpu/artifact.h"
#include "dpu/attempts.h"
#include "dpu/build_id.h"
#include "dpu/command.h"
#include "dpu/compile_options.h"
#include "dpu/model.h"
#include "dpu/target_argument.h"
#include "xmodel/fingerprint.h"

#define COMPILE_DUMP_MAX   ((size_t) 256 << 20)
#define COMPILE_LAYERS_MAX 64 /* named in the log */

const char command_compile_help[] =
        "usage: dpucc compile -x MODEL (-a ARCH | --target NAME | --fingerprint 0x...)\n"
        "                     [-o DIR] [-n NAME] [-e OPTIONS] [--verify WHICH]\n"
        "                     [--require-dpu] [--dump PASS]\n"
        "\n"
        "Compiles a quantized model and writes NAME.xmodel, meta.json, md5sum.txt and\n"
        "report.json into DIR. What the DPU can run becomes DPU code; the rest is assigned\n"
        "to the CPU, and the report says why, layer by layer.\n"
        "\n"
        "  -x, --xmodel FILE      the quantized model\n"
        "  -a, --arch FILE        arch.json of the board\n"
        "      --target NAME      the target by name, e.g. DPUCZDX8G_ISA1_B1024\n"
        "      --fingerprint 0xN  the target by fingerprint\n"
        "  -o, --output_dir DIR   default ./\n"
        "  -n, --net_name NAME    default deploy\n"
        "  -e, --options TEXT     as for vai_c_xir; none of its options has an effect here\n"
        "      --verify WHICH     models whose code is run in the simulator and held against the\n"
        "                         quantized model before a file is written: none, small (the\n"
        "                         default: up to 4 * 10^9 operations on the DPU and as many\n"
        "                         multiplications in all) or full, which is all\n"
        "      --require-dpu      no file without DPU code\n"
        "      --dump PASS        print what a pass made, write no file: lower, partition, plan\n"
        "\n"
        "A layer that the verification finds wrong stays on the CPU, and that is said. No\n"
        "board has run any of this code.\n"
        "\n"
        "Targets are those of the family DPUCZDX8G ISA1.\n"
        "\n"
        "Example:\n"
        "  dpucc compile -x Unet_int.xmodel -a arch.json -o out -n unet\n"
        "\n"
        "Exit status: 0 compiled, 1 error, 2 usage.\n";

typedef struct CompileArguments {
        const char *xmodel;
        const char *arch;
        const char *target; /* name or fingerprint */
        const char *output_dir;
        const char *net_name;
        const char *options;
        CompilerStage last;
        AttemptsVerify verify;
        bool require_dpu;
} CompileArguments;

/* one line of the log; what comes from files cannot break out of it */
static void compile_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void compile_say(const char *format, ...) {
        char text[PROBLEM_MAX];
        Problem line;
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void) problem_set(&line, 0, "%s", text);
        (void) fprintf(stderr, "%s\n", line.text);
}

static int compile_stage(const char *name, const char *text, CompilerStage *ret) {
        if (compiler_stage_from_name(text, ret) < 0 || *ret == COMPILER_EMIT)
                return command_usage(name, "--dump takes lower, partition or plan, not '%s'", text);
        return COMMAND_OK;
}

static int compile_verify(const char *name, const char *text, AttemptsVerify *ret) {
        if (attempts_verify_find(text, ret) < 0)
                return command_usage(name, "--verify takes none, small or full, not '%s'", text);
        return COMMAND_OK;
}

enum {
        OPTION_TARGET = 256,
        OPTION_DUMP,
        OPTION_VERIFY,
        OPTION_REQUIRE,
};

static int compile_option(const char *name, int option, void *arguments) {
        CompileArguments *ret = arguments;

        switch (option) {
        case 'x':
                ret->xmodel = optarg;
                break;
        case 'a':
                ret->arch = optarg;
                break;
        case 'o':
                ret->output_dir = optarg;
                break;
        case 'n':
                ret->net_name = optarg;
                break;
        case 'e':
                ret->options = optarg;
                break;
        case OPTION_TARGET:
                ret->target = optarg;
                break;
        case OPTION_DUMP:
                return compile_stage(name, optarg, &ret->last);
        case OPTION_VERIFY:
                return compile_verify(name, optarg, &ret->verify);
        case OPTION_REQUIRE:
                ret->require_dpu = true;
                break;
        }
        return COMMAND_OK;
}

static int compile_parse(int argc, char **argv, CompileArguments *ret) {
        static const struct option options[] = {
                { "xmodel", required_argument, NULL, 'x' },
                { "arch", required_argument, NULL, 'a' },
                { "output_dir", required_argument, NULL, 'o' },
                { "net_name", required_argument, NULL, 'n' },
                { "options", required_argument, NULL, 'e' },
                { "target", required_argument, NULL, OPTION_TARGET },
                { "fingerprint", required_argument, NULL, OPTION_TARGET },
                { "dump", required_argument, NULL, OPTION_DUMP },
                { "verify", required_argument, NULL, OPTION_VERIFY },
                { "require-dpu", no_argument, NULL, OPTION_REQUIRE },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "x:a:o:n:e:", options, compile_option, ret);
        if (code != COMMAND_OK)
                return code;
        if (optind < argc)
                return command_usage(argv[0], "unexpected argument '%s'", argv[optind]);
        return COMMAND_OK;
}

static int compile_require(const char *name, const CompileArguments *arguments) {
        if (!arguments->xmodel)
                return command_usage(name, "no model: use -x FILE");
        if (!arguments->arch == !arguments->target)
                return command_usage(name,
                                     "one target, please: -a FILE, --target or --fingerprint");
        if (!path_is_plain_component(arguments->net_name))
                return command_usage(name, "'%s' is no file name: --net_name is one component",
                                     arguments->net_name);
        return COMMAND_OK;
}

/* names come from the file: line by line they cannot harm a terminal */
static void compile_print_line(const char *line, size_t n) {
        char text[4 * PROBLEM_MAX];

        (void) utf8_escape(line, n, text, sizeof(text));
        (void) printf("%s\n", text);
}

static int compile_print_dump(const Compilation *compilation, CompilerStage stage,
                              Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes dump = BYTES_INIT(COMPILE_DUMP_MAX);
        const char *at, *end;
        int r;

        r = compiler_dump(compilation, stage, &dump, problem);
        if (r < 0)
                return r;

        at = (const char *) dump.data;
        for (size_t left = dump.size; left > 0; left -= (size_t) (end - at) + 1, at = end + 1) {
                end = memchr(at, '\n', left); /* every line of a dump has its end */
                compile_print_line(at, (size_t) (end - at));
        }
        return 0;
}

static void compile_say_before(const Graph *source, uint64_t fingerprint, const char *ignored) {
        FingerprintInfo info;

        if (ignored[0])
                compile_say("Options without effect in this compiler: %s", ignored);
        if (fingerprint_decode(fingerprint, &info, NULL) == 0)
                compile_say("Target architecture: %s", info.name);
        compile_say("Graph name: %s, with op num: %zu", source->name, source->n_ops);
        compile_say("Begin to compile...");
}

static void compile_say_line(const char *line, void *userdata) {
        (void) userdata;
        compile_say("%s", line);
}

static void compile_say_stage(CompilerStage stage, void *userdata) {
        (void) userdata;
        compile_say("Pass %d of %d: %s", (int) stage + 1, COMPILER_EMIT + 1,
                    compiler_stage_name(stage));
}

/* what is off the DPU, with its reason */
static void compile_say_layers(const Compilation *compilation) {
        const Partition *partition = compilation->partition;
        size_t n = 0;

        for (size_t i = 0; i < partition->n_ops; i++) {
                const Op *op = compilation->graph->ops[i];

                if (!partition->placements[i].reason || n++ >= COMPILE_LAYERS_MAX)
                        continue;
                compile_say("On the CPU: %s (%s): %s", op->name, op->type,
                            partition->placements[i].reason);
        }
        if (n > COMPILE_LAYERS_MAX)
                compile_say("On the CPU: %zu more, all of them in report.json",
                            n - COMPILE_LAYERS_MAX);
}

static const char *compile_left_out(const Attempts *attempts, const CompileArguments *arguments) {
        if (attempts->proved || partition_count(attempts->compilation->partition, DEVICE_DPU) == 0)
                return NULL;
        return arguments->verify == ATTEMPTS_VERIFY_NONE
                       ? "nobody asked for it"
                       : "the model is too large for --verify small; --verify full takes its time";
}

static void compile_say_proof(const Attempts *attempts, const char *left_out) {
        if (attempts->proved)
                compile_say("Verified in the simulator: the DPU code gives the numbers of the "
                            "quantized model, bit by bit, for %zu patterns of inputs. No board "
                            "has run it.",
                            attempts->proof.n_patterns);
        else if (left_out)
                compile_say("The DPU code is not verified: %s", left_out);
        if (attempts->n_internal_errors > 0)
                compile_say("Internal errors of this compiler: %zu. The layers that they concern "
                            "are on the CPU; please report them.",
                            attempts->n_internal_errors);
}

static void compile_say_result(const Attempts *attempts, const char *left_out) {
        const Partition *partition = attempts->compilation->partition;
        size_t n_dpu = partition_count(partition, DEVICE_DPU);

        compile_say("Total device subgraph number %zu, DPU subgraph number %zu", partition->n_parts,
                    n_dpu);
        compile_say_layers(attempts->compilation);
        if (n_dpu == 0)
                compile_say("There is no DPU code in this file: every layer is on the CPU.");
        compile_say_proof(attempts, left_out);
        compile_say("Compile done.");
}

static int compile_say_files(const CompileArguments *arguments, const Md5 *md5) {
        _cleanup_(freep) char *cwd = getcwd(NULL, 0);
        _cleanup_(freep) char *dir = NULL;
        char hex[MD5_HEX];

        if (!cwd)
                return -errno;
        dir = path_normalise(cwd, arguments->output_dir);
        if (!dir)
                return -ENOMEM;
        md5_to_hex(md5, hex);
        compile_say("The meta json is saved to \"%s/meta.json\"", dir);
        compile_say("The compiled xmodel is saved to \"%s/%s.xmodel\"", dir, arguments->net_name);
        compile_say("The compiled xmodel's md5sum is %s, and has been saved to \"%s/md5sum.txt\"",
                    hex, dir);
        return 0;
}

static int compile_write(const CompileArguments *arguments, const Attempts *attempts,
                         uint64_t fingerprint, Problem *problem) {
        const ModelReportProof proof = {
                .asked = attempts_verify_name(arguments->verify),
                .made = attempts->proved ? &attempts->proof : NULL,
                .left_out = compile_left_out(attempts, arguments),
                .n_internal_errors = attempts->n_internal_errors,
        };
        const ArtifactSpec artifact = {
                .graph = attempts->compilation->graph,
                .fingerprint = fingerprint,
                .output_dir = arguments->output_dir,
                .net_name = arguments->net_name,
                .proof = &proof,
        };
        Md5 md5;
        int r;

        compile_say_result(attempts, proof.left_out);
        if (arguments->require_dpu &&
            partition_count(attempts->compilation->partition, DEVICE_DPU) == 0)
                return problem_set(problem, -ENOTSUP,
                                   "no layer of %s can be on the DPU, so nothing is written: "
                                   "--require-dpu",
                                   arguments->xmodel);
        r = artifact_write(&artifact, &md5, problem);
        if (r < 0)
                return r;
        return compile_say_files(arguments, &md5);
}

/* one pass, to be looked at */
static int compile_dump(const CompileArguments *arguments, const CompilerSpec *spec,
                        Problem *problem) {
        _cleanup_(compilation_freep) Compilation *compilation = NULL;
        int r;

        r = compiler_run(spec, &compilation, problem);
        if (r < 0)
                return problem_prefix(problem, r, "%s", arguments->xmodel);
        return compile_print_dump(compilation, arguments->last, problem);
}

static int compile_all(const CompileArguments *arguments, const CompilerSpec *compiler,
                       Graph **source, Problem *problem) {
        const AttemptsSpec spec = {
                .compiler = *compiler,
                .compile = compiler_run,
                .verify = arguments->verify,
                .say = compile_say_line,
        };
        _cleanup_(attempts_cleanup) Attempts attempts = {};
        int r;

        r = attempts_run(&spec, &attempts, problem);
        if (r < 0)
                return problem_prefix(problem, r, "%s", arguments->xmodel);
        *source = graph_free(*source); /* its weights are in the compiled graph now */
        return compile_write(arguments, &attempts, compiler->fingerprint, problem);
}

/* The compiled model must not take the place of what it is made from. */
static int compile_check_place(const CompileArguments *arguments, Problem *problem) {
        _cleanup_(freep) char *path = NULL;

        if (asprintf(&path, "%s/%s.xmodel", arguments->output_dir, arguments->net_name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (!file_is_same(arguments->xmodel, path))
                return 0;
        return problem_set(problem, -EEXIST,
                           "%s: the compiled model would overwrite it; name another directory "
                           "(-o) or network (-n)",
                           arguments->xmodel);
}

static int compile_run(const CompileArguments *arguments, const char *ignored, Problem *problem) {
        _cleanup_(graph_freep) Graph *source = NULL;
        CompilerSpec spec = { .last = arguments->last };
        char compiler[BUILD_ID_MAX];
        int r;

        r = build_id_describe(compiler);
        if (r < 0)
                return problem_set(problem, r, "this program was linked without a build id");
        r = target_argument_resolve(arguments->arch, arguments->target, &spec.fingerprint, problem);
        if (r < 0)
                return r;
        r = model_load_source(arguments->xmodel, &source, &spec.source_md5, problem);
        if (r < 0)
                return r;

        spec.source = source;
        spec.compiler = compiler;
        if (arguments->last != COMPILER_EMIT)
                return compile_dump(arguments, &spec, problem);
        r = compile_check_place(arguments, problem);
        if (r < 0)
                return r;
        spec.progress = compile_say_stage;
        compile_say_before(source, spec.fingerprint, ignored);
        return compile_all(arguments, &spec, &source, problem);
}

int command_compile(int argc, char **argv) {
        CompileArguments arguments = {
                .output_dir = "./",
                .net_name = "deploy",
                .options = "",
                .last = COMPILER_EMIT,
                .verify = ATTEMPTS_VERIFY_SMALL,
        };
        _cleanup_(bytes_cleanup) Bytes ignored = BYTES_INIT(PROBLEM_MAX);
        _cleanup_(freep) char *ignored_text = NULL;
        Problem problem = { "" };
        int code, r;

        code = compile_parse(argc, argv, &arguments);
        if (code == COMMAND_OK)
                code = compile_require(argv[0], &arguments);
        if (code != COMMAND_OK)
                return code;

        r = compile_options_check(arguments.options, &ignored, &problem);
        if (r < 0)
                return command_failed(argv[0], r, &problem);
        ignored_text = bytes_take_string(&ignored);
        if (!ignored_text)
                return command_failed(argv[0], -ENOMEM, NULL);
        r = compile_run(&arguments, ignored_text, &problem);
        return r < 0 ? command_failed(argv[0], r, &problem) : COMMAND_OK;
}
