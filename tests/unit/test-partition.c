#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "dpu/compiler/lower.h"
#include "dpu/compiler/partition.h"
#include "dpu/compiler/plan.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/sample_graph.h"

static Op *add(Graph *graph, const char *name, const char *type) {
        static const int32_t dims[] = { 1, 2, 2, 3 };
        Op *op;

        assert_int_equal(graph_add_op(graph, name, type, &op), 0);
        assert_int_equal(graph_set_tensor(graph, op, name, DATA_TYPE_FLOAT, 32, dims, 4), 0);
        return op;
}

static Op *add_reader(Graph *graph, const char *name, Op *a, Op *b) {
        Op *op = add(graph, name, "layer");

        assert_int_equal(graph_add_arg(graph, op, "input", a), 0);
        if (b)
                assert_int_equal(graph_add_arg(graph, op, "input", b), 0);
        return op;
}

/* constants, inputs, and layers that read up to four ops before them; names in random order */
static Graph *random_model(Random *random, Device *devices, size_t n) {
        static const char *const types[] = { "const", "data", "layer", "layer", "layer", "layer" };
        Graph *graph;

        assert_int_equal(graph_new(&graph, "random"), 0);
        for (size_t i = 0; i < n; i++) {
                const char *type = types[random_below(random, ARRAY_SIZE(types))];
                char name[32];
                Op *op;

                (void) snprintf(name, sizeof(name), "%u-%zu", (unsigned) random_below(random, 1000),
                                i);
                op = add(graph, name, type);
                devices[i] = strcmp(type, "data") == 0     ? DEVICE_USER
                             : random_below(random, 3) > 0 ? DEVICE_DPU
                                                           : DEVICE_CPU;
                if (strcmp(type, "layer") != 0)
                        continue;
                for (uint64_t k = random_below(random, 5); k > 0 && i > 0; k--)
                        assert_int_equal(graph_add_arg(graph, op, k % 2 ? "input" : "weights",
                                                       graph->ops[random_below(random, i)]),
                                         0);
        }
        graph_count_consumers(graph);
        return graph;
}

/* every op once, no part empty, names right, nothing read from a later part */
static void check_invariants(const Graph *graph, const Partition *p) {
        size_t n = 0;

        assert_int_equal(p->n_ops, graph->n_ops);
        for (size_t i = 0; i < p->n_parts; i++) {
                const Part *part = &p->parts[i];

                assert_true(part->n_ops > 0);
                n += part->n_ops;
                for (size_t k = 0; k < part->n_ops; k++) {
                        assert_int_equal(p->placements[part->ops[k]->index].part, i);
                        assert_int_equal(p->placements[part->ops[k]->index].device, part->device);
                        assert_true(strcmp(part->smallest, part->ops[k]->name) <= 0);
                        if (k > 0)
                                assert_true(part->ops[k - 1]->index < part->ops[k]->index);
                }
                if (part->device == DEVICE_USER) {
                        assert_int_equal(part->n_ops, 1);
                        assert_true(i == 0 || p->parts[i - 1].device == DEVICE_USER);
                }
        }
        assert_int_equal(n, graph->n_ops);

        for (size_t i = 0; i < graph->n_ops; i++)
                for (size_t a = 0; a < graph->ops[i]->n_args; a++)
                        for (size_t k = 0; k < graph->ops[i]->args[a].n_ops; k++)
                                assert_true(
                                        p->placements[graph->ops[i]->args[a].ops[k]->index].part <=
                                        p->placements[i].part);
}

static void parts_never_form_a_cycle(void **state) {
        for (uint64_t seed = 0; seed < 400; seed++) {
                Random random = RANDOM_INIT(seed);
                Device devices[80];
                size_t n = (size_t) random_below(&random, ARRAY_SIZE(devices));
                _cleanup_(graph_freep) Graph *graph = random_model(&random, devices, n);
                _cleanup_(partition_freep) Partition *p = NULL;

                assert_int_equal(partition_regions(graph, devices, &p), 0);
                check_invariants(graph, p);
                for (size_t i = 0; i < n; i++)
                        if (!partition_is_constant(graph->ops[i]) ||
                            graph->ops[i]->n_consumers == 0)
                                assert_int_equal(p->placements[i].device, devices[i]);
        }
}

/* nothing that could be one part is split while only the CPU runs layers */
static void layers_that_touch_share_a_part(void **state) {
        for (uint64_t seed = 0; seed < 100; seed++) {
                Random random = RANDOM_INIT(seed);
                Device devices[60];
                _cleanup_(graph_freep) Graph *graph = random_model(&random, devices, 60);
                _cleanup_(partition_freep) Partition *p = NULL;

                assert_int_equal(partition_run(graph, &p), 0);
                check_invariants(graph, p);
                for (size_t i = 0; i < graph->n_ops; i++) {
                        const Op *input = op_input(graph->ops[i], 0);

                        if (!partition_is_input(graph->ops[i]) &&
                            !partition_is_constant(graph->ops[i]))
                                assert_string_equal(p->placements[i].reason, "it was not lowered");
                        else
                                assert_null(p->placements[i].reason);
                        if (input && p->placements[input->index].reason)
                                assert_int_equal(p->placements[input->index].part,
                                                 p->placements[i].part);
                }
        }
}

/* a -> b -> c with b on the CPU, and m, which only c reads: m waits for c */
static void a_region_joins_its_only_reader(void **state) {
        static const Device devices[] = { DEVICE_USER, DEVICE_DPU, DEVICE_DPU, DEVICE_CPU,
                                          DEVICE_DPU };
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(partition_freep) Partition *p = NULL;
        Op *in, *a, *m, *b, *c;

        assert_int_equal(graph_new(&graph, "late"), 0);
        in = add(graph, "in", "data");
        a = add_reader(graph, "a", in, NULL);
        m = add_reader(graph, "m", in, NULL);
        b = add_reader(graph, "b", a, NULL);
        c = add_reader(graph, "c", b, m);
        graph_count_consumers(graph);
        assert_int_equal(partition_regions(graph, devices, &p), 0);
        check_invariants(graph, p);
        assert_int_equal(p->n_parts, 4);
        assert_int_equal(p->placements[m->index].part, p->placements[c->index].part);
        assert_int_not_equal(p->placements[a->index].part, p->placements[c->index].part);
}

/* The same, but b reads m, too: then m must come first. */
static void a_region_stays_before_other_readers(void **state) {
        static const Device devices[] = { DEVICE_USER, DEVICE_DPU, DEVICE_CPU, DEVICE_DPU };
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(partition_freep) Partition *p = NULL;
        Op *in, *m, *b, *c;

        assert_int_equal(graph_new(&graph, "early"), 0);
        in = add(graph, "in", "data");
        m = add_reader(graph, "m", in, NULL);
        b = add_reader(graph, "b", m, NULL);
        c = add_reader(graph, "c", b, m);
        graph_count_consumers(graph);
        assert_int_equal(partition_regions(graph, devices, &p), 0);
        check_invariants(graph, p);
        assert_int_equal(p->n_parts, 4);
        assert_int_not_equal(p->placements[m->index].part, p->placements[c->index].part);
}

static void an_empty_graph_has_no_parts(void **state) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(partition_freep) Partition *p = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;

        assert_int_equal(graph_new(&graph, "empty"), 0);
        assert_int_equal(partition_run(graph, &p), 0);
        assert_int_equal(p->n_parts, 0);
        assert_int_equal(plan_run(graph, p, &plan, NULL), 0);
}

static void every_input_is_a_part(void **state) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(partition_freep) Partition *p = NULL;

        assert_int_equal(graph_new(&graph, "inputs"), 0);
        (void) add(graph, "b", "data");
        (void) add(graph, "a", "data");
        (void) add_reader(graph, "layer", graph->ops[0], graph->ops[1]);
        graph_count_consumers(graph);
        assert_int_equal(partition_run(graph, &p), 0);
        assert_int_equal(p->n_parts, 3);
        assert_string_equal(p->parts[0].smallest, "b");
        assert_string_equal(p->parts[1].smallest, "a");
        assert_int_equal(p->parts[2].device, DEVICE_CPU);
}

/* Two regions, each the first reader of one of two constants in graph order: giving each constant
 * to its first reader in the graph would make the regions need each other. */
static void shared_constants_make_no_cycle(void **state) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(partition_freep) Partition *p = NULL;
        Op *one, *two, *a, *b;

        assert_int_equal(graph_new(&graph, "shared"), 0);
        one = add(graph, "one", "const");
        two = add(graph, "two", "const");
        a = add_reader(graph, "a", one, NULL);
        b = add_reader(graph, "b", two, NULL);
        (void) add_reader(graph, "a2", a, two);
        (void) add_reader(graph, "b2", b, one);
        (void) add(graph, "unread", "const");
        graph_count_consumers(graph);

        assert_int_equal(partition_run(graph, &p), 0);
        check_invariants(graph, p);
        assert_int_equal(p->n_parts, 3);
        assert_int_equal(p->placements[one->index].part, 0);
        assert_int_equal(p->placements[two->index].part, 0);
        assert_int_equal(p->placements[6].part, 2);
}

static void plan_knows_sizes_and_crossings(void **state) {
        _cleanup_(graph_freep) Graph *source = sample_graph_quantized(), *graph = NULL;
        _cleanup_(partition_freep) Partition *p = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;

        assert_int_equal(lower_run(source, &(LowerSpec){}, &graph, NULL), 0);
        assert_int_equal(partition_run(graph, &p), 0);
        assert_int_equal(plan_run(graph, p, &plan, NULL), 0);
        assert_int_equal(plan->n_parts, 2);
        assert_int_equal(plan->tensor_bytes[0], 4 * 4 * 3 * 4);
        assert_int_equal(plan->parts[0].n_inputs, 0);
        assert_int_equal(plan->parts[0].n_outputs, 1);
        assert_int_equal(plan->parts[1].n_inputs, 1);
        assert_string_equal(plan->parts[1].inputs[0]->name, "in");
        assert_int_equal(plan->parts[1].n_outputs, 1);
        assert_string_equal(plan->parts[1].outputs[0]->name, "softmax");
        assert_int_equal(plan->parts[1].constant_bytes, 24);
}

static void plan_lists_what_crosses_once(void **state) {
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(partition_freep) Partition *p = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        Op *a;

        assert_int_equal(graph_new(&graph, "twice"), 0);
        (void) add(graph, "in", "data");
        a = add_reader(graph, "a", graph->ops[0], graph->ops[0]);
        (void) add_reader(graph, "b", a, graph->ops[0]);
        graph_count_consumers(graph);
        assert_int_equal(partition_run(graph, &p), 0);
        assert_int_equal(plan_run(graph, p, &plan, NULL), 0);
        assert_int_equal(plan->parts[0].n_outputs, 1);
        assert_int_equal(plan->parts[1].n_inputs, 1);
}

static void plan_refuses_sizes_beyond_64_bits(void **state) {
        static const int32_t dims[] = { INT32_MAX, INT32_MAX, INT32_MAX };
        _cleanup_(graph_freep) Graph *graph = NULL;
        _cleanup_(partition_freep) Partition *p = NULL;
        Plan *plan = NULL;
        Problem problem;

        assert_int_equal(graph_new(&graph, "huge"), 0);
        (void) add(graph, "big", "data");
        assert_int_equal(graph_set_tensor(graph, graph->ops[0], "t", DATA_TYPE_FLOAT, 32, dims, 3),
                         0);
        assert_int_equal(partition_run(graph, &p), 0);
        assert_int_equal(plan_run(graph, p, &plan, &problem), -EOVERFLOW);
        assert_non_null(strstr(problem.text, "big"));
        assert_null(plan);
}

static int run_partition_and_plan(void *userdata) {
        _cleanup_(partition_freep) Partition *p = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_(bytes_cleanup) Bytes dump = BYTES_INIT(65536);
        int r;

        r = partition_run(userdata, &p);
        if (r < 0)
                return r;
        r = plan_run(userdata, p, &plan, NULL);
        if (r < 0)
                return r;
        r = partition_dump(p, &dump);
        return r < 0 ? r : plan_dump(plan, p, &dump);
}

static void every_allocation_may_fail(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_quantized();

        assert_true(fail_alloc_sweep(run_partition_and_plan, graph) > 8);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parts_never_form_a_cycle),
                cmocka_unit_test(layers_that_touch_share_a_part),
                cmocka_unit_test(a_region_joins_its_only_reader),
                cmocka_unit_test(a_region_stays_before_other_readers),
                cmocka_unit_test(an_empty_graph_has_no_parts),
                cmocka_unit_test(every_input_is_a_part),
                cmocka_unit_test(shared_constants_make_no_cycle),
                cmocka_unit_test(plan_knows_sizes_and_crossings),
                cmocka_unit_test(plan_lists_what_crosses_once),
                cmocka_unit_test(plan_refuses_sizes_beyond_64_bits),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
