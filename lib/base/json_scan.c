#include "base/json_scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"

/* a key of an object that is still open */
typedef struct JsonKey {
        size_t at;   /* where its string begins, in the text */
        size_t name; /* where its decoded bytes begin, in JsonScan.names */
        size_t size;
} JsonKey;

typedef struct JsonScan {
        const uint8_t *data;
        size_t size;
        size_t at;
        unsigned depth;
        Bytes names; /* decoded keys */
        Bytes keys;  /* array of JsonKey */
        Problem *problem;
} JsonScan;

static int scan_value(JsonScan *s);

/* lines end with '\n'; columns count characters, a broken byte as one */
static void scan_position(const JsonScan *s, size_t at, size_t *ret_line, size_t *ret_column) {
        size_t line = 1, column = 1;

        for (size_t i = 0; i < at;) {
                size_t length = utf8_length(s->data + i, s->size - i);

                column++;
                if (s->data[i] == '\n') {
                        line++;
                        column = 1;
                }
                i += length > 0 ? length : 1;
        }
        *ret_line = line;
        *ret_column = column;
}

__attribute__((format(printf, 3, 4))) static int scan_fail(JsonScan *s, size_t at,
                                                           const char *format, ...) {
        char text[PROBLEM_MAX];
        size_t line, column;
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);

        scan_position(s, at, &line, &column);
        return problem_set(s->problem, -EBADMSG, "line %zu, column %zu: %s", line, column, text);
}

/* "...expected, not 'x'", with a remedy for what people write that is almost JSON */
static int scan_unexpected(JsonScan *s, const char *expected) {
        const char *hint = "";
        size_t length;
        uint8_t c;

        if (s->at == s->size)
                return scan_fail(s, s->at, "%s expected, but the text ends here", expected);

        c = s->data[s->at];
        length = utf8_length(s->data + s->at, s->size - s->at);
        if (length == 0)
                return scan_fail(s, s->at, "byte 0x%02x is not UTF-8; save the file as UTF-8", c);
        if (c == '/' || c == '#')
                hint = " (JSON has no comments)";
        else if (c == '\'')
                hint = " (JSON strings have double quotes)";
        return scan_fail(s, s->at, "%s expected, not '%.*s'%s", expected, (int) length,
                         (const char *) s->data + s->at, hint);
}

static void scan_space(JsonScan *s) {
        while (s->at < s->size && memchr(" \t\n\r", s->data[s->at], 4))
                s->at++;
}

static bool scan_take(JsonScan *s, char c) {
        if (s->at == s->size || s->data[s->at] != (uint8_t) c)
                return false;
        s->at++;
        return true;
}

static bool scan_is_digit(const JsonScan *s) {
        return s->at < s->size && s->data[s->at] >= '0' && s->data[s->at] <= '9';
}

static int scan_hex4(JsonScan *s, uint32_t *ret) {
        uint32_t value = 0;

        for (unsigned i = 0; i < 4; i++, s->at++) {
                uint8_t c = s->at < s->size ? s->data[s->at] : 0;

                if (c >= '0' && c <= '9')
                        value = value << 4 | (uint32_t) (c - '0');
                else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                        value = value << 4 | (uint32_t) ((c | 0x20) - 'a' + 10);
                else
                        return scan_unexpected(s, "four hexadecimal digits after \\u");
        }
        *ret = value;
        return 0;
}

static size_t scan_encode(uint32_t point, uint8_t ret[4]) {
        if (point < 0x80) {
                ret[0] = (uint8_t) point;
                return 1;
        }
        if (point < 0x800) {
                ret[0] = (uint8_t) (0xc0 | point >> 6);
                ret[1] = (uint8_t) (0x80 | (point & 0x3f));
                return 2;
        }
        if (point < 0x10000) {
                ret[0] = (uint8_t) (0xe0 | point >> 12);
                ret[1] = (uint8_t) (0x80 | (point >> 6 & 0x3f));
                ret[2] = (uint8_t) (0x80 | (point & 0x3f));
                return 3;
        }
        ret[0] = (uint8_t) (0xf0 | point >> 18);
        ret[1] = (uint8_t) (0x80 | (point >> 12 & 0x3f));
        ret[2] = (uint8_t) (0x80 | (point >> 6 & 0x3f));
        ret[3] = (uint8_t) (0x80 | (point & 0x3f));
        return 4;
}

/* after "\u"; a code point beyond 16 bits is two of them */
static int scan_unicode(JsonScan *s, uint32_t *ret) {
        size_t start = s->at - 2;
        uint32_t high, low;
        int r;

        r = scan_hex4(s, &high);
        if (r < 0)
                return r;
        if (high < 0xd800 || high > 0xdfff) {
                *ret = high;
                return 0;
        }

        if (high > 0xdbff || !scan_take(s, '\\') || !scan_take(s, 'u'))
                return scan_fail(s, start, "half of a surrogate pair");
        r = scan_hex4(s, &low);
        if (r < 0)
                return r;
        if (low < 0xdc00 || low > 0xdfff)
                return scan_fail(s, start, "half of a surrogate pair");
        *ret = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
        return 0;
}

/* after the backslash; the decoded character in @ret */
static int scan_escape(JsonScan *s, uint8_t ret[4], size_t *ret_size) {
        static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
        const char *found = NULL;
        uint32_t point;
        int r;

        if (scan_take(s, 'u')) {
                r = scan_unicode(s, &point);
                if (r < 0)
                        return r;
                *ret_size = scan_encode(point, ret);
                return 0;
        }

        if (s->at < s->size)
                found = memchr(names, s->data[s->at], sizeof(names) - 1);
        if (!found)
                return scan_unexpected(s, "one of \" \\ / b f n r t u after a backslash");
        s->at++;
        ret[0] = (uint8_t) values[found - names];
        *ret_size = 1;
        return 0;
}

/* one character of a string, decoded */
static int scan_character(JsonScan *s, uint8_t ret[4], size_t *ret_size) {
        size_t length;

        if (scan_take(s, '\\'))
                return scan_escape(s, ret, ret_size);
        if (s->at < s->size && s->data[s->at] < 0x20)
                return scan_fail(s, s->at,
                                 "control character 0x%02x in a string; write it as \\u%04x",
                                 s->data[s->at], s->data[s->at]);

        length = utf8_length(s->data + s->at, s->size - s->at);
        if (length == 0)
                return scan_unexpected(s, "'\"' at the end of the string");
        memcpy(ret, s->data + s->at, length);
        s->at += length;
        *ret_size = length;
        return 0;
}

/* the decoded string is appended to @decoded unless that is NULL */
static int scan_string(JsonScan *s, Bytes *decoded) {
        uint8_t one[4];
        size_t n;
        int r;

        if (!scan_take(s, '"'))
                return scan_unexpected(s, "a string");
        while (!scan_take(s, '"')) {
                r = scan_character(s, one, &n);
                if (r == 0 && decoded)
                        r = bytes_append(decoded, one, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int scan_digits(JsonScan *s) {
        if (!scan_is_digit(s))
                return scan_unexpected(s, "a digit");
        while (scan_is_digit(s))
                s->at++;
        return 0;
}

static int scan_check_integer(JsonScan *s, size_t start) {
        char digits[24];
        size_t n = s->at - start;

        if (n >= sizeof(digits))
                return scan_fail(s, start, "an integer that does not fit in 64 bits");
        memcpy(digits, s->data + start, n);
        digits[n] = '\0';

        errno = 0;
        (void) strtoll(digits, NULL, 10);
        if (errno == ERANGE)
                return scan_fail(s, start, "an integer that does not fit in 64 bits");
        return 0;
}

static int scan_number(JsonScan *s) {
        size_t start = s->at;
        bool integer = true;
        int r = 0;

        (void) scan_take(s, '-');
        if (scan_take(s, '0')) {
                if (scan_is_digit(s) || (s->at < s->size && (s->data[s->at] | 0x20) == 'x'))
                        return scan_fail(s, start,
                                         "a number beginning with 0; write decimal numbers "
                                         "without it, hexadecimal ones as strings");
        } else
                r = scan_digits(s);
        if (r == 0 && scan_take(s, '.')) {
                integer = false;
                r = scan_digits(s);
        }
        if (r == 0 && (scan_take(s, 'e') || scan_take(s, 'E'))) {
                integer = false;
                if (!scan_take(s, '+'))
                        (void) scan_take(s, '-');
                r = scan_digits(s);
        }
        if (r < 0)
                return r;
        return integer ? scan_check_integer(s, start) : 0;
}

static int scan_literal(JsonScan *s) {
        static const char *const literals[] = { "true", "false", "null" };

        for (size_t i = 0; i < ARRAY_SIZE(literals); i++) {
                size_t n = strlen(literals[i]);

                if (s->size - s->at >= n && memcmp(s->data + s->at, literals[i], n) == 0) {
                        s->at += n;
                        return 0;
                }
        }
        return scan_unexpected(s, "a value");
}

static int scan_array(JsonScan *s) {
        int r;

        s->at++;
        scan_space(s);
        if (scan_take(s, ']'))
                return 0;
        for (;;) {
                r = scan_value(s);
                if (r < 0)
                        return r;
                if (scan_take(s, ']'))
                        return 0;
                if (!scan_take(s, ','))
                        return scan_unexpected(s, "',' or ']'");
                scan_space(s);
        }
}

static int scan_member(JsonScan *s) {
        JsonKey key = { .at = s->at, .name = s->names.size };
        int r;

        if (s->at < s->size && s->data[s->at] == '}')
                return scan_fail(s, s->at, "a comma before '}': remove it");
        r = scan_string(s, &s->names);
        if (r < 0)
                return r;

        key.size = s->names.size - key.name;
        if (key.size > 0 && memchr(s->names.data + key.name, 0, key.size))
                return scan_fail(s, key.at, "a member name with a NUL in it");
        r = bytes_append(&s->keys, &key, sizeof(key));
        if (r < 0)
                return r;

        scan_space(s);
        if (!scan_take(s, ':'))
                return scan_unexpected(s, "':'");
        return scan_value(s);
}

static Slice scan_key_name(const JsonScan *s, const JsonKey *key) {
        return slice_of(key->size > 0 ? s->names.data + key->name : (const uint8_t *) "",
                        key->size);
}

static int scan_compare_keys(const void *a, const void *b, void *scan) {
        const JsonKey *x = a, *y = b;
        int r = slice_compare(scan_key_name(scan, x), scan_key_name(scan, y));

        return r != 0 ? r : (x->at > y->at) - (x->at < y->at);
}

/* Sorting keeps hostile objects with many members cheap. The keys are dropped. */
static int scan_check_keys(JsonScan *s, size_t first) {
        JsonKey *keys = (JsonKey *) (void *) s->keys.data;
        size_t n = s->keys.size / sizeof(JsonKey);

        if (n > first)
                qsort_r(keys + first, n - first, sizeof(JsonKey), scan_compare_keys, s);
        for (size_t i = first + 1; i < n; i++) {
                Slice name = scan_key_name(s, &keys[i]);

                if (slice_equal(scan_key_name(s, &keys[i - 1]), name))
                        return scan_fail(s, keys[i].at, "a second member \"%.*s\"",
                                         name.size < 64 ? (int) name.size : 64,
                                         (const char *) name.data);
        }
        s->keys.size = first * sizeof(JsonKey);
        return 0;
}

static int scan_object(JsonScan *s) {
        size_t first = s->keys.size / sizeof(JsonKey), names = s->names.size;
        int r;

        s->at++;
        scan_space(s);
        if (scan_take(s, '}'))
                return 0;
        for (;;) {
                r = scan_member(s);
                if (r < 0)
                        return r;
                if (scan_take(s, '}'))
                        break;
                if (!scan_take(s, ','))
                        return scan_unexpected(s, "',' or '}'");
                scan_space(s);
        }

        r = scan_check_keys(s, first);
        s->names.size = names;
        return r;
}

/* a value with the white space around it */
static int scan_value(JsonScan *s) {
        int r;

        scan_space(s);
        if (s->at == s->size)
                return scan_unexpected(s, "a value");

        switch (s->data[s->at]) {
        case '{':
        case '[':
                if (s->depth == JSON_DEPTH_MAX)
                        return scan_fail(s, s->at, "nested deeper than %d levels", JSON_DEPTH_MAX);
                s->depth++;
                r = s->data[s->at] == '{' ? scan_object(s) : scan_array(s);
                s->depth--;
                break;
        case '"':
                r = scan_string(s, NULL);
                break;
        case '-':
        case '0' ... '9':
                r = scan_number(s);
                break;
        default:
                r = scan_literal(s);
                break;
        }
        if (r < 0)
                return r;

        scan_space(s);
        return 0;
}

int json_scan(Slice text, Problem *problem) {
        JsonScan s = {
                .data = text.data,
                .size = text.size,
                .names = BYTES_INIT(SIZE_MAX / 2), /* bounded by the text */
                .keys = BYTES_INIT(SIZE_MAX / 2),
                .problem = problem,
        };
        int r;

        r = scan_value(&s);
        if (r == 0 && s.at < s.size)
                r = scan_unexpected(&s, "the end of the text");
        bytes_deinit(&s.names);
        bytes_deinit(&s.keys);
        return r;
}
