#pragma once

/*
 * Launchers: words before a command, which move it somewhere
 *
 *   nice -n 10                    here, but patiently
 *   systemd-run --user --scope    here, in a cgroup of its own
 *   srun -c 4 --mem 32G           where a scheduler finds room: "remote"
 *
 * A launcher passes on arguments, environment, working directory, standard output and exit
 * status, and ends its command when it is ended itself: these three do. Where it is remote, it
 * sees the cache directory and our program under the same paths as we do.
 */

#include "base/digest.h"
#include "base/problem.h"
#include "daemon/command.h"
#include "daemon/config.h"

/* Begins @command with the launcher of @toolchain; adds nothing if there is none. -ENOENT. */
int launcher_add(const ConfigToolchain *toolchain, Command *command, Problem *problem);

/* Adds the launcher's scripts: what is no machine code is the user's own, and may set anything for
 * the compiler. Programs are not added, for a scheduler that was updated makes no other compiler.
 * What cannot be found is launcher_add()'s to tell. */
int launcher_hash(const ConfigToolchain *toolchain, Hasher *hasher);

/* What the launchers themselves need of our environment. It changes no output, so it is in no
 * key. */
void launcher_add_environment(const ConfigToolchain *toolchain, Command *command);
