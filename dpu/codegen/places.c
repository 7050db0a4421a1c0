#include "dpu/codegen/places.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

#define PLACES_ALIGN                                                                               \
        64u                         /* the vendor's have 16; 64 keeps tensors out of each other's
                                       blocks in the token pass */
#define PLACES_CONSTANT_ALIGN 4096u /* as release 3 of the vendor's compiler */

static uint64_t places_up(uint64_t value, uint64_t to) {
        return (value + to - 1) / to * to;
}

/* --- constants ------------------------------------------------------------------------------- */

static int places_pad(Places *places, uint64_t size, Problem *problem) {
        int r;

        if (size > PLACES_REGION_MAX)
                return problem_set(problem, -EFBIG, "constants of more than %" PRIu64 " bytes",
                                   PLACES_REGION_MAX);
        if (size == places->constants.size)
                return 0;
        r = bytes_reserve(&places->constants, size - places->constants.size);
        if (r < 0)
                return r;
        memset(places->constants.data + places->constants.size, 0, size - places->constants.size);
        places->constants.size = size;
        return 0;
}

static int places_add_constant(Places *places, RegionTensor *t, Problem *problem) {
        Slice data;
        int r;

        if (attrs_bytes(&t->op->attrs, "data", &data) < 0 || data.size != t->bytes)
                return problem_set(problem, -EINVAL,
                                   "constant %s has not the content of %" PRIu64
                                   " bytes that its shape asks for",
                                   t->op->name, t->bytes);
        r = places_pad(places, places_up(places->constants.size, PLACES_CONSTANT_ALIGN), problem);
        if (r < 0)
                return r;
        t->view.reg_id = PLACES_CONSTANTS;
        t->view.address = places->constants.size;
        return bytes_append(&places->constants, data.data, data.size);
}

/* of one op, the bias first: the order in which the vendor's files have them */
static int places_constants_of(Places *places, const Region *region, const Op *op, bool *placed,
                               Problem *problem) {
        static const char *const order[] = { "bias", "weights", "input" };

        for (size_t a = 0; a < ARRAY_SIZE(order); a++) {
                const Arg *arg = op_arg(op, order[a]);

                for (size_t i = 0; arg && i < arg->n_ops; i++) {
                        RegionTensor *t = region_tensor(region, arg->ops[i]);
                        int r;

                        if (!t || !t->constant || placed[t->root])
                                continue;
                        placed[t->root] = true;
                        r = places_add_constant(places, t, problem);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* For convolutions without bias, as the engine always adds one; and for what is padded, a row of
 * pixels that begin one byte after another. */
static uint64_t places_zeros_of(const RegionTensor *t) {
        if (strcmp(t->op->type, "pad-fix") == 0)
                return (uint64_t) t->view.width + t->view.channels;
        return op_arg(t->op, "weights") && !op_arg(t->op, "bias") ? t->view.channels : 0;
}

static int places_add_zeros(Places *places, const Region *region, Problem *problem) {
        uint64_t n = 0;

        for (size_t i = 0; i < region->n; i++) {
                uint64_t needed = places_zeros_of(&region->tensors[i]);

                n = needed > n ? needed : n;
        }
        if (n == 0)
                return 0;
        places->zeros = places_up(places->constants.size, PLACES_CONSTANT_ALIGN);
        return places_pad(places, places->zeros + n, problem);
}

static int places_constants(Places *places, const Region *region, Problem *problem) {
        _cleanup_(freep) bool *placed = calloc(region->n + 1, sizeof(*placed));
        int r = 0;

        if (!placed)
                return -ENOMEM;
        for (size_t i = 0; i < region->n && r == 0; i++)
                if (!region_is_border(region->ops[i]))
                        r = places_constants_of(places, region, region->ops[i], placed, problem);
        if (r == 0)
                r = places_add_zeros(places, region, problem);
        if (r == 0)
                r = places_pad(places, places_up(places->constants.size, PLACES_CONSTANT_ALIGN),
                               problem);
        places->sizes[PLACES_CONSTANTS] = places->constants.size;
        return r;
}

/* --- workspace ------------------------------------------------------------------------------- */

/* what is in use, by ascending address */
typedef struct Used {
        uint64_t first, end;
        size_t until; /* step */
} Used;

typedef struct Workspace {
        Used *items; /* owned */
        size_t n, capacity;
} Workspace;

static void workspace_deinit(Workspace *workspace) {
        free(workspace->items);
}

static void workspace_release(Workspace *workspace, size_t step) {
        size_t kept = 0;

        for (size_t i = 0; i < workspace->n; i++)
                if (workspace->items[i].until >= step)
                        workspace->items[kept++] = workspace->items[i];
        workspace->n = kept;
}

/* the lowest gap that is large enough */
static int workspace_take(Workspace *workspace, uint64_t bytes, size_t until, uint64_t *ret) {
        uint64_t size = places_up(bytes, PLACES_ALIGN), at = PLACES_MARGIN;
        size_t i;
        int r;

        r = array_reserve(&workspace->items, &workspace->capacity, workspace->n + 1,
                          sizeof(*workspace->items));
        if (r < 0)
                return r;
        for (i = 0; i < workspace->n; i++) {
                if (workspace->items[i].first - at >= size)
                        break;
                at = workspace->items[i].end;
        }
        memmove(workspace->items + i + 1, workspace->items + i,
                (workspace->n - i) * sizeof(*workspace->items));
        workspace->items[i] = (Used){ .first = at, .end = at + size, .until = until };
        workspace->n++;
        *ret = at;
        return 0;
}

/* --- all ------------------------------------------------------------------------------------- */

/* behind what is there; the region ends with a margin */
static uint64_t places_append(uint64_t *size, uint64_t bytes) {
        uint64_t at = *size > 0 ? places_up(*size - PLACES_MARGIN, PLACES_ALIGN) : PLACES_MARGIN;

        *size = places_up(at + bytes, 16) + PLACES_MARGIN;
        return at;
}

static int places_root(Places *places, RegionTensor *t, Workspace *workspace) {
        uint64_t *sizes = places->sizes;
        int r;

        if (t->input) {
                t->view.reg_id = PLACES_INPUTS;
                t->view.address = places_append(&sizes[PLACES_INPUTS], t->bytes);
                return 0;
        }
        if (t->output) {
                t->view.reg_id = PLACES_OUTPUTS;
                t->view.address = places_append(&sizes[PLACES_OUTPUTS], t->bytes);
                return 0;
        }
        t->view.reg_id = PLACES_WORKSPACE;
        r = workspace_take(workspace, t->bytes, t->last, &t->view.address);
        if (r == 0 && t->view.address + t->bytes + PLACES_MARGIN > sizes[PLACES_WORKSPACE])
                sizes[PLACES_WORKSPACE] = places_up(t->view.address + t->bytes, 16) + PLACES_MARGIN;
        return r;
}

/* The tensors in the memory of others, once all of those have their place. */
static void places_inner(const Region *region, RegionTensor *t) {
        const View *root = &region->tensors[t->root].view;

        t->view.reg_id = root->reg_id;
        t->view.address = root->address + (t->slice ? t->channel : 0);
        if (!t->slice)
                return;
        t->view.pixel_pitch = root->pixel_pitch;
        t->view.row_pitch = root->row_pitch;
}

typedef struct PlacesRoot {
        size_t first; /* step */
        RegionTensor *tensor;
} PlacesRoot;

static int places_compare(const void *a, const void *b) {
        const PlacesRoot *x = a, *y = b;

        if (x->first != y->first)
                return x->first < y->first ? -1 : 1;
        return (x->tensor > y->tensor) - (x->tensor < y->tensor);
}

/* who needs memory of its own */
static bool places_is_root(const Region *region, size_t i) {
        const RegionTensor *t = &region->tensors[i];

        return t->root == i && !t->constant && strcmp(t->op->type, "download") != 0;
}

/* In the order of their first steps: a slice may come long before its concatenation. */
static int places_roots(Places *places, Region *region) {
        _cleanup_(workspace_deinit) Workspace workspace = {};
        _cleanup_(freep) PlacesRoot *roots = calloc(region->n + 1, sizeof(*roots));
        size_t n = 0;
        int r = 0;

        if (!roots)
                return -ENOMEM;
        for (size_t i = 0; i < region->n; i++)
                if (places_is_root(region, i))
                        roots[n++] = (PlacesRoot){ region->tensors[i].first, &region->tensors[i] };
        qsort(roots, n, sizeof(*roots), places_compare);
        for (size_t i = 0; i < n && r == 0; i++) {
                workspace_release(&workspace, roots[i].first);
                r = places_root(places, roots[i].tensor, &workspace);
        }
        return r;
}

int places_init(Places *places, Region *region, Problem *problem) {
        Places made = { .constants = BYTES_INIT(PLACES_REGION_MAX) };
        int r;

        r = places_constants(&made, region, problem);
        if (r == 0)
                r = places_roots(&made, region);
        for (unsigned i = 0; i < PLACES_REGISTERS && r == 0; i++)
                if (made.sizes[i] > PLACES_REGION_MAX)
                        r = problem_set(problem, -EFBIG, "REG_%u has %" PRIu64 " bytes", i,
                                        made.sizes[i]);
        if (r < 0) {
                places_deinit(&made);
                return r;
        }
        for (size_t i = 0; i < region->n; i++)
                if (region->tensors[i].root != i)
                        places_inner(region, &region->tensors[i]);
        *places = made;
        return 0;
}

void places_deinit(Places *places) {
        bytes_deinit(&places->constants);
        *places = (Places){};
}

int places_dump(const Places *places, const Region *region, Bytes *ret) {
        int r = 0;

        for (unsigned i = 0; i < PLACES_REGISTERS && r == 0; i++)
                r = bytes_printf(ret, "REG_%u %" PRIu64 " bytes\n", i, places->sizes[i]);
        for (size_t i = 0; i < region->n && r == 0; i++) {
                const RegionTensor *t = &region->tensors[i];

                if (strcmp(t->op->type, "download") == 0)
                        continue;
                r = bytes_printf(ret, "%zu %s REG_%u %" PRIu64 " %" PRIu64 " bytes", i,
                                 t->op->tensor.name, t->view.reg_id, t->view.address, t->bytes);
                if (r == 0 && t->root != i)
                        r = bytes_printf(ret, " in %s\n", region->tensors[t->root].op->tensor.name);
                else if (r == 0)
                        r = bytes_printf(ret, " steps %zu to %zu\n", t->first, t->last);
        }
        return r;
}
