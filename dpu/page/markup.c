#include "dpu/page/markup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/utf8.h"

static void markup_append(Markup *m, const char *text, size_t n) {
        int r = m->error < 0 ? 0 : bytes_append(m->out, text, n);

        if (r < 0)
                m->error = r;
}

void markup_raw(Markup *m, const char *text) {
        markup_append(m, text, strlen(text));
}

void markup_format(Markup *m, const char *format, ...) {
        char text[512];
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (n < 0 || (size_t) n >= sizeof(text))
                m->error = m->error < 0 ? m->error : -EFBIG;
        else
                markup_append(m, text, (size_t) n);
}

/* a new string, what cannot be seen made visible */
static char *markup_visible(Markup *m, const char *text, size_t n) {
        char *visible = m->error < 0 ? NULL : malloc(4 * n + 1);

        if (visible)
                (void) utf8_escape(text, n, visible, 4 * n + 1);
        else if (m->error == 0)
                m->error = -ENOMEM;
        return visible;
}

static const char *markup_entity(char c) {
        switch (c) {
        case '<':
                return "&lt;";
        case '>':
                return "&gt;";
        case '&':
                return "&amp;";
        case '"':
                return "&quot;";
        case '\'':
                return "&#39;";
        default:
                return NULL;
        }
}

static void markup_escape(Markup *m, const char *text, size_t n) {
        _cleanup_(freep) char *visible = markup_visible(m, text, n);
        const char *begin = visible;

        for (const char *at = visible; visible && *at; at++) {
                const char *entity = markup_entity(*at);

                if (!entity)
                        continue;
                markup_append(m, begin, (size_t) (at - begin));
                markup_raw(m, entity);
                begin = at + 1;
        }
        if (visible)
                markup_raw(m, begin);
}

void markup_text(Markup *m, const char *text) {
        if (text)
                markup_escape(m, text, strlen(text));
}

/* where a character begins: at @at or before */
static size_t markup_boundary(const char *text, size_t at) {
        while (at > 0 && ((unsigned char) text[at] & 0xc0) == 0x80)
                at--;
        return at;
}

static bool markup_is_word(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Underscores within a word are only themselves. */
static size_t markup_inner_underscores(const char *text, const char *at) {
        size_t n = strspn(at, "_");

        return at > text && markup_is_word(at[-1]) && markup_is_word(at[n]) ? n : 0;
}

/* What has a meaning in Markdown, and in the dialects that make links of addresses, persons and
 * issues. */
static bool markup_is_markdown(const char *text, const char *at) {
        if (*at == '.')
                return at - text >= 3 && strncasecmp(at - 3, "www", 3) == 0;
        if (*at == ':')
                return at[1] == '/';
        return strchr("\\`*_{}[]#+!|~@<>&", *at) != NULL;
}

static void markup_escape_markdown(Markup *m, const char *text, size_t n) {
        _cleanup_(freep) char *visible = markup_visible(m, text, n);

        for (const char *at = visible; visible && *at; at++) {
                size_t inner = markup_inner_underscores(visible, at);

                if (inner > 0) {
                        markup_append(m, at, inner);
                        at += inner - 1;
                } else if (markup_is_markdown(visible, at)) {
                        markup_format(m, "&#%d;", *at);
                } else {
                        markup_append(m, at, 1);
                }
        }
}

/* of a long one the beginning and the end only */
static void markup_cut(Markup *m, const char *text,
                       void (*escape)(Markup *m, const char *text, size_t n)) {
        size_t n = text ? strlen(text) : 0, head, tail;

        if (n <= MARKUP_NAME_MAX) {
                if (n > 0)
                        escape(m, text, n);
                return;
        }
        head = markup_boundary(text, MARKUP_NAME_MAX / 4);
        tail = markup_boundary(text, n - MARKUP_NAME_MAX * 3 / 4);
        escape(m, text, head);
        markup_raw(m, " \xe2\x80\xa6 ");
        escape(m, text + tail, n - tail);
}

void markup_name(Markup *m, const char *name) {
        markup_cut(m, name, markup_escape);
}

void markup_markdown(Markup *m, const char *text) {
        if (text)
                markup_escape_markdown(m, text, strlen(text));
}

void markup_markdown_name(Markup *m, const char *name) {
        markup_cut(m, name, markup_escape_markdown);
}

void markup_json(Markup *m, Slice json) {
        size_t begin = 0;

        for (size_t i = 0; i < json.size; i++) {
                if (json.data[i] != '<')
                        continue;
                markup_append(m, (const char *) json.data + begin, i - begin);
                markup_raw(m, "\\u003c");
                begin = i + 1;
        }
        if (json.size > begin)
                markup_append(m, (const char *) json.data + begin, json.size - begin);
}

static const char *markup_scaled(uint64_t n, const char *const *units, size_t n_units, char *ret) {
        double value = (double) n;
        size_t unit = 0;

        while (value >= 999.5 && unit + 1 < n_units) {
                value /= 1000;
                unit++;
        }
        if (unit == 0)
                (void) snprintf(ret, MARKUP_NUMBER_MAX, "%" PRIu64 "%s", n, units[0]);
        else
                (void) snprintf(ret, MARKUP_NUMBER_MAX, "%.*f%s", value < 9.995 ? 2 : value < 99.95,
                                value, units[unit]);
        return ret;
}

const char *markup_size(uint64_t bytes, char ret[MARKUP_NUMBER_MAX]) {
        static const char *const units[] = { " bytes", " kB", " MB", " GB", " TB" };

        return markup_scaled(bytes, units, ARRAY_SIZE(units), ret);
}

const char *markup_count(uint64_t n, char ret[MARKUP_NUMBER_MAX]) {
        static const char *const units[] = { "", " k", " M", " G", " T" };

        return markup_scaled(n, units, ARRAY_SIZE(units), ret);
}

/* where the last @max characters begin */
static size_t markup_last(const char *text, size_t max) {
        size_t begin = strlen(text);

        for (size_t i = 0; i < max && begin > 0; i++)
                begin = markup_boundary(text, begin - 1);
        return begin;
}

void markup_tail(const char *text, size_t max, char *ret, size_t room) {
        size_t begin = markup_last(text, max);
        char *at = ret;

        /* what is escaped gets longer, so it is cut once more */
        (void) utf8_escape(text + begin, strlen(text + begin), ret, room);
        if (begin == 0 && markup_last(ret, max) == 0)
                return;
        at += markup_last(ret, max - 1);
        memmove(ret + 3, at, strlen(at) + 1);
        memcpy(ret, "\xe2\x80\xa6", 3);
}
