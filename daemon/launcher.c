#include "daemon/launcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/search.h"

int launcher_add(const ConfigToolchain *toolchain, Command *command, Problem *problem) {
        const Strings *words = &toolchain->launcher;
        _cleanup_(freep) char *program = NULL;
        int r = 0;

        if (words->n == 0)
                return 0;
        if (words->items[0][0] != '/')
                r = search_program(words->items[0], NULL, &program, NULL);
        else
                r = search_check(words->items[0], NULL);
        if (r == -ENOENT)
                return problem_set(problem, r,
                                   "toolchain %s cannot be started: its launcher %s is not on this "
                                   "machine; install it or correct \"launcher\"",
                                   toolchain->name, words->items[0]);
        if (r < 0)
                return problem_set(problem, r, "toolchain %s: its launcher %s: %s", toolchain->name,
                                   words->items[0], strerror(-r));

        command_argument(command, program ?: words->items[0]);
        for (size_t i = 1; i < words->n; i++)
                command_argument(command, words->items[i]);
        return 0;
}

void launcher_add_environment(const ConfigToolchain *toolchain, Command *command) {
        static const char *const passed[] = {
                "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "SLURM_CONF", "KRB5CCNAME",
                "SSH_AUTH_SOCK",
        };

        if (toolchain->launcher.n == 0)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
                command_pass(command, passed[i]);
}
