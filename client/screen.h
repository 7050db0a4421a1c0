#pragma once

/*
 * Screens: lines on a terminal that end where it ends
 *
 * What does not fit into a line is cut, and "..." says so; nothing wraps by itself, so the number
 * of rows is known. A screen can be drawn without showing it, to know that number beforehand.
 * Texts are escaped.
 */

#include <stdbool.h>
#include <stddef.h>

#include "client/output.h"

typedef struct Screen {
        size_t columns, rows;
        bool is_rehearsal; /* nothing is shown */
        size_t n_rows;     /* that were drawn */
        size_t column;     /* in the row that is being drawn */
} Screen;

/* That of stdout; 80 by 24 if it does not tell. */
Screen screen_of_terminal(void);

size_t screen_columns(FILE *out); /* of the terminal there */

void screen_text(Screen *screen, OutputColour colour, const char *text);
/* the same, filled up with blanks to @width, or cut to it, and two blanks */
void screen_padded(Screen *screen, OutputColour colour, const char *text, size_t width);
/* the end of a path, if there is no room for all of it */
void screen_path(Screen *screen, OutputColour colour, const char *path);
void screen_format(Screen *screen, OutputColour colour, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void screen_end(Screen *screen); /* of the row */

/* On rows of its own, broken at blanks: at most @n_max of them. */
void screen_paragraph(Screen *screen, OutputColour colour, size_t indent, size_t n_max,
                      const char *text);
