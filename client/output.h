#pragma once

/*
 * Output: for people, or JSON, nothing in between
 *
 * What comes from files or from the daemon is bytes, and passes through here on its way to a
 * terminal: control characters and broken UTF-8 are escaped. Colour only on a terminal, and not
 * when NO_COLOR is set.
 */

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum OutputColour {
        OUTPUT_PLAIN,
        OUTPUT_BOLD,
        OUTPUT_DIM,
        OUTPUT_RED,
        OUTPUT_GREEN,
        OUTPUT_YELLOW,
} OutputColour;

bool output_is_terminal(FILE *out); /* one that can move its cursor */

void output_text(OutputColour colour, const char *text);              /* escaped */
void output_padded(OutputColour colour, const char *text, int width); /* filled up with blanks */
void output_bytes(ProtobufCBinaryData bytes);                         /* a path, escaped */
/* What a script wants byte by byte, a path or a log: as it is into a pipe or file, escaped on a
 * terminal, where lines and tabs stay what they are. */
void output_result(FILE *out, const void *data, size_t n);
/* "  name        value", nothing if @value is NULL or empty */
void output_field(const char *name, const char *value);
void output_field_bytes(const char *name, ProtobufCBinaryData value);
void output_size(uint64_t bytes, char ret[16]);  /* "12.3 MB" */
void output_duration(uint64_t ms, char ret[16]); /* "1.2 s", "3 min", "5 h", "12 d" */

/* "dpucc-client: TEXT" on stderr, escaped */
void output_complain(const char *text);
void output_note(const char *text);                    /* likewise, "note: " */
void output_hint(const char *text);                    /* a further line of a complaint */
void output_warn(const char *label, const char *text); /* "LABELTEXT" on stderr, escaped */
