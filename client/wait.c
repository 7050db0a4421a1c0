#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client/answer.h"
#include "client/ask.h"
#include "client/command.h"
#include "client/place.h"

const char command_wait_help[] =
        "usage: dpucc-client wait [--all | PATH]\n"
        "\n"
        "Waits until every save made before is accounted for, and nothing of it is being compiled\n"
        "any more: in the workspace that holds PATH (default: the current directory). While\n"
        "compiling is paused that takes until 'dpucc-client resume', or --timeout.\n"
        "\n"
        "  --all   in all workspaces\n"
        "\n"
        "Examples:\n"
        "  python3 quantize.py && dpucc-client wait\n"
        "  dpucc-client wait --all --timeout 600\n"
        "\n"
        "What is compiled and delivered must then be what the files say. If a model failed, has "
        "no\n"
        "target or could not be delivered, or if a dpucc.json or arch file is wrong, so that the\n"
        "last good one is in force, each such case is named, and the exit status is 4.\n"
        "\n"
        "Exit status: 0 everything is ready, 4 something is not, 5 PATH is in no workspace or\n"
        "does not exist, 6 no daemon, 124 timed out.\n";

static int wait_option(int c, const char *value, void *userdata) {
        (void) c; /* there is one only */
        (void) value;
        *(bool *) userdata = true;
        return 0;
}

static int wait_find_place(const char *path, char **ret, Problem *problem) {
        int r = place_of_directory(path, ret);

        if (r < 0)
                return problem_set(problem, r, "%s: %s", path, strerror(-r));
        return access(*ret, F_OK) < 0
                       ? problem_set(problem, -errno, "%s: %s", *ret, strerror(errno))
                       : 0;
}

int command_wait(Options *options, int argc, char **argv) {
        static const struct option longs[] = { { "all", no_argument, NULL, 256 }, {} };
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        Dpucc__Wire__WaitRequest wait = DPUCC__WIRE__WAIT_REQUEST__INIT;
        _cleanup_(freep) char *place = NULL;
        bool all = false;
        const OptionsOwn own = { "", longs, wait_option, &all };
        int first = options_operands(options, argc, argv, &own, 0, 1);
        int r;

        if (first < 0)
                return options_code(first);
        if (all && first < argc)
                return options_complain(argv[0], "either --all or PATH, not both");
        r = all ? 0 : wait_find_place(first < argc ? argv[first] : ".", &place, &x.problem);
        if (r < 0) {
                x.code = CODE_NOT_FOUND;
                (void) answer_print(&x, options);
                return x.code;
        }

        wait.has_all = wait.all = all;
        wait.has_path = !all;
        wait.path.data = (uint8_t *) place;
        wait.path.len = place ? strlen(place) : 0;
        x.request.body_case = DPUCC__WIRE__REQUEST__BODY_WAIT;
        x.request.wait = &wait;
        x.patient = true;
        return ask(options, &x, NULL);
}
