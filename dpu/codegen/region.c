#include "dpu/codegen/region.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dpu/codegen/layer.h"

/* Slices that are further apart than this from pixel to pixel leave no room for what multiplies
 * the pitch: transposed convolution, dilation, resizing. */
#define REGION_PITCH_MAX 4096u

static bool region_is(const Op *op, const char *type) {
        return strcmp(op->type, type) == 0;
}

bool region_is_border(const Op *op) {
        return region_is(op, "upload") || region_is(op, "download") || region_is(op, "const-fix");
}

static int region_compare(const void *key, const void *item) {
        const Op *a = key, *b = *(const Op *const *) item;

        return (a->index > b->index) - (a->index < b->index);
}

RegionTensor *region_tensor(const Region *region, const Op *op) {
        const Op *const *found =
                bsearch(op, region->ops, region->n, sizeof(*region->ops), region_compare);

        return found && *found == op ? &region->tensors[found - region->ops] : NULL;
}

/* --- tensors --------------------------------------------------------------------------------- */

static int region_add(Region *region, size_t i, Problem *problem) {
        RegionTensor *t = &region->tensors[i];
        int r;

        t->op = region->ops[i];
        t->root = t->first = t->last = i;
        t->constant = region_is(t->op, "const-fix");
        t->input = region_is(t->op, "upload");
        if (region_is(t->op, "download"))
                return 0;
        r = layer_image(t->op, &t->view, problem);
        if (r < 0)
                return problem_prefix(problem, r, "%s", t->op->name);
        t->bytes = (uint64_t) t->view.height * t->view.width;
        if (__builtin_mul_overflow(t->bytes, t->view.channels, &t->bytes))
                return problem_set(problem, -EFBIG, "%s is too large", t->op->name);
        return 0;
}

/* each op reads what the region has before it; downloads mark what they take */
static int region_link(Region *region, size_t i, Problem *problem) {
        const Op *op = region->ops[i];

        if (region_is(op, "upload"))
                return 0;
        for (size_t a = 0; a < op->n_args; a++)
                for (size_t k = 0; k < op->args[a].n_ops; k++) {
                        const Op *from = op->args[a].ops[k];
                        RegionTensor *t = region_tensor(region, from);

                        if (!t || from->index >= op->index || region_is(from, "download"))
                                return problem_set(problem, -EINVAL,
                                                   "%s reads %s, which the region does not have",
                                                   op->name, from->name);
                        if (!region_is(op, "download"))
                                continue;
                        if (t->input || t->constant)
                                return problem_set(problem, -EOPNOTSUPP,
                                                   "%s goes out as it came in", from->name);
                        t->output = true;
                }
        if (!region_is_border(op) && !op_input(op, 0))
                return problem_set(problem, -EINVAL, "%s has no input", op->name);
        return 0;
}

/* --- shared memory --------------------------------------------------------------------------- */

static void region_share(Region *region, RegionTensor *t, const RegionTensor *with) {
        t->root = with->root;
        region->tensors[with->root].shared = true;
}

static void region_alias_reshape(Region *region, RegionTensor *t) {
        const RegionTensor *from = region_tensor(region, op_input(t->op, 0));
        const RegionTensor *root = &region->tensors[from->root];

        if (!region_is(t->op, "reshape-fix") || root->constant || from->bytes != t->bytes ||
            from->view.fix_point != t->view.fix_point || (root->input && t->output))
                return;
        region_share(region, t, from);
}

static bool region_is_channel_concat(const RegionTensor *t) {
        int32_t n_dims = (int32_t) t->op->tensor.n_dims, axis = 0;

        if (!region_is(t->op, "concat-fix") || attrs_int32(&t->op->attrs, "axis", &axis) < 0)
                return false;
        return (axis == n_dims - 1 || axis == -1) && t->view.channels <= REGION_PITCH_MAX;
}

static bool region_can_slice(const Region *region, const RegionTensor *concat,
                             const RegionTensor *t) {
        const Arg *arg = op_arg(concat->op, "input");
        unsigned times = 0;

        for (size_t i = 0; i < arg->n_ops; i++)
                times += arg->ops[i] == t->op;
        return times == 1 && !t->constant && !t->input && !t->output && !t->shared &&
               &region->tensors[t->root] == t && !region_is(t->op, "concat-fix") &&
               !region_is(t->op, "reshape-fix") && t->view.fix_point == concat->view.fix_point &&
               t->view.height == concat->view.height && t->view.width == concat->view.width;
}

static void region_slice_concat(Region *region, RegionTensor *concat) {
        const Arg *arg = op_arg(concat->op, "input");
        uint32_t channel = 0;

        if (!region_is_channel_concat(concat))
                return;
        for (size_t i = 0; i < arg->n_ops; i++) {
                RegionTensor *t = region_tensor(region, arg->ops[i]);

                if (region_can_slice(region, concat, t) &&
                    channel + t->view.channels <= concat->view.channels) {
                        t->slice = true;
                        t->channel = channel;
                        region_share(region, t, concat);
                }
                channel += t->view.channels;
        }
}

/* --- lifetimes ------------------------------------------------------------------------------- */

void region_use(Region *region, const RegionTensor *t, size_t step) {
        RegionTensor *root = &region->tensors[t->root];

        if (step < root->first)
                root->first = step;
        if (step > root->last)
                root->last = step;
}

static void region_set_lifetimes(Region *region) {
        for (size_t i = 0; i < region->n; i++) {
                const Op *op = region->ops[i];

                if (!region_is(op, "download"))
                        region_use(region, &region->tensors[i], i);
                if (region_is(op, "upload"))
                        continue;
                for (size_t a = 0; a < op->n_args; a++)
                        for (size_t k = 0; k < op->args[a].n_ops; k++)
                                region_use(region, region_tensor(region, op->args[a].ops[k]), i);
        }
}

/* --- layers without code --------------------------------------------------------------------- */

bool region_is_silent(const Region *region, size_t step) {
        const RegionTensor *t = &region->tensors[step];
        const Arg *inputs;

        if (region_is_border(t->op))
                return true;
        if (region_is(t->op, "reshape-fix"))
                return t->root != step;
        if (!region_is_channel_concat(t))
                return false;
        inputs = op_arg(t->op, "input");
        for (size_t i = 0; i < inputs->n_ops; i++)
                if (region_tensor(region, inputs->ops[i])->root != step)
                        return false;
        return true;
}

/* --- regions --------------------------------------------------------------------------------- */

static int region_fill(Region *region, Problem *problem) {
        int r = 0;

        for (size_t i = 0; i < region->n && r == 0; i++)
                r = region_add(region, i, problem);
        for (size_t i = 0; i < region->n && r == 0; i++)
                r = region_link(region, i, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < region->n; i++)
                if (!region_is_border(region->ops[i]))
                        region_alias_reshape(region, &region->tensors[i]);
        for (size_t i = 0; i < region->n; i++)
                if (!region_is_border(region->ops[i]))
                        region_slice_concat(region, &region->tensors[i]);
        /* memory that a tensor of it goes out of is memory that goes out */
        for (size_t i = 0; i < region->n; i++)
                if (region->tensors[i].output)
                        region->tensors[region->tensors[i].root].output = true;
        region_set_lifetimes(region);
        return 0;
}

int region_init(Region *region, const Op *const *ops, size_t n, Problem *problem) {
        Region made = { .ops = ops, .n = n };
        int r;

        if (n > REGION_OPS_MAX)
                return problem_set(problem, -EFBIG, "a region of %zu ops", n);
        for (size_t i = 1; i < n; i++)
                if (ops[i - 1]->index >= ops[i]->index)
                        return problem_set(problem, -EINVAL, "ops in another order than the graph");
        made.tensors = calloc(n + 1, sizeof(*made.tensors));
        if (!made.tensors)
                return -ENOMEM;
        r = region_fill(&made, problem);
        if (r < 0) {
                region_deinit(&made);
                return r;
        }
        *region = made;
        return 0;
}

void region_deinit(Region *region) {
        free(region->tensors);
        *region = (Region){};
}
