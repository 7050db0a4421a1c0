#include "xmodel/wire.h"

#include <errno.h>
#include <string.h>

int wire_varint_any(Slice *rest, uint64_t *ret) {
        uint64_t value = 0;

        for (size_t i = 0; i < WIRE_VARINT_MAX; i++) {
                uint8_t byte;

                if (i == rest->size)
                        return -ENODATA;
                byte = rest->data[i];
                if (i == WIRE_VARINT_MAX - 1 && byte > 1)
                        return -EBADMSG; /* more than 64 bits */
                value |= (uint64_t) (byte & 0x7f) << (7 * i);
                if (byte & 0x80)
                        continue;
                if (byte == 0 && i > 0)
                        return -EBADMSG; /* not minimal */

                wire_skip(rest, i + 1);
                *ret = value;
                return 0;
        }
        return -EBADMSG;
}

static int wire_fixed(Slice *rest, size_t size, uint64_t *ret) {
        uint64_t value = 0;

        if (rest->size < size)
                return -ENODATA;
        for (size_t i = 0; i < size; i++)
                value |= (uint64_t) rest->data[i] << (8 * i);
        wire_skip(rest, size);
        *ret = value;
        return 0;
}

static int wire_bytes(Slice *rest, Slice *ret) {
        uint64_t size;
        int r;

        r = wire_varint(rest, &size);
        if (r < 0)
                return r;
        if (size > WIRE_SIZE_MAX)
                return -EBADMSG;
        if (size > rest->size)
                return -ENODATA;
        *ret = slice_of(rest->data, (size_t) size);
        wire_skip(rest, (size_t) size);
        return 0;
}

int wire_next_any(Slice *rest, WireField *ret) {
        WireField field = {};
        Slice left = *rest, content;
        uint64_t tag;
        int r;

        if (left.size == 0)
                return 0;
        r = wire_varint(&left, &tag);
        if (r < 0)
                return r;
        if (tag >> 3 == 0 || tag >> 3 > WIRE_NUMBER_MAX)
                return -EBADMSG;

        field.number = (uint32_t) (tag >> 3);
        content = left;
        switch (tag & 7) {
        case WIRE_VARINT:
                r = wire_varint(&left, &field.value);
                break;
        case WIRE_FIXED64:
                r = wire_fixed(&left, 8, &field.value);
                break;
        case WIRE_BYTES:
                r = wire_bytes(&left, &content);
                break;
        case WIRE_FIXED32:
                r = wire_fixed(&left, 4, &field.value);
                break;
        default:
                return -EBADMSG; /* groups, and two numbers without a meaning */
        }
        if (r < 0)
                return r;

        field.type = (WireType) (tag & 7);
        field.content = slice_of(content.data, (size_t) (left.data - content.data));
        field.whole = slice_of(rest->data, (size_t) (left.data - rest->data));
        *ret = field;
        *rest = left;
        return 1;
}

size_t wire_varint_put(uint64_t value, uint8_t ret[WIRE_VARINT_MAX]) {
        size_t n = 0;

        for (; value > 0x7f; value >>= 7)
                ret[n++] = (uint8_t) (value | 0x80);
        ret[n++] = (uint8_t) value;
        return n;
}
