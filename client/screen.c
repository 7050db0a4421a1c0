#include "client/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/utf8.h"

#define SCREEN_TEXT_MAX 8192 /* bytes of one text; more than any screen is wide */
#define SCREEN_MAX      1000 /* rows and columns that are believed */

static size_t screen_size(unsigned short told, const char *variable, size_t otherwise) {
        const char *text = getenv(variable);
        long n = told > 0 ? told : strtol(text ?: "", NULL, 10);

        return n > 0 && n <= SCREEN_MAX ? (size_t) n : otherwise;
}

size_t screen_columns(FILE *out) {
        struct winsize size = {};

        (void) ioctl(fileno(out), TIOCGWINSZ, &size);
        return screen_size(size.ws_col, "COLUMNS", 80);
}

Screen screen_of_terminal(void) {
        struct winsize size = {};

        (void) ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        return (Screen){
                .columns = screen_columns(stdout),
                .rows = screen_size(size.ws_row, "LINES", 24),
        };
}

static size_t screen_room(const Screen *screen) {
        return screen->column < screen->columns ? screen->columns - screen->column : 0;
}

/* @text of @n bytes is escaped and fits */
static void screen_put(Screen *screen, OutputColour colour, const char *text, size_t n) {
        char piece[SCREEN_TEXT_MAX];

        screen->column += utf8_columns(text, n);
        if (screen->is_rehearsal)
                return;
        (void) snprintf(piece, sizeof(piece), "%.*s", (int) n, text);
        output_text(colour, piece);
}

/* cut to @room columns */
static void screen_put_front(Screen *screen, OutputColour colour, const char *text, size_t room) {
        size_t n = strlen(text);
        char cut[SCREEN_TEXT_MAX];

        if (utf8_columns(text, n) <= room) {
                screen_put(screen, colour, text, n);
                return;
        }
        n = utf8_fit(text, n, room > 3 ? room - 3 : 0);
        (void) snprintf(cut, sizeof(cut), "%.*s%.*s", (int) n, text, (int) (room < 3 ? room : 3),
                        "...");
        screen_put(screen, colour, cut, strlen(cut));
}

void screen_text(Screen *screen, OutputColour colour, const char *text) {
        char escaped[SCREEN_TEXT_MAX - 4];

        (void) utf8_escape(text, strlen(text), escaped, sizeof(escaped));
        screen_put_front(screen, colour, escaped, screen_room(screen));
}

void screen_format(Screen *screen, OutputColour colour, const char *format, ...) {
        char text[SCREEN_TEXT_MAX - 4];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        screen_text(screen, colour, text);
}

static void screen_blanks(Screen *screen, size_t n) {
        size_t room = screen_room(screen);

        n = n < room ? n : room;
        screen->column += n;
        if (!screen->is_rehearsal)
                (void) printf("%*s", (int) n, "");
}

void screen_padded(Screen *screen, OutputColour colour, const char *text, size_t width) {
        char escaped[SCREEN_TEXT_MAX - 4];
        size_t before = screen->column, room = screen_room(screen);

        (void) utf8_escape(text, strlen(text), escaped, sizeof(escaped));
        screen_put_front(screen, colour, escaped, width < room ? width : room);
        screen_blanks(screen, width + 2 - (screen->column - before));
}

void screen_path(Screen *screen, OutputColour colour, const char *path) {
        char escaped[SCREEN_TEXT_MAX - 4], cut[SCREEN_TEXT_MAX];
        size_t n = utf8_escape(path, strlen(path), escaped, sizeof(escaped));
        size_t room = screen_room(screen), columns = utf8_columns(escaped, n), from = 0;

        if (columns <= room || room < 8) {
                screen_put_front(screen, colour, escaped, room);
                return;
        }
        /* whole characters, until the rest and the dots fit */
        from = utf8_fit(escaped, n, columns - room + 3);
        if (utf8_columns(escaped + from, n - from) + 3 > room)
                from += utf8_fit(escaped + from, n - from, 2);
        (void) snprintf(cut, sizeof(cut), "...%s", escaped + from);
        screen_put_front(screen, colour, cut, room);
}

void screen_end(Screen *screen) {
        screen->n_rows++;
        screen->column = 0;
        if (!screen->is_rehearsal)
                (void) putchar('\n');
}

/* The length of the front of @text that goes into @room columns, up to a blank if possible. */
static size_t screen_break(const char *text, size_t room) {
        size_t n = utf8_fit(text, strlen(text), room), blank = n;

        if (text[n] == '\0')
                return n;
        while (blank > 0 && text[blank] != ' ')
                blank--;
        return blank > 0 ? blank : n;
}

void screen_paragraph(Screen *screen, OutputColour colour, size_t indent, size_t n_max,
                      const char *text) {
        char escaped[SCREEN_TEXT_MAX - 4];
        const char *rest = escaped;

        if (screen->columns <= indent)
                indent = 0;
        (void) utf8_escape(text, strlen(text), escaped, sizeof(escaped));
        for (size_t i = 0; i < n_max && *rest; i++) {
                size_t n = screen_break(rest, screen->columns - indent);

                screen_blanks(screen, indent);
                if (i + 1 == n_max || n == 0) /* what is left, cut */
                        n = strlen(rest);
                if (utf8_columns(rest, n) > screen_room(screen))
                        screen_put_front(screen, colour, rest, screen_room(screen));
                else
                        screen_put(screen, colour, rest, n);
                screen_end(screen);
                rest += n;
                rest += strspn(rest, " ");
        }
}
