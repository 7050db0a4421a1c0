/*
 * Three layers: bytes become lines (escape sequences gone, long ones cut), a line loses its
 * prefix and tells its level, and what remains is recognised by how it begins or by the op that
 * it names. There are no regular expressions: the forms are few and fixed, and a line can be as
 * hostile as it likes.
 *
 * A carriage return ends a line as a newline does: progress bars and what follows them on the
 * same line are lines of their own then. Empty lines mean nothing anywhere.
 *
 * A compile (LogBlock) begins with the first header line after a compile that had begun, not
 * with the banner: the banner goes through another buffer than the rest and often comes last.
 */

#include "xmodel/compiler_log.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"

typedef struct LogTexts {
        Arena arena;
        size_t total;
} LogTexts;

typedef struct LogBlock {
        LogTexts texts;
        CompilerLogFacts facts;
        CompilerPhase phase;
        bool failed; /* something fatal was printed while it was the current one */
} LogBlock;

/* where in an escape sequence the next byte is */
typedef enum LogEscape {
        LOG_PLAIN,
        LOG_ESCAPE,  /* after ESC */
        LOG_CONTROL, /* after ESC [ */
        LOG_COMMAND, /* after ESC ]: to the terminal itself, ends with BEL or ESC \ */
} LogEscape;

struct CompilerLog {
        LogEscape escape;
        char line[COMPILER_LOG_LINE_MAX + 1];
        size_t n_line;

        LogBlock current;
        LogBlock finished; /* the last that saved a file, but for the current one */
        size_t n_saved;

        LogTexts texts; /* of the failure */
        CompilerLogFailure failure;
        bool wants_detail; /* the last line was fatal and had none */
        bool in_traceback;
        int error; /* sticky */
};

/* one line without what the logging library puts before it */
typedef struct LogLine {
        char level; /* 'I', 'W', 'E', 'F'; 0: not printed by the logging library */
        const char *text;
} LogLine;

const char *compiler_phase_name(CompilerPhase phase) {
        switch (phase) {
        case COMPILER_PHASE_SILENT:
                return "silent";
        case COMPILER_PHASE_STARTED:
                return "started";
        case COMPILER_PHASE_FRONT_END:
                return "front-end";
        case COMPILER_PHASE_COMPILING:
                return "compiling";
        case COMPILER_PHASE_PARTITIONED:
                return "partitioned";
        case COMPILER_PHASE_COMPILED:
                return "compiled";
        case COMPILER_PHASE_SAVED:
                return "saved";
        }
        return NULL;
}

/* --- text ---------------------------------------------------------------------------------- */

static bool log_skip(const char **text, const char *prefix) {
        size_t n = strlen(prefix);

        if (strncmp(*text, prefix, n) != 0)
                return false;
        *text += n;
        return true;
}

static bool log_begins(const char *text, const char *prefix) {
        return log_skip(&text, prefix);
}

static const char *log_skip_blanks(const char *text) {
        while (*text == ' ' || *text == '\t')
                text++;
        return text;
}

/* [@start, @end) without blanks around it */
static Slice log_between(const char *start, const char *end) {
        while (start < end && (*start == ' ' || *start == '\t'))
                start++;
        while (start < end && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
        return slice_of(start, (size_t) (end - start));
}

/* A copy of what is between them; NULL if that is nothing, or no room. */
static const char *log_copy(CompilerLog *log, LogTexts *texts, const char *start, const char *end) {
        Slice text = log_between(start, end);
        const char *copy;

        if (text.size == 0 || texts->total + text.size > COMPILER_LOG_TEXT_TOTAL)
                return NULL;
        copy = arena_string(&texts->arena, (const char *) text.data, text.size);
        if (!copy)
                log->error = -ENOMEM;
        else
                texts->total += text.size;
        return copy;
}

static const char *log_fact(CompilerLog *log, const char *start, const char *end) {
        return log_copy(log, &log->current.texts, start, end);
}

static const char *log_failure_text(CompilerLog *log, const char *start, const char *end) {
        return log_copy(log, &log->texts, start, end);
}

static const char *log_rest(CompilerLog *log, const char *text) {
        return log_fact(log, text, text + strlen(text));
}

/* what stands between the first and the last quotation mark */
static const char *log_quoted(CompilerLog *log, const char *text) {
        const char *open = strchr(text, '"'), *close = strrchr(text, '"');

        return open && close > open ? log_fact(log, open + 1, close) : NULL;
}

/* 15 digits are more than any count has, and fit */
static bool log_number(const char **text, uint64_t *ret) {
        uint64_t value = 0;
        size_t n = 0;

        while (n < 15 && isdigit((unsigned char) (*text)[n]))
                value = value * 10 + (uint64_t) ((*text)[n++] - '0');
        if (n == 0)
                return false;
        *text += n;
        *ret = value;
        return true;
}

/* --- ops ----------------------------------------------------------------------------------- */

static CompilerLogOp *log_find(const CompilerLogOps *ops, const char *name, size_t n) {
        for (size_t i = 0; i < ops->n; i++)
                if (strncmp(ops->items[i].name, name, n) == 0 && ops->items[i].name[n] == '\0')
                        return &ops->items[i];
        return NULL;
}

const CompilerLogOp *compiler_log_find(const CompilerLogOps *ops, const char *name) {
        return log_find(ops, name, strlen(name));
}

/* an op as a line names it; nothing is copied */
typedef struct LogOp {
        Slice name, type, reason;
} LogOp;

static const char *log_fact_slice(CompilerLog *log, Slice text) {
        const char *start = (const char *) text.data;

        return text.size > 0 ? log_fact(log, start, start + text.size) : NULL;
}

/* A warning about an op often comes twice, and only one of the two has the reason. */
static void log_add(CompilerLog *log, CompilerLogOps *ops, const LogOp *op) {
        const char *name = (const char *) op->name.data;
        CompilerLogOp *known = log_find(ops, name, op->name.size);
        CompilerLogOp added;

        if (known) {
                if (!known->reason)
                        known->reason = log_fact_slice(log, op->reason);
                return;
        }
        added.name = log_fact_slice(log, op->name);
        added.type = log_fact_slice(log, op->type);
        added.reason = log_fact_slice(log, op->reason);
        if (ops->n == COMPILER_LOG_OPS_MAX || !added.name || !added.type) {
                ops->n_more++;
                return;
        }
        if (array_reserve(&ops->items, &ops->capacity, ops->n + 1, sizeof(*ops->items)) < 0) {
                log->error = -ENOMEM;
                return;
        }
        ops->items[ops->n++] = added;
}

/* "xir::Op{name = N, type = T}" at the beginning; returns what follows, or NULL. The inspector
 * quotes such lines in the middle of tables: those do not count. */
static const char *log_parse_op(const char *text, LogOp *ret) {
        const char *name = text, *type, *end;

        (void) log_skip(&name, "DPU prefers ");
        if (!log_skip(&name, "xir::Op{name = "))
                return NULL;
        type = strstr(name, ", type = ");
        if (!type)
                return NULL;
        *ret = (LogOp){ .name = log_between(name, type) };
        type += strlen(", type = ");
        end = strchr(type, '}');
        if (!end)
                return NULL;
        ret->type = log_between(type, end);
        return end + 1;
}

/* ": [REASON]." */
static Slice log_bracketed_reason(const char *text) {
        const char *open, *close;

        if (!log_begins(text, ": ["))
                return slice_of(NULL, 0);
        open = text + strlen(": [");
        close = strrchr(open, ']');
        return close ? log_between(open, close) : slice_of(NULL, 0);
}

/* up to @end, or all of it */
static Slice log_reason_until(const char *text, const char *end) {
        const char *found = strstr(text, end);

        return log_between(text, found ?: text + strlen(text));
}

/* What the line says of the op: true if it takes it off the DPU. */
static bool log_op_is_off_dpu(const char *rest, LogOp *op) {
        if (log_skip(&rest, " has been assigned to CPU")) {
                op->reason = log_bracketed_reason(rest);
                return true;
        }
        if (log_begins(rest, " is not supported by current target") &&
            strstr(rest, "Assign it to CPU")) {
                op->reason = log_reason_until(rest + strlen(" is "), ". Assign it to CPU");
                return true;
        }
        if (log_begins(rest, "'s input batch to be ") && strstr(rest, "assigned to CPU")) {
                op->reason = log_reason_until(rest + strlen("'s "), ". So it will");
                return true;
        }
        if (log_skip(&rest, " is partitioned to CPU as")) {
                rest = log_skip_blanks(rest);
                (void) log_skip(&rest, ":");
                op->reason = log_reason_until(rest, "\n");
                return true;
        }
        return false;
}

static bool log_take_op(CompilerLog *log, const char *text) {
        CompilerLogFacts *facts = &log->current.facts;
        const char *rest;
        LogOp op;

        rest = log_parse_op(text, &op);
        if (!rest)
                return false;
        if (log_op_is_off_dpu(rest, &op))
                log_add(log, &facts->cpu, &op);
        else if (log_begins(rest, "'s input and output is unchanged, so it will be removed"))
                log_add(log, &facts->removed, &op);
        return true;
}

/* --- what lines begin with ----------------------------------------------------------------- */

static void log_block_deinit(LogBlock *block) {
        free(block->facts.cpu.items);
        free(block->facts.removed.items);
        free(block->facts.custom.items);
        arena_deinit(&block->texts.arena);
        *block = (LogBlock){ 0 };
}

static void log_next_block(CompilerLog *log) {
        if (log->current.phase == COMPILER_PHASE_SAVED) {
                log_block_deinit(&log->finished);
                log->finished = log->current;
                log->current = (LogBlock){ 0 };
        }
        log_block_deinit(&log->current);
}

static void log_advance(CompilerLog *log, CompilerPhase phase) {
        if (log->current.phase < phase)
                log->current.phase = phase;
}

/* Lines that a compile prints before it begins. */
static void log_header(CompilerLog *log) {
        if (log->current.phase >= COMPILER_PHASE_COMPILING)
                log_next_block(log);
        log_advance(log, COMPILER_PHASE_STARTED);
}

static void log_take_target(CompilerLog *log, const char *rest) {
        log_header(log);
        log->current.facts.target = log_rest(log, rest);
}

static void log_take_mode(CompilerLog *log, const char *rest) {
        log_header(log);
        log->current.facts.mode = log_rest(log, rest);
}

static void log_take_debug_mode(CompilerLog *log, const char *rest) {
        log_header(log);
        log->current.facts.debug_mode = log_rest(log, rest);
}

static void log_take_own_log(CompilerLog *log, const char *rest) {
        log_header(log);
        log->current.facts.own_log_path = log_quoted(log, rest);
}

/* "NAME, with op num: N"; the name may contain anything */
static void log_take_graph(CompilerLog *log, const char *rest) {
        static const char separator[] = ", with op num: ";
        CompilerLogFacts *facts = &log->current.facts;
        const char *end = NULL, *number;

        for (const char *at = strstr(rest, separator); at; at = strstr(at + 1, separator))
                end = at;
        log_header(log);
        facts->graph = log_fact(log, rest, end ?: rest + strlen(rest));
        if (!end)
                return;
        number = end + strlen(separator);
        facts->has_ops = log_number(&number, &facts->n_ops);
}

static void log_take_begin(CompilerLog *log, const char *rest) {
        (void) rest;
        if (log->current.phase >= COMPILER_PHASE_COMPILING)
                log_next_block(log);
        log_advance(log, COMPILER_PHASE_COMPILING);
}

/* "N, DPU subgraph number M"; in other products there is a second line, for another device */
static void log_take_total(CompilerLog *log, const char *rest) {
        CompilerLogFacts *facts = &log->current.facts;
        uint64_t total, dpu;

        if (!log_number(&rest, &total))
                return;
        log_advance(log, COMPILER_PHASE_PARTITIONED);
        if (!log_skip(&rest, ", DPU subgraph number ") || !log_number(&rest, &dpu))
                return;
        facts->has_subgraphs = true;
        facts->n_subgraphs = total;
        facts->n_dpu = dpu;
}

static void log_take_done(CompilerLog *log, const char *rest) {
        (void) rest;
        log_advance(log, COMPILER_PHASE_COMPILED);
}

static void log_take_meta(CompilerLog *log, const char *rest) {
        log->current.facts.meta_path = log_quoted(log, rest);
}

static void log_take_saved(CompilerLog *log, const char *rest) {
        if (log->current.phase != COMPILER_PHASE_SAVED)
                log->n_saved++;
        log_advance(log, COMPILER_PHASE_SAVED);
        log->current.facts.xmodel_path = log_quoted(log, rest);
}

static void log_take_md5(CompilerLog *log, const char *rest) {
        size_t n = strspn(rest, "0123456789abcdef");

        if (n != 32)
                return;
        log->current.facts.md5 = log_fact(log, rest, rest + n);
        log->current.facts.md5_path = log_quoted(log, rest);
}

/* "NAME, type: TYPE, is not defined in XIR. ..."; printed while the next graph is read */
static void log_take_undefined(CompilerLog *log, const char *rest) {
        const char *type = strstr(rest, ", type: "), *end;
        LogOp op = { 0 };

        end = type ? strstr(type, ", is not defined in XIR") : NULL;
        if (!end)
                return;
        if (log->current.phase >= COMPILER_PHASE_COMPILED)
                log_next_block(log);
        op.name = log_between(rest, type);
        op.type = log_between(type + strlen(", type: "), end);
        log_add(log, &log->current.facts.custom, &op);
}

/* release 1.2: "[NAME] (type: TYPE) is not supported in DPU, deploy it in CPU instead." */
static void log_take_layer(CompilerLog *log, const char *rest) {
        const char *type = strstr(rest, "] (type: "), *end;
        LogOp op = { 0 };

        end = type ? strstr(type, ") is not supported in DPU") : NULL;
        if (!end)
                return;
        op.name = log_between(rest, type);
        op.type = log_between(type + strlen("] (type: "), end);
        log_add(log, &log->current.facts.cpu, &op);
}

static void log_take_front_end(CompilerLog *log, const char *rest) {
        (void) rest;
        if (log->current.phase < COMPILER_PHASE_COMPILING)
                log_advance(log, COMPILER_PHASE_FRONT_END);
}

static void log_take_banner(CompilerLog *log, const char *rest) {
        (void) rest;
        log_advance(log, COMPILER_PHASE_STARTED);
}

static bool log_take_fact(CompilerLog *log, const char *text) {
        static const struct {
                const char *prefix;
                void (*take)(CompilerLog *log, const char *rest);
        } forms[] = {
                { "Target architecture: ", log_take_target },
                { "Compile mode: ", log_take_mode },
                { "Debug mode: ", log_take_debug_mode },
                { "Graph name: ", log_take_graph },
                { "The compiler log will be dumped at ", log_take_own_log },
                { "Begin to compile", log_take_begin },
                { "Total device subgraph number ", log_take_total },
                { "Compile done", log_take_done },
                { "The meta json is saved to ", log_take_meta },
                { "The compiled xmodel is saved to ", log_take_saved },
                { "The compiled xmodel's md5sum is ", log_take_md5 },
                { "The operator named ", log_take_undefined },
                { "[VAI_C][Warning] layer [", log_take_layer },
                { "[INFO] ", log_take_front_end },
                { "* VITIS_AI Compilation", log_take_banner },
        };

        for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
                const char *rest = text;

                if (!log_skip(&rest, forms[i].prefix))
                        continue;
                forms[i].take(log, rest);
                return true;
        }
        return false;
}

/* --- what went wrong ----------------------------------------------------------------------- */

/* "[CODE][DESCRIPTION] DETAIL", or only text */
static void log_take_fatal(CompilerLog *log, const char *text) {
        CompilerLogFailure *failure = &log->failure;
        const char *detail = text;

        log->current.failed = true;
        if (failure->fatal)
                return;
        failure->fatal = true;
        if (*text == '[') {
                size_t n = strspn(text + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
                const char *open = text + 1 + n, *close;

                close = log_begins(open, "][") ? strchr(open + 2, ']') : NULL;
                if (n > 0 && close) {
                        failure->code = log_failure_text(log, text + 1, open);
                        failure->description = log_failure_text(log, open + 2, close);
                        detail = close + 1;
                }
        }
        failure->detail = log_failure_text(log, detail, detail + strlen(detail));
        log->wants_detail = failure->detail == NULL;
}

/* What a shell says of a command that a signal ended: "WORD", "WORD (core dumped)", and with a
 * script's name and line before it: "FILE: line N: PID WORD  COMMAND". */
static bool log_is_death(const char *text, const char *word) {
        size_t n = strlen(word);
        const char *line = strstr(text, ": line ");

        if (log_begins(text, word) && (text[n] == '\0' || log_begins(text + n, " (core dumped)")))
                return true;
        line = line ? strstr(line, word) : NULL;
        return line && line[-1] == ' ' && (line[n] == '\0' || line[n] == ' ');
}

static void log_take_crash(CompilerLog *log, const char *text) {
        static const struct {
                const char *word;
                CompilerCrash crash;
        } words[] = {
                { "Killed", COMPILER_CRASH_KILLED },
                { "Aborted", COMPILER_CRASH_ABORTED },
                { "Segmentation fault", COMPILER_CRASH_SEGFAULT },
        };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (log_is_death(text, words[i].word))
                        log->failure.crash = words[i].crash;
        if (log_begins(text, "This program has crashed") &&
            log->failure.crash == COMPILER_CRASH_NONE)
                log->failure.crash = COMPILER_CRASH_OTHER;
}

static void log_take_thrown(CompilerLog *log, const char *text) {
        CompilerLogFailure *failure = &log->failure;
        const char *rest = text, *end;

        if (log_skip(&rest, "terminate called after throwing an instance of '") &&
            !failure->thrown) {
                end = strrchr(rest, '\'');
                failure->thrown = log_failure_text(log, rest, end ?: rest + strlen(rest));
                return;
        }
        rest = log_skip_blanks(text);
        if (failure->thrown && !failure->what && log_skip(&rest, "what():"))
                failure->what = log_failure_text(log, rest, rest + strlen(rest));
}

/* Whoever prints these was in want of something (the C library, Python, a shell), or did not let
 * the compiler run to its end: srun and slurmstepd. The status is 1 then, or 0 when a node failed,
 * or what the compiler's is in the wrong directory (Slurm 22.05, measured). */
static void log_take_resources(CompilerLog *log, const char *text) {
        static const struct {
                const char *said, *means;
        } wants[] = {
                { "std::bad_alloc", "memory ran out" },
                { "MemoryError", "memory ran out" },
                { "Cannot allocate memory", "memory ran out" },
                { "Out of memory", "memory ran out" },
                { "No space left on device", "the disk is full" },
                { "Disk quota exceeded", "the disk quota is used up" },
                { "Read-only file system", "the disk cannot be written" },
                { "Permission denied", "it may not read or write what it wants to" },
                { "Input/output error", "the disk has errors" },
                { "Too many open files", "no descriptors were left" },
                { "srun: error: Unable to ", "the scheduler did not start it" },
                { "srun: error: Node failure ", "the machine that it ran on failed" },
                { "srun: Force Terminated ", "the scheduler ended it" },
                { "srun: forcing job termination", "the scheduler ended it" },
                { " CANCELLED AT ", "the scheduler ended it" },
                { ": error: execve(): ", "it is not on the machine that was to run it" },
                { ": error: couldn't chdir to ", "the cache directory is not on the machine" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(wants) && !log->failure.machine; i++)
                if (strstr(text, wants[i].said))
                        log->failure.machine = wants[i].means;
}

/* A traceback is indented; its last line is not. */
static bool log_take_traceback(CompilerLog *log, const char *text) {
        if (!log->in_traceback)
                return false;
        if (*text == ' ' || *text == '\t')
                return true;
        log->in_traceback = false;
        log->current.failed = true;
        log->failure.exception =
                log_failure_text(log, text, text + strlen(text)) ?: log->failure.exception;
        return true;
}

/* lines that programs print without the logging library */
static void log_take_plain(CompilerLog *log, const char *text) {
        const char *rest = text;

        if (log_begins(text, "Traceback (most recent call last)")) {
                log->in_traceback = true;
        } else if (log_skip(&rest, "ERROR: ")) {
                log->current.failed = true;
                if (!log->failure.error)
                        log->failure.error = log_failure_text(log, rest, rest + strlen(rest));
        } else {
                log_take_thrown(log, text);
                log_take_crash(log, text);
        }
}

/* the line after a fatal one without detail */
static bool log_take_detail(CompilerLog *log, const LogLine *line) {
        static const char *const others[] = { "***",
                                              "This program has crashed",
                                              "Aborted",
                                              "Killed",
                                              "Segmentation fault",
                                              "Traceback",
                                              "ERROR: ",
                                              "[" };

        if (!log->wants_detail)
                return false;
        log->wants_detail = false;
        if (line->level != 0)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                if (log_begins(line->text, others[i]))
                        return false;
        log->failure.detail = log_failure_text(log, line->text, line->text + strlen(line->text));
        return true;
}

/* --- lines --------------------------------------------------------------------------------- */

/* "W20231023 02:02:13.699882   590 file.cpp:171] " */
static char log_skip_glog(const char **text) {
        const char *s = *text;
        char level = *s;
        size_t n;

        if (level == '\0' || !strchr("IWEF", level))
                return 0;
        s++;
        n = strspn(s, "0123456789");
        if (n < 4 || n > 8 || s[n] != ' ')
                return 0;
        s += n + 1;
        n = strspn(s, "0123456789:.");
        if (n == 0 || s[n] != ' ')
                return 0;
        s = log_skip_blanks(s + n);
        n = strspn(s, "0123456789");
        if (n == 0 || s[n] != ' ')
                return 0;
        s += n + 1;
        n = strcspn(s, " ]");
        if (n == 0 || s[n] != ']' || !memchr(s, ':', n))
                return 0;
        *text = log_skip_blanks(s + n + 1);
        return level;
}

static char log_skip_unilog(const char **text) {
        static const struct {
                const char *tag;
                char level;
        } tags[] = {
                { "[UNILOG][INFO]", 'I' },
                { "[UNILOG][WARNING]", 'W' },
                { "[UNILOG][ERROR]", 'E' },
                { "[UNILOG][FATAL]", 'F' },
        };

        for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
                if (log_skip(text, tags[i].tag)) {
                        *text = log_skip_blanks(*text);
                        return tags[i].level;
                }
        return 0;
}

static LogLine log_parse_line(const char *text) {
        LogLine line = { .text = text };
        char level;

        line.level = log_skip_glog(&line.text);
        level = log_skip_unilog(&line.text);
        if (level != 0)
                line.level = level;
        return line;
}

static void log_take_line(CompilerLog *log, const char *text) {
        LogLine line = log_parse_line(text);
        bool known;

        if (log_take_detail(log, &line))
                return;
        if (line.level == 0 && log_take_traceback(log, line.text)) {
                log_take_resources(log, line.text);
                return;
        }
        if (line.level == 'F') {
                log_take_fatal(log, line.text);
                return;
        }
        known = log_take_op(log, line.text) || log_take_fact(log, line.text);
        if (!known && line.level == 0)
                log_take_plain(log, line.text);
        if (!known)
                log_take_resources(log, line.text);
}

/* --- bytes --------------------------------------------------------------------------------- */

static void log_end_line(CompilerLog *log) {
        log->escape = LOG_PLAIN;
        if (log->n_line == 0)
                return;
        log->line[log->n_line] = '\0';
        log->n_line = 0;
        log_take_line(log, log->line);
}

/* Other control characters are no text: NUL, bell, backspace. */
static void log_plain_byte(CompilerLog *log, uint8_t byte) {
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
                return;
        if (log->n_line < COMPILER_LOG_LINE_MAX)
                log->line[log->n_line++] = (char) byte;
}

static LogEscape log_after_escape(uint8_t byte) {
        if (byte == '[')
                return LOG_CONTROL;
        return byte == ']' ? LOG_COMMAND : LOG_PLAIN;
}

static void log_byte(CompilerLog *log, uint8_t byte) {
        if (byte == '\n' || byte == '\r') {
                log_end_line(log);
                return;
        }
        if (byte == '\033') {
                log->escape = LOG_ESCAPE;
                return;
        }
        switch (log->escape) {
        case LOG_PLAIN:
                log_plain_byte(log, byte);
                break;
        case LOG_ESCAPE:
                log->escape = log_after_escape(byte);
                break;
        case LOG_CONTROL:
                if (byte >= 0x40 && byte <= 0x7e)
                        log->escape = LOG_PLAIN;
                break;
        case LOG_COMMAND:
                if (byte == '\a')
                        log->escape = LOG_PLAIN;
                break;
        }
}

int compiler_log_feed(CompilerLog *log, Slice bytes) {
        for (size_t i = 0; i < bytes.size && log->error == 0; i++)
                log_byte(log, bytes.data[i]);
        return log->error;
}

int compiler_log_end(CompilerLog *log) {
        if (log->error == 0)
                log_end_line(log);
        return log->error;
}

/* --- life and answers ---------------------------------------------------------------------- */

int compiler_log_new(CompilerLog **ret) {
        CompilerLog *log = calloc(1, sizeof(*log));

        if (!log)
                return -ENOMEM;
        *ret = log;
        return 0;
}

CompilerLog *compiler_log_free(CompilerLog *log) {
        if (!log)
                return NULL;
        log_block_deinit(&log->current);
        log_block_deinit(&log->finished);
        arena_deinit(&log->texts.arena);
        free(log);
        return NULL;
}

CompilerPhase compiler_log_phase(const CompilerLog *log) {
        return log->current.phase;
}

size_t compiler_log_saved(const CompilerLog *log) {
        return log->n_saved;
}

const CompilerLogFacts *compiler_log_facts(const CompilerLog *log) {
        const LogBlock *current = &log->current;

        if (current->phase == COMPILER_PHASE_SAVED || current->failed ||
            log->finished.phase != COMPILER_PHASE_SAVED)
                return &current->facts;
        return &log->finished.facts;
}

const CompilerLogFailure *compiler_log_failure(const CompilerLog *log) {
        return &log->failure;
}
