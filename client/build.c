#include "client/command.h"
#include "client/fetch.h"

const char command_build_help[] =
        "usage: dpucc-client build [OPTION...] XMODEL\n"
        "\n"
        "Compiles the quantized model XMODEL, wherever it is, unless the cache has the result, "
        "waits\n"
        "for it, and prints the artifact's path in the cache.\n"
        "\n"
        "  --arch FILE          compile for this arch.json\n"
        "  --output_dir DIR     deliver the artifact there\n"
        "  --net_name NAME      name it NAME.xmodel\n"
        "  -e, --options TEXT   options for the compiler, as for vai_c_xir\n"
        "\n"
        "Examples:\n"
        "  dpucc-client build unet_int.xmodel --arch arch.json\n"
        "  dpucc-client build unet_int.xmodel --arch arch.json --output_dir out --net_name unet\n"
        "  dpucc-client --force --toolchain dpucc build unet_int.xmodel --arch arch.json\n"
        "\n"
        "Exit status: 0 done, 4 the compile failed, 5 not a source, 6 no daemon, 7 a limit is\n"
        "exceeded, 124 timed out.\n";

enum {
        BUILD_ARCH = 256,
        BUILD_OUTPUT_DIR,
        BUILD_NET_NAME,
};

static int build_option(int c, const char *value, void *userdata) {
        FetchSpec *spec = userdata;

        switch (c) {
        case BUILD_ARCH:
                spec->arch = value;
                break;
        case BUILD_OUTPUT_DIR:
                spec->output_dir = value;
                break;
        case BUILD_NET_NAME:
                spec->net_name = value;
                break;
        default: /* 'e' is the only other one */
                spec->options = value;
        }
        return 0;
}

int command_build(Options *options, int argc, char **argv) {
        static const struct option longs[] = {
                { "arch", required_argument, NULL, BUILD_ARCH },
                { "output_dir", required_argument, NULL, BUILD_OUTPUT_DIR },
                { "net_name", required_argument, NULL, BUILD_NET_NAME },
                { "options", required_argument, NULL, 'e' },
                {},
        };
        FetchSpec spec = { .wait = true };
        const OptionsOwn own = { "e:", longs, build_option, &spec };
        int first = options_operands(options, argc, argv, &own, 1, 1);

        if (first < 0)
                return options_code(first);
        spec.source = argv[first];
        return fetch(options, &spec);
}
