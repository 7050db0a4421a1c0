/*
 * What we lower beside what the vendor's compiler made of the same models: op by op, by name, the
 * type, shape, fix point and attributes, which side of the border it is on and with what others, and
 * the order of what it reads. Every deviation is listed here with its reason; one that is not listed fails, and so does
 * one that no longer happens.
 */

#include "unit.h"

#include "base/cleanup.h"
#include "dpu/compiler/partition.h"
#include "lower_fixture.h"
#include "tests/support/corpus.h"
#include "xmodel/attrs.h"

typedef struct Deviation {
        const char *op; /* end of the op's name */
        const char *what;
        const char *reason;
        bool seen;
} Deviation;

typedef struct Pair {
        const char *source, *compiled;
        Deviation deviations[24];
        Graph *quantized, *vendor;
} Pair;

/* The vendor runs one in fixed point on the CPU; here it stays what the quantized model has, with
 * borders around it. */
#define BILINEAR "a bilinear resize with aligned corners stays float on the CPU"

/* where the vendor takes every eighth pixel */
#define MIDDLE "a bilinear resize to 1/8 is the mean of the four pixels in the middle"

/* between ops of the CPU; it changes no number */
#define NO_FIX "numbers that are on a grid are not fixed to it again"

static Pair pairs[] = {
        { .source = "mnist-cnn.xmodel", .compiled = "mnist-cnn.B4096.xmodel" },
        { .source = "voxelnet.xmodel",
          .compiled = "voxelnet.B4096-3.0.xmodel",
          .deviations = { { "VoxelNet_input_4", "inputs", NO_FIX, false },
                          { "Max_max__voxel_features_sink_tranpose_0_fix", "being absent", NO_FIX,
                            false } } },
        { .source = "cifar-resnet20.xmodel", .compiled = "cifar-resnet20.VCK190.xmodel" },
        { .source = "zerodce.xmodel",
          .compiled = "zerodce.B4096.xmodel",
          .deviations = { { "ZeroDCEQ_input_1_weights", "being there", MIDDLE, false },
                          { "ZeroDCEQ_input_1", "type", MIDDLE, false },
                          { "input_fix_ZeroDCEQ__ZeroDCEQ_UpsamplingBilinear2d_upsample__x_r",
                            "being there", BILINEAR, false },
                          { "UpsamplingBilinear2d_upsample__x_r", "type", BILINEAR, false },
                          { "UpsamplingBilinear2d_upsample__x_r_fix", "being there", BILINEAR,
                            false },
                          { "ZeroDCEQ__1278", "inputs", BILINEAR, false },
                          { "ZeroDCEQ__1279", "inputs", BILINEAR, false } } },
};

static bool ends_with(const char *text, const char *end) {
        size_t n = strlen(text), k = strlen(end);

        return n >= k && strcmp(text + n - k, end) == 0;
}

static size_t n_unlisted;

static void deviates(Pair *pair, const char *op, const char *what) {
        for (size_t i = 0; i < ARRAY_SIZE(pair->deviations); i++) {
                Deviation *d = &pair->deviations[i];

                if (d->op && ends_with(op, d->op) && strcmp(d->what, what) == 0) {
                        d->seen = true;
                        return;
                }
        }
        print_message("%s: %s: %s is not as the vendor's\n", pair->source, op, what);
        n_unlisted++;
}

/* --- one op ---------------------------------------------------------------------------------- */

/* what later passes write */
static bool is_of_later_pass(const char *attr) {
        static const char *const names[] = { "device",           "workload",
                                             "workload_on_arch", "channel_augmentation",
                                             "partition_msg",    "data" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(names[i], attr) == 0)
                        return true;
        return false;
}

static void compare_attrs(Pair *pair, const Op *ours, const Attrs *a, const Attrs *b) {
        for (size_t i = 0; i < a->n; i++) {
                const Attr *other = attrs_find(b, a->items[i].name);

                if (is_of_later_pass(a->items[i].name))
                        continue;
                if (!other || !attr_equal(&a->items[i].value, other))
                        deviates(pair, ours->name, a->items[i].name);
        }
}

static bool is_moved(const Op *op) {
        return strcmp(op->type, "upload") == 0 || strcmp(op->type, "download") == 0;
}

static void compare_args(Pair *pair, const Op *ours, const Op *theirs) {
        for (size_t i = 0; i < ours->n_args; i++) {
                const Arg *arg = op_arg(theirs, ours->args[i].name);

                if (!arg || arg->n_ops != ours->args[i].n_ops) {
                        deviates(pair, ours->name, "inputs");
                        continue;
                }
                for (size_t k = 0; k < arg->n_ops; k++) {
                        const Op *input = arg->ops[k];

                        while (is_moved(input))
                                input = op_input(input, 0);
                        if (strcmp(input->name, ours->args[i].ops[k]->name) != 0)
                                deviates(pair, ours->name, "inputs");
                }
        }
}

static const char *const tensor_attrs[] = { "fix_point", "bit_width", "round_mode", "if_signed" };

static void compare_tensors(Pair *pair, const Op *ours, const Op *theirs) {
        const Tensor *a = &ours->tensor, *b = &theirs->tensor;

        if (a->n_dims != b->n_dims || memcmp(a->dims, b->dims, a->n_dims * sizeof(*a->dims)) != 0)
                deviates(pair, ours->name, "shape of its tensor");
        for (size_t i = 0; i < ARRAY_SIZE(tensor_attrs); i++) {
                const Attr *x = attrs_find(&a->attrs, tensor_attrs[i]);
                const Attr *y = attrs_find(&b->attrs, tensor_attrs[i]);

                if (!x != !y || (x && !attr_equal(x, y)))
                        deviates(pair, ours->name, tensor_attrs[i]);
        }
}

static void compare_op(Pair *pair, const Op *ours, const Op *theirs) {
        const char *a = attrs_string(&ours->attrs, "device");
        const char *b = attrs_string(&theirs->attrs, "device");

        if (strcmp(ours->type, theirs->type) != 0) {
                deviates(pair, ours->name, "type");
                return;
        }
        if (strncmp(ours->type, "const", 5) != 0 &&
            (a && strcmp(a, "DPU") == 0) != (b && strcmp(b, "DPU") == 0))
                deviates(pair, ours->name, "device");
        compare_attrs(pair, ours, &ours->attrs, &theirs->attrs);
        compare_attrs(pair, ours, &theirs->attrs, &ours->attrs);
        compare_args(pair, ours, theirs);
        compare_tensors(pair, ours, theirs);
}

/* --- parts ------------------------------------------------------------------------------------ */

static const Subgraph *part_of(const Op *vendor) {
        const Subgraph *s = vendor->subgraph;

        while (s && s->depth > 1)
                s = s->parent;
        return s;
}

static size_t count_dpu_subgraphs(const Graph *vendor) {
        size_t n = 0;

        for (size_t i = 0; i < vendor->root->n_children; i++)
                n += strcmp(attrs_string(&vendor->root->children[i]->attrs, "device"), "DPU") == 0;
        return n;
}

/* The part of the vendor's that the last op of ours is in has all others, too. */
static void compare_part(Pair *pair, const Part *part) {
        const Subgraph *expected = NULL;

        for (size_t i = part->n_ops; i-- > 0;) {
                const Op *theirs = graph_find_op(pair->vendor, part->ops[i]->name);

                if (!theirs || partition_is_constant(theirs))
                        continue;
                if (!expected)
                        expected = part_of(theirs);
                if (part_of(theirs) != expected)
                        deviates(pair, part->ops[i]->name, "part");
        }
}

static void compare_parts(Pair *pair, const Graph *ours) {
        _cleanup_(partition_freep) Partition *partition = NULL;
        size_t n = 0;

        assert_int_equal(partition_run(ours, &partition), 0);
        for (size_t i = 0; i < partition->n_parts; i++) {
                if (partition->parts[i].device != DEVICE_DPU)
                        continue;
                compare_part(pair, &partition->parts[i]);
                n++;
        }
        assert_int_equal(n, count_dpu_subgraphs(pair->vendor));
}

/* --- pairs -------------------------------------------------------------------------------------- */

static void load(const char *name, const Bytes *content, void *userdata) {
        bool compiled = *(const bool *) userdata;
        Problem problem;

        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                Pair *pair = &pairs[i];

                if (strcmp(compiled ? pair->compiled : pair->source, name) == 0)
                        assert_int_equal(
                                graph_read(compiled ? &pair->vendor : &pair->quantized,
                                           slice_of(content->data, content->size), &problem),
                                0);
        }
}

static void compare_pair(Pair *pair) {
        _cleanup_(graph_freep) Graph *ours = NULL;

        graph_count_consumers(pair->quantized);
        ours = lower_for(pair->quantized, LOWER_B4096);
        for (size_t i = 0; i < ours->n_ops; i++) {
                const Op *theirs = graph_find_op(pair->vendor, ours->ops[i]->name);

                if (theirs)
                        compare_op(pair, ours->ops[i], theirs);
                else
                        deviates(pair, ours->ops[i]->name, "being there");
        }
        for (size_t i = 0; i < pair->vendor->n_ops; i++) {
                const Op *theirs = pair->vendor->ops[i];

                if (!is_moved(theirs) && !graph_find_op(ours, theirs->name))
                        deviates(pair, theirs->name, "being absent");
        }
        compare_parts(pair, ours);
        for (size_t i = 0; i < ARRAY_SIZE(pair->deviations); i++)
                if (pair->deviations[i].op && !pair->deviations[i].seen)
                        fail_msg("%s: no longer deviates: %s, %s", pair->source,
                                 pair->deviations[i].op, pair->deviations[i].what);
}

static void as_the_vendor_lowers(void **state) {
        bool compiled = false;

        if (!corpus_present())
                skip();
        assert_true(corpus_each("quantized", load, &compiled) > 0);
        compiled = true;
        assert_true(corpus_each("compiled", load, &compiled) > 0);
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                compare_pair(&pairs[i]);
                pairs[i].quantized = graph_free(pairs[i].quantized);
                pairs[i].vendor = graph_free(pairs[i].vendor);
        }
        assert_int_equal(n_unlisted, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(as_the_vendor_lowers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
