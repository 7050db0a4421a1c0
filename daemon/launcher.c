#include "daemon/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "daemon/search.h"

#define LAUNCHER_SCRIPT_MAX ((size_t) 1024 * 1024) /* bytes; what is longer is no script */

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

static int launcher_hash_file(const char *path, Hasher *hasher) {
        static const char machine_code[] = "\177ELF";
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(LAUNCHER_SCRIPT_MAX);
        int r;

        r = file_read(AT_FDCWD, path, &text);
        if (r < 0)
                return error_is_of_file(r) ? 0 : r;
        if (text.size >= strlen(machine_code) &&
            memcmp(text.data, machine_code, strlen(machine_code)) == 0)
                return 0;
        r = hasher_update(hasher, path, strlen(path) + 1);
        return r < 0 ? r : hasher_update(hasher, text.data, text.size);
}

int launcher_hash(const ConfigToolchain *toolchain, Hasher *hasher) {
        const Strings *words = &toolchain->launcher;
        int r = 0;

        for (size_t i = 0; r == 0 && i < words->n; i++) {
                _cleanup_(freep) char *program = NULL;

                if (words->items[i][0] == '/')
                        r = launcher_hash_file(words->items[i], hasher);
                else if (i == 0)
                        r = search_program(words->items[i], NULL, &program, NULL);
                if (r == 0 && program)
                        r = launcher_hash_file(program, hasher);
                if (r == -ENOENT)
                        r = 0;
        }
        return r;
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
