#include "base/hex.h"

#include <errno.h>
#include <string.h>

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -EINVAL;
}

void hex_encode(const uint8_t *data, size_t n, char *ret) {
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < n; i++) {
                ret[2 * i] = digits[data[i] >> 4];
                ret[2 * i + 1] = digits[data[i] & 15];
        }
        ret[2 * n] = '\0';
}

int hex_decode(const char *text, uint8_t *ret, size_t n) {
        if (strlen(text) != 2 * n)
                return -EINVAL;

        for (size_t i = 0; i < 2 * n; i++)
                if (hex_digit(text[i]) < 0)
                        return -EINVAL;
        for (size_t i = 0; i < n; i++)
                ret[i] = (uint8_t) (hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
        return 0;
}

int hex_parse_u64(const char *text, uint64_t *ret) {
        uint64_t value = 0;
        size_t n;

        if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
                text += 2;

        n = strlen(text);
        if (n == 0)
                return -EINVAL;
        for (size_t i = 0; i < n; i++)
                if (hex_digit(text[i]) < 0)
                        return -EINVAL;

        while (n > 16 && text[0] == '0') {
                text++;
                n--;
        }
        if (n > 16)
                return -ERANGE;

        for (size_t i = 0; i < n; i++)
                value = value << 4 | (uint64_t) hex_digit(text[i]);
        *ret = value;
        return 0;
}
