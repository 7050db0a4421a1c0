#include "dpu/examine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "dpu/ports.h"
#include "dpu/where.h"
#include "xmodel/fingerprint.h"

/* what a file is examined with: the first error of examine_findings_add() sticks */
typedef struct Examiner {
        const ExamineSpec *spec;
        Examination *to;
        int error;
} Examiner;

const char *source_match_name(SourceMatch match) {
        switch (match) {
        case SOURCE_NOT_ASKED:
                break;
        case SOURCE_NOT_RECORDED:
                return "not-recorded";
        case SOURCE_DIFFERS:
                return "differs";
        case SOURCE_SAME_BYTES:
                return "bytes";
        case SOURCE_SAME_MAP_SORTED:
                return "map-sorted";
        case SOURCE_SAME_CANONICAL:
                return "canonical";
        }
        return NULL;
}

const char *board_match_name(BoardMatch match) {
        switch (match) {
        case BOARD_NOT_ASKED:
                break;
        case BOARD_NO_DPU_CODE:
                return "no-dpu-code";
        case BOARD_EQUAL:
                return "equal";
        case BOARD_ARGMAX_DIFFERS:
                return "argmax-differs";
        case BOARD_OTHER:
                return "other";
        }
        return NULL;
}

static int examine_findings_take(ExamineFindings *findings, const char *text) {
        char *copy;
        int r;

        if (findings->n == EXAMINE_FINDINGS_MAX) {
                findings->n_more++;
                return 0;
        }
        r = array_reserve(&findings->items, &findings->capacity, findings->n + 1,
                          sizeof(*findings->items));
        if (r < 0)
                return r;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        findings->items[findings->n++] = copy;
        return 0;
}

static int examine_findings_format(ExamineFindings *findings, const char *format, va_list ap)
        __attribute__((format(printf, 2, 0)));
static int examine_findings_format(ExamineFindings *findings, const char *format, va_list ap) {
        char text[PROBLEM_MAX];
        Problem line;

        (void) vsnprintf(text, sizeof(text), format, ap);
        (void) problem_set(&line, 0, "%s", text);
        return examine_findings_take(findings, line.text);
}

int examine_findings_add(ExamineFindings *findings, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = examine_findings_format(findings, format, ap);
        va_end(ap);
        return r;
}

void examine_findings_deinit(ExamineFindings *findings) {
        for (size_t i = 0; i < findings->n; i++)
                free(findings->items[i]);
        free(findings->items);
        *findings = (ExamineFindings){ 0 };
}

static void examine_add(Examiner *e, ExamineFindings *to, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static void examine_add(Examiner *e, ExamineFindings *to, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = examine_findings_format(to, format, ap);
        va_end(ap);
        if (r < 0 && e->error == 0)
                e->error = r;
}

#define examine_problem(e, ...) examine_add((e), &(e)->to->problems, __VA_ARGS__)
#define examine_note(e, ...)    examine_add((e), &(e)->to->notes, __VA_ARGS__)

/* --- what the runtime needs ---------------------------------------------------------------- */

/* the attribute if it is there with this type; a problem otherwise */
static const Attr *examine_attr(Examiner *e, const Subgraph *subgraph, const char *name,
                                AttrKind kind) {
        const Attr *attr = attrs_find(&subgraph->attrs, name);

        if (!attr)
                examine_problem(e, "%s: no attribute %s, which the runtime needs", subgraph->name,
                                name);
        else if (attr->kind != kind)
                examine_problem(e, "%s: attribute %s has another type than the runtime reads",
                                subgraph->name, name);
        else
                return attr;
        return NULL;
}

static void examine_runner(Examiner *e, const Subgraph *subgraph) {
        const Attr *runner = examine_attr(e, subgraph, "runner", ATTR_MAP_STRING_STRING);

        if (runner && !attr_map_find(runner, "run"))
                examine_problem(e, "%s: its runner has no mode 'run'", subgraph->name);
}

/* One register: constants must be there, room for data must have a size. Returns that size. */
static uint64_t examine_register(Examiner *e, const Subgraph *subgraph, const AttrPair *type,
                                 const Attr *sizes) {
        const Attr *values = attrs_find(&subgraph->attrs, "reg_id_to_parameter_value");
        const Attr *size = attr_map_find(sizes, type->key);

        if (strcmp(type->value.string, "CONST") == 0) {
                if (!values || values->kind != ATTR_MAP_STRING_BYTES ||
                    !attr_map_find(values, type->key))
                        examine_problem(e, "%s: the constants of %s are missing", subgraph->name,
                                        type->key);
                return 0;
        }
        if (strcmp(type->value.string, "DATA") != 0)
                return 0;
        if (!size) {
                examine_problem(e, "%s: %s has no size", subgraph->name, type->key);
                return 0;
        }
        return size->int32 > 0 ? (uint64_t) size->int32 : 0;
}

static void examine_registers(Examiner *e, const Subgraph *subgraph) {
        const Attr *types =
                examine_attr(e, subgraph, "reg_id_to_context_type", ATTR_MAP_STRING_STRING);
        const Attr *sizes = examine_attr(e, subgraph, "reg_id_to_size", ATTR_MAP_STRING_INT32);
        uint64_t data = 0;

        if (!types || !sizes)
                return;
        for (size_t i = 0; i < types->n; i++)
                data += examine_register(e, subgraph, &types->pairs[i], sizes);
        if (data == 0)
                examine_problem(e, "%s: no room for data in any register", subgraph->name);
}

static void examine_dpu_subgraph(Examiner *e, const Subgraph *subgraph) {
        const Attr *code = examine_attr(e, subgraph, "mc_code", ATTR_BYTES);
        const Attr *fingerprint = attrs_find(&subgraph->attrs, "dpu_fingerprint");

        if (code && (code->bytes.size == 0 || code->bytes.size % 4 != 0))
                examine_problem(e,
                                "%s: its code has %zu bytes, which is no whole number of "
                                "instructions",
                                subgraph->name, code->bytes.size);
        if (!fingerprint)
                examine_note(e, "%s: no fingerprint, so the runtime does not check the DPU",
                             subgraph->name);
        else if (fingerprint->kind != ATTR_UINT64 && fingerprint->kind != ATTR_UINT32)
                examine_problem(e, "%s: its fingerprint is no number", subgraph->name);
        else if (fingerprint->kind == ATTR_UINT32)
                examine_note(e,
                             "%s: fingerprint of 32 bits, as before release 1.3: newer "
                             "runtimes cannot read it",
                             subgraph->name);
        examine_runner(e, subgraph);
        examine_registers(e, subgraph);
}

static void examine_subgraphs(Examiner *e) {
        const Subgraph *root = e->spec->graph->root;

        for (size_t i = 0; i < root->n_children; i++) {
                const Subgraph *subgraph = root->children[i];

                if (where_runs_on(subgraph, "DPU")) {
                        e->to->n_dpu++;
                        examine_dpu_subgraph(e, subgraph);
                } else if (where_runs_on(subgraph, "CPU")) {
                        e->to->n_cpu++;
                        examine_runner(e, subgraph);
                } else if (where_runs_on(subgraph, "USER")) {
                        e->to->n_user++;
                } else {
                        examine_problem(e, "%s: no device, so the runtime refuses the file",
                                        subgraph->name);
                }
        }
        if (e->to->n_dpu > 0)
                return;
        if (e->spec->require_dpu)
                examine_problem(e, "there is no DPU code in this file");
        else
                examine_note(e, "there is no DPU code in this file");
}

/* --- which DPU ----------------------------------------------------------------------------- */

/* the fingerprint that all DPU subgraphs have */
static void examine_fingerprint(Examiner *e) {
        const Subgraph *root = e->spec->graph->root;
        Examination *to = e->to;

        for (size_t i = 0; i < root->n_children; i++) {
                uint64_t fingerprint;

                if (!where_runs_on(root->children[i], "DPU") ||
                    attrs_uint64(&root->children[i]->attrs, "dpu_fingerprint", &fingerprint) < 0)
                        continue;
                if (to->has_fingerprint && to->fingerprint != fingerprint) {
                        to->has_fingerprint = false;
                        examine_problem(e, "its DPU subgraphs have different fingerprints");
                        return;
                }
                to->has_fingerprint = true;
                to->fingerprint = fingerprint;
        }
}

static void examine_board_fingerprint(Examiner *e, uint64_t board) {
        uint64_t model = e->to->fingerprint;

        if (model == board) {
                e->to->board = BOARD_EQUAL;
        } else if (fingerprint_differs_in_argmax(model, board)) {
                e->to->board = BOARD_ARGMAX_DIFFERS;
                examine_problem(e,
                                "compiled for 0x%" PRIx64 ", the board has 0x%" PRIx64
                                ": differs only in bit 30 (argmax save), so it is the same DPU as "
                                "another compiler generation sees it; the runtime refuses it all "
                                "the same: compile it with the board's fingerprint",
                                model, board);
        } else {
                e->to->board = BOARD_OTHER;
                examine_problem(e, "compiled for 0x%" PRIx64 ", the board has 0x%" PRIx64, model,
                                board);
        }
}

static void examine_board_name(Examiner *e, const char *name) {
        const Subgraph *root = e->spec->graph->root;

        e->to->board = BOARD_EQUAL;
        for (size_t i = 0; i < root->n_children; i++) {
                const char *found = attrs_string(&root->children[i]->attrs, "dpu_name");

                if (!where_runs_on(root->children[i], "DPU") || (found && strcmp(found, name) == 0))
                        continue;
                e->to->board = BOARD_OTHER;
                examine_problem(e, "%s: compiled for %s, not for %s", root->children[i]->name,
                                found ? found : "a DPU without a name", name);
                return;
        }
}

static void examine_board(Examiner *e) {
        const Target *target = e->spec->target;

        if (!target)
                return;
        if (e->to->n_dpu == 0) {
                e->to->board = BOARD_NO_DPU_CODE;
                examine_note(e, "without DPU code it names no target, so it could not be compared "
                                "with the board: it runs on any, on the CPU");
                return;
        }
        if (target->fingerprint == 0) {
                examine_board_name(e, target->name);
        } else if (e->to->has_fingerprint) {
                examine_board_fingerprint(e, target->fingerprint);
        } else {
                e->to->board = BOARD_OTHER;
                examine_problem(e,
                                "it has not one fingerprint that could be compared with 0x%" PRIx64,
                                target->fingerprint);
        }
}

/* --- which source -------------------------------------------------------------------------- */

static bool examine_records(const Attr *recorded, const Md5 *md5) {
        char hex[MD5_HEX];

        md5_to_hex(md5, hex);
        for (size_t i = 0; i < recorded->n; i++)
                if (strcasecmp(recorded->pairs[i].value.string, hex) == 0)
                        return true;
        return false;
}

static SourceMatch examine_match_source(const Attr *recorded, const ExamineSource *source) {
        if (!recorded || recorded->kind != ATTR_MAP_STRING_STRING || recorded->n == 0)
                return SOURCE_NOT_RECORDED;
        if (examine_records(recorded, &source->bytes))
                return SOURCE_SAME_BYTES;
        if (source->has_forms && examine_records(recorded, &source->map_sorted))
                return SOURCE_SAME_MAP_SORTED;
        if (source->has_forms && examine_records(recorded, &source->canonical))
                return SOURCE_SAME_CANONICAL;
        return SOURCE_DIFFERS;
}

static const Port *examine_find_port(const Port *ports, size_t n, Slice base) {
        for (size_t i = 0; i < n; i++)
                if (slice_equal(ports[i].base, base))
                        return &ports[i];
        return NULL;
}

static bool examine_same_shape(const Tensor *a, const Tensor *b) {
        return a->n_dims == b->n_dims &&
               (a->n_dims == 0 || memcmp(a->dims, b->dims, a->n_dims * sizeof(*a->dims)) == 0);
}

static void examine_port(Examiner *e, const char *what, const Port *source, const Port *found) {
        const char *name = source->op->tensor.name;

        if (!found)
                examine_problem(e, "the source's %s %s is missing", what, name);
        else if (!examine_same_shape(&source->op->tensor, &found->op->tensor))
                examine_problem(e, "%s %s has another shape than in the source", what, name);
        else if (source->has_fix_point && found->has_fix_point &&
                 source->fix_point != found->fix_point)
                examine_problem(e, "%s %s has fix point %d, in the source it is %d", what, name,
                                found->fix_point, source->fix_point);
}

static void examine_port_lists(Examiner *e, const char *what, const Port *source, size_t n_source,
                               const Port *found, size_t n_found) {
        for (size_t i = 0; i < n_source; i++)
                examine_port(e, what, &source[i],
                             examine_find_port(found, n_found, source[i].base));
        for (size_t i = 0; i < n_found; i++)
                if (!examine_find_port(source, n_source, found[i].base))
                        examine_problem(e, "%s %s is not in the source", what,
                                        found[i].op->tensor.name);
}

static void examine_ports(Examiner *e, Graph *source) {
        Ports wanted, found;

        graph_count_consumers(source);
        graph_count_consumers(e->spec->graph);
        e->error = ports_init(&wanted, source);
        if (e->error < 0)
                return;
        e->error = ports_init(&found, e->spec->graph);
        if (e->error == 0) {
                examine_port_lists(e, "input", wanted.inputs, wanted.n_inputs, found.inputs,
                                   found.n_inputs);
                examine_port_lists(e, "output", wanted.outputs, wanted.n_outputs, found.outputs,
                                   found.n_outputs);
                ports_deinit(&found);
        }
        ports_deinit(&wanted);
}

static void examine_source(Examiner *e) {
        const ExamineSource *source = e->spec->source;

        if (!source)
                return;
        e->to->source =
                examine_match_source(attrs_find(&e->spec->graph->attrs, "files_md5sum"), source);
        if (e->to->source == SOURCE_NOT_RECORDED)
                examine_problem(e, "the file does not say which source it was compiled from");
        else if (e->to->source == SOURCE_DIFFERS)
                examine_problem(e, "it was compiled from another source: none of the recorded md5 "
                                   "sums is that of the given file, nor of its canonical or "
                                   "map-sorted form");
        if (source->graph && e->error == 0)
                examine_ports(e, source->graph);
}

int examine_run(const ExamineSpec *spec, Examination *ret) {
        Examination result = { 0 };
        Examiner e = { .spec = spec, .to = &result };

        examine_subgraphs(&e);
        examine_fingerprint(&e);
        examine_board(&e);
        if (e.error == 0)
                examine_source(&e);
        if (e.error < 0) {
                examination_deinit(&result);
                return e.error;
        }

        *ret = result;
        return 0;
}

void examination_deinit(Examination *examination) {
        examine_findings_deinit(&examination->problems);
        examine_findings_deinit(&examination->notes);
}
