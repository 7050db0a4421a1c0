#include "dpu/npy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

#define NPY_ALIGNMENT 64 /* of the elements in the file */

static const uint8_t npy_magic[] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };

static const struct {
        const char *descr;
        size_t size;
} npy_types[] = {
        [NPY_INT8] = { "|i1", 1 },    [NPY_UINT8] = { "|u1", 1 },   [NPY_INT16] = { "<i2", 2 },
        [NPY_UINT16] = { "<u2", 2 },  [NPY_INT32] = { "<i4", 4 },   [NPY_INT64] = { "<i8", 8 },
        [NPY_FLOAT32] = { "<f4", 4 }, [NPY_FLOAT64] = { "<f8", 8 },
};

size_t npy_type_size(NpyType type) {
        return npy_types[type].size;
}

bool npy_is(Slice file) {
        return file.size >= sizeof(npy_magic) &&
               memcmp(file.data, npy_magic, sizeof(npy_magic)) == 0;
}

/* --- the header: a Python dictionary, of which only this much --------------------------------- */

typedef struct NpyText {
        Slice all;
        size_t at;
        size_t base; /* of the text in the file, for messages */
        Problem *problem;
} NpyText;

static int npy_complain(const NpyText *text, const char *expected) {
        return problem_set(text->problem, -EBADMSG, "byte %zu of the header: expected %s",
                           text->base + text->at, expected);
}

static void npy_skip(NpyText *text) {
        while (text->at < text->all.size &&
               (text->all.data[text->at] == ' ' || text->all.data[text->at] == '\n'))
                text->at++;
}

static bool npy_accept(NpyText *text, char c) {
        npy_skip(text);
        if (text->at == text->all.size || text->all.data[text->at] != (uint8_t) c)
                return false;
        text->at++;
        return true;
}

/* 'text', without escapes */
static int npy_string(NpyText *text, Slice *ret) {
        size_t begin;
        char quote = npy_accept(text, '\'') ? '\'' : '"';

        if (quote == '"' && !npy_accept(text, '"'))
                return npy_complain(text, "a string");
        begin = text->at;
        while (text->at < text->all.size && text->all.data[text->at] != (uint8_t) quote)
                text->at++;
        if (text->at == text->all.size)
                return npy_complain(text, "the end of a string");
        *ret = slice_of(text->all.data + begin, text->at - begin);
        text->at++;
        return 0;
}

static int npy_number(NpyText *text, uint64_t *ret) {
        uint64_t number = 0;
        size_t begin;

        npy_skip(text);
        begin = text->at;
        while (text->at < text->all.size && text->all.data[text->at] >= '0' &&
               text->all.data[text->at] <= '9') {
                number = number * 10 + (uint64_t) (text->all.data[text->at++] - '0');
                if (number > NPY_ELEMENTS_MAX)
                        return npy_complain(text, "a smaller number");
        }
        if (text->at == begin)
                return npy_complain(text, "a number");
        *ret = number;
        return 0;
}

/* (1, 2, 3) or (1,) or () */
static int npy_shape(NpyText *text, Npy *npy) {
        int r;

        npy->n_dims = 0;
        npy->n = 1;
        if (!npy_accept(text, '('))
                return npy_complain(text, "'('");
        while (!npy_accept(text, ')')) {
                if (npy->n_dims == NPY_DIMS_MAX)
                        return npy_complain(text, "fewer dimensions");
                r = npy_number(text, &npy->dims[npy->n_dims]);
                if (r < 0)
                        return r;
                npy->n *= npy->dims[npy->n_dims++];
                if (npy->n > NPY_ELEMENTS_MAX)
                        return npy_complain(text, "fewer elements");
                if (!npy_accept(text, ',') && npy->n_dims == 1)
                        return npy_complain(text, "','");
        }
        return 0;
}

static int npy_descr(NpyText *text, Npy *npy) {
        Slice descr;
        int r;

        r = npy_string(text, &descr);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(npy_types); i++) {
                if (slice_is(descr, npy_types[i].descr)) {
                        npy->type = (NpyType) i;
                        return 0;
                }
        }
        return npy_complain(text, "plain little-endian numbers, such as '<f4' or '|i1'");
}

static int npy_order(NpyText *text) {
        static const char no[] = "False";

        npy_skip(text);
        if (text->all.size - text->at < strlen(no) ||
            memcmp(text->all.data + text->at, no, strlen(no)) != 0)
                return npy_complain(text, "False: elements must be in C order");
        text->at += strlen(no);
        return 0;
}

enum { NPY_HAS_DESCR = 1, NPY_HAS_ORDER = 2, NPY_HAS_SHAPE = 4, NPY_HAS_ALL = 7 };

static int npy_member(NpyText *text, Npy *npy, unsigned *seen) {
        unsigned bit;
        Slice key;
        int r;

        r = npy_string(text, &key);
        if (r < 0)
                return r;
        bit = slice_is(key, "descr")           ? NPY_HAS_DESCR
              : slice_is(key, "fortran_order") ? NPY_HAS_ORDER
              : slice_is(key, "shape")         ? NPY_HAS_SHAPE
                                               : 0;
        if (bit == 0 || (*seen & bit))
                return npy_complain(text, "descr, fortran_order and shape, each once");
        *seen |= bit;
        if (!npy_accept(text, ':'))
                return npy_complain(text, "':'");
        return bit == NPY_HAS_DESCR   ? npy_descr(text, npy)
               : bit == NPY_HAS_ORDER ? npy_order(text)
                                      : npy_shape(text, npy);
}

static int npy_header(NpyText *text, Npy *npy) {
        unsigned seen = 0;
        int r;

        if (!npy_accept(text, '{'))
                return npy_complain(text, "'{'");
        while (!npy_accept(text, '}')) {
                r = npy_member(text, npy, &seen);
                if (r < 0)
                        return r;
                if (!npy_accept(text, ',')) {
                        if (!npy_accept(text, '}'))
                                return npy_complain(text, "',' or '}'");
                        break;
                }
        }
        npy_skip(text);
        if (seen != NPY_HAS_ALL || text->at != text->all.size)
                return npy_complain(text, "descr, fortran_order and shape, and no more");
        return 0;
}

int npy_parse(Slice file, Npy *ret, Problem *problem) {
        size_t prefix = 10, length;
        NpyText text = { .problem = problem };
        Npy npy = { .type = NPY_INT8 };
        int r;

        if (!npy_is(file) || file.size < 12)
                return problem_set(problem, -EBADMSG, "not a .npy file");
        length = (size_t) file.data[8] | (size_t) file.data[9] << 8;
        if (file.data[6] > 1) {
                length |= (size_t) file.data[10] << 16 | (size_t) file.data[11] << 24;
                prefix = 12;
        }
        if (file.data[6] < 1 || file.data[6] > 3)
                return problem_set(problem, -EBADMSG, "version %d of .npy", file.data[6]);
        if (length > NPY_HEADER_MAX || length > file.size - prefix)
                return problem_set(problem, -EBADMSG, "a header of %zu bytes", length);
        text.all = slice_of(file.data + prefix, length);
        text.base = prefix;
        r = npy_header(&text, &npy);
        if (r < 0)
                return r;
        npy.data = slice_of(file.data + prefix + length, file.size - prefix - length);
        if (npy.data.size != npy.n * npy_type_size(npy.type))
                return problem_set(problem, -EBADMSG,
                                   "%zu bytes of elements where the shape needs %" PRIu64,
                                   npy.data.size, npy.n * npy_type_size(npy.type));

        *ret = npy;
        return 0;
}

double npy_element(const Npy *npy, size_t index) {
        union {
                int8_t int8;
                uint8_t uint8;
                int16_t int16;
                uint16_t uint16;
                int32_t int32;
                int64_t int64;
                float float32;
                double float64;
        } element;
        size_t size = npy_type_size(npy->type);

        memcpy(&element, npy->data.data + index * size, size);
        switch (npy->type) {
        case NPY_INT8:
                return element.int8;
        case NPY_UINT8:
                return element.uint8;
        case NPY_INT16:
                return element.int16;
        case NPY_UINT16:
                return element.uint16;
        case NPY_INT32:
                return element.int32;
        case NPY_INT64:
                return (double) element.int64;
        case NPY_FLOAT32:
                return element.float32;
        case NPY_FLOAT64:
                return element.float64;
        }
        return 0;
}

int npy_write(const Npy *npy, Bytes *ret) {
        _cleanup_(bytes_cleanup) Bytes header = BYTES_INIT(NPY_HEADER_MAX);
        const size_t prefix = 10;
        uint8_t length[2];
        int r;

        r = bytes_printf(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                         npy_types[npy->type].descr);
        for (size_t i = 0; r == 0 && i < npy->n_dims; i++)
                r = bytes_printf(&header, "%s%" PRIu64 "%s", i > 0 ? " " : "", npy->dims[i],
                                 i + 1 < npy->n_dims || npy->n_dims == 1 ? "," : "");
        if (r == 0)
                r = bytes_append_string(&header, "), }");
        while (r == 0 && (prefix + header.size + 1) % NPY_ALIGNMENT != 0)
                r = bytes_append(&header, " ", 1);
        if (r == 0)
                r = bytes_append(&header, "\n", 1);
        if (r < 0)
                return r;

        length[0] = (uint8_t) header.size;
        length[1] = (uint8_t) (header.size >> 8);
        r = bytes_reserve(ret, prefix + header.size + npy->data.size);
        if (r < 0)
                return r;
        (void) bytes_append(ret, npy_magic, sizeof(npy_magic)); /* there is room */
        (void) bytes_append(ret, "\x01\x00", 2);
        (void) bytes_append(ret, length, sizeof(length));
        (void) bytes_append(ret, header.data, header.size);
        return bytes_append(ret, npy->data.data, npy->data.size);
}
