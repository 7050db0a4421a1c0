#include "daemon/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/capture.h"
#include "daemon/launcher.h"
#include "daemon/native.h"

#define REMOTE_ASK_MS 120000 /* the scheduler's queue is part of it */

/* $1 is the program, $2 "alone" or "packages", $3 native_places(); the rest are the names of the
 * packages. The last line tells that nothing is missing. */
#define REMOTE_SCRIPT                                                                              \
        "program=$(readlink -f -- \"$1\") && [ -x \"$program\" ] || exit 44\n"                     \
        "here=$(cd -- \"$(dirname -- \"$1\")\" && pwd -P)\n"                                       \
        "[ \"$(dirname -- \"$program\")\" = \"$here\" ] || printf 'link %s\\n' \"$1\"\n"           \
        "what=$2; places=$3; shift 3\n"                                                            \
        "sha256sum -- \"$program\" || exit 45\n"                                                   \
        "[ \"$what\" = packages ] || { echo complete; exit 0; }\n"                                 \
        "prefix=$(dirname -- \"$(dirname -- \"$program\")\")\n"                                    \
        "case $prefix in /|/usr) ;; *) places=$prefix/lib:$places ;; esac\n"                       \
        "IFS=:; set -f\n"                                                                          \
        "for place in $places; do\n"                                                               \
        "  set +f\n"                                                                               \
        "  case $place in /*) ;; *) continue ;; esac\n"                                            \
        "  for name; do\n"                                                                         \
        "    for path in \"$place\"/\"$name\"* \"$place\"/lib\"$name\"* \\\n"                      \
        "        \"$place\"/python3*/\"$name\"* \"$place\"/site-packages/\"$name\"* \\\n"          \
        "        \"$place\"/python3*/site-packages/\"$name\"*; do\n"                               \
        "      [ ! -e \"$path\" ] || find -L \"$path\" -type f ! -path '*/__pycache__/*' "         \
        "-print0\n"                                                                                \
        "    done\n"                                                                               \
        "  done\n"                                                                                 \
        "done | LC_ALL=C sort -zu | xargs -0 -r sha256sum -- || exit 45\n"                         \
        "echo complete\n"

#define REMOTE_END "complete\n"

static int remote_command(const ConfigToolchain *toolchain, const char *program, bool alone,
                          Command *command, Problem *problem) {
        static const char *const packages[] = { NATIVE_PACKAGES };
        _cleanup_(freep) char *places = native_places();
        int r;

        if (!places)
                return -ENOMEM;
        r = launcher_add(toolchain, command, problem);
        if (r < 0)
                return r;
        command_option(command, "/bin/sh", "-c");
        command_option(command, REMOTE_SCRIPT, "dpucc");
        command_option(command, program, alone ? "alone" : "packages");
        command_argument(command, places);
        for (size_t i = 0; i < ARRAY_SIZE(packages); i++)
                command_argument(command, packages[i]);
        command_variable(command, "PATH", "/usr/local/bin:/usr/bin:/bin");
        command_pass(command, "HOME");
        command_pass(command, "USER");
        launcher_add_environment(toolchain, command);
        return command_finish(command);
}

/* The end is a line of its own: the last name may end in the same way. */
int remote_count(Slice answer, uint32_t *ret) {
        size_t n = strlen(REMOTE_END), before;
        uint32_t lines = 0;

        if (answer.size < n || memcmp(answer.data + answer.size - n, REMOTE_END, n) != 0)
                return -EBADMSG;
        before = answer.size - n;
        if (before > 0 && answer.data[before - 1] != '\n')
                return -EBADMSG;
        for (size_t i = 0; i < before; i++)
                lines += answer.data[i] == '\n';
        *ret = lines;
        return 0;
}

int remote_hash(const ConfigToolchain *toolchain, const char *program, bool alone,
                const atomic_bool *cancelled, Hasher *hasher, uint32_t *ret_n, Problem *problem) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        Slice out;
        char line[256];
        int r;

        r = remote_command(toolchain, program, alone, &command, problem);
        if (r < 0)
                return r;
        command.cancelled = cancelled;
        r = capture_run(&command, REMOTE_ASK_MS, &capture);
        if (r == -ECANCELED)
                return r;
        if (r < 0)
                return problem_set(problem, -EAGAIN,
                                   "toolchain %s: its launcher %s did not tell what it runs: %s",
                                   toolchain->name, toolchain->launcher.items[0], strerror(-r));
        if (capture.status == 44)
                return problem_set(problem, -ENOENT,
                                   "toolchain %s is not installed: %s is no program where its "
                                   "launcher %s runs it",
                                   toolchain->name, program, toolchain->launcher.items[0]);
        out = bytes_slice(&capture.out);
        if (capture.status != 0 || remote_count(out, ret_n) < 0) {
                capture_first_line(&capture, line, sizeof(line));
                return problem_set(problem, -EAGAIN, "toolchain %s: its launcher %s failed: %s",
                                   toolchain->name, toolchain->launcher.items[0], line);
        }
        return hasher_update(hasher, out.data, out.size);
}
