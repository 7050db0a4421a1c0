#pragma once

/* Spoken: what another of our programs prints for --help. */

/* "PROGRAM [COMMAND] --help": its text, a new string. -errno, and nothing is said. */
int spoken_help(const char *program, const char *command, char **ret);
