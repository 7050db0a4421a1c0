#pragma once

/*
 * Protobuf wire format, read from a Slice
 *
 * The encoding is the public one (protobuf.dev, "Encoding"). Stricter than that page asks:
 * varints must be minimal, and the two group wire types, which proto3 never writes, are
 * malformed. Nothing allocates; every slice handed out points into the input.
 *
 * Errors: -EBADMSG malformed; -ENODATA the input ends in the middle of a field, which at the
 * top level of a file means that the file was cut, and inside a message that it is malformed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define WIRE_VARINT_MAX 10 /* bytes */
#define WIRE_NUMBER_MAX ((UINT32_C(1) << 29) - 1)
#define WIRE_SIZE_MAX   ((UINT64_C(1) << 31) - 1) /* of one field, by protobuf's own rule */

typedef enum WireType {
        WIRE_VARINT = 0,
        WIRE_FIXED64 = 1,
        WIRE_BYTES = 2, /* length-delimited: strings, messages, packed scalars */
        WIRE_FIXED32 = 5,
} WireType;

typedef struct WireField {
        uint32_t number; /* 1 to WIRE_NUMBER_MAX */
        WireType type;
        uint64_t value; /* of a varint or fixed field */
        Slice content;  /* what follows tag and length */
        Slice whole;    /* from the tag on */
} WireField;

/* Both take what they return from the front of @rest; on an error @rest stays as it was.
 * wire_next(): 1 with a field in @ret, 0 at the end. wire_varint(): 0. */
static inline int wire_next(Slice *rest, WireField *ret);
static inline int wire_varint(Slice *rest, uint64_t *ret);

/* their general case, which nobody else calls */
int wire_next_any(Slice *rest, WireField *ret);
int wire_varint_any(Slice *rest, uint64_t *ret);

static inline void wire_skip(Slice *rest, size_t n) {
        rest->data += n;
        rest->size -= n;
}

/* nearly all tags and lengths are one byte, and most fields have a length */
static inline int wire_varint(Slice *rest, uint64_t *ret) {
        if (rest->size == 0 || rest->data[0] & 0x80)
                return wire_varint_any(rest, ret);
        *ret = rest->data[0];
        wire_skip(rest, 1);
        return 0;
}

static inline int wire_next(Slice *rest, WireField *ret) {
        const uint8_t *at = rest->data;
        size_t size;

        if (rest->size < 2 || (at[0] | at[1]) & 0x80 || (at[0] & 7) != WIRE_BYTES || at[0] < 8 ||
            at[1] > rest->size - 2)
                return wire_next_any(rest, ret);
        size = at[1];
        ret->number = at[0] >> 3;
        ret->type = WIRE_BYTES;
        ret->value = 0;
        ret->content = slice_of(at + 2, size);
        ret->whole = slice_of(at, size + 2);
        wire_skip(rest, size + 2);
        return 1;
}

/* encoding: writes the bytes of @value and returns their number */
size_t wire_varint_put(uint64_t value, uint8_t ret[WIRE_VARINT_MAX]);

static inline uint64_t wire_tag(uint32_t number, WireType type) {
        return (uint64_t) number << 3 | type;
}
