#pragma once

/* Lower-case hexadecimal, most significant digit first. */

#include <stddef.h>
#include <stdint.h>

/* @ret takes 2 * @n digits and a terminator */
void hex_encode(const uint8_t *data, size_t n, char *ret);

/* Exactly 2 * @n digits, either case, nothing after them; -EINVAL otherwise. */
int hex_decode(const char *text, uint8_t *ret, size_t n);

/* "0x" optional, digits of either case, nothing after them; -EINVAL. -ERANGE: more than 64 bits. */
int hex_parse_u64(const char *text, uint64_t *ret);
