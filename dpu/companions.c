/* dpucc companions: the files that belong beside a compiled model (see artifact.h) */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "dpu/artifact.h"
#include "dpu/command.h"
#include "dpu/model.h"
#include "dpu/target_argument.h"
#include "dpu/where.h"

const char command_companions_help[] =
        "usage: dpucc companions [--arch FILE] NET.xmodel\n"
        "\n"
        "Writes meta.json, md5sum.txt and report.json beside a compiled model of any\n"
        "compiler, as they would be there after a compile.\n"
        "\n"
        "      --arch FILE  the arch.json it is for; without it what the file says\n"
        "\n"
        "Example:\n"
        "  dpucc companions out/unet.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

/* there is one option only */
static int companions_option(const char *name, int option, void *arguments) {
        const char **ret_arch = arguments;

        (void) name;
        (void) option;
        *ret_arch = optarg;
        return COMMAND_OK;
}

static int companions_parse(int argc, char **argv, const char **ret_arch) {
        static const struct option options[] = {
                { "arch", required_argument, NULL, 'a' },
                { NULL, 0, NULL, 0 },
        };
        int code;

        code = command_options(argc, argv, "", options, companions_option, ret_arch);
        if (code != COMMAND_OK)
                return code;
        if (optind + 1 != argc || !path_ends_with(argv[optind], ".xmodel"))
                return command_usage(argv[0], "one file, please, NET.xmodel");
        return COMMAND_OK;
}

/* of the first DPU subgraph; 0: it has none */
static uint64_t companions_fingerprint(const Graph *graph) {
        for (size_t i = 0; i < graph->root->n_children; i++) {
                const Subgraph *child = graph->root->children[i];
                uint64_t fingerprint;

                if (where_runs_on(child, "DPU") &&
                    attrs_uint64(&child->attrs, "dpu_fingerprint", &fingerprint) == 0)
                        return fingerprint;
        }
        return 0;
}

static void companions_say(const Graph *graph, const char *path, const Md5 *md5) {
        _cleanup_(freep) char *dir = path_dirname(path);
        size_t n_dpu = 0;
        char hex[MD5_HEX];

        for (size_t i = 0; i < graph->root->n_children; i++)
                n_dpu += where_runs_on(graph->root->children[i], "DPU");
        md5_to_hex(md5, hex);
        (void) fprintf(stderr, "Total device subgraph number %zu, DPU subgraph number %zu\n",
                       graph->root->n_children, n_dpu);
        (void) fprintf(stderr, "The meta json is saved to \"%s/meta.json\"\n", dir ?: ".");
        (void) fprintf(stderr, "The compiled xmodel is saved to \"%s\"\n", path);
        (void) fprintf(stderr,
                       "The compiled xmodel's md5sum is %s, and has been saved to "
                       "\"%s/md5sum.txt\"\n",
                       hex, dir ?: ".");
}

static int companions_write(const Model *model, const char *path, uint64_t fingerprint,
                            Problem *problem) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(freep) char *dir = path_dirname(path), *net_name = NULL;
        ArtifactSpec spec = { .output_dir = dir };
        Md5 md5;
        int r;

        net_name = strndup(path_basename(path), strlen(path_basename(path)) - strlen(".xmodel"));
        if (!dir || !net_name)
                return -ENOMEM;
        r = model_graph(model, &graph, problem);
        if (r < 0)
                return r;
        spec.graph = graph;
        spec.net_name = net_name;
        spec.fingerprint = companions_fingerprint(graph) ?: fingerprint;
        if (spec.fingerprint == 0)
                return problem_set(problem, -EINVAL,
                                   "%s does not say what it is for: --arch is needed", path);
        r = artifact_write_companions(&spec, &model->bytes, &md5, problem);
        if (r == 0)
                companions_say(graph, path, &md5);
        return r;
}

static int companions_run(const char *path, const char *arch, Problem *problem) {
        uint64_t fingerprint = 0;
        Model model;
        int r = 0;

        if (arch)
                r = target_argument_resolve(arch, NULL, &fingerprint, problem);
        if (r == 0)
                r = model_init(&model, path, problem);
        if (r < 0)
                return r;
        r = model.class == XMODEL_COMPILED
                    ? companions_write(&model, path, fingerprint, problem)
                    : problem_set(problem, -EBADMSG, "%s: not a compiled model: %s", path,
                                  model.reason.text);
        model_deinit(&model);
        return r;
}

int command_companions(int argc, char **argv) {
        const char *arch = NULL;
        Problem problem = { "" };
        int code, r;

        code = companions_parse(argc, argv, &arch);
        if (code != COMMAND_OK)
                return code;
        r = companions_run(argv[optind], arch, &problem);
        return r < 0 ? command_failed(argv[0], r, &problem) : COMMAND_OK;
}
