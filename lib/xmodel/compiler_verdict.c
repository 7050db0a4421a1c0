#include "xmodel/compiler_verdict.h"

#include <signal.h>
#include <string.h>

#include "base/cleanup.h"

typedef struct CompilerCode {
        const char *code;
        const char *meaning;
        CompilerVerdict verdict;
} CompilerCode;

/*
 * Ascending. All but one are deterministic as far as anybody reported: XCOM_ACGEN_ERROR came and
 * went with identical input (Xilinx/Vitis-AI issues 726 and 740).
 * Others: issues 279, 357, 362, 457, 725, 868, 891, 906, 972 and 1428; the groups XIR_ and TARGET_FACTORY_
 * from src/vai_runtime/xir and src/vai_runtime/target_factory.
 */
static const CompilerCode compiler_codes[] = {
        { "TARGET_FACTORY_INVALID_ARCH", "the fingerprint decodes to no DPU that it can build for",
          COMPILER_DETERMINISTIC },
        { "TARGET_FACTORY_INVALID_TYPE",
          "the fingerprint is of a kind of DPU that it does not know", COMPILER_DETERMINISTIC },
        { "TARGET_FACTORY_UNREGISTERED_TARGET", "this release does not know a target of that name",
          COMPILER_DETERMINISTIC },
        { "XCOM_ACGEN_ERROR",
          "the compiler could not generate instructions; the same input was seen to pass when "
          "tried "
          "again",
          COMPILER_FLAKY },
        { "XCOM_DATA_OUTRANGE",
          "the data of a layer do not fit into the memory of this DPU, however they are cut",
          COMPILER_DETERMINISTIC },
        { "XCOM_OPERATION_FAILED", "a pass of the compiler failed on this graph",
          COMPILER_DETERMINISTIC },
        { "XCOM_OPFACTORY_OP_UNSUPPORTED",
          "the compiler put an op on the DPU that it cannot make instructions for",
          COMPILER_DETERMINISTIC },
        { "XCOM_PM_FAIL", "the compiler failed while it generated instructions",
          COMPILER_DETERMINISTIC },
        { "XCOM_UNEXPECTED_VALUE", "the compiler met an attribute with a value that it rules out",
          COMPILER_DETERMINISTIC },
        { "XCOM_UTIL_INVALID_VALUE", "the compiler calculated with a value that makes no sense",
          COMPILER_DETERMINISTIC },
        { "XCOM_UTIL_TENSOR_DIMS_MISMATCH",
          "a tensor has more dimensions than the compiler can handle", COMPILER_DETERMINISTIC },
        { "XCOM_VALUE_UNMATCH", "two values that must be equal are not", COMPILER_DETERMINISTIC },
        { "XIR_FILE_NOT_EXIST", "the model's file is missing", COMPILER_DETERMINISTIC },
        { "XIR_OPERATION_FAILED", "the graph library failed on this graph",
          COMPILER_DETERMINISTIC },
        { "XIR_READ_PB_FAILURE", "the file is no XIR model", COMPILER_DETERMINISTIC },
        { "XIR_REMOVE_OP_FAIL", "the compiler removed an op that others still read",
          COMPILER_DETERMINISTIC },
        { "XIR_SHAPE_UNMATCH", "an op's shape does not follow from its inputs",
          COMPILER_DETERMINISTIC },
        { "XIR_UNDEFINED_ATTR", "an op lacks an attribute that the compiler reads",
          COMPILER_DETERMINISTIC },
        { "XIR_UNREGISTERED_OP", "the graph has an op of a type that this release does not know",
          COMPILER_DETERMINISTIC },
};

static const CompilerCode *compiler_code_find(const char *code) {
        for (size_t i = 0; i < ARRAY_SIZE(compiler_codes); i++)
                if (strcmp(compiler_codes[i].code, code) == 0)
                        return &compiler_codes[i];
        return NULL;
}

const char *compiler_code_meaning(const char *code) {
        const CompilerCode *known = compiler_code_find(code);

        return known ? known->meaning : NULL;
}

const char *compiler_code_family(const char *code) {
        static const char *const families[][2] = {
                { "XCOM_", "compiler" },
                { "XIR_", "graph library" },
                { "TARGET_FACTORY_", "target library" },
                { "VAILIB_", "runtime" },
                { "VART_", "runtime" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(families); i++)
                if (strncmp(code, families[i][0], strlen(families[i][0])) == 0)
                        return families[i][1];
        return "vendor's tools";
}

const char *compiler_verdict_name(CompilerVerdict verdict) {
        switch (verdict) {
        case COMPILER_FINE:
                return "fine";
        case COMPILER_DETERMINISTIC:
                return "deterministic";
        case COMPILER_TRANSIENT:
                return "transient";
        case COMPILER_FLAKY:
                return "flaky";
        }
        return NULL;
}

/* what the vendor's script prints before it returns as if all were well */
static const char *verdict_error_hint(const char *error) {
        if (strstr(error, "NO FRONT END SPECIFIED"))
                return " (it takes neither the target nor the fingerprint of arch.json)";
        if (strncmp(error, "Unable to open file", strlen("Unable to open file")) == 0)
                return " (missing, unreadable or not JSON)";
        return "";
}

static CompilerVerdict verdict_fatal(const CompilerLogFailure *failure, Problem *ret_why) {
        const CompilerCode *code = failure->code ? compiler_code_find(failure->code) : NULL;
        const char *detail = failure->detail ?: failure->description;

        if (!failure->code)
                (void) problem_set(ret_why, 0, "fatal error: %s", detail ?: "without a text");
        else
                (void) problem_set(ret_why, 0, "fatal error %s of the %s: %s%s%s", failure->code,
                                   compiler_code_family(failure->code),
                                   code ? code->meaning : failure->description ?: "not known to us",
                                   detail && (code || failure->detail) ? ": " : "",
                                   detail && (code || failure->detail) ? detail : "");
        return code ? code->verdict : COMPILER_DETERMINISTIC;
}

static CompilerVerdict verdict_log(const CompilerLogFailure *failure, Problem *ret_why) {
        if (failure->fatal)
                return verdict_fatal(failure, ret_why);
        if (failure->exception)
                (void) problem_set(ret_why, 0, "it ended with an exception of Python: %s",
                                   failure->exception);
        else if (failure->error)
                (void) problem_set(ret_why, 0, "it printed an error: %s%s", failure->error,
                                   verdict_error_hint(failure->error));
        else if (failure->thrown)
                (void) problem_set(ret_why, 0, "it ended with an exception: %s%s%s",
                                   failure->thrown, failure->what ? ": " : "", failure->what ?: "");
        else
                return COMPILER_FINE;
        return COMPILER_DETERMINISTIC;
}

static int verdict_signal(const CompilerExit *end) {
        if (end->term_signal != 0)
                return end->term_signal;
        return end->status > 128 && end->status < 128 + 65 ? end->status - 128 : 0;
}

/* Something that it needs is not installed. That is no part of the compiler's packages, and so of
 * no key: nothing but another try finds out that it is there now. */
static bool verdict_incomplete(const CompilerLogFailure *failure, const CompilerExit *end,
                               Problem *ret_why) {
        static const char *const missing[] = { "ModuleNotFoundError", "ImportError" };
        const char *exception = failure->exception ?: "";

        for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
                if (strncmp(exception, missing[i], strlen(missing[i])) == 0) {
                        (void) problem_set(ret_why, 0, "its installation is not complete: %s",
                                           exception);
                        return true;
                }
        if (end->status != 126 && end->status != 127) /* a shell's, env's or the loader's */
                return false;
        (void) problem_set(ret_why, 0, "it could not be started (status %d)", end->status);
        return true;
}

/* Somebody or something stopped it, or a resource ran out. */
static bool verdict_machine(const CompilerLogFailure *failure, const CompilerExit *end,
                            Problem *ret_why) {
        int signal = verdict_signal(end);

        if (end->timed_out)
                (void) problem_set(ret_why, 0, "it was stopped at its time limit");
        else if (end->no_memory)
                (void) problem_set(ret_why, 0, "it was killed because memory ran out");
        else if (signal == SIGKILL || (signal == 0 && failure->crash == COMPILER_CRASH_KILLED))
                (void) problem_set(ret_why, 0, "it was killed by signal 9: out of memory?");
        else if (signal == SIGTERM || signal == SIGINT || signal == SIGHUP)
                (void) problem_set(ret_why, 0, "it was killed by signal %d", signal);
        else if (failure->machine)
                (void) problem_set(ret_why, 0, "%s", failure->machine);
        else
                return verdict_incomplete(failure, end, ret_why);
        return true;
}

static bool verdict_crash(const CompilerLogFailure *failure, int signal, Problem *ret_why) {
        if (signal == SIGSEGV || failure->crash == COMPILER_CRASH_SEGFAULT)
                (void) problem_set(ret_why, 0, "it crashed: segmentation fault");
        else if (signal == SIGABRT || failure->crash == COMPILER_CRASH_ABORTED)
                (void) problem_set(ret_why, 0, "it crashed: aborted");
        else if (signal != 0)
                (void) problem_set(ret_why, 0, "it was killed by signal %d", signal);
        else if (failure->crash != COMPILER_CRASH_NONE)
                (void) problem_set(ret_why, 0, "it crashed");
        else
                return false;
        return true;
}

CompilerVerdict compiler_verdict(const CompilerLog *log, const CompilerExit *end,
                                 Problem *ret_why) {
        const CompilerLogFailure *failure = compiler_log_failure(log);
        CompilerVerdict verdict;

        if (verdict_machine(failure, end, ret_why))
                return COMPILER_TRANSIENT;
        verdict = verdict_log(failure, ret_why);
        if (verdict != COMPILER_FINE)
                return verdict;
        if (verdict_crash(failure, verdict_signal(end), ret_why))
                return COMPILER_DETERMINISTIC;
        if (end->status == 0)
                return COMPILER_FINE;
        (void) problem_set(ret_why, 0, "it ended with status %d", end->status);
        return COMPILER_DETERMINISTIC;
}
