#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_FIRST 256 /* capacity of the first allocation */

void bytes_deinit(Bytes *b) {
        free(b->data);
        *b = BYTES_INIT(b->max);
}

int bytes_reserve(Bytes *b, size_t more) {
        size_t capacity = b->capacity > 0 ? b->capacity : BYTES_FIRST;
        uint8_t *data;

        if (more > b->max - b->size)
                return -EFBIG;
        if (b->size + more <= b->capacity)
                return 0;

        if (capacity > b->max)
                capacity = b->max;
        while (capacity < b->size + more)
                capacity = capacity > b->max / 2 ? b->max : 2 * capacity;
        data = realloc(b->data, capacity);
        if (!data)
                return -ENOMEM;

        b->data = data;
        b->capacity = capacity;
        return 0;
}

int bytes_append(Bytes *b, const void *data, size_t n) {
        int r;

        r = bytes_reserve(b, n);
        if (r < 0)
                return r;

        if (n > 0)
                memcpy(b->data + b->size, data, n);
        b->size += n;
        return 0;
}

int bytes_append_string(Bytes *b, const char *string) {
        return bytes_append(b, string, strlen(string));
}

int bytes_printf(Bytes *b, const char *format, ...) {
        char *text = NULL;
        va_list ap;
        int n, r;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0)
                return -ENOMEM;

        r = bytes_append(b, text, (size_t) n);
        free(text);
        return r;
}

char *bytes_take_string(Bytes *b) {
        char *string;

        if (bytes_append(b, "", 1) < 0)
                return NULL;

        string = (char *) b->data;
        b->data = NULL;
        bytes_deinit(b);
        return string;
}
