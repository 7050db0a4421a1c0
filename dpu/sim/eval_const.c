/*
 * Constants. In quantized graphs the numbers are in the attribute `data`. In compiled ones that is
 * empty, and they lie in what the DPU subgraph loads into the register of the tensor, at its
 * address: dense, little-endian, in the order of the tensor. So it is for the DPUCZDX8G; other
 * families store weights in orders of their own, which are not known here.
 */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dpu/sim/eval.h"
#include "xmodel/fingerprint.h"

typedef double (*ConstReadFn)(const uint8_t *element);

static double const_read_float32(const uint8_t *element) {
        float x;

        memcpy(&x, element, sizeof(x));
        return x;
}

static double const_read_float64(const uint8_t *element) {
        double x;

        memcpy(&x, element, sizeof(x));
        return x;
}

static double const_read_int8(const uint8_t *element) {
        return (int8_t) *element;
}

static double const_read_uint8(const uint8_t *element) {
        return *element;
}

static double const_read_int32(const uint8_t *element) {
        int32_t x;

        memcpy(&x, element, sizeof(x));
        return x;
}

static double const_read_int64(const uint8_t *element) {
        int64_t x;

        memcpy(&x, element, sizeof(x));
        return (double) x;
}

/* NULL: not a type that constants have */
static ConstReadFn const_reader(const Tensor *tensor) {
        switch (tensor->data_type) {
        case DATA_TYPE_FLOAT:
                return tensor->bit_width == 32   ? const_read_float32
                       : tensor->bit_width == 64 ? const_read_float64
                                                 : NULL;
        case DATA_TYPE_INT:
        case DATA_TYPE_XINT:
                return tensor->bit_width == 8    ? const_read_int8
                       : tensor->bit_width == 32 ? const_read_int32
                       : tensor->bit_width == 64 ? const_read_int64
                                                 : NULL;
        case DATA_TYPE_UINT:
        case DATA_TYPE_XUINT:
                return tensor->bit_width == 8 ? const_read_uint8 : NULL;
        default:
                return NULL;
        }
}

/* what the DPU subgraph around @op loads into register @reg_id; empty if there is none */
static Slice const_register(const Op *op, int32_t reg_id) {
        char key[32];

        (void) snprintf(key, sizeof(key), "REG_%d", reg_id);
        for (const Subgraph *s = op->subgraph; s; s = s->parent) {
                const Attr *map = attrs_find(&s->attrs, "reg_id_to_parameter_value");
                const Attr *value = map ? attr_map_find(map, key) : NULL;

                if (value && value->kind == ATTR_BYTES)
                        return value->bytes;
        }
        return slice_of(NULL, 0);
}

/* Is the order of constants known for the DPU that the subgraph around @op is for? */
static int const_check_target(const EvalCall *call) {
        FingerprintInfo target;
        uint64_t fingerprint;

        for (const Subgraph *s = call->op->subgraph; s; s = s->parent) {
                if (attrs_uint64(&s->attrs, "dpu_fingerprint", &fingerprint) < 0 ||
                    fingerprint_decode(fingerprint, &target, NULL) < 0)
                        continue;
                if (target.family != DPU_CZDX8G)
                        return eval_refuse(call,
                                           "the order of constants in code for %s is not known",
                                           target.name);
        }
        return 0;
}

static int const_data(const EvalCall *call, size_t size, const uint8_t **ret) {
        const Attrs *tensor = &call->op->tensor.attrs;
        int32_t reg_id, address;
        Slice data = { 0 };

        if (const_check_target(call) < 0)
                return -EINVAL;
        (void) attrs_bytes(&call->op->attrs, "data", &data);
        if (data.size == 0 && attrs_int32(tensor, "reg_id", &reg_id) == 0 &&
            attrs_int32(tensor, "ddr_addr", &address) == 0) {
                data = const_register(call->op, reg_id);
                if (address < 0 || (size_t) address > data.size)
                        return eval_refuse(call, "address %d is outside its register", address);
                data.data += address;
                data.size -= (size_t) address;
                data.size = data.size > size ? size : data.size;
        }
        if (data.size != size)
                return eval_refuse(call, "%zu bytes of data where the shape needs %zu", data.size,
                                   size);
        *ret = data.data;
        return 0;
}

int eval_const(const EvalCall *call) {
        const Tensor *tensor = &call->op->tensor;
        ConstReadFn read = const_reader(tensor);
        size_t width = (size_t) tensor->bit_width / 8;
        const uint8_t *data;
        int r;

        if (call->out->storage == VALUES_FIXED) /* whatever old releases call the type */
                read = const_read_int8, width = 1;
        if (!read)
                return eval_refuse(call, "constants of this type are not known");
        r = const_data(call, call->out->n * width, &data);
        if (r < 0)
                return r;

        for (size_t i = 0; i < call->out->n; i++) {
                if (call->out->storage == VALUES_FIXED)
                        call->out->fixed[i] = (int8_t) data[i];
                else
                        call->out->real[i] = read(data + i * width);
        }
        return 0;
}
