#include "client/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define OUTPUT_LINE_MAX 8192 /* bytes of one escaped text on stderr */
#define OUTPUT_PIECE    1024 /* bytes that are escaped at once */

bool output_is_terminal(FILE *out) {
        const char *term = getenv("TERM");

        return isatty(fileno(out)) && term && strcmp(term, "dumb") != 0;
}

static bool output_has_colour(FILE *out) {
        const char *no = getenv("NO_COLOR");

        return !(no && no[0] != '\0') && output_is_terminal(out);
}

static const char *output_code(OutputColour colour) {
        switch (colour) {
        case OUTPUT_PLAIN:
                return "";
        case OUTPUT_BOLD:
                return "\033[1m";
        case OUTPUT_DIM:
                return "\033[2m";
        case OUTPUT_RED:
                return "\033[31m";
        case OUTPUT_GREEN:
                return "\033[32m";
        case OUTPUT_YELLOW:
                return "\033[33m";
        }
        return "";
}

/* the front of a text that is escaped at once: at most OUTPUT_PIECE bytes, no character cut */
static size_t output_piece(const char *data, size_t n) {
        size_t size = OUTPUT_PIECE;

        if (n <= OUTPUT_PIECE)
                return n;
        while (size > OUTPUT_PIECE - 4 && ((unsigned char) data[size] & 0xc0) == 0x80)
                size--;
        return size;
}

/* of any length; returns the number of bytes written */
static size_t output_escaped(FILE *out, const char *data, size_t n) {
        char text[4 * OUTPUT_PIECE + 1];
        size_t used = 0;

        while (n > 0) {
                size_t size = output_piece(data, n);

                used += utf8_escape(data, size, text, sizeof(text));
                (void) fputs(text, out);
                data += size;
                n -= size;
        }
        return used;
}

/* returns the number of bytes written between the codes */
static size_t output_run(OutputColour colour, const char *data, size_t n) {
        bool coloured = colour != OUTPUT_PLAIN && output_has_colour(stdout);
        size_t used;

        (void) fputs(coloured ? output_code(colour) : "", stdout);
        used = output_escaped(stdout, data, n);
        (void) fputs(coloured ? "\033[0m" : "", stdout);
        return used;
}

void output_text(OutputColour colour, const char *text) {
        (void) output_run(colour, text, strlen(text));
}

void output_padded(OutputColour colour, const char *text, int width) {
        int used = (int) output_run(colour, text, strlen(text));

        (void) printf("%*s", used < width ? width - used : 0, "");
}

void output_bytes(ProtobufCBinaryData bytes) {
        (void) output_run(OUTPUT_PLAIN, (const char *) bytes.data, bytes.len);
}

void output_result(FILE *out, const void *data, size_t n) {
        const char *rest = data;

        if (!isatty(fileno(out))) {
                (void) fwrite(data, 1, n, out);
                return;
        }
        while (n > 0) {
                size_t text = 0;

                while (text < n && rest[text] != '\n' && rest[text] != '\t')
                        text++;
                (void) output_escaped(out, rest, text);
                if (text < n)
                        (void) putc(rest[text++], out);
                rest += text;
                n -= text;
        }
}

static void output_field_name(const char *name) {
        (void) printf("  %-12s ", name);
}

void output_field(const char *name, const char *value) {
        if (!value || value[0] == '\0')
                return;
        output_field_name(name);
        output_text(OUTPUT_PLAIN, value);
        (void) putchar('\n');
}

void output_field_bytes(const char *name, ProtobufCBinaryData value) {
        if (value.len == 0)
                return;
        output_field_name(name);
        output_bytes(value);
        (void) putchar('\n');
}

void output_size(uint64_t bytes, char ret[16]) {
        static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
        double value = (double) bytes;
        size_t i = 0;

        while (value >= 999.5 && i + 1 < ARRAY_SIZE(units)) {
                value /= 1000;
                i++;
        }
        (void) snprintf(ret, 16, "%.*f %s", i > 0 && value < 99.5 ? 1 : 0, value, units[i]);
}

void output_duration(uint64_t ms, char ret[16]) {
        uint64_t s = ms / 1000;

        if (ms < 1000)
                (void) snprintf(ret, 16, "%u ms", (unsigned) ms);
        else if (s < 60)
                (void) snprintf(ret, 16, "%u.%u s", (unsigned) s, (unsigned) (ms % 1000 / 100));
        else if (s < 3600)
                (void) snprintf(ret, 16, "%u min", (unsigned) (s / 60));
        else if (s < 48 * 3600)
                (void) snprintf(ret, 16, "%u h", (unsigned) (s / 3600));
        else
                (void) snprintf(ret, 16, "%u d", (unsigned) (s / 86400));
}

void output_warn(const char *label, const char *text) {
        char escaped[OUTPUT_LINE_MAX];

        (void) utf8_escape(text, strlen(text), escaped, sizeof(escaped));
        (void) fprintf(stderr, "%s%s\n", label, escaped);
}

void output_complain(const char *text) {
        output_warn("dpucc-client: ", text);
}

void output_hint(const char *text) {
        output_warn("  ", text);
}

void output_note(const char *text) {
        output_warn("dpucc-client: note: ", text);
}
