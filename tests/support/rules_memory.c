/*
 * Rules about memory: registers, where tensors lie in them, constants.
 */

#include "tests/support/rules_impl.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"

#define CONSTANT_ALIGN 4096
#define TENSOR_ALIGN   16
#define REGISTERS      4
#define DIMS_MAX       8

typedef struct Place {
        int32_t reg_id, address, location; /* -1: no such attribute */
} Place;

static Place place_of(const Op *op) {
        return (Place){ rules_int32(&op->tensor.attrs, "reg_id", -1),
                        rules_int32(&op->tensor.attrs, "ddr_addr", -1),
                        rules_int32(&op->tensor.attrs, "location", -1) };
}

static bool is_skipped(const Op *op) {
        bool skipped = false;

        return op->subgraph && attrs_bool(&op->subgraph->attrs, "skip_code_gen", &skipped) == 0 &&
               skipped;
}

static bool same_dims(const Tensor *tensor, const int32_t *strides) {
        int64_t dense = 1;

        for (size_t i = tensor->n_dims; i-- > 0; dense *= tensor->dims[i])
                if (strides[i] != dense)
                        return false;
        return true;
}

/* --- attributes of tensors --------------------------------------------------------------------- */

static void expect_grid(Rules *rules, const Op *op) {
        const Attrs *attrs = &op->tensor.attrs;

        if (op->tensor.data_type != DATA_TYPE_XINT)
                return;
        rules_expect(rules, op->tensor.bit_width == 8, op->name, "its elements have %d bits",
                     op->tensor.bit_width);
        rules_expect(rules,
                     rules_has_kind(attrs, "fix_point", ATTR_INT32) &&
                             rules_has_kind(attrs, "bit_width", ATTR_INT32) &&
                             rules_has_kind(attrs, "round_mode", ATTR_STRING) &&
                             rules_has_kind(attrs, "if_signed", ATTR_BOOL),
                     op->name, "its grid is incomplete");
}

static void check_grids(Rules *rules) {
        rules_each_op(rules, expect_grid);
}

static void expect_place(Rules *rules, const Op *op) {
        static const char *const names[] = { "reg_id", "ddr_addr", "location" };
        const Place place = place_of(op);
        const bool stride = attrs_find(&op->tensor.attrs, "stride") != NULL;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                rules_expect(rules,
                             rules_is(op, "download")
                                     ? !attrs_find(&op->tensor.attrs, names[i])
                                     : rules_has_kind(&op->tensor.attrs, names[i], ATTR_INT32),
                             op->name, "its %s", names[i]);
        rules_expect(rules, stride == (place.location == 1 && !rules_is_const(op)), op->name,
                     "stride where there is none, or none");
}

static void check_places(Rules *rules) {
        rules_each_dpu_op(rules, expect_place);
}

static void expect_const(Rules *rules, const Op *op) {
        Slice data = { NULL, 1 };

        if (!rules_is(op, "const-fix"))
                return;
        (void) attrs_bytes(&op->attrs, "data", &data);
        rules_expect(rules, data.size == 0, op->name, "its data is not empty");
        rules_expect(rules, place_of(op).location == 1 && place_of(op).reg_id == 0, op->name,
                     "it is not in REG_0");
}

static void check_consts(Rules *rules) {
        rules_each_dpu_op(rules, expect_const);
}

/* on the chip: only between the two of a pair */
static void expect_location(Rules *rules, const Op *op) {
        const Place place = place_of(op);
        const Subgraph *leaf = op->subgraph;
        const Op *last = leaf->ops[leaf->n_ops - 1];

        if (place.location != 0)
                return;
        rules_expect(rules, op->n_consumers == 1 && last != op && rules_reads(last, op), op->name,
                     "it stays on the chip, and who reads it is elsewhere");
        rules_expect(rules, place.reg_id == 1 && place.address == 0, op->name,
                     "on the chip, but REG_%d %d", place.reg_id, place.address);
}

static void check_locations(Rules *rules) {
        rules_each_dpu_op(rules, expect_location);
}

/* --- concatenations and reshapes --------------------------------------------------------------- */

static bool has_strides_of(const Op *op, const Op *outer) {
        const size_t n = op->tensor.n_dims;
        int32_t a[DIMS_MAX], b[DIMS_MAX];

        return n <= DIMS_MAX && rules_int32s(&op->tensor.attrs, "stride", n, a) &&
               rules_int32s(&outer->tensor.attrs, "stride", n, b) &&
               memcmp(a, b, n * sizeof(*a)) == 0;
}

/* with its strides, in its first pixel */
static bool lies_in(const Op *op, const Op *outer) {
        const Place a = place_of(op), b = place_of(outer);
        const int32_t channels = outer->tensor.dims[outer->tensor.n_dims - 1];

        return has_strides_of(op, outer) && a.reg_id == b.reg_id && a.address >= b.address &&
               a.address < b.address + channels;
}

/* the concat that @op is a slice of: a skipped one, or one that it lies in */
static const Op *slice_of_concat(const Rules *rules, const Op *op) {
        for (size_t i = op->index + 1; i < rules->spec.compiled->n_ops; i++) {
                const Op *reader = rules->spec.compiled->ops[i];

                if (rules_is(reader, "concat-fix") && where_is(reader) == where_is(op) &&
                    rules_reads(reader, op) && (is_skipped(reader) || lies_in(op, reader)))
                        return reader;
        }
        return NULL;
}

static void expect_slice_of_skipped(Rules *rules, const Op *op) {
        const Op *concat = rules_is_const(op) ? NULL : slice_of_concat(rules, op);

        if (concat)
                rules_expect(rules, is_skipped(concat), op->name,
                             "it is a slice of %s, which is not skipped", concat->name);
}

static void check_slices_of_skipped(Rules *rules) {
        rules_each_dpu_op(rules, expect_slice_of_skipped);
}

static void expect_strides(Rules *rules, const Op *op) {
        const Op *concat = slice_of_concat(rules, op);
        const size_t n = op->tensor.n_dims;
        int32_t strides[DIMS_MAX];

        if (place_of(op).location != 1 || rules_is_const(op) || rules_is(op, "download"))
                return;
        rules_expect(rules, n <= DIMS_MAX && rules_int32s(&op->tensor.attrs, "stride", n, strides),
                     op->name, "stride has not its dimensions");
        if (n > DIMS_MAX || !rules_int32s(&op->tensor.attrs, "stride", n, strides))
                return;
        if (!concat)
                rules_expect(rules, same_dims(&op->tensor, strides), op->name,
                             "its strides are not dense");
        else
                rules_expect(rules, has_strides_of(op, concat), op->name,
                             "its strides are not those of %s", concat->name);
}

static void check_strides(Rules *rules) {
        rules_each_dpu_op(rules, expect_strides);
}

static void expect_slices(Rules *rules, const Op *op) {
        const Place place = place_of(op);
        int32_t channel = 0;

        for (size_t i = 0; rules_is(op, "concat-fix") && is_skipped(op) && op_input(op, i); i++) {
                const Op *input = op_input(op, i);
                const Place at = place_of(input);

                rules_expect(rules,
                             at.reg_id == place.reg_id && at.address == place.address + channel,
                             input->name, "it is not where its slice of %s is", op->name);
                channel += input->tensor.dims[input->tensor.n_dims - 1];
        }
}

static void check_slices(Rules *rules) {
        rules_each_dpu_op(rules, expect_slices);
}

static void expect_concat_skipped(Rules *rules, const Op *op) {
        const int32_t fix_point = rules_int32(&op->tensor.attrs, "fix_point", 999);
        bool slices = true;

        if (!rules_is(op, "concat-fix"))
                return;
        for (size_t i = 0; op_input(op, i); i++)
                slices = slices && !rules_is(op_input(op, i), "upload") &&
                         rules_int32(&op_input(op, i)->tensor.attrs, "fix_point", 999) == fix_point;
        rules_expect(rules, is_skipped(op) == slices, op->name,
                     slices ? "its inputs could be slices of it" : "its inputs are no slices");
}

static void check_concats(Rules *rules) {
        rules_each_dpu_op(rules, expect_concat_skipped);
}

static void expect_reshape(Rules *rules, const Op *op) {
        const Op *input = op_input(op, 0);
        const Place a = place_of(op), b = input ? place_of(input) : (Place){ -1, -1, -1 };

        if (!rules_is(op, "reshape-fix"))
                return;
        rules_expect(rules, a.reg_id == b.reg_id && a.address == b.address, op->name,
                     "it is not where %s is", input->name);
        rules_expect(rules,
                     rules_int32(&op->tensor.attrs, "fix_point", 999) ==
                             rules_int32(&input->tensor.attrs, "fix_point", 998),
                     op->name, "it has another fix point than %s", input->name);
        rules_expect(rules, is_skipped(op), op->name, "it is not skipped");
        rules_expect(rules, op->n_args == 1, op->name, "it has more than its input");
}

static void check_reshapes(Rules *rules) {
        rules_each_dpu_op(rules, expect_reshape);
}

static void expect_skipped(Rules *rules, const Subgraph *leaf) {
        const Op *op = leaf->n_ops > 0 ? leaf->ops[leaf->n_ops - 1] : NULL;
        bool skipped = false;

        if (!op || rules_is(op, "concat-fix") || rules_is(op, "upsample-fix"))
                return;
        (void) attrs_bool(&leaf->attrs, "skip_code_gen", &skipped);
        rules_expect(rules,
                     skipped == (rules_is(op, "reshape-fix") ||
                                 (rules_is(op, "upload") && place_of(op).reg_id != 1)),
                     leaf->name, skipped ? "it is skipped" : "it is not skipped");
}

static void check_skipped(Rules *rules) {
        rules_each_leaf(rules, expect_skipped);
}

/* --- registers --------------------------------------------------------------------------------- */

static const struct {
        const char *name, *type, *type_v2, *segment;
} registers[REGISTERS] = {
        { "REG_0", "CONST", "CONST", "W0" },
        { "REG_1", "DATA", "WORKSPACE", "D0" },
        { "REG_2", "DATA", "INTERFACE", "D0" },
        { "REG_3", "DATA", "INTERFACE", "D0" },
};

static bool maps(const Subgraph *part, const char *name, const char *key, const char *value) {
        const Attr *map = attrs_find(&part->attrs, name);
        const Attr *found = map ? attr_map_find(map, key) : NULL;

        return value ? found && strcmp(found->string, value) == 0 : !found;
}

/* bytes from the register's start to the end of the last tensor in it; -1: none is */
static int64_t end_of(const Rules *rules, const Subgraph *part, int32_t reg_id) {
        int64_t end = -1;

        for (size_t i = 0; i < rules->spec.compiled->n_ops; i++) {
                const Op *op = rules->spec.compiled->ops[i];
                const Place place = place_of(op);
                int32_t strides[DIMS_MAX];
                int64_t last = place.address;

                if (where_is(op) != part || place.reg_id != reg_id || place.location != 1)
                        continue;
                if (rules_int32s(&op->tensor.attrs, "stride", op->tensor.n_dims, strides))
                        for (size_t d = 0; d < op->tensor.n_dims; d++)
                                last += (int64_t) strides[d] * (op->tensor.dims[d] - 1);
                else
                        last += (int64_t) tensor_elements(&op->tensor) - 1;
                end = last + 1 > end ? last + 1 : end;
        }
        return end;
}

static void expect_registers(Rules *rules, const Subgraph *part) {
        const Attr *sizes = attrs_find(&part->attrs, "reg_id_to_size");

        for (int32_t i = 0; i < REGISTERS; i++) {
                const int64_t end = end_of(rules, part, i), align = i == 0 ? CONSTANT_ALIGN : 16;
                const char *name = registers[i].name;
                const bool used = end >= 0;
                const Attr *size = sizes ? attr_map_find(sizes, name) : NULL;

                rules_expect(rules,
                             maps(part, "reg_id_to_context_type", name,
                                  used ? registers[i].type : NULL) &&
                                     maps(part, "reg_id_to_context_type_v2", name,
                                          used ? registers[i].type_v2 : NULL) &&
                                     maps(part, "reg_id_to_hw_segment", name,
                                          used ? registers[i].segment : NULL),
                             part->name, "%s, which is %s", name, used ? "used" : "not used");
                rules_expect(rules, (size != NULL) == used, part->name, "%s has %s size", name,
                             size ? "a" : "no");
                if (size && used)
                        rules_expect(rules, size->int32 == (end + align - 1) / align * align,
                                     part->name, "%s has %d bytes, its tensors end at %" PRId64,
                                     name, size->int32, end);
        }
}

static void check_registers(Rules *rules) {
        rules_each_dpu_part(rules, expect_registers);
}

#define OPS_MAX 8192

/* Is @op, or what shares its memory, downloaded? @out has that of all ops behind it. */
static bool goes_out(const Rules *rules, const Op *op, const bool *out) {
        for (size_t i = op->index + 1; i < rules->spec.compiled->n_ops; i++) {
                const Op *reader = rules->spec.compiled->ops[i];

                if (where_is(reader) != where_is(op) || !rules_reads(reader, op))
                        continue;
                if (rules_is(reader, "download") ||
                    (out[i] &&
                     (rules_is(reader, "reshape-fix") || slice_of_concat(rules, op) == reader)))
                        return true;
        }
        return false;
}

static void expect_role(Rules *rules, const Op *op, bool out) {
        const Place place = place_of(op);
        const int32_t expected = rules_is_const(op) ? 0 : rules_is(op, "upload") ? 2 : out ? 3 : 1;

        if (rules_is(op, "download") || rules_is(op, "reshape-fix") || place.location != 1)
                return;
        rules_expect(rules, place.reg_id == expected, op->name, "it is in REG_%d instead of REG_%d",
                     place.reg_id, expected);
}

static void check_roles(Rules *rules) {
        static bool out[OPS_MAX];

        for (size_t i = rules->spec.compiled->n_ops; i-- > 0;) {
                const Op *op = rules->spec.compiled->ops[i];

                if (i >= OPS_MAX || strcmp(where_device(op), "DPU") != 0)
                        continue;
                out[i] = goes_out(rules, op, out);
                expect_role(rules, op, out[i]);
        }
}

static void expect_aligned(Rules *rules, const Op *op) {
        const Place place = place_of(op);

        if (place.location != 1 || slice_of_concat(rules, op) || rules_is(op, "upload"))
                return;
        if (rules_is_const(op))
                rules_expect(rules, place.address % CONSTANT_ALIGN == 0, op->name,
                             "a constant at %d", place.address);
        else
                rules_expect(rules, place.address % TENSOR_ALIGN == 0, op->name, "it is at %d",
                             place.address);
}

static void check_aligned(Rules *rules) {
        rules_each_dpu_op(rules, expect_aligned);
}

/* --- constants --------------------------------------------------------------------------------- */

/* by consumer; of one the bias first, then weights, then inputs */
static void expect_constant_order(Rules *rules, const Subgraph *part) {
        static const char *const args[] = { "bias", "weights", "input" };
        int32_t last = -1;

        for (size_t i = 0; i < rules->spec.compiled->n_ops; i++) {
                const Op *op = rules->spec.compiled->ops[i];

                if (where_is(op) != part)
                        continue;
                for (size_t a = 0; a < ARRAY_SIZE(args); a++) {
                        const Arg *arg = op_arg(op, args[a]);

                        for (size_t k = 0; arg && k < arg->n_ops; k++) {
                                const int32_t at = place_of(arg->ops[k]).address;

                                if (!rules_is_const(arg->ops[k]) || arg->ops[k]->n_consumers > 1)
                                        continue;
                                rules_expect(rules, at > last, arg->ops[k]->name,
                                             "it is before what it should follow");
                                last = at;
                        }
                }
        }
}

static void check_constant_order(Rules *rules) {
        rules_each_dpu_part(rules, expect_constant_order);
}

/* --- lifetimes --------------------------------------------------------------------------------- */

/* What shares memory on purpose counts as what it is in. */
static const Op *buffer_of(const Rules *rules, const Op *op) {
        const Op *concat;

        while (rules_is(op, "reshape-fix") || (concat = slice_of_concat(rules, op)))
                op = rules_is(op, "reshape-fix") ? op_input(op, 0) : concat;
        return op;
}

typedef struct Life {
        const Op *buffer;
        int32_t reg_id;
        int64_t first, end;    /* bytes */
        size_t made, last_use; /* leaves */
} Life;

static size_t step_of(const Op *op) {
        const Subgraph *part = where_is(op);
        size_t i;

        for (i = 0; i < part->n_children && part->children[i] != op->subgraph;)
                i++;
        return i;
}

static void life_extend(Life *life, const Op *op) {
        const size_t step = step_of(op);

        life->made = step < life->made ? step : life->made;
        life->last_use = step > life->last_use ? step : life->last_use;
}

/* by index of an op: the buffer that it is in, NULL: none, or another part's */
typedef struct Buffers {
        const Op *of[OPS_MAX];
} Buffers;

static void buffers_init(Buffers *buffers, const Rules *rules, const Subgraph *part) {
        for (size_t i = 0; i < rules->spec.compiled->n_ops && i < OPS_MAX; i++) {
                const Op *op = rules->spec.compiled->ops[i];
                const bool there = where_is(op) == part && place_of(op).location == 1 &&
                                   !rules_is_const(op) && !rules_is(op, "download");

                buffers->of[i] = there ? buffer_of(rules, op) : NULL;
        }
}

/* from all that lie in it and read it */
static Life life_of(const Rules *rules, const Buffers *buffers, const Op *buffer) {
        const Place place = place_of(buffer);
        Life life = { .buffer = buffer,
                      .reg_id = place.reg_id,
                      .first = place.address,
                      .end = place.address + (int64_t) tensor_elements(&buffer->tensor),
                      .made = SIZE_MAX };

        for (size_t i = 0; i < rules->spec.compiled->n_ops; i++) {
                const Op *op = rules->spec.compiled->ops[i];
                bool touches = buffers->of[i] == buffer;

                if (where_is(op) != where_is(buffer))
                        continue;
                for (size_t k = 0; op_input(op, k); k++)
                        touches = touches || buffers->of[op_input(op, k)->index] == buffer;
                if (touches)
                        life_extend(&life, op);
        }
        return life;
}

/* outputs live until the application has them, inputs from before the program */
static bool lives_meet(const Life *a, const Life *b) {
        if (a->reg_id != b->reg_id || a->end <= b->first || b->end <= a->first)
                return false;
        return a->reg_id != 1 || (a->made <= b->last_use && b->made <= a->last_use);
}

#define LIVES_MAX 2048

static void expect_lives_apart(Rules *rules, const Subgraph *part) {
        static Life lives[LIVES_MAX];
        static Buffers buffers;
        size_t n = 0;

        buffers_init(&buffers, rules, part);

        for (size_t i = 0; i < rules->spec.compiled->n_ops && n < LIVES_MAX; i++)
                if (buffers.of[i] == rules->spec.compiled->ops[i])
                        lives[n++] = life_of(rules, &buffers, buffers.of[i]);
        for (size_t i = 0; i < n; i++)
                for (size_t k = i + 1; k < n; k++)
                        rules_expect(rules, !lives_meet(&lives[i], &lives[k]),
                                     lives[i].buffer->name, "it shares memory with %s",
                                     lives[k].buffer->name);
}

static void check_lives(Rules *rules) {
        rules_each_dpu_part(rules, expect_lives_apart);
}

/* --- first layers ------------------------------------------------------------------------------ */

static void expect_augmented(Rules *rules, const Op *op) {
        const Op *input = op_input(op, 0);
        int32_t kernel[2] = { 0 };
        bool fits;

        if (!rules_is(op, "conv2d-fix") || !rules_int32s(&op->attrs, "kernel", 2, kernel))
                return;
        fits = rules_is(input, "upload") && kernel[0] > 1 &&
               input->tensor.dims[3] * kernel[0] <=
                       2 * (int32_t) rules->spec.target->input_channels;
        rules_expect(rules,
                     (rules_int32(&op->attrs, "channel_augmentation", 0) == 1) == fits &&
                             (attrs_find(&op->attrs, "channel_augmentation") != NULL) == fits,
                     op->name, fits ? "its channels could be augmented" : "it is augmented");
}

static void check_augmented(Rules *rules) {
        rules_each_dpu_op(rules, expect_augmented);
}

const Rule rules_of_memory[] = {
        { "grids", "int8 tensors have fix_point, bit_width, round_mode and if_signed", check_grids,
          false },
        { "places",
          "tensors on the DPU: reg_id, ddr_addr, location, and stride in memory; not "
          "those of downloads",
          check_places, false },
        { "constants", "const-fix: REG_0, data empty", check_consts, false },
        { "on-chip", "location 0 only between the two of a pair: REG_1, 0", check_locations,
          false },
        { "strides", "dense, or those of the skipped concat that the tensor is a slice of",
          check_strides, false },
        { "slices", "of a skipped concat: its address plus the channel", check_slices, false },
        { "slices-skipped", "only of skipped concats there are slices", check_slices_of_skipped,
          false },
        { "concat-skipped",
          "a concat is skipped if all inputs have its fix point and are no "
          "uploads, and else not",
          check_concats, false },
        { "reshapes", "where their input is, skipped, without the argument for the shape",
          check_reshapes, false },
        { "skipped", "skip_code_gen on uploads, reshapes and skipped concats only", check_skipped,
          false },
        { "registers",
          "the maps have those that are used; sizes up to the end of the last tensor, "
          "up to 16, of REG_0 to 4096",
          check_registers, false },
        { "roles", "REG_2 has uploads, REG_3 what is downloaded, REG_1 the rest", check_roles,
          false },
        { "alignment", "constants at multiples of 4096, tensors of 16", check_aligned, false },
        { "constant-order", "by consumer: bias, weights, inputs", check_constant_order, false },
        { "lifetimes", "what is needed at the same time does not overlap", check_lives, false },
        { "augmentation",
          "channel_augmentation on conv2d of an upload with kernel_w > 1 and "
          "kernel_w * channels of two words at most",
          check_augmented, false },
        { NULL, NULL, NULL, false },
};
