#pragma once

/*
 * Text that people see
 *
 * File names and protobuf strings are bytes. Before they reach a terminal, a log or JSON they
 * pass through here: valid UTF-8 is kept; control characters (C0, DEL, C1, line separators, marks
 * of text direction) and bytes that are no UTF-8 become \n, \t or \xNN. Backslashes stay as they are: the result is for reading, not
 * for parsing back.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed character that @data begins with (1 to 4); 0: there is none. */
size_t utf8_length(const uint8_t *data, size_t n);

/* true if @data is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) */
bool utf8_valid(const char *data, size_t n);

/* Columns that well-formed text without control characters takes on a terminal: two for wide
 * characters (East Asian ones, pictures), none for marks that go over others. As terminals count,
 * near enough: they do not agree on the newest pictures. */
size_t utf8_columns(const char *text, size_t n);

/* The length of the longest front of it that takes at most @columns. */
size_t utf8_fit(const char *text, size_t n, size_t columns);

/* Writes at most @room bytes, terminator included, never cutting a character in half.
 * Returns the length written, without the terminator. @room must be at least 1. */
size_t utf8_escape(const char *data, size_t n, char *ret, size_t room);
