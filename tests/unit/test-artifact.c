#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "dpu/artifact.h"
#include "tests/support/sample_graph.h"
#include "xmodel/schema.h"

static int write_to(const UnitDir *dir, Graph *graph, Problem *problem) {
        const ArtifactSpec spec = { .graph = graph,
                                    .fingerprint = UINT64_C(0x101000056010402),
                                    .output_dir = dir->path,
                                    .net_name = "net" };
        Md5 md5;

        return artifact_write(&spec, &md5, problem);
}

static bool is_there(const UnitDir *dir, const char *name) {
        return faccessat(dir->fd, name, F_OK, 0) == 0;
}

static void all_four_files_are_written(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        const UnitDir *dir = *state;
        Problem problem = { "" };

        if (write_to(dir, graph, &problem) < 0)
                fail_msg("%s", problem.text);
        assert_true(is_there(dir, "net.xmodel") && is_there(dir, "meta.json"));
        assert_true(is_there(dir, "md5sum.txt") && is_there(dir, "report.json"));
}

/* A compiler makes names longer than those of the source; a reader would refuse the file. */
static void what_no_reader_takes_is_not_written(void **state) {
        _cleanup_(graph_freep) Graph *graph = sample_graph_compiled();
        static char name[SCHEMA_NAME_MAX + 2];
        const UnitDir *dir = *state;
        const int32_t dims[] = { 1 };
        Problem problem = { "" };
        Op *op = graph->ops[graph->n_ops - 1];

        memset(name, 'n', sizeof(name) - 1);
        assert_int_equal(graph_set_tensor(graph, op, name, DATA_TYPE_FLOAT, 32, dims, 1), 0);
        assert_int_equal(write_to(dir, graph, &problem), -EFBIG);
        assert_non_null(strstr(problem.text, "4097 bytes, more than 4096"));
        assert_false(is_there(dir, "net.xmodel") || is_there(dir, "meta.json"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(all_four_files_are_written, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(what_no_reader_takes_is_not_written, unit_dir_setup,
                                                unit_dir_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
