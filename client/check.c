/*
 * `check` needs no daemon: dpucc does it. Everything after the word is handed over as it is, and
 * of what stood before it --json; the rest is about the daemon.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/problem.h"
#include "base/program.h"
#include "client/command.h"
#include "client/output.h"

const char command_check_help[] =
        "usage: dpucc-client check FILE [--arch A | --fingerprint 0x...] [--source Q]\n"
        "\n"
        "Tells of any compiled file for which target it was made, from which source, and whether\n"
        "the board with that arch.json will take it. The same as 'dpucc check', which has the "
        "rest\n"
        "of the help.\n"
        "\n"
        "Example:\n"
        "  dpucc-client check unet.xmodel --arch arch.json\n"
        "\n"
        "Exit status: 0 it is right, 8 it is not, 1 error, 2 usage.\n";

/* Returns only if it failed. */
static int check_hand_over(const char *program, bool json, int argc, char **argv) {
        _cleanup_(freep) char **handed = calloc((size_t) argc + 3, sizeof(*handed));
        size_t n = 0;

        if (!handed)
                return -ENOMEM;
        handed[n++] = (char *) program;
        handed[n++] = (char *) "check";
        if (json)
                handed[n++] = (char *) "--json";
        for (int i = 1; i < argc; i++)
                handed[n++] = argv[i];
        (void) execv(program, handed);
        return error_from_errno();
}

int command_check(Options *options, int argc, char **argv) {
        _cleanup_(freep) char *program = NULL;
        Problem problem;
        int r;

        r = program_find("dpucc", &program);
        if (r < 0) {
                output_complain("cannot find the program dpucc, neither beside dpucc-client nor "
                                "on PATH");
                return CODE_ERROR;
        }
        r = check_hand_over(program, options->json, argc, argv);
        (void) problem_set(&problem, r, "%s: %s", program, strerror(-r));
        output_complain(problem.text);
        return CODE_ERROR;
}
