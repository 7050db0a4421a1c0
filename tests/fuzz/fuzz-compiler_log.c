/*
 * Logs of compilers: whatever is fed, and however it is cut, the answers are the same and
 * within their limits
 */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "xmodel/compiler_verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text) {
        if (text && (*text == '\0' || strlen(text) > COMPILER_LOG_LINE_MAX || strchr(text, '\n')))
                abort();
}

static void check_ops(const CompilerLogOps *ops) {
        if (ops->n > COMPILER_LOG_OPS_MAX)
                abort();
        for (size_t i = 0; i < ops->n; i++) {
                check_text(ops->items[i].name);
                check_text(ops->items[i].type);
                check_text(ops->items[i].reason);
                if (compiler_log_find(ops, ops->items[i].name) != &ops->items[i])
                        abort();
        }
}

static bool same(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

static void compare(const CompilerLog *a, const CompilerLog *b) {
        const CompilerLogFacts *x = compiler_log_facts(a), *y = compiler_log_facts(b);
        const CompilerExit end = { .status = 0 };
        Problem p = { "" }, q = { "" };

        if (compiler_log_phase(a) != compiler_log_phase(b) ||
            compiler_log_saved(a) != compiler_log_saved(b) || !same(x->target, y->target) ||
            !same(x->graph, y->graph) || x->cpu.n != y->cpu.n || x->removed.n != y->removed.n ||
            x->custom.n != y->custom.n)
                abort();
        if (compiler_verdict(a, &end, &p) != compiler_verdict(b, &end, &q) ||
            strcmp(p.text, q.text) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(compiler_log_freep) CompilerLog *whole = NULL;
        _cleanup_(compiler_log_freep) CompilerLog *cut = NULL;

        if (compiler_log_new(&whole) < 0 || compiler_log_new(&cut) < 0)
                return 0;
        (void) compiler_log_feed(whole, slice_of(data, size));
        (void) compiler_log_end(whole);
        for (size_t i = 0; i < size; i += 7)
                (void) compiler_log_feed(cut, slice_of(data + i, size - i < 7 ? size - i : 7));
        (void) compiler_log_end(cut);

        check_ops(&compiler_log_facts(whole)->cpu);
        check_ops(&compiler_log_facts(whole)->removed);
        check_ops(&compiler_log_facts(whole)->custom);
        check_text(compiler_log_facts(whole)->xmodel_path);
        check_text(compiler_log_failure(whole)->detail);
        compare(whole, cut);
        return 0;
}
