#pragma once

/*
 * Markup: writing HTML, SVG and Markdown
 *
 * Names come from files of other people. Every one of them passes through markup_text() or
 * markup_markdown(): what would not be seen for what it is (control characters, marks of text
 * direction, broken UTF-8: base/utf8.h) is made visible, and what has a meaning in the language is
 * escaped, for element content and for quoted attribute values alike.
 *
 * The first failure sticks, so the calls between need no checks.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define MARKUP_NAME_MAX 160 /* bytes of a name in a table */

typedef struct Markup {
        Bytes *out; /* borrowed */
        int error;  /* -ENOMEM, -EFBIG */
} Markup;

void markup_raw(Markup *m, const char *text); /* ours, as it is */
void markup_format(Markup *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
void markup_text(Markup *m, const char *text); /* anybody's; NULL is nothing */

/* The same, but of a long one the beginning and the end only. */
void markup_name(Markup *m, const char *name);

/* As text of a Markdown table's cell that is nothing but text, in any dialect. */
void markup_markdown(Markup *m, const char *text);
void markup_markdown_name(Markup *m, const char *name);

/* JSON as the content of a script element: nothing in it ends that element. */
void markup_json(Markup *m, Slice json);

/* "1.5 MB", "12 bytes"; "1.2 G", "870" */
#define MARKUP_NUMBER_MAX 32
const char *markup_size(uint64_t bytes, char ret[MARKUP_NUMBER_MAX]);
const char *markup_count(uint64_t n, char ret[MARKUP_NUMBER_MAX]);

/* At most @max characters of @text (1 or more): the last ones, behind an ellipsis, what cannot be
 * seen made visible. @room is at least MARKUP_TAIL_ROOM(@max). */
#define MARKUP_TAIL_ROOM(_max) (16 * (_max) + 4)
void markup_tail(const char *text, size_t max, char *ret, size_t room);
