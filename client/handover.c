#include "client/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/problem.h"
#include "base/program.h"
#include "client/code.h"
#include "client/output.h"

/* Returns only if it failed. */
static int handover_exec(const char *program, const char *command, bool json, int argc,
                         char **argv) {
        _cleanup_(freep) char **handed = calloc((size_t) argc + 3, sizeof(*handed));
        size_t n = 0;

        if (!handed)
                return -ENOMEM;
        handed[n++] = (char *) program;
        handed[n++] = (char *) command;
        if (json)
                handed[n++] = (char *) "--json";
        for (int i = 1; i < argc; i++)
                handed[n++] = argv[i];
        (void) execv(program, handed);
        return error_from_errno();
}

int handover_run(const char *command, bool json, int argc, char **argv) {
        _cleanup_(freep) char *program = NULL;
        Problem problem;
        int r;

        r = program_find("dpucc", &program);
        if (r < 0) {
                output_complain("cannot find the program dpucc, neither beside dpucc-client nor "
                                "on PATH");
                return CODE_ERROR;
        }
        r = handover_exec(program, command, json, argc, argv);
        (void) problem_set(&problem, r, "%s: %s", program, strerror(-r));
        output_complain(problem.text);
        return CODE_ERROR;
}
