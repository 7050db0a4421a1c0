#include "base/cleanup.h"
#include "client/command.h"
#include "client/fetch.h"
#include "client/named.h"

const char command_build_help[] =
        "usage: dpucc-client build [OPTION...] XMODEL\n"
        "\n"
        "Compiles the quantized model XMODEL, wherever it is, unless the cache has the result, "
        "waits\n"
        "for it, and prints the artifact's path: in the --output_dir if there is one, else in the\n"
        "cache.\n"
        "\n"
        "  -a, --arch FILE        compile for this arch.json\n"
        "  -o, --output_dir DIR   deliver the artifact there\n"
        "  -n, --net_name NAME    name it NAME.xmodel\n"
        "  -e, --options TEXT     options for the compiler, as for vai_c_xir\n"
        "  -x, --xmodel XMODEL    the model, as for vai_c_xir; NET@TARGET of a known one will do\n"
        "      --depfile FILE     write what the artifact rests on to FILE, for make, ninja and "
        "CMake\n"
        "\n"
        "Examples:\n"
        "  dpucc-client build unet_int.xmodel --arch arch.json\n"
        "  dpucc-client build -x unet_int.xmodel -a arch.json -o out -n unet\n"
        "  dpucc-client --force --toolchain dpucc build unet_int.xmodel --arch arch.json\n"
        "\n"
        "Exit status: 0 done, 4 the compile failed, 5 not a source, 6 no daemon, 7 a limit is\n"
        "exceeded, 124 timed out.\n";

enum {
        BUILD_DEPFILE = 256,
};

static int build_option(int c, const char *value, void *userdata) {
        FetchSpec *spec = userdata;

        switch (c) {
        case 'a':
                spec->arch = value;
                break;
        case 'o':
                spec->output_dir = value;
                break;
        case 'n':
                spec->net_name = value;
                break;
        case 'x':
                spec->source = value;
                break;
        case BUILD_DEPFILE:
                spec->depfile = value;
                break;
        default: /* 'e' is the only other one */
                spec->options = value;
        }
        return 0;
}

int command_build(Options *options, int argc, char **argv) {
        static const struct option longs[] = {
                { "arch", required_argument, NULL, 'a' },
                { "output_dir", required_argument, NULL, 'o' },
                { "net_name", required_argument, NULL, 'n' },
                { "options", required_argument, NULL, 'e' },
                { "xmodel", required_argument, NULL, 'x' },
                { "depfile", required_argument, NULL, BUILD_DEPFILE },
                {},
        };
        FetchSpec spec = { .wait = true };
        const OptionsOwn own = { "a:o:n:e:x:", longs, build_option, &spec };
        int first = options_operands(options, argc, argv, &own, 0, 1);
        _cleanup_(named_deinit) Named named = {};
        int code;

        if (first < 0)
                return options_code(first);
        if (!spec.source == (first == argc))
                return options_complain(argv[0], spec.source ? "one XMODEL, with or without -x"
                                                             : "an argument is missing");
        if (first < argc)
                spec.source = argv[first];
        code = named_find(options, &spec, &named);
        if (code != CODE_DONE)
                return code;
        if (fetch_overwrites_input(&spec, spec.depfile))
                return options_complain(argv[0], FETCH_DEPFILE_OVERWRITES);
        return fetch(options, &spec);
}
