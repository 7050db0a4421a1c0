#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* the table is RFC 3629 section 4 */
size_t utf8_length(const uint8_t *s, size_t n) {
        static const struct {
                uint8_t lead_min, lead_max, second_min, second_max;
                size_t length;
        } forms[] = {
                { 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
                { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
                { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
                { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
                { 0xf4, 0xf4, 0x80, 0x8f, 4 },
        };

        if (n == 0)
                return 0;

        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                if (s[0] < forms[i].lead_min || s[0] > forms[i].lead_max)
                        continue;
                if (forms[i].length > n)
                        return 0;
                for (size_t k = 1; k < forms[i].length; k++) {
                        uint8_t min = k == 1 ? forms[i].second_min : 0x80;
                        uint8_t max = k == 1 ? forms[i].second_max : 0xbf;

                        if (s[k] < min || s[k] > max)
                                return 0;
                }
                return forms[i].length;
        }
        return 0;
}

/* C0, DEL, C1; the line and paragraph separators; and the characters that change the direction of
 * text, with which a file name can look like another one (U+061C, 200E, 200F, 202A-202E,
 * 2066-2069) */
static bool utf8_is_control(const uint8_t *s, size_t length) {
        if (length == 1)
                return s[0] < 0x20 || s[0] == 0x7f;
        if (length == 2)
                return (s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xd8 && s[1] == 0x9c);
        if (length != 3 || s[0] != 0xe2)
                return false;
        return (s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
               (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
}

static uint32_t utf8_decode(const uint8_t *s, size_t length) {
        static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
        uint32_t c = s[0] & masks[length];

        for (size_t i = 1; i < length; i++)
                c = c << 6 | (s[i] & 0x3f);
        return c;
}

/* Unicode: East Asian Width W and F; and general categories Mn, Me and Cf, as far as names have
 * them */
static size_t utf8_columns_of(uint32_t c) {
        static const struct {
                uint32_t first, last;
                size_t columns;
        } ranges[] = {
                { 0x0300, 0x036f, 0 },   { 0x0483, 0x0489, 0 },   { 0x0591, 0x05bd, 0 },
                { 0x0610, 0x061a, 0 },   { 0x064b, 0x065f, 0 },   { 0x1100, 0x115f, 2 },
                { 0x1ab0, 0x1aff, 0 },   { 0x1dc0, 0x1dff, 0 },   { 0x200b, 0x200d, 0 },
                { 0x20d0, 0x20ff, 0 },   { 0x2e80, 0x303e, 2 },   { 0x3041, 0x33ff, 2 },
                { 0x3400, 0x4dbf, 2 },   { 0x4e00, 0x9fff, 2 },   { 0xa000, 0xa4cf, 2 },
                { 0xac00, 0xd7a3, 2 },   { 0xf900, 0xfaff, 2 },   { 0xfe00, 0xfe0f, 0 },
                { 0xfe20, 0xfe2f, 0 },   { 0xfe30, 0xfe6f, 2 },   { 0xfeff, 0xfeff, 0 },
                { 0xff00, 0xff60, 2 },   { 0xffe0, 0xffe6, 2 },   { 0x1f300, 0x1f64f, 2 },
                { 0x1f680, 0x1f6ff, 2 }, { 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 },
        };

        for (size_t i = 0; c >= ranges[0].first && i < sizeof(ranges) / sizeof(ranges[0]); i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return ranges[i].columns;
        return 1;
}

/* bytes that are no character take a column each */
static size_t utf8_step(const uint8_t *s, size_t n, size_t *ret_columns) {
        size_t length = utf8_length(s, n);

        *ret_columns = length > 0 ? utf8_columns_of(utf8_decode(s, length)) : 1;
        return length > 0 ? length : 1;
}

size_t utf8_fit(const char *text, size_t n, size_t columns) {
        size_t i = 0, used = 0;

        while (i < n) {
                size_t more, length = utf8_step((const uint8_t *) text + i, n - i, &more);

                if (used + more > columns)
                        break;
                used += more;
                i += length;
        }
        return i;
}

size_t utf8_columns(const char *text, size_t n) {
        size_t columns = 0;

        for (size_t i = 0, more; i < n; columns += more)
                i += utf8_step((const uint8_t *) text + i, n - i, &more);
        return columns;
}

/* So many bytes at the front are ASCII, and perhaps a few more. Names and keys nearly always are. */
static size_t utf8_ascii(const uint8_t *s, size_t n) {
        const uint64_t high = UINT64_C(0x8080808080808080);
        size_t i = 0;
        uint64_t word;

        for (; i + sizeof(word) <= n; i += sizeof(word)) {
                memcpy(&word, s + i, sizeof(word));
                if (word & high)
                        return i;
        }
        while (i < n && s[i] < 0x80)
                i++;
        return i;
}

bool utf8_valid(const char *data, size_t n) {
        const uint8_t *s = (const uint8_t *) data;
        size_t i = utf8_ascii(s, n), length;

        while (i < n) {
                length = utf8_length(s + i, n - i);
                if (length == 0)
                        return false;
                i += length;
                i += utf8_ascii(s + i, n - i);
        }
        return true;
}

/* one character or one bad byte at @s as text in @ret; returns how much of @s it took */
static size_t utf8_escape_one(const uint8_t *s, size_t n, char ret[5]) {
        size_t length = utf8_length(s, n);

        if (length > 0 && !utf8_is_control(s, length)) {
                memcpy(ret, s, length);
                ret[length] = '\0';
                return length;
        }

        if (s[0] == '\n')
                memcpy(ret, "\\n", 3);
        else if (s[0] == '\t')
                memcpy(ret, "\\t", 3);
        else
                (void) snprintf(ret, 5, "\\x%02x", s[0]);
        return 1;
}

size_t utf8_escape(const char *data, size_t n, char *ret, size_t room) {
        const uint8_t *s = (const uint8_t *) data;
        size_t used = 0;

        for (size_t i = 0; i < n;) {
                char one[5];
                size_t taken = utf8_escape_one(s + i, n - i, one);
                size_t length = strlen(one);

                if (used + length + 1 > room)
                        break;
                memcpy(ret + used, one, length);
                used += length;
                i += taken;
        }
        ret[used] = '\0';
        return used;
}
