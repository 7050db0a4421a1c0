#include "unit.h"

#include <signal.h>

#include "base/cleanup.h"
#include "xmodel/compiler_verdict.h"

#define FATAL(_code) "[UNILOG][FATAL][" _code "][some words] the detail\n"

static void judges_failures(void **state) {
        static const struct {
                const char *log;
                CompilerExit end;
                CompilerVerdict verdict;
                const char *word; /* of the explanation */
        } rows[] = {
                { "", { .status = 0 }, COMPILER_FINE, NULL },
                { "Compile done.\n", { .status = 0 }, COMPILER_FINE, NULL },
                { "", { .status = 1 }, COMPILER_DETERMINISTIC, "status 1" },
                { FATAL("XCOM_PM_FAIL"),
                  { .status = 134 },
                  COMPILER_DETERMINISTIC,
                  "XCOM_PM_FAIL" },
                { FATAL("XCOM_PM_FAIL"), { .status = 0 }, COMPILER_DETERMINISTIC, "the detail" },
                { FATAL("XCOM_ACGEN_ERROR"), { .status = 0 }, COMPILER_FLAKY, "tried again" },
                { FATAL("XCOM_NEVER_SEEN"), { .status = 0 }, COMPILER_DETERMINISTIC, "some words" },
                { "[UNILOG][FATAL] lost\n", { .status = 0 }, COMPILER_DETERMINISTIC, "lost" },
                { "[UNILOG][FATAL]", { .status = 0 }, COMPILER_DETERMINISTIC, "without" },
                { FATAL("XCOM_ACGEN_ERROR"),
                  { .term_signal = SIGKILL },
                  COMPILER_TRANSIENT,
                  "out of memory?" },
                { "", { .status = 137 }, COMPILER_TRANSIENT, "out of memory?" },
                { "Killed\n", { .status = 0 }, COMPILER_TRANSIENT, "out of memory?" },
                { "", { .timed_out = true, .term_signal = SIGTERM }, COMPILER_TRANSIENT, "limit" },
                { "", { .no_memory = true, .status = 137 }, COMPILER_TRANSIENT, "memory ran out" },
                { "", { .term_signal = SIGTERM }, COMPILER_TRANSIENT, "signal 15" },
                { "", { .status = 130 }, COMPILER_TRANSIENT, "signal 2" },
                { "MemoryError\n", { .status = 1 }, COMPILER_TRANSIENT, "memory" },
                { "OSError: [Errno 28] No space left on device\n",
                  { .status = 1 },
                  COMPILER_TRANSIENT,
                  "disk" },
                { "write: Disk quota exceeded\n", { .status = 1 }, COMPILER_TRANSIENT, "quota" },
                { "cp: Read-only file system\n", { .status = 1 }, COMPILER_TRANSIENT, "disk" },
                { "Traceback (most recent call last):\n x\nPermissionError: [Errno 13] Permission "
                  "denied: "
                  "'/tmp/vitis-ai-user/log'\n",
                  { .status = 1 },
                  COMPILER_TRANSIENT,
                  "may not" },
                { "read: Input/output error\n", { .status = 1 }, COMPILER_TRANSIENT, "disk" },
                { "open: Too many open files\n",
                  { .status = 1 },
                  COMPILER_TRANSIENT,
                  "descriptors" },
                { "srun: error: Unable to allocate resources: Node count is not available\n",
                  { .status = 1 },
                  COMPILER_TRANSIENT,
                  "not start" },
                { "srun: error: Node failure on n1\n",
                  { .status = 0 },
                  COMPILER_TRANSIENT,
                  "failed" },
                { "srun: Job allocation 3 has been revoked\nsrun: Force Terminated JobId=3\n",
                  { .status = 1 },
                  COMPILER_TRANSIENT,
                  "ended" },
                { "slurmstepd-n1: error: *** STEP 1.0 ON n1 CANCELLED AT 2026-11-23T16:51:38 DUE "
                  "TO "
                  "PREEMPTION ***\n",
                  { .status = 1 },
                  COMPILER_TRANSIENT,
                  "ended" },
                { "srun: forcing job termination\nsrun: Job step aborted: Waiting up to 4 seconds "
                  "for "
                  "job step to finish.\nsrun: error: Timed out waiting for job step to complete\n",
                  { .status = 0 },
                  COMPILER_TRANSIENT,
                  "ended" },
                { "slurmstepd-n1: error: couldn't chdir to `/cache/jobs/1': No such file or "
                  "directory: "
                  "going to /tmp instead\nERROR: Unable to open file in/arch.json\n",
                  { .status = 0 },
                  COMPILER_TRANSIENT,
                  "cache directory" },
                { "slurmstepd-n1: error: execve(): /opt/bin/vai_c_xir: No such file or directory\n"
                  "srun: error: n1: task 0: Exited with exit code 2\n",
                  { .status = 2 },
                  COMPILER_TRANSIENT,
                  "not on the machine" },
                { "srun: error: n1: task 0: Aborted (core dumped)\n",
                  { .status = 134 },
                  COMPILER_DETERMINISTIC,
                  "aborted" },
                { "srun: error: n1: task 0: Exited with exit code 1\n",
                  { .status = 1 },
                  COMPILER_DETERMINISTIC,
                  "status 1" },
                { "Traceback (most recent call last):\n x\nModuleNotFoundError: No module named "
                  "'numpy'\n",
                  { .status = 1 },
                  COMPILER_TRANSIENT,
                  "not complete: ModuleNotFoundError: No module named 'numpy'" },
                { "Traceback (most recent call last):\n x\nImportError: libxir.so.3: cannot open "
                  "shared "
                  "object file\n",
                  { .status = 1 },
                  COMPILER_TRANSIENT,
                  "libxir.so.3" },
                { "Traceback (most recent call last):\n x\nImportError: a\n"
                  "Traceback (most recent call last):\n x\nKeyError: 'b'\n",
                  { .status = 1 },
                  COMPILER_DETERMINISTIC,
                  "KeyError" },
                { "env: python: No such file or directory\n",
                  { .status = 127 },
                  COMPILER_TRANSIENT,
                  "started" },
                { "", { .term_signal = SIGSEGV }, COMPILER_DETERMINISTIC, "segmentation" },
                { "", { .status = 134 }, COMPILER_DETERMINISTIC, "aborted" },
                { "", { .term_signal = SIGILL }, COMPILER_DETERMINISTIC, "signal 4" },
                { "This program has crashed!\n",
                  { .status = 0 },
                  COMPILER_DETERMINISTIC,
                  "crashed" },
                { "ERROR: NO FRONT END SPECIFIED\n",
                  { .status = 0 },
                  COMPILER_DETERMINISTIC,
                  "arch" },
                { "ERROR: Unable to open file a\n",
                  { .status = 0 },
                  COMPILER_DETERMINISTIC,
                  "JSON" },
                { "Traceback (most recent call last):\n x\nKeyError: 'shape'\n",
                  { .status = 1 },
                  COMPILER_DETERMINISTIC,
                  "KeyError: 'shape'" },
                { "terminate called after throwing an instance of 'a'\n  what():  b\nAborted\n",
                  { .status = 134 },
                  COMPILER_DETERMINISTIC,
                  "a: b" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(compiler_log_freep) CompilerLog *log = NULL;
                Problem why = { "" };

                assert_int_equal(compiler_log_new(&log), 0);
                assert_int_equal(compiler_log_feed(log, slice_of_string(rows[i].log)), 0);
                assert_int_equal(compiler_log_end(log), 0);
                assert_int_equal(compiler_verdict(log, &rows[i].end, &why), rows[i].verdict);
                if (rows[i].word && !strstr(why.text, rows[i].word))
                        fail_msg("row %zu: no '%s' in '%s'", i, rows[i].word, why.text);
                assert_int_equal(why.text[0] == '\0', rows[i].word == NULL);
        }
}

static void knows_codes(void **state) {
        assert_non_null(compiler_code_meaning("XCOM_DATA_OUTRANGE"));
        assert_null(compiler_code_meaning("XCOM_DATA"));
        assert_string_equal(compiler_code_family("XCOM_X"), "compiler");
        assert_string_equal(compiler_code_family("TARGET_FACTORY_X"), "target library");
        assert_string_equal(compiler_code_family("OTHER"), "vendor's tools");
        for (int i = COMPILER_FINE; i <= COMPILER_FLAKY; i++)
                assert_non_null(compiler_verdict_name((CompilerVerdict) i));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(judges_failures),
                cmocka_unit_test(knows_codes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
