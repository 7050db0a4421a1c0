#pragma once

/*
 * Commands that need no daemon: `dpucc` does them, and everything after the word is handed over
 * as it is
 */

#include <stdbool.h>

/* Becomes `dpucc @command ...`; @argv[0] is left out, @json adds --json. Returns only if that
 * failed: the exit code, after saying why. */
int handover_run(const char *command, bool json, int argc, char **argv);
