#include "dpu/sim/program.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* --- target and regions ---------------------------------------------------------------------- */

bool program_is_dpu(const Subgraph *subgraph) {
        const char *device = attrs_string(&subgraph->attrs, "device");

        return device && strcmp(device, "DPU") == 0;
}

int program_check_target(const FingerprintInfo *target, Problem *problem) {
        if (target->family == DPU_CZDX8G && target->isa == 1 && target->decoded)
                return 0;
        return problem_set(problem, -ENOTSUP,
                           "the code is for %s; only DPUCZDX8G with ISA 1 is understood",
                           target->name);
}

static int program_load_target(Program *program, Problem *problem) {
        uint64_t fingerprint;
        int r;

        if (attrs_uint64(&program->subgraph->attrs, "dpu_fingerprint", &fingerprint) < 0)
                return problem_set(problem, -EBADMSG, "no attribute dpu_fingerprint");
        r = fingerprint_decode(fingerprint, &program->target, problem);
        if (r < 0)
                return r == -EINVAL ? -EBADMSG : r;
        return program_check_target(&program->target, problem);
}

/* "REG_3" is 3 */
static int program_register(const char *key, unsigned *ret) {
        if (strncmp(key, "REG_", 4) != 0 || key[4] < '0' || key[4] >= '0' + PROGRAM_REGIONS ||
            key[5] != '\0')
                return -EINVAL;
        *ret = (unsigned) (key[4] - '0');
        return 0;
}

static ProgramRole program_role(const char *type) {
        if (strcmp(type, "CONST") == 0)
                return PROGRAM_CONST;
        if (strcmp(type, "WORKSPACE") == 0 || strcmp(type, "DATA") == 0)
                return PROGRAM_WORKSPACE;
        if (strcmp(type, "INTERFACE") == 0)
                return PROGRAM_INTERFACE;
        return PROGRAM_NO_REGION;
}

static int program_load_constant(ProgramRegion *region, const Attr *values, const char *key,
                                 Problem *problem) {
        const Attr *value = values ? attr_map_find(values, key) : NULL;

        if (!value || value->kind != ATTR_BYTES)
                return problem_set(problem, -EBADMSG, "%s is constant, but has no content", key);
        if (value->bytes.size != region->size)
                return problem_set(problem, -EBADMSG, "%s has %" PRIu64 " bytes and %zu of content",
                                   key, region->size, value->bytes.size);
        region->constant = value->bytes;
        return 0;
}

static int program_load_region(Program *program, const AttrPair *type, Problem *problem) {
        const Attrs *attrs = &program->subgraph->attrs;
        const Attr *sizes = attrs_find(attrs, "reg_id_to_size");
        const Attr *size = sizes ? attr_map_find(sizes, type->key) : NULL;
        ProgramRegion *region;
        unsigned reg_id;

        if (program_register(type->key, &reg_id) < 0)
                return problem_set(problem, -EBADMSG, "'%s' is no register", type->key);
        region = &program->regions[reg_id];
        region->role = program_role(type->value.string);
        if (region->role == PROGRAM_NO_REGION)
                return problem_set(problem, -EBADMSG, "%s is of unknown type '%s'", type->key,
                                   type->value.string);
        if (!size || size->kind != ATTR_INT32 || size->int32 < 0)
                return problem_set(problem, -EBADMSG, "%s has no size", type->key);
        region->size = (uint64_t) size->int32;
        if (region->role != PROGRAM_CONST)
                return 0;
        return program_load_constant(region, attrs_find(attrs, "reg_id_to_parameter_value"),
                                     type->key, problem);
}

static int program_load_regions(Program *program, Problem *problem) {
        const Attrs *attrs = &program->subgraph->attrs;
        const Attr *types = attrs_find(attrs, "reg_id_to_context_type_v2");
        int r;

        if (!types)
                types = attrs_find(attrs, "reg_id_to_context_type");
        if (!types || types->kind != ATTR_MAP_STRING_STRING)
                return problem_set(problem, -EBADMSG, "no attribute reg_id_to_context_type");
        for (size_t i = 0; i < types->n; i++) {
                r = program_load_region(program, &types->pairs[i], problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- tensors --------------------------------------------------------------------------------- */

static void program_set_dense(ProgramTensor *tensor) {
        uint64_t stride = 1;

        for (size_t i = tensor->n_dims; i-- > 0;) {
                tensor->strides[i] = stride;
                stride *= tensor->dims[i];
        }
}

/* dims are below 2^31 and there is a limit for their product, so nothing here overflows */
static int program_set_shape(ProgramTensor *tensor, const Tensor *from, Problem *problem) {
        if (from->n_dims > PROGRAM_TENSOR_DIMS)
                return problem_set(problem, -EBADMSG, "tensor %s has %zu dimensions", from->name,
                                   from->n_dims);
        tensor->n_dims = from->n_dims;
        tensor->elements = 1;
        for (size_t i = 0; i < from->n_dims; i++) {
                if (from->dims[i] < 1)
                        return problem_set(problem, -EBADMSG, "tensor %s has a dimension of %d",
                                           from->name, from->dims[i]);
                tensor->dims[i] = (uint32_t) from->dims[i];
                tensor->elements *= tensor->dims[i];
                if (tensor->elements > PROGRAM_MEMORY_MAX)
                        return problem_set(problem, -EFBIG, "tensor %s is too large", from->name);
        }
        return 0;
}

static int program_set_strides(ProgramTensor *tensor, const Tensor *from, Problem *problem) {
        const Attr *strides = attrs_find(&from->attrs, "stride");

        program_set_dense(tensor);
        if (!strides || strides->kind != ATTR_INT32_VEC || strides->n != tensor->n_dims)
                return 0; /* weights have an empty one */
        for (size_t i = 0; i < tensor->n_dims; i++) {
                if (strides->int32s[i] < 0)
                        return problem_set(problem, -EBADMSG, "tensor %s has a stride of %d",
                                           from->name, strides->int32s[i]);
                tensor->strides[i] = (uint64_t) strides->int32s[i];
        }
        return 0;
}

static int program_check_place(const Program *program, const ProgramTensor *tensor,
                               Problem *problem) {
        uint64_t last = tensor->address;

        for (size_t i = 0; i < tensor->n_dims; i++)
                last += (tensor->dims[i] - 1) * tensor->strides[i];
        if (last < program->regions[tensor->reg_id].size)
                return 0;
        return problem_set(problem, -EBADMSG,
                           "tensor %s reaches byte %" PRIu64 " of REG_%u, which has %" PRIu64,
                           tensor->op->tensor.name, last, tensor->reg_id,
                           program->regions[tensor->reg_id].size);
}

static bool program_has_place(const Op *op) {
        int32_t location, ignored;

        return attrs_int32(&op->tensor.attrs, "reg_id", &ignored) == 0 &&
               attrs_int32(&op->tensor.attrs, "ddr_addr", &ignored) == 0 &&
               (attrs_int32(&op->tensor.attrs, "location", &location) < 0 || location == 1);
}

static int program_add_tensor(Program *program, const Op *op, Problem *problem) {
        ProgramTensor tensor = { .op = op };
        ProgramTensor *all;
        int32_t reg_id, address;
        int r;

        (void) attrs_int32(&op->tensor.attrs, "reg_id", &reg_id);
        (void) attrs_int32(&op->tensor.attrs, "ddr_addr", &address);
        if (reg_id < 0 || reg_id >= PROGRAM_REGIONS || address < 0)
                return problem_set(problem, -EBADMSG, "tensor %s lies at REG_%d %d",
                                   op->tensor.name, reg_id, address);
        if (op->tensor.bit_width != 8)
                return problem_set(problem, -EBADMSG, "tensor %s has elements of %d bits",
                                   op->tensor.name, op->tensor.bit_width);
        tensor.reg_id = (unsigned) reg_id;
        tensor.address = (uint64_t) address;
        r = program_set_shape(&tensor, &op->tensor, problem);
        if (r < 0)
                return r;
        r = program_set_strides(&tensor, &op->tensor, problem);
        if (r < 0)
                return r;
        r = program_check_place(program, &tensor, problem);
        if (r < 0)
                return r;

        all = arena_grow(&program->arena, program->tensors, program->n_tensors, sizeof(*all));
        if (!all)
                return -ENOMEM;
        all[program->n_tensors++] = tensor;
        program->tensors = all;
        program->places[op->index] = (uint32_t) program->n_tensors;
        return 0;
}

/* --- ports ----------------------------------------------------------------------------------- */

static bool program_contains(const Program *program, const Op *op) {
        for (const Subgraph *s = op->subgraph; s; s = s->parent)
                if (s == program->subgraph)
                        return true;
        return false;
}

static bool program_is_type(const Op *op, const char *type) {
        return strcmp(op->type, type) == 0;
}

static int program_add_port(Program *program, ProgramPort **list, size_t *n,
                            const ProgramPort *port) {
        ProgramPort *all = arena_grow(&program->arena, *list, *n, sizeof(*all));

        if (!all)
                return -ENOMEM;
        all[(*n)++] = *port;
        *list = all;
        return 0;
}

static int program_add_input(Program *program, const Op *inside, const Op *outside,
                             Problem *problem) {
        const Op *placed = program_is_type(inside, "upload") ? inside : outside;
        ProgramPort port = { .inside = inside, .outside = outside };

        port.tensor = program_place(program, placed);
        if (!port.tensor)
                return problem_set(problem, -EBADMSG, "input %s has no place in memory",
                                   outside->tensor.name);
        if (port.tensor->is_input)
                return 0; /* a second reader of the same */
        program->tensors[port.tensor - program->tensors].is_input = true;
        return program_add_port(program, &program->inputs, &program->n_inputs, &port);
}

static int program_add_output(Program *program, const Op *inside, const Op *placed,
                              Problem *problem) {
        ProgramPort port = { .inside = inside };

        port.tensor = placed ? program_place(program, placed) : NULL;
        if (!port.tensor)
                return problem_set(problem, -EBADMSG, "output %s has no place in memory",
                                   inside->tensor.name);
        return program_add_port(program, &program->outputs, &program->n_outputs, &port);
}

static int program_port_of(Program *program, const Op *op, Problem *problem) {
        for (size_t a = 0; a < op->n_args; a++)
                for (size_t i = 0; i < op->args[a].n_ops; i++) {
                        int r;

                        if (program_contains(program, op->args[a].ops[i]))
                                continue;
                        r = program_add_input(program, op, op->args[a].ops[i], problem);
                        if (r < 0)
                                return r;
                }
        if (program_is_type(op, "download"))
                return program_add_output(program, op, op_input(op, 0), problem);
        return 0;
}

/* --- the ops of the subgraph ----------------------------------------------------------------- */

typedef struct ProgramOps {
        const Op **items; /* in the order of the graph */
        size_t n;
} ProgramOps;

static int program_collect(Program *program, const Subgraph *subgraph, ProgramOps *ops) {
        for (size_t i = 0; i < subgraph->n_ops; i++) {
                const Op **items = arena_grow(&program->arena, ops->items, ops->n, sizeof(*items));

                if (!items)
                        return -ENOMEM;
                items[ops->n++] = subgraph->ops[i];
                ops->items = items;
        }
        /* no deeper than GRAPH_DEPTH_MAX */
        for (size_t i = 0; i < subgraph->n_children; i++) {
                int r = program_collect(program, subgraph->children[i], ops);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* room for the index of every op inside, and of those that they read */
static int program_init_places(Program *program, const ProgramOps *ops) {
        for (size_t i = 0; i < ops->n; i++) {
                const Op *op = ops->items[i];

                if (op->index >= program->n_places)
                        program->n_places = op->index + 1;
                for (size_t a = 0; a < op->n_args; a++)
                        for (size_t k = 0; k < op->args[a].n_ops; k++)
                                if (op->args[a].ops[k]->index >= program->n_places)
                                        program->n_places = op->args[a].ops[k]->index + 1;
        }
        program->places =
                arena_zalloc(&program->arena, program->n_places + 1, sizeof(*program->places));
        return program->places ? 0 : -ENOMEM;
}

static int program_compare_ops(const void *a, const void *b) {
        const Op *x = *(const Op *const *) a, *y = *(const Op *const *) b;

        return (x->index > y->index) - (x->index < y->index);
}

/* of the ops inside, and of those outside whose tensors they read where they lie */
static int program_load_tensors(Program *program, const ProgramOps *ops, Problem *problem) {
        for (size_t i = 0; i < ops->n; i++) {
                const Op *op = ops->items[i];
                int r = 0;

                if (program_has_place(op))
                        r = program_add_tensor(program, op, problem);
                if (r < 0)
                        return r;
                if (program_is_type(op, "upload"))
                        continue;
                for (size_t a = 0; a < op->n_args; a++)
                        for (size_t k = 0; k < op->args[a].n_ops; k++) {
                                const Op *from = op->args[a].ops[k];

                                if (program_contains(program, from) || !program_has_place(from) ||
                                    program_place(program, from))
                                        continue;
                                r = program_add_tensor(program, from, problem);
                                if (r < 0)
                                        return r;
                        }
        }
        return 0;
}

static int program_load_graph(Program *program, Problem *problem) {
        ProgramOps ops = { NULL, 0 };
        int r;

        r = program_collect(program, program->subgraph, &ops);
        if (r < 0)
                return r;
        if (ops.n > 0)
                qsort(ops.items, ops.n, sizeof(*ops.items), program_compare_ops);
        r = program_init_places(program, &ops);
        if (r < 0)
                return r;
        r = program_load_tensors(program, &ops, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ops.n; i++) {
                r = program_port_of(program, ops.items[i], problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- programs -------------------------------------------------------------------------------- */

const ProgramTensor *program_place(const Program *program, const Op *op) {
        uint32_t number = op->index < program->n_places ? program->places[op->index] : 0;

        if (number == 0 || program->tensors[number - 1].op != op)
                return NULL;
        return &program->tensors[number - 1];
}

static int program_load_all(Program *program, Problem *problem) {
        uint64_t memory = 0;
        int r;

        r = program_load_target(program, problem);
        if (r < 0)
                return r;
        if (attrs_bytes(&program->subgraph->attrs, "mc_code", &program->code) < 0)
                return problem_set(problem, -EBADMSG, "no attribute mc_code");
        if (program->code.size == 0 || program->code.size % 4 != 0)
                return problem_set(problem, -EBADMSG, "mc_code has %zu bytes: no whole words",
                                   program->code.size);
        if (program->code.size > PROGRAM_CODE_MAX)
                return problem_set(problem, -EFBIG, "mc_code has %zu bytes", program->code.size);
        r = program_load_regions(program, problem);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < PROGRAM_REGIONS; i++)
                memory += program->regions[i].size;
        if (memory > PROGRAM_MEMORY_MAX)
                return problem_set(problem, -EFBIG, "needs %" PRIu64 " bytes of memory", memory);
        return program_load_graph(program, problem);
}

int program_load(const Subgraph *subgraph, Program *ret, Problem *problem) {
        Program program = { .subgraph = subgraph, .arena = ARENA_INIT };
        int r;

        r = program_load_all(&program, problem);
        if (r < 0) {
                program_deinit(&program);
                return problem_prefix(problem, r, "%s", subgraph->name);
        }
        *ret = program;
        return 0;
}

void program_deinit(Program *program) {
        arena_deinit(&program->arena);
        *program = (Program){ .arena = ARENA_INIT };
}
