#include "client/command.h"
#include "client/fetch.h"

const char command_adopt_help[] =
        "usage: dpucc-client adopt FILE --source XMODEL --arch A --toolchain NAME [OPTION...]\n"
        "\n"
        "Puts the compiled model FILE into the cache, as what the toolchain makes of the source\n"
        "for that target, and prints the artifact's path. FILE is checked first, as the output of\n"
        "a compile is: target, source by md5, inputs and outputs, DPU code. Nobody can check\n"
        "which compiler made it with which options: that is what you say with --toolchain. The\n"
        "record tells that it was adopted.\n"
        "\n"
        "  --source XMODEL      the quantized model that FILE was compiled from\n"
        "  --arch A             the arch.json that FILE was compiled for\n"
        "  --net_name NAME      how it is called\n"
        "  -e, --options TEXT   the compiler options it was made with\n"
        "\n"
        "An artifact that is there already stays, except with --force: a note then says that FILE\n"
        "was neither checked nor kept.\n"
        "\n"
        "Example:\n"
        "  dpucc-client adopt out/unet.xmodel --source unet_int.xmodel --arch arch.json \\\n"
        "    --toolchain native\n"
        "\n"
        "Exit status: 0 done, 5 no source, 6 no daemon, 8 FILE is not right, 124 timed out.\n";

enum {
        ADOPT_SOURCE = 256,
        ADOPT_ARCH,
        ADOPT_NET_NAME,
};

static int adopt_option(int c, const char *value, void *userdata) {
        FetchSpec *spec = userdata;

        switch (c) {
        case ADOPT_SOURCE:
                spec->source = value;
                break;
        case ADOPT_ARCH:
                spec->arch = value;
                break;
        case ADOPT_NET_NAME:
                spec->net_name = value;
                break;
        default: /* 'e' is the only other one */
                spec->options = value;
        }
        return 0;
}

int command_adopt(Options *options, int argc, char **argv) {
        static const struct option longs[] = {
                { "source", required_argument, NULL, ADOPT_SOURCE },
                { "arch", required_argument, NULL, ADOPT_ARCH },
                { "net_name", required_argument, NULL, ADOPT_NET_NAME },
                { "options", required_argument, NULL, 'e' },
                {},
        };
        FetchSpec spec = { .wait = true };
        const OptionsOwn own = { "e:", longs, adopt_option, &spec };
        int first = options_operands(options, argc, argv, &own, 1, 1);

        if (first < 0)
                return options_code(first);
        if (!spec.source || !spec.arch || !options->toolchain)
                return options_complain(argv[0], "--source, --arch and --toolchain are needed");
        spec.adopt = argv[first];
        return fetch(options, &spec);
}
