#pragma once

/*
 * Usage: what a help text says of the command line, for completion
 *
 * The texts that people read are the only list of options and operands, so what a shell offers and
 * what --help says cannot differ. Options stand on lines of their own,
 *
 *      "  -o, --output_dir DIR   deliver the artifact there"
 *
 * and operands in the lines from "usage:" to the first empty one. Everything points into the text.
 */

#include <stdbool.h>
#include <stddef.h>

#define USAGE_WORD_MAX 64 /* bytes of a name that is believed */

typedef struct UsageOption {
        char letter;                /* 0: none */
        char name[USAGE_WORD_MAX];  /* with "--"; "" if there is only a letter */
        char value[USAGE_WORD_MAX]; /* as it is called; "" if it takes none */
        char text[128];             /* what it means, cut */
} UsageOption;

/* The next option at or after *@text, which moves behind it. false: there is none. */
bool usage_next_option(const char **text, UsageOption *ret);

/* "XMODEL", "X", "DIR", "PATH", "FILE", "COMMAND": the first operand that is one of these; "" if
 * there is none. */
void usage_operand(const char *text, char ret[USAGE_WORD_MAX]);
