#include "unit.h"

#include "base/cleanup.h"
#include "tests/support/corpus.h"
#include "xmodel/compiler_log.h"

#define NONE UINT64_MAX /* the log does not say it */

/*
 * What a reader of each log finds in it: how many compiles saved a file, and of the last of
 * those (or, without one, of the last at all) the target, the number of ops, of subgraphs, of
 * those on the DPU, of ops sent to the CPU, removed, and of undefined types; the fatal code.
 */
static const struct {
        const char *file; /* without ".txt" */
        size_t n_saved;
        const char *target;
        uint64_t n_ops, n_subgraphs, n_dpu;
        size_t n_cpu, n_removed, n_custom;
        const char *code;
} rows[] = {
        /* clang-format off */
        { "fail-1149-no_front_end-exit0", 0, NULL, NONE, NONE, NONE, 0, 0, 0, NULL },
        { "fail-1428-XCOM_UTIL_TENSOR_DIMS_MISMATCH-3.5", 0, NULL, NONE, NONE, NONE, 0, 0, 0, "XCOM_UTIL_TENSOR_DIMS_MISMATCH" },
        { "fail-279-XCOM_OPERATION_FAILED-1.3", 0, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 781, NONE, NONE, 1, 0, 0, "XCOM_OPERATION_FAILED" },
        { "fail-725-XCOM_DATA_OUTRANGE-2.0", 0, NULL, NONE, NONE, NONE, 0, 0, 0, "XCOM_DATA_OUTRANGE" },
        { "fail-740-XCOM_ACGEN_ERROR-2.0-tf2", 0, NULL, NONE, NONE, NONE, 0, 0, 0, "XCOM_ACGEN_ERROR" },
        { "fail-868-XCOM_PM_FAIL-2.0", 0, "DPUCZDX8G_ISA0_B1152_01000020F6012203", 610, NONE, NONE, 0, 0, 0, "XCOM_PM_FAIL" },
        { "fail-U250-bdbquit-abort", 0, NULL, NONE, NONE, NONE, 0, 0, 0, NULL },
        { "fail-XCOM_OPFACTORY_OP_UNSUPPORTED", 0, NULL, NONE, NONE, NONE, 0, 0, 0, "XCOM_OPFACTORY_OP_UNSUPPORTED" },
        { "fail-XCOM_UTIL_INVALID_VALUE-3.5", 0, NULL, NONE, NONE, NONE, 0, 0, 0, "XCOM_UTIL_INVALID_VALUE" },
        { "fail-arch-unreadable-exit0", 0, NULL, NONE, NONE, NONE, 0, 0, 0, NULL },
        { "fail-quartznet-XCOM_DATA_OUTRANGE-nodetail", 0, NULL, NONE, NONE, NONE, 0, 0, 0, "XCOM_DATA_OUTRANGE" },
        { "glogprefix-1356-notdefined-3.x", 0, NULL, NONE, NONE, NONE, 0, 0, 1, NULL },
        { "glogprefix-1358-inspector-3.5", 0, NULL, NONE, NONE, NONE, 0, 0, 0, NULL },
        { "glogprefix-VOE-2023-noUNILOG", 0, NULL, NONE, NONE, NONE, 1, 1, 0, NULL },
        { "mariana-1.3.1-vai_c_tensorflow2", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 233, 3, 1, 0, 0, 0, NULL },
        { "miikiyoshi-3.x-tf2-resnet50-fingerprint", 3, "DPUCZDX8G_ISA1_B4096_0101000016010407", 423, 3, 1, 0, 0, 0, NULL },
        { "nurbano-1.4.1-vai_c_xir-b5e2fce", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 42, 3, 1, 0, 0, 0, NULL },
        { "nurbano-1.4.1-vai_c_xir-c91250c", 1, "DPUCZDX8G_ISA0_B3136_MAX_BG2", 42, 3, 1, 0, 0, 0, NULL },
        { "nurbano-1.4.1-vai_c_xir-f958727", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 169, 3, 1, 0, 0, 0, NULL },
        { "runtime-fingerprint-mismatch", 0, NULL, NONE, NONE, NONE, 0, 0, 0, NULL },
        { "tut-1.3-Module_5_03_Basic-00", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 360, 7, 1, 0, 0, 0, NULL },
        { "tut-1.3-log_01_caffe_cats_vs_dogs-00", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 61, 3, 1, 0, 0, 0, NULL },
        { "tut-1.3-log_01_caffe_cats_vs_dogs-00_1", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 61, 3, 1, 0, 0, 0, NULL },
        { "tut-1.3-log_05_Keras_FCN8_UNET_segme-00", 1, "DPUCVDX8G_ISA0_B8192C32B3", 152, 3, 1, 0, 0, 0, NULL },
        { "tut-1.3-log_05_Keras_FCN8_UNET_segme-01", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 152, 3, 1, 0, 0, 0, NULL },
        { "tut-1.3-log_05_Keras_FCN8_UNET_segme-02", 1, "DPUCVDX8G_ISA0_B8192C32B3", 157, 8, 2, 2, 0, 0, NULL },
        { "tut-1.3-log_05_Keras_FCN8_UNET_segme-03", 1, "DPUCVDX8G_ISA0_B8192C32B3", 163, 15, 5, 4, 0, 0, NULL },
        { "tut-1.3-ref_log_04_Keras_GoogleNet_ResNe-00", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 28, 3, 1, 0, 0, 0, NULL },
        { "tut-1.3-ref_log_04_Keras_GoogleNet_ResNe-00_4", 1, "DPUCVDX8G_ISA0_B8192C32B3", 28, 3, 1, 0, 0, 0, NULL },
        { "tut-1.3-ref_log_04_Keras_GoogleNet_ResNe-01", 1, "DPUCVDX8G_ISA0_B8192C32B3", 28, 3, 1, 0, 0, 0, NULL },
        { "tut-1.3-ref_log_04_Keras_GoogleNet_ResNe-01_5", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 28, 3, 1, 0, 0, 0, NULL },
        { "tut-1.4-Module_5_03_Basic-00", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 360, 7, 1, 0, 0, 0, NULL },
        { "tut-1.4-log_01_caffe_cats_vs_dogs-00", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 61, 3, 1, 0, 0, 0, NULL },
        { "tut-1.4-log_01_caffe_cats_vs_dogs-01", 1, "DPUCVDX8G_ISA1_C32B3", 61, 3, 1, 0, 0, 0, NULL },
        { "tut-1.4-log_04_Keras_GoogleNet_ResNe-00", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 28, 3, 1, 0, 0, 0, NULL },
        { "tut-1.4-log_04_Keras_GoogleNet_ResNe-01", 1, "DPUCVDX8G_ISA1_C32B3", 28, 3, 1, 0, 0, 0, NULL },
        { "tut-1.4-log_05_Keras_FCN8_UNET_segme-00", 1, "DPUCVDX8G_ISA1_C32B3", 152, 3, 1, 1, 0, 0, NULL },
        { "tut-1.4-log_05_Keras_FCN8_UNET_segme-01", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 152, 3, 1, 0, 0, 0, NULL },
        { "tut-1.4-log_05_Keras_FCN8_UNET_segme-02", 1, "DPUCVDX8G_ISA1_C32B3", 191, 3, 1, 0, 0, 0, NULL },
        { "tut-2.0-log_caffe_cats_vs_dogs-00", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 61, 3, 1, 0, 0, 0, NULL },
        { "tut-2.0-log_caffe_cats_vs_dogs-01", 1, "DPUCVDX8G_ISA2_C32B3", 61, 3, 1, 0, 0, 0, NULL },
        { "tut-2.5-log_Keras_FCN8_UNET_segmenta-00", 1, "DPUCVDX8G_ISA2_C32B3", 152, 3, 1, 0, 0, 0, NULL },
        { "tut-2.5-log_Keras_FCN8_UNET_segmenta-01", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 152, 3, 1, 0, 0, 0, NULL },
        { "tut-2.5-log_Keras_GoogleNet_ResNet-00", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 28, 3, 1, 0, 0, 0, NULL },
        { "tut-2.5-log_Keras_GoogleNet_ResNet-01", 1, "DPUCVDX8G_ISA2_C32B3", 28, 3, 1, 0, 0, 0, NULL },
        { "tut-2.5-ref_log_pytorch_subgraphs-00", 1, "DPUCZDX8G_ISA1_B4096", 41, 9, 4, 0, 0, 0, NULL },
        { "tut-3.0-PyTorch_ResN_PyTorch_ResNet18-00", 1, "DPUCVDX8G_ISA3_C32B6", 171, 3, 1, 0, 0, 0, NULL },
        { "tut-3.0-log_Keras_FCN8_UNET_segmenta-00", 1, "DPUCVDX8G_ISA3_C32B6", 147, 3, 1, 0, 0, 0, NULL },
        { "tut-3.0-log_Keras_FCN8_UNET_segmenta-00_29", 1, "DPUCVDX8G_ISA3_C32B6", 147, 3, 1, 0, 0, 0, NULL },
        { "tut-3.0-log_Keras_FCN8_UNET_segmenta-01", 1, "DPUCV2DX8G_ISA0_C16M4B13", 147, 3, 1, 0, 0, 0, NULL },
        { "tut-3.0-log_Keras_FCN8_UNET_segmenta-01_30", 1, "DPUCV2DX8G_ISA0_C16M4B13", 147, 3, 1, 0, 0, 0, NULL },
        { "tut-3.0-log_Keras_FCN8_UNET_segmenta-02", 1, "DPUCZDX8G_ISA1_B4096", 147, 3, 1, 0, 0, 0, NULL },
        { "tut-3.0-ref_log_RESNET18-00", 1, "DPUCZDX8G_ISA1_B4096", 229, 3, 1, 0, 1, 0, NULL },
        { "tut-3.0-ref_log_RESNET18-01", 1, "DPUCVDX8G_ISA3_C32B6", 229, 3, 1, 0, 1, 0, NULL },
        { "tut-3.0-ref_log_RESNET18-02", 1, "DPUCV2DX8G_ISA0_C16M4B13", 229, 3, 1, 0, 0, 0, NULL },
        { "tut-3.0-ref_log_RESNET18-03", 1, "DPUCVDX8H_ISA1_F2W4_4PE", 229, 3, 1, 0, 1, 0, NULL },
        { "tut-3.0-ref_log_RESNET18-04", 1, "DPUCZDX8G_ISA1_B4096", 416, 3, 1, 0, 0, 0, NULL },
        { "tut-3.0-ref_log_RESNET18-05", 1, "DPUCVDX8G_ISA3_C32B6", 416, 3, 1, 0, 0, 0, NULL },
        { "tut-3.0-ref_log_RESNET18-06", 1, "DPUCVDX8H_ISA1_F2W4_4PE", 416, 3, 1, 0, 0, 0, NULL },
        { "tut-3.0-ref_log_pytorch_subgraphs-00", 1, "DPUCZDX8G_ISA1_B4096", 41, 9, 4, 0, 0, 0, NULL },
        { "tut-3.5-PyTorch_ResN_PyTorch_ResNet18-00", 1, "DPUCVDX8G_ISA3_C32B6", 171, 3, 1, 0, 0, 0, NULL },
        { "tut-5.1-PyTorch_ResN_PyTorch_ResNet18-00", 1, "DPUCVDX8G_ISA3_C32B6", 171, 3, 1, 0, 0, 0, NULL },
        { "vitisai-1.4-ofa_resnet50-vai_c_xir", 1, "DPUCZDX8G_ISA0_B4096_MAX_BG2", 453, 3, 1, 0, 1, 0, NULL },
        { "vitisai-3.5-ofa_resnet50-vai_c_xir", 1, "DPUCZDX8G_ISA1_B4096", 472, 3, 1, 0, 1, 0, NULL },
        { "vitisai-3.x-inspector_tutorial", 0, "DPUCAHX8L_ISA0_SP", 4, 3, 1, 0, 0, 0, NULL },
        { "warn-490-DPUCADF8H-batch-caffe", 0, NULL, NONE, NONE, NONE, 3, 0, 0, NULL },
        { "warn-602-DPUCADF8H-batch-1.4", 0, "DPUCADF8H_ISA0", 170, NONE, NONE, 3, 0, 0, NULL },
        { "warn-reason-forms-collected", 0, NULL, NONE, NONE, NONE, 6, 1, 1, NULL },
        { "warn-transpose-cpu-3.5", 0, NULL, NONE, NONE, NONE, 1, 0, 0, NULL },
        /* clang-format on */
};

/* ops sent to the CPU, where their names are not invented by the collector of the logs */
static const struct {
        const char *file;
        const char *op, *type;
        const char *reason_word; /* a word of the reason; NULL if none is given */
} ops[] = {
        { "tut-1.3-log_05_Keras_FCN8_UNET_segme-03", "up_sampling2d/resize/ResizeBilinear",
          "upsample-fix", "BILINEAR" },
        { "tut-1.3-log_05_Keras_FCN8_UNET_segme-03", "up_sampling2d_3/resize/ResizeBilinear",
          "upsample-fix", "BILINEAR" },
        { "warn-490-DPUCADF8H-batch-caffe", "res3a", "eltwise-fix", "batch" },
        { "glogprefix-VOE-2023-noUNILOG", "output_", "fix2float", "IPU_PHX" },
        { "warn-reason-forms-collected", "a", "conv2d-fix", "pad_left" },
        { "warn-reason-forms-collected", "c", "pool-fix", "stride" },
        { "warn-reason-forms-collected", "d", "transposed-depthwise-conv2d-fix", "kernel" },
        { "warn-reason-forms-collected", "e", "conv2d-fix", "LEAKYRELU" },
        { "warn-transpose-cpu-3.5", "Sequential__Sequential_MaxPool1d_X__ret_Y_sink_transpose_0",
          "transpose", NULL },
};

typedef struct Seen {
        bool rows[ARRAY_SIZE(rows)];
        size_t n_ops;
} Seen;

static void assert_number(bool has, uint64_t value, uint64_t expected, const char *file) {
        if ((has ? value : NONE) != expected)
                fail_msg("%s: %llu instead of %llu", file, (unsigned long long) value,
                         (unsigned long long) expected);
}

static void assert_same(const char *value, const char *expected, const char *file) {
        if (strcmp(value ?: "", expected ?: "") != 0)
                fail_msg("%s: '%s' instead of '%s'", file, value ?: "", expected ?: "");
}

static void compare(const CompilerLog *log, size_t row) {
        const CompilerLogFacts *facts = compiler_log_facts(log);
        const char *file = rows[row].file;

        assert_number(true, compiler_log_saved(log), rows[row].n_saved, file);
        assert_same(facts->target, rows[row].target, file);
        assert_number(facts->has_ops, facts->n_ops, rows[row].n_ops, file);
        assert_number(facts->has_subgraphs, facts->n_subgraphs, rows[row].n_subgraphs, file);
        assert_number(facts->has_subgraphs, facts->n_dpu, rows[row].n_dpu, file);
        assert_number(true, facts->cpu.n, rows[row].n_cpu, file);
        assert_number(true, facts->removed.n, rows[row].n_removed, file);
        assert_number(true, facts->custom.n, rows[row].n_custom, file);
        assert_same(compiler_log_failure(log)->code, rows[row].code, file);
        assert_true((rows[row].n_saved > 0) == (facts->md5 != NULL));
}

static void compare_ops(const CompilerLog *log, const char *file, Seen *seen) {
        for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
                const CompilerLogOp *op;

                if (strcmp(ops[i].file, file) != 0)
                        continue;
                op = compiler_log_find(&compiler_log_facts(log)->cpu, ops[i].op);
                if (!op)
                        fail_msg("%s: nothing about %s", file, ops[i].op);
                assert_string_equal(op->type, ops[i].type);
                assert_int_equal(op->reason == NULL, ops[i].reason_word == NULL);
                if (op->reason)
                        assert_non_null(strstr(op->reason, ops[i].reason_word));
                seen->n_ops++;
        }
}

/* The collector put a head of comments before the log. */
static Slice skip_head(const Bytes *content) {
        static const char end[] = "# ----\n";
        const uint8_t *found = memmem(content->data, content->size, end, strlen(end));

        assert_non_null(found);
        found += strlen(end);
        return slice_of(found, (size_t) (content->data + content->size - found));
}

static void read_log(const char *name, const Bytes *content, void *userdata) {
        _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
        const size_t n = strlen(name) - strlen(".txt");
        Seen *seen = userdata;

        assert_int_equal(compiler_log_new(&log), 0);
        assert_int_equal(compiler_log_feed(log, skip_head(content)), 0);
        assert_int_equal(compiler_log_end(log), 0);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (strlen(rows[i].file) != n || strncmp(rows[i].file, name, n) != 0)
                        continue;
                compare(log, i);
                compare_ops(log, rows[i].file, seen);
                seen->rows[i] = true;
                return;
        }
        fail_msg("no expectation for %s", name);
}

static void real_logs_say_what_a_reader_finds(void **state) {
        Seen seen = { 0 };

        if (!corpus_present())
                skip();
        assert_true(corpus_each("logs", read_log, &seen) > 0);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (!seen.rows[i])
                        fail_msg("%s is missing", rows[i].file);
        assert_int_equal(seen.n_ops, ARRAY_SIZE(ops));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(real_logs_say_what_a_reader_finds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
