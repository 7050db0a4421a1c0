/*
 * Ops that move numbers: concat and resize. Reshapes have no rule of their own: lowering_value.c
 * makes them where something reads them.
 *
 *      concat + fix             ->  concat-fix, inputs in source order (P28). An input without a
 *                                   `fix` of its own was written with that of the concat (P07, P08)
 *      resize NEAREST [+ fix]   ->  upsample-fix, all attributes carried (P29; scale is copied)
 *
 * A bilinear resize stays off the DPU. The vendor turns one to 1/8 into taking every eighth pixel
 * (ZeroDCE), which is not what the quantized model computes, and runs the enlarging ones on the
 * CPU.
 */

#include "dpu/compiler/lowering.h"

#include <errno.h>
#include <string.h>

int lower_concat(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        const Arg *arg = op_arg(core, "input");
        Op *op;
        int r;

        for (size_t i = 0; arg && i < arg->n_ops; i++) {
                Op *input;

                r = lowering_fixed(l, arg->ops[i], core, &input);
                if (r < 0 || !input)
                        return r;
        }
        r = lowering_add(l, core->name, "concat-fix", &op);
        if (r == 0)
                r = lowering_add_inputs(l, core, op);
        if (r == 0)
                r = lowering_copy_attrs(l, &op->attrs, &core->attrs);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}

int lower_resize(Lowering *l, const Match *match, Op **ret) {
        const Op *core = match->core;
        const char *mode = attrs_string(&core->attrs, "mode");
        const Arg *size = op_arg(core, "size");
        const Attr *scale = attrs_find(&core->attrs, "scale");
        Op *op;
        int r;

        if (!mode || strcmp(mode, "NEAREST") != 0)
                return lowering_refuse(l, core, "the engines resize NEAREST only, not %s",
                                       mode ?: "(nothing)");
        if ((size && size->n_ops > 0) || !scale || scale->kind != ATTR_FLOAT_VEC || scale->n != 2)
                return lowering_refuse(l, core, "its scale is not fixed");
        r = lowering_add_unary(l, match, core->name, "upsample-fix", &op);
        if (r < 0 || !op)
                return r;
        if (size)
                r = graph_add_arg(l->target, op, "size", NULL);
        if (r == 0)
                r = lowering_copy_attrs(l, &op->attrs, &core->attrs);
        return r < 0 ? r : lowering_give(l, match, op, ret);
}
