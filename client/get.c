#include "base/cleanup.h"
#include "client/command.h"
#include "client/fetch.h"
#include "client/named.h"

const char command_get_help[] =
        "usage: dpucc-client get [OPTION...] XMODEL\n"
        "\n"
        "Prints the path of the artifact that is up to date with the quantized model XMODEL, "
        "which\n"
        "may be named as NET@TARGET, too.\n"
        "\n"
        "  --arch FILE      compile for this arch.json\n"
        "  --target NAME    compile for this target of the project file, or NAME of "
        "arch-NAME.json\n"
        "  --wait           wait until it is compiled; without it: exit status 3 if it is not\n"
        "  -o FILE          write a copy to FILE, and print that\n"
        "  --depfile FILE   write what the artifact rests on to FILE, for make, ninja and CMake\n"
        "\n"
        "Without --arch and --target the model is paired with the arch files near it, or with\n"
        "what dpucc.json in the workspace says.\n"
        "\n"
        "Examples:\n"
        "  dpucc-client get --wait unet_int.xmodel\n"
        "  scp \"$(dpucc-client get --wait unet_int.xmodel)\" board:\n"
        "  dpucc-client get --wait --target antelope -o unet.xmodel unet_int.xmodel\n"
        "\n"
        "Exit status: 0 the path was printed, 2 several targets and none chosen, 3 not ready yet,\n"
        "4 the compile failed, 5 not a source, 6 no daemon, 7 a limit is exceeded, 124 timed "
        "out.\n";

enum {
        GET_ARCH = 256,
        GET_TARGET,
        GET_WAIT,
        GET_DEPFILE,
};

static int get_option(int c, const char *value, void *userdata) {
        FetchSpec *spec = userdata;

        switch (c) {
        case GET_ARCH:
                spec->arch = value;
                break;
        case GET_TARGET:
                spec->target = value;
                break;
        case GET_WAIT:
                spec->wait = true;
                break;
        case GET_DEPFILE:
                spec->depfile = value;
                break;
        default: /* 'o' is the only other one */
                spec->copy_to = value;
        }
        return 0;
}

int command_get(Options *options, int argc, char **argv) {
        static const struct option longs[] = {
                { "arch", required_argument, NULL, GET_ARCH },
                { "target", required_argument, NULL, GET_TARGET },
                { "wait", no_argument, NULL, GET_WAIT },
                { "depfile", required_argument, NULL, GET_DEPFILE },
                {},
        };
        FetchSpec spec = {};
        const OptionsOwn own = { "o:", longs, get_option, &spec };
        int first = options_operands(options, argc, argv, &own, 1, 1);
        _cleanup_(named_deinit) Named named = {};
        int code;

        if (first < 0)
                return options_code(first);
        if (spec.arch && spec.target)
                return options_complain(argv[0], "either --arch or --target, not both");
        spec.source = argv[first];
        code = named_find(options, &spec, &named);
        if (code != CODE_DONE)
                return code;
        if (fetch_overwrites_input(&spec, spec.copy_to))
                return options_complain(argv[0], "-o would replace what is to be compiled");
        if (fetch_overwrites_input(&spec, spec.depfile))
                return options_complain(argv[0], FETCH_DEPFILE_OVERWRITES);
        return fetch(options, &spec);
}
