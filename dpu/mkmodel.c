/*
 * dpucc mkmodel
 *
 * Makes a quantized model out of nothing, for trials, tests and demonstrations. The file appears
 * under its name in one step, so that a watching daemon sees one save.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "dpu/command.h"
#include "dpu/models/network.h"

#define MKMODEL_FILE_MAX ((size_t) 1 << 30)

const char command_mkmodel_help[] =
        "usage: dpucc mkmodel NETWORK -o FILE [--seed N] [--size PIXELS]\n"
        "                     [--change-weight I] [--shuffle N]\n"
        "       dpucc mkmodel --list\n"
        "\n"
        "Writes a quantized model in the form that vai_q_pytorch exports. The network has\n"
        "the architecture of what it is named after, its weights are random. Equal\n"
        "arguments give equal bytes, on every machine.\n"
        "\n"
        "  -o, --output FILE        where to; replaced in one step if it exists\n"
        "      --seed N             other weights; default 0\n"
        "      --size PIXELS        height and width of the input\n"
        "      --change-weight I    move weight number I (from 0, in the order of the\n"
        "                           layers) by one step of its grid: another model\n"
        "      --shuffle N          the same model in other bytes, as a new export would\n"
        "                           have them: other orders of map entries and ops\n"
        "      --list               name the networks\n"
        "\n"
        "Example:\n"
        "  dpucc mkmodel unet --seed 1 --size 64 -o Unet_int.xmodel\n"
        "\n"
        "Exit status: 0 done, 1 error, 2 usage.\n";

typedef struct MkmodelArguments {
        const char *output;
        NetworkOptions network;
        uint64_t shuffle;
        bool shuffled;
        bool list;
} MkmodelArguments;

static int mkmodel_option(const char *name, int option, void *arguments) {
        MkmodelArguments *ret = arguments;
        uint64_t size;
        int code;

        switch (option) {
        case 'o':
                ret->output = optarg;
                return COMMAND_OK;
        case 's':
                return command_number(name, "--seed", optarg, UINT64_MAX, &ret->network.seed);
        case 'z':
                code = command_number(name, "--size", optarg, NETWORK_SIZE_MAX, &size);
                if (code == COMMAND_OK && size == 0)
                        return command_usage(name, "--size 0 leaves nothing");
                if (code == COMMAND_OK)
                        ret->network.size = (int32_t) size;
                return code;
        case 'c':
                return command_number(name, "--change-weight", optarg, UINT64_MAX - 1,
                                      &ret->network.change_weight);
        case 'h':
                ret->shuffled = true;
                return command_number(name, "--shuffle", optarg, UINT64_MAX, &ret->shuffle);
        case 'l':
                ret->list = true;
                return COMMAND_OK;
        default:
                return COMMAND_USAGE;
        }
}

static int mkmodel_parse(int argc, char **argv, MkmodelArguments *ret) {
        static const struct option options[] = {
                { "output", required_argument, NULL, 'o' },
                { "seed", required_argument, NULL, 's' },
                { "size", required_argument, NULL, 'z' },
                { "change-weight", required_argument, NULL, 'c' },
                { "shuffle", required_argument, NULL, 'h' },
                { "list", no_argument, NULL, 'l' },
                { NULL, 0, NULL, 0 },
        };

        return command_options(argc, argv, "o:", options, mkmodel_option, ret);
}

static int mkmodel_list(void) {
        const Network *network;

        for (size_t i = 0; (network = network_at(i)); i++) {
                (void) printf("%-12s %s", network->name, network->summary);
                if (network->size_step > 0)
                        (void) printf(" (--size: multiples of %d)", network->size_step);
                (void) printf("\n");
        }
        return COMMAND_OK;
}

static int mkmodel_write(const Network *network, const MkmodelArguments *arguments,
                         Problem *problem) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(MKMODEL_FILE_MAX);
        _cleanup_(graph_freep) Graph *graph = NULL;
        int r;

        r = network_make(network, &arguments->network, &graph, problem);
        if (r < 0)
                return r;
        r = arguments->shuffled ? graph_write_shuffled(graph, arguments->shuffle, &bytes, problem)
                                : graph_write(graph, true, &bytes, problem);
        return r < 0 ? r : file_save(arguments->output, &bytes, problem);
}

int command_mkmodel(int argc, char **argv) {
        MkmodelArguments arguments = { .network = NETWORK_OPTIONS_INIT };
        const Network *network;
        Problem problem = { "" };
        int r;

        r = mkmodel_parse(argc, argv, &arguments);
        if (r != COMMAND_OK)
                return r;
        if (arguments.list)
                return optind == argc ? mkmodel_list()
                                      : command_usage(argv[0], "--list takes no network");
        if (optind + 1 != argc)
                return command_usage(argv[0], "one network, please; --list names them");
        network = network_find(argv[optind]);
        if (!network)
                return command_usage(argv[0], "no network '%s'; --list names them", argv[optind]);
        if (!arguments.output)
                return command_usage(argv[0], "no output file: use -o FILE");

        r = mkmodel_write(network, &arguments, &problem);
        return r < 0 ? command_failed(argv[0], r, &problem) : COMMAND_OK;
}
