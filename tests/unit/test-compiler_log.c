#include "unit.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "tests/support/fail_alloc.h"
#include "xmodel/compiler_log.h"

static CompilerLog *parse(const char *text) {
        CompilerLog *log;

        assert_int_equal(compiler_log_new(&log), 0);
        assert_int_equal(compiler_log_feed(log, slice_of_string(text)), 0);
        assert_int_equal(compiler_log_end(log), 0);
        return log;
}

#define assert_text(_value, _expected)                                                             \
        do {                                                                                       \
                assert_non_null(_value);                                                           \
                assert_string_equal((_value), (_expected));                                        \
        } while (0)

/* one op in @ops */
static void assert_op(const CompilerLogOps *ops, const char *name, const char *type,
                      const char *reason) {
        assert_int_equal(ops->n, 1);
        assert_string_equal(ops->items[0].name, name);
        assert_string_equal(ops->items[0].type, type);
        if (reason)
                assert_text(ops->items[0].reason, reason);
        else
                assert_null(ops->items[0].reason);
}

/* everything that the vendor's tool prints on a good day, in a colour terminal */
static const char good_day[] =
        "**************************************************\r\n"
        "* VITIS_AI Compilation - Xilinx Inc.\n"
        "**************************************************\n"
        "[INFO] parse raw model :  0%|    | 0/7\r[INFO] parse raw model :100%|####| 7/7\n"
        "[UNILOG][INFO] The compiler log will be dumped at \"/tmp/log/one\"\n"
        "[UNILOG][INFO] Target architecture: DPUCZDX8G_ISA1_B1024\n"
        "[UNILOG][INFO] Compile mode: dpu\n"
        "[UNILOG][INFO] Debug mode: function\n"
        "[UNILOG][INFO] Target architecture: DPUCZDX8G_ISA1_B1024\n"
        "[UNILOG][INFO] Graph name: My, with op num: 5, net, with op num: 61\n"
        "[UNILOG][INFO] Begin to compile...\n"
        "\033[0;33m[UNILOG][WARNING] xir::Op{name = up/2(x):0, type = upsample-fix} has been "
        "assigned to CPU: [too [big] for it].\n"
        "\033[m[UNILOG][INFO] Total device subgraph number 8, DPU subgraph number 2\n"
        "[UNILOG][INFO] Compile done.\n"
        "[UNILOG][INFO] The meta json is saved to \"/out dir/meta.json\"\n"
        "[UNILOG][INFO] The compiled xmodel is saved to \"/out dir/net.xmodel\"\n"
        "[UNILOG][INFO] The compiled xmodel's md5sum is 00112233445566778899aabbccddeeff, and has "
        "been saved to \"/out dir/md5sum.txt\"\n";

static void reads_a_whole_compile(void **state) {
        _cleanup_(compiler_log_freep) CompilerLog *log = parse(good_day);
        const CompilerLogFacts *facts = compiler_log_facts(log);

        assert_int_equal(compiler_log_phase(log), COMPILER_PHASE_SAVED);
        assert_int_equal(compiler_log_saved(log), 1);
        assert_text(facts->target, "DPUCZDX8G_ISA1_B1024");
        assert_text(facts->graph, "My, with op num: 5, net");
        assert_text(facts->mode, "dpu");
        assert_text(facts->debug_mode, "function");
        assert_text(facts->own_log_path, "/tmp/log/one");
        assert_text(facts->meta_path, "/out dir/meta.json");
        assert_text(facts->xmodel_path, "/out dir/net.xmodel");
        assert_text(facts->md5_path, "/out dir/md5sum.txt");
        assert_text(facts->md5, "00112233445566778899aabbccddeeff");
        assert_true(facts->has_ops && facts->has_subgraphs);
        assert_int_equal(facts->n_ops, 61);
        assert_int_equal(facts->n_subgraphs, 8);
        assert_int_equal(facts->n_dpu, 2);
        assert_op(&facts->cpu, "up/2(x):0", "upsample-fix", "too [big] for it");
        assert_int_equal(facts->removed.n + facts->custom.n, 0);
        assert_false(compiler_log_failure(log)->fatal);
}

static void tells_how_far_it_is(void **state) {
        static const struct {
                const char *line;
                CompilerPhase phase;
        } rows[] = {
                { "anything\n", COMPILER_PHASE_SILENT },
                { "* VITIS_AI Compilation - Xilinx Inc.\n", COMPILER_PHASE_STARTED },
                { "[INFO] infer shape (NHWC)  :100%|##| 9/9\r", COMPILER_PHASE_FRONT_END },
                { "[UNILOG][INFO] Debug mode: null\n", COMPILER_PHASE_FRONT_END },
                { "[UNILOG][INFO] Begin to compile...\n", COMPILER_PHASE_COMPILING },
                { "[INFO] late\n", COMPILER_PHASE_COMPILING },
                { "[UNILOG][INFO] Total device subgraph number 3, CPU subgraph number 1\n",
                  COMPILER_PHASE_PARTITIONED },
                { "[UNILOG][INFO] Compile done.\n", COMPILER_PHASE_COMPILED },
                { "[UNILOG][INFO] The compiled xmodel is saved to \"x\"\n", COMPILER_PHASE_SAVED },
                { "* VITIS_AI Compilation - Xilinx Inc.\n", COMPILER_PHASE_SAVED },
        };
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;

        assert_int_equal(compiler_log_new(&log), 0);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                assert_int_equal(compiler_log_feed(log, slice_of_string(rows[i].line)), 0);
                assert_int_equal(compiler_log_phase(log), rows[i].phase);
                assert_non_null(compiler_phase_name(rows[i].phase));
        }
        assert_false(compiler_log_facts(log)->has_subgraphs); /* that was the CPU's line */
}

static void knows_every_way_off_the_dpu(void **state) {
        static const struct {
                const char *line;
                const char *reason;
        } rows[] = {
                { "[UNILOG][WARNING] xir::Op{name = n, type = t} has been assigned to CPU.", NULL },
                { "[UNILOG][WARNING] xir::Op{name = n, type = t} has been assigned to CPU: [why "
                  "so].",
                  "why so" },
                { "[UNILOG][WARNING] xir::Op{name = n, type = t} has been assigned to CPU: [a b.].",
                  "a b." },
                { "[UNILOG][WARNING] DPU prefers xir::Op{name = n, type = t}'s input batch to be "
                  "4, "
                  "but it's 1 now. So it will be assigned to CPU.",
                  "input batch to be 4, but it's 1 now" },
                { "I20231116 14:49:34.134106 92092 Pass.cpp:5648] xir::Op{name = n, type = t} is "
                  "not "
                  "supported by current target. Target name: A, target type: B. Assign it to CPU.",
                  "not supported by current target. Target name: A, target type: B" },
                { "W1125 12:45:35.816136 116399 Pass.cpp:3574] [UNILOG][WARNING] xir::Op{name = n, "
                  "type = t} has been assigned to CPU: [r].",
                  "r" },
                { "[UNILOG][WARNING] xir::Op{name = n, type = t} is partitioned to CPU as :  does "
                  "not "
                  "do [it]",
                  "does not do [it]" },
                { "[VAI_C][Warning] layer [n] (type: t) is not supported in DPU, deploy it in CPU "
                  "instead.",
                  NULL },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(compiler_log_freep) CompilerLog *log = parse(rows[i].line);

                assert_op(&compiler_log_facts(log)->cpu, "n", "t", rows[i].reason);
        }
}

static void knows_other_lines_about_ops(void **state) {
        _cleanup_(compiler_log_freep) CompilerLog *log = parse(
                "[UNILOG][WARNING] xir::Op{name = p, type = pool-fix}'s input and output is "
                "unchanged, so it will be removed.\n"
                "[UNILOG][WARNING] The operator named c, type: mine, is not defined in XIR. And so "
                "on.\n"
                "table   xir::Op{name = q, type = r} has been assigned to CPU.\n"
                "[UNILOG][WARNING] xir::Op{name = s, type = t} looks nice.\n"
                "xir::Op{name = cut\nxir::Op{name = u, type = cut\n");
        const CompilerLogFacts *facts = compiler_log_facts(log);

        assert_op(&facts->removed, "p", "pool-fix", NULL);
        assert_op(&facts->custom, "c", "mine", NULL);
        assert_int_equal(facts->cpu.n, 0);
        assert_non_null(compiler_log_find(&facts->custom, "c"));
        assert_null(compiler_log_find(&facts->custom, "cc"));
}

static void names_each_op_once(void **state) {
        _cleanup_(compiler_log_freep) CompilerLog *log = parse(
                "[UNILOG][WARNING] DPU prefers xir::Op{name = a, type = t}'s input batch to be 4, "
                "but it's 1 now. So it will be assigned to CPU.\n"
                "[UNILOG][WARNING] xir::Op{name = a, type = t} has been assigned to CPU.\n"
                "[UNILOG][WARNING] xir::Op{name = ab, type = t} has been assigned to CPU.\n"
                "[UNILOG][WARNING] xir::Op{name = ab, type = t} has been assigned to CPU: "
                "[late].\n");
        const CompilerLogOps *cpu = &compiler_log_facts(log)->cpu;

        assert_int_equal(cpu->n, 2);
        assert_text(cpu->items[0].reason, "input batch to be 4, but it's 1 now");
        assert_text(cpu->items[1].reason, "late");
}

#define MICRO                                                                                      \
        "I0407 00:14:50.378973 13777 m.cpp:287] [UNILOG][INFO] Debug mode: null\n"                 \
        "I0407 00:14:50.378973 13777 m.cpp:287] [UNILOG][INFO] Graph name: model, with op num: "   \
        "9\n"                                                                                      \
        "I0407 00:14:50.378973 13777 m.cpp:287] [UNILOG][INFO] Begin to compile...\n"              \
        "W0407 00:14:50.378973 13777 m.cpp:287] [UNILOG][WARNING] xir::Op{name = m, type = t} "    \
        "has "                                                                                     \
        "been assigned to CPU.\n"                                                                  \
        "I0407 00:14:50.378973 13777 m.cpp:287] [UNILOG][INFO] Total device subgraph number 2, "   \
        "DPU subgraph number 0\n"                                                                  \
        "I0407 00:14:50.378973 13777 m.cpp:287] [UNILOG][INFO] Compile done.\n"

/* The inspector's compiles before and after do not count, as long as nothing fails. */
static void takes_the_compile_that_saved_a_file(void **state) {
        char text[4 * sizeof(good_day)];
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
        _cleanup_(compiler_log_freep) CompilerLog *failed = NULL;

        (void) snprintf(text, sizeof(text), "%s%s%s", MICRO, good_day, MICRO);
        log = parse(text);
        assert_int_equal(compiler_log_facts(log)->n_ops, 61);
        assert_int_equal(compiler_log_facts(log)->cpu.n, 1);
        assert_int_equal(compiler_log_phase(log), COMPILER_PHASE_COMPILED);

        (void) snprintf(text, sizeof(text), "%s%s[UNILOG][FATAL][XCOM_PM_FAIL][d] e\n", good_day,
                        MICRO);
        failed = parse(text);
        assert_int_equal(compiler_log_facts(failed)->n_ops, 9);
        assert_int_equal(compiler_log_saved(failed), 1);
}

static void counts_every_saved_file(void **state) {
        char text[4 * sizeof(good_day)];
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;

        (void) snprintf(text, sizeof(text), "%s%s%s", good_day, good_day, good_day);
        log = parse(text);
        assert_int_equal(compiler_log_saved(log), 3);
        assert_int_equal(compiler_log_facts(log)->cpu.n, 1);
}

static void knows_fatal_errors(void **state) {
        static const struct {
                const char *text;
                const char *code, *description, *detail;
        } rows[] = {
                { "[UNILOG][FATAL][XCOM_A][the description] the detail\n*** Check failure stack "
                  "trace: ***\n",
                  "XCOM_A", "the description", "the detail" },
                { "[UNILOG][FATAL][XCOM_A][d] \n\nOn the next line\n", "XCOM_A", "d",
                  "On the next line" },
                { "[UNILOG][FATAL][XCOM_A][d]\n*** Check failure stack trace: ***\n", "XCOM_A", "d",
                  NULL },
                { "[UNILOG][FATAL][XCOM_A][d]\n[UNILOG][INFO] Compile done.\n", "XCOM_A", "d",
                  NULL },
                { "[UNILOG][FATAL][XCOM_A][d]", "XCOM_A", "d", NULL },
                { "[UNILOG][FATAL][XCOM_A][first] x\n[UNILOG][FATAL][XCOM_B][second] y\n", "XCOM_A",
                  "first", "x" },
                { "F20231116 14:49:33.973276 92092 P.cpp:663] [XIR_B][d] e\n", "XIR_B", "d", "e" },
                { "\033[0;31m[UNILOG][FATAL][XIR_B][d] e\033[m\n", "XIR_B", "d", "e" },
                { "[UNILOG][FATAL] all is lost\n", NULL, NULL, "all is lost" },
                { "[UNILOG][FATAL][lower][d] e\n", NULL, NULL, "[lower][d] e" },
                { "[UNILOG][FATAL][XIR_B][open\n", NULL, NULL, "[XIR_B][open" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(compiler_log_freep) CompilerLog *log = parse(rows[i].text);
                const CompilerLogFailure *failure = compiler_log_failure(log);

                assert_true(failure->fatal);
                assert_string_equal(failure->code ?: "", rows[i].code ?: "");
                assert_string_equal(failure->description ?: "", rows[i].description ?: "");
                assert_string_equal(failure->detail ?: "", rows[i].detail ?: "");
        }
}

static void a_later_line_is_not_swallowed_as_detail(void **state) {
        _cleanup_(compiler_log_freep) CompilerLog *log =
                parse("[UNILOG][FATAL][XCOM_A][d]\nAborted (core dumped)\n");

        assert_null(compiler_log_failure(log)->detail);
        assert_int_equal(compiler_log_failure(log)->crash, COMPILER_CRASH_ABORTED);
}

static void knows_exceptions_and_errors(void **state) {
        _cleanup_(compiler_log_freep) CompilerLog *log =
                parse("Traceback (most recent call last):\n"
                      "  File \"x.py\", line 1, in <module>\n"
                      "[UNILOG][INFO] Compile mode: dpu\n"
                      "    raise KeyError\n"
                      "KeyError: 'shape'\n"
                      "\n"
                      "During handling of the above exception, another exception occurred:\n"
                      "Traceback (most recent call last):\n"
                      "  File \"x.py\", line 2\n"
                      "ValueError: other\n"
                      "ERROR: Unable to open file ./arch.json\n"
                      "ERROR: second\n"
                      "terminate called after throwing an instance of 'std::bad_alloc'\n"
                      "  what():  std::bad_alloc\n");
        const CompilerLogFailure *failure = compiler_log_failure(log);

        assert_text(failure->exception, "ValueError: other");
        assert_text(failure->error, "Unable to open file ./arch.json");
        assert_text(failure->thrown, "std::bad_alloc");
        assert_text(failure->what, "std::bad_alloc");
        assert_text(failure->machine, "memory ran out");
        assert_false(failure->fatal);
        assert_text(compiler_log_facts(log)->mode, "dpu");
}

static void knows_how_processes_end(void **state) {
        static const struct {
                const char *line;
                CompilerCrash crash;
        } rows[] = {
                { "Killed", COMPILER_CRASH_KILLED },
                { "./compile.sh: line 12:  4711 Killed                  vai_c_xir -x a",
                  COMPILER_CRASH_KILLED },
                { "Aborted (core dumped)", COMPILER_CRASH_ABORTED },
                { "bash: line 1: 99 Segmentation fault      (core dumped) x",
                  COMPILER_CRASH_SEGFAULT },
                { "Segmentation fault", COMPILER_CRASH_SEGFAULT },
                { "This program has crashed!", COMPILER_CRASH_OTHER },
                { "Killed time", COMPILER_CRASH_NONE },
                { "x: line 3: Skilled", COMPILER_CRASH_NONE },
                { "[UNILOG][INFO] Killed", COMPILER_CRASH_NONE },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(compiler_log_freep) CompilerLog *log = parse(rows[i].line);

                assert_int_equal(compiler_log_failure(log)->crash, rows[i].crash);
        }
}

static void reads_through_control_bytes(void **state) {
        static const char text[] =
                "\0[UNI\0LOG]\033]0;title\a[INFO] Com\b\033[1;31mpile mo\033(de: "
                "d\177pu\033[\n[UNILOG][INFO] Debug mode: null\n";
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;

        assert_int_equal(compiler_log_new(&log), 0);
        assert_int_equal(compiler_log_feed(log, slice_of(text, sizeof(text) - 1)), 0);
        assert_text(compiler_log_facts(log)->mode, "dpu");
        assert_text(compiler_log_facts(log)->debug_mode, "null");
}

/* --- the same however it is cut ------------------------------------------------------------- */

static void print_ops(const CompilerLogOps *ops, Bytes *out) {
        for (size_t i = 0; i < ops->n; i++)
                assert_int_equal(bytes_printf(out, "%s|%s|%s\n", ops->items[i].name,
                                              ops->items[i].type, ops->items[i].reason ?: "-"),
                                 0);
        assert_int_equal(bytes_printf(out, "and %zu\n", ops->n_more), 0);
}

static char *print_log(const CompilerLog *log) {
        const CompilerLogFacts *facts = compiler_log_facts(log);
        const CompilerLogFailure *failure = compiler_log_failure(log);
        Bytes out = BYTES_INIT((size_t) 1 << 20);
        char *text;

        assert_int_equal(
                bytes_printf(&out, "%d %zu %s %s %s %s %s %s %s %s %s %d %d\n",
                             compiler_log_phase(log), compiler_log_saved(log), facts->target ?: "-",
                             facts->graph ?: "-", facts->mode ?: "-", facts->debug_mode ?: "-",
                             facts->meta_path ?: "-", facts->xmodel_path ?: "-",
                             facts->md5_path ?: "-", facts->md5 ?: "-", facts->own_log_path ?: "-",
                             (int) facts->n_ops, (int) (facts->n_subgraphs * 100 + facts->n_dpu)),
                0);
        print_ops(&facts->cpu, &out);
        print_ops(&facts->removed, &out);
        print_ops(&facts->custom, &out);
        assert_int_equal(bytes_printf(&out, "%d %s %s %s %s %s %s %s %d %d\n", failure->fatal,
                                      failure->code ?: "-", failure->description ?: "-",
                                      failure->detail ?: "-", failure->exception ?: "-",
                                      failure->thrown ?: "-", failure->what ?: "-",
                                      failure->error ?: "-", !!failure->machine, failure->crash),
                         0);
        text = bytes_take_string(&out);
        assert_non_null(text);
        return text;
}

static const char bad_day[] =
        "[UNILOG][WARNING] The operator named c, type: mine, is not defined in XIR. And so on.\r\n"
        "W1125 12:45:35.816136 116399 P.cpp:3574] [UNILOG][WARNING] xir::Op{name = n, type = t} "
        "has "
        "been assigned to CPU: [r].\n"
        "Traceback (most recent call last):\n  File\nKeyError: 'shape'\n"
        "\033[0;31m[UNILOG][FATAL][XCOM_PM_FAIL][d] \033[m\r\nthe detail\n"
        "terminate called after throwing an instance of 'x::y'\n  what():  z\nERROR: e\nKilled";

static void is_the_same_at_every_split_point(void **state) {
        static const char *const texts[] = { good_day, MICRO, bad_day };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(compiler_log_freep) CompilerLog *whole = parse(texts[i]);
                _cleanup_(freep) char *expected = print_log(whole);
                const size_t n = strlen(texts[i]);

                for (size_t cut = 0; cut <= n; cut++) {
                        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
                        _cleanup_(freep) char *found = NULL;

                        assert_int_equal(compiler_log_new(&log), 0);
                        assert_int_equal(compiler_log_feed(log, slice_of(texts[i], cut)), 0);
                        assert_int_equal(compiler_log_feed(log, slice_of(texts[i] + cut, n - cut)),
                                         0);
                        assert_int_equal(compiler_log_end(log), 0);
                        found = print_log(log);
                        assert_string_equal(found, expected);
                }
        }
}

/* --- limits --------------------------------------------------------------------------------- */

static void cuts_long_lines(void **state) {
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
        static const char head[] = "[UNILOG][INFO] Target architecture: ";
        static const uint8_t filler[1024] = { [0 ... 1023] = 'x' };

        assert_int_equal(compiler_log_new(&log), 0);
        assert_int_equal(compiler_log_feed(log, slice_of_string(head)), 0);
        for (size_t i = 0; i < 64; i++)
                assert_int_equal(compiler_log_feed(log, slice_of(filler, sizeof(filler))), 0);
        assert_int_equal(compiler_log_end(log), 0);
        assert_int_equal(strlen(compiler_log_facts(log)->target),
                         COMPILER_LOG_LINE_MAX - strlen(head));
}

static void keeps_a_bounded_number_of_ops(void **state) {
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
        char line[128];

        assert_int_equal(compiler_log_new(&log), 0);
        for (size_t i = 0; i < COMPILER_LOG_OPS_MAX + 7; i++) {
                (void) snprintf(line, sizeof(line),
                                "xir::Op{name = op%zu, type = t} has been assigned to CPU.\n", i);
                assert_int_equal(compiler_log_feed(log, slice_of_string(line)), 0);
        }
        assert_int_equal(compiler_log_facts(log)->cpu.n, COMPILER_LOG_OPS_MAX);
        assert_int_equal(compiler_log_facts(log)->cpu.n_more, 7);
}

static void keeps_a_bounded_amount_of_text(void **state) {
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
        char name[4096], line[5000];

        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        assert_int_equal(compiler_log_new(&log), 0);
        for (size_t i = 0; i < COMPILER_LOG_OPS_MAX + 100; i++) {
                (void) snprintf(line, sizeof(line),
                                "xir::Op{name = %s%zu, type = t} has been assigned to CPU.\n", name,
                                i);
                assert_int_equal(compiler_log_feed(log, slice_of_string(line)), 0);
        }
        assert_true(compiler_log_facts(log)->cpu.n < COMPILER_LOG_OPS_MAX);
        assert_true(compiler_log_facts(log)->cpu.n_more > 100);
}

static int run_log(void *userdata) {
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
        int r;

        r = compiler_log_new(&log);
        if (r == 0)
                r = compiler_log_feed(log, slice_of_string(userdata));
        return r < 0 ? r : compiler_log_end(log);
}

static void every_allocation_may_fail(void **state) {
        assert_true(fail_alloc_sweep(run_log, (void *) good_day) >= 3);
        assert_true(fail_alloc_sweep(run_log, (void *) bad_day) >= 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_a_whole_compile),
                cmocka_unit_test(tells_how_far_it_is),
                cmocka_unit_test(knows_every_way_off_the_dpu),
                cmocka_unit_test(knows_other_lines_about_ops),
                cmocka_unit_test(names_each_op_once),
                cmocka_unit_test(takes_the_compile_that_saved_a_file),
                cmocka_unit_test(counts_every_saved_file),
                cmocka_unit_test(knows_fatal_errors),
                cmocka_unit_test(a_later_line_is_not_swallowed_as_detail),
                cmocka_unit_test(knows_exceptions_and_errors),
                cmocka_unit_test(knows_how_processes_end),
                cmocka_unit_test(reads_through_control_bytes),
                cmocka_unit_test(is_the_same_at_every_split_point),
                cmocka_unit_test(cuts_long_lines),
                cmocka_unit_test(keeps_a_bounded_number_of_ops),
                cmocka_unit_test(keeps_a_bounded_amount_of_text),
                cmocka_unit_test(every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
