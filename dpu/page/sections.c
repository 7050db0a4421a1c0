#include "dpu/page/sections.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/attr_text.h"
#include "dpu/model_report.h"
#include "dpu/page/caption.h"
#include "dpu/where.h"
#include "xmodel/fingerprint.h"

#define TABLE(_s, _caption, ...)                                                                   \
        do {                                                                                       \
                static const SheetColumn _columns[] = { __VA_ARGS__ };                             \
                sheet_table(_s, _caption, _columns, ARRAY_SIZE(_columns));                         \
        } while (0)

/* What a caption function writes, as a cell. */
static void section_cell_of(Sheet *s, int (*write)(const Op *op, Bytes *ret), const Op *op) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(CAPTION_MAX);
        _cleanup_(freep) char *string = NULL;
        int r = write(op, &text);

        string = caption_take(r, &text, &s->m->error);
        sheet_cell(s, string ?: "");
}

static void section_cell_size(Sheet *s, uint64_t bytes) {
        char text[MARKUP_NUMBER_MAX];

        sheet_cell_format(s, "%s", markup_size(bytes, text));
}

/* --- layers off the DPU -------------------------------------------------------------------- */

static void section_off_dpu_row(const Facts *facts, Sheet *s, size_t i) {
        const Box *box = &facts->drawing.boxes[i];
        const KeptLayer *layer = &facts->layers[box->op->index];
        Problem why = { "" };

        sheet_row_of_box(s, i);
        sheet_cell_name(s, layer->source ?: box->op->name);
        section_cell_of(s, caption_title, box->op);
        section_cell_of(s, caption_tensor, box_result(box));
        sheet_cell(s, layer->reason ?: "nothing tells");
        sheet_cell(s,
                   facts_needs_work(box, &why) ? why.text : "nothing: the board's runtime has it");
}

void sections_off_dpu(const Facts *facts, Sheet *s) {
        const Drawing *drawing = &facts->drawing;

        sheet_section(s, "off-dpu", "Layers off the DPU");
        if (drawing->counts[SIDE_CPU] == 0) {
                sheet_paragraph(s, "None: every layer runs on the DPU.");
                sheet_section_end(s);
                return;
        }
        TABLE(s, "Layers off the DPU", { "Layer", false }, { "Type", false }, { "Output", false },
              { "Why it is not on the DPU", false }, { "To be done", false });
        for (size_t i = 0; i < drawing->n_boxes; i++)
                if (facts_is_off_dpu(&drawing->boxes[i]))
                        section_off_dpu_row(facts, s, i);
        sheet_table_end(s);
        sheet_section_end(s);
}

/* --- cost ---------------------------------------------------------------------------------- */

static void section_cost_row(Sheet *s, const FactsProgram *program, const Cost *cost,
                             const char *which) {
        sheet_row(s);
        sheet_cell_name(s, program->subgraph->name);
        sheet_cell(s, which);
        sheet_cell_uint64(s, cost->cycles);
        sheet_cell_format(s, "%.3f ms", facts_ms(cost->cycles));
        sheet_cell_format(s, "%.1f %%",
                          facts_percent(program->account.multiplications,
                                        program->account.conv_peak * cost->cycles));
        for (unsigned e = 0; e < ISA_ENGINES; e++)
                sheet_cell_format(s, "%.0f %%", facts_percent(cost->busy[e], cost->cycles));
}

static void section_cost_unknown(const Facts *facts, Sheet *s) {
        TABLE(s, "DPU programs that could not be counted", { "Subgraph", false }, { "Why", false });
        for (size_t i = 0; i < facts->n_programs; i++) {
                if (facts->programs[i].known)
                        continue;
                sheet_row(s);
                sheet_cell_name(s, facts->programs[i].subgraph->name);
                sheet_cell(s, facts->programs[i].why_not.text);
        }
        sheet_table_end(s);
}

static void section_cost_known(const Facts *facts, Sheet *s) {
        TABLE(s, "Time on the DPU, estimated", { "Subgraph", false }, { "Estimate", false },
              { "Cycles", true }, { "Time", true }, { "Of the peak", true }, { "LOAD", true },
              { "SAVE", true }, { "CONV", true }, { "MISC", true });
        for (size_t i = 0; i < facts->n_programs; i++) {
                const FactsProgram *program = &facts->programs[i];

                if (!program->known)
                        continue;
                section_cost_row(s, program, &program->account.optimistic, "optimistic");
                section_cost_row(s, program, &program->account.pessimistic, "pessimistic");
        }
        sheet_table_end(s);
}

void sections_cost(const Facts *facts, Sheet *s) {
        bool known = false;

        sheet_section(s, "cycles", "Cycles");
        for (size_t i = 0; i < facts->n_programs; i++)
                known |= facts->programs[i].known;
        if (facts->n_programs == 0)
                sheet_paragraph(s, "No part of it runs on the DPU.");
        if (known) {
                sheet_paragraph(s, "Estimated by a cycle model, at 300 MHz. What computing takes "
                                   "is well known; how fast memory is, is assumed, so there are "
                                   "two estimates. No board was measured.");
                section_cost_known(facts, s);
        }
        if (facts->n_programs > 0 && !facts->has_cost)
                section_cost_unknown(facts, s);
}

/* --- memory -------------------------------------------------------------------------------- */

static void section_memory_row(Sheet *s, const char *what, uint64_t bytes) {
        sheet_row(s);
        sheet_cell(s, what);
        sheet_cell_uint64(s, bytes);
        section_cell_size(s, bytes);
}

static uint64_t section_regions(const Facts *facts, ProgramRole role) {
        uint64_t sum = 0;

        for (size_t i = 0; i < facts->n_programs; i++)
                for (size_t k = 0; k < PROGRAM_REGIONS; k++)
                        if (facts->programs[i].program.regions[k].role == role)
                                sum += facts->programs[i].program.regions[k].size;
        return sum;
}

static void section_storage(const Facts *facts, Sheet *s) {
        uint64_t code = 0, parameters = 0;

        for (size_t i = 0; i < facts->n_programs; i++) {
                const Attrs *attrs = &facts->programs[i].subgraph->attrs;
                Slice mc_code = {};

                if (attrs_bytes(attrs, "mc_code", &mc_code) == 0)
                        code += mc_code.size;
                parameters += model_report_parameter_bytes(attrs);
        }
        TABLE(s, "Memory", { "What", false }, { "Bytes", true }, { "Size", true });
        section_memory_row(s, "the file", facts->spec->file_size);
        section_memory_row(s, "machine code", code);
        section_memory_row(s, "weights and biases of the DPU", parameters);
        section_memory_row(s, "constants in layers",
                           model_report_constant_bytes(facts->spec->graph));
        if (facts->has_cost) {
                section_memory_row(s, "what layers hand on, on the board",
                                   section_regions(facts, PROGRAM_WORKSPACE));
                section_memory_row(s, "inputs and outputs of the DPU, on the board",
                                   section_regions(facts, PROGRAM_INTERFACE));
        }
        sheet_table_end(s);
}

/* bytes per second if all of @bytes move in @cycles */
static double section_bandwidth(uint64_t bytes, uint64_t cycles) {
        return cycles > 0 ? (double) bytes / facts_ms(cycles) / 1e6 : 0;
}

static void section_traffic_row(const Facts *facts, Sheet *s, const char *what, uint64_t bytes) {
        sheet_row(s);
        sheet_cell(s, what);
        sheet_cell_uint64(s, bytes);
        section_cell_size(s, bytes);
        sheet_cell_format(s, "%.2f to %.2f GB/s", section_bandwidth(bytes, facts->cost.cycles[1]),
                          section_bandwidth(bytes, facts->cost.cycles[0]));
}

static void section_traffic(const Facts *facts, Sheet *s) {
        const FactsCost *cost = &facts->cost;

        TABLE(s, "Traffic between DPU and memory, each time the model runs", { "What", false },
              { "Bytes", true }, { "Size", true }, { "Bandwidth", true });
        section_traffic_row(facts, s, "images loaded", cost->load_images);
        section_traffic_row(facts, s, "weights loaded", cost->load_weights);
        section_traffic_row(facts, s, "biases loaded", cost->load_bias);
        section_traffic_row(facts, s, "images saved", cost->save);
        section_traffic_row(facts, s, "all together", facts_traffic(cost));
        sheet_table_end(s);
}

void sections_memory(const Facts *facts, Sheet *s) {
        sheet_section(s, "memory", "Memory and bandwidth");
        section_storage(facts, s);
        if (facts->has_cost)
                section_traffic(facts, s);
        sheet_section_end(s);
}

/* --- subgraphs, inputs, outputs ------------------------------------------------------------ */

void sections_subgraphs(const Facts *facts, Sheet *s) {
        const Subgraph *root = facts->spec->graph->root;

        sheet_section(s, "subgraphs", "Subgraphs, in the order in which they run");
        TABLE(s, "Subgraphs", { "Device", false }, { "Subgraph", false }, { "Ops", true },
              { "Code", true }, { "Parameters", true });
        for (size_t i = 0; i < root->n_children; i++) {
                const Subgraph *subgraph = root->children[i];
                Side side = side_of(attrs_string(&subgraph->attrs, "device"));
                Slice code = {};

                (void) attrs_bytes(&subgraph->attrs, "mc_code", &code);
                sheet_row(s);
                sheet_cell_side(s, side_name(side), side_class(side));
                sheet_cell_name(s, subgraph->name);
                sheet_cell_uint64(s, where_count_ops(subgraph));
                section_cell_size(s, code.size);
                section_cell_size(s, model_report_parameter_bytes(&subgraph->attrs));
        }
        sheet_table_end(s);
        sheet_section_end(s);
}

static void section_port_rows(Sheet *s, const char *what, const Port *ports, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(CAPTION_MAX);
                _cleanup_(freep) char *shape = NULL;
                const Tensor *tensor = &ports[i].op->tensor;
                int r = caption_shape(tensor, &text);

                shape = caption_take(r, &text, &s->m->error);
                sheet_row(s);
                sheet_cell(s, what);
                sheet_cell_name(s, tensor->name);
                sheet_cell(s, shape ?: "");
                sheet_cell_format(s, "%s%" PRId32, data_type_name(tensor->data_type),
                                  tensor->bit_width);
                if (ports[i].has_fix_point)
                        sheet_cell_format(s, "%" PRId32, ports[i].fix_point);
                else
                        sheet_cell(s, "");
        }
}

void sections_ports(const Facts *facts, Sheet *s) {
        const Ports *ports = &facts->ports;

        sheet_section(s, "ports", "Inputs and outputs");
        TABLE(s, "Inputs and outputs of the model", { "Direction", false }, { "Tensor", false },
              { "Shape", false }, { "Type", true }, { "Fix point", true });
        section_port_rows(s, "input", ports->inputs, ports->n_inputs);
        section_port_rows(s, "output", ports->outputs, ports->n_outputs);
        sheet_table_end(s);
        sheet_section_end(s);
}

/* --- all layers ---------------------------------------------------------------------------- */

static void section_layer_row(const Facts *facts, Sheet *s, size_t i) {
        const Box *box = &facts->drawing.boxes[i];
        const AccountLayer *account = facts->accounts[box->op->index];

        sheet_row_of_box(s, i);
        sheet_cell_side(s, side_name(box->side), side_class(box->side));
        section_cell_of(s, caption_title, box->op);
        sheet_cell_name(s, box->op->name);
        section_cell_of(s, caption_tensor, box_result(box));
        if (!account) {
                for (int k = 0; k < 3; k++)
                        sheet_cell(s, "");
                return;
        }
        sheet_cell_uint64(s, account->cycles);
        sheet_cell_uint64(s, account->multiplications);
        sheet_cell_format(s, "%.1f %%",
                          facts_percent(account->multiplications, account->cycles * account->peak));
}

void sections_layers(const Facts *facts, Sheet *s) {
        sheet_section(s, "layers", "All layers");
        TABLE(s, "All layers", { "Device", false }, { "Type", false }, { "Name", false },
              { "Output", false }, { "Cycles", true }, { "Multiplications", true },
              { "Engine used", true });
        for (size_t i = 0; i < facts->drawing.n_boxes; i++)
                section_layer_row(facts, s, i);
        sheet_table_end(s);
        sheet_section_end(s);
}

/* --- the previous artifact ----------------------------------------------------------------- */

static void section_compare(Sheet *s, const char *what, uint64_t before, uint64_t now) {
        double change = before > 0 ? 100.0 * ((double) now - (double) before) / (double) before : 0;

        sheet_row(s);
        sheet_cell(s, what);
        sheet_cell_uint64(s, before);
        sheet_cell_uint64(s, now);
        if (before == now || before == 0)
                sheet_cell(s, before == now ? "the same" : "new");
        else
                sheet_cell_format(s, "%+.1f %%", change);
}

static void section_figures(const Facts *facts, Sheet *s) {
        const FactsCost *before = &facts->previous_cost, *now = &facts->cost;

        TABLE(s, "Figures, before and now", { "What", false }, { "Before", true }, { "Now", true },
              { "Change", true });
        section_compare(s, "bytes of the file", facts->spec->previous_size, facts->spec->file_size);
        section_compare(s, "ops", facts->spec->previous->n_ops, facts->spec->graph->n_ops);
        if (facts->has_cost && facts->has_previous_cost) {
                section_compare(s, "cycles, optimistic", before->cycles[0], now->cycles[0]);
                section_compare(s, "cycles, pessimistic", before->cycles[1], now->cycles[1]);
                section_compare(s, "bytes of traffic", facts_traffic(before), facts_traffic(now));
        }
        sheet_table_end(s);
}

static void section_changes(const Difference *difference, Sheet *s) {
        TABLE(s, "What changed", { "Effect", false }, { "What", false }, { "Name", false },
              { "Before", false }, { "Now", false });
        for (int pass = 0; pass < 2; pass++)
                for (size_t i = 0; i < difference->n; i++) {
                        const Change *change = &difference->items[i];

                        if (change->effect != (pass == 0))
                                continue;
                        sheet_row(s);
                        sheet_cell(s, change->effect ? "yes" : "no");
                        sheet_cell(s, change->what);
                        sheet_cell_name(s, change->name);
                        sheet_cell(s, change->a ?: "none");
                        sheet_cell(s, change->b ?: "none");
                }
        sheet_table_end(s);
}

void sections_difference(const Facts *facts, Sheet *s) {
        const Difference *difference = &facts->difference;

        if (!facts->spec->previous)
                return;
        sheet_section(s, "difference", "Difference to the previous artifact");
        if (difference->effect)
                sheet_paragraph(s, "The two do not do the same.");
        else
                sheet_paragraph(s, "The two do the same: machine code, parameters and constants "
                                   "are equal.");
        section_figures(facts, s);
        if (difference->n > 0)
                section_changes(difference, s);
        if (difference->n_more > 0)
                sheet_paragraph(s, "There are more changes than fit here.");
        sheet_section_end(s);
}

/* --- provenance ---------------------------------------------------------------------------- */

static void section_provenance_row(Sheet *s, const char *what, const char *value) {
        sheet_row(s);
        sheet_cell(s, what);
        sheet_cell_name(s, value);
}

static void section_provenance_map(const Facts *facts, Sheet *s, const char *attr_name,
                                   const char *what) {
        const Attr *attr = attrs_find(&facts->spec->graph->attrs, attr_name);

        if (!attr || attr->kind != ATTR_MAP_STRING_STRING)
                return;
        for (size_t i = 0; i < attr->n; i++) {
                _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(CAPTION_MAX);
                _cleanup_(freep) char *string = NULL;
                int r = bytes_printf(&text, "%s %s", attr->pairs[i].key,
                                     attr->pairs[i].value.string);

                string = caption_take(r, &text, &s->m->error);
                section_provenance_row(s, what, string ?: attr->pairs[i].key);
        }
}

/* as the file says, and as whoever asked for the page does */
static void section_provenance_targets(const Facts *facts, Sheet *s) {
        const Subgraph *root = facts->spec->graph->root;
        FingerprintInfo info;
        char text[32];

        if (facts->spec->fingerprint != 0 &&
            fingerprint_decode(facts->spec->fingerprint, &info, NULL) == 0) {
                (void) snprintf(text, sizeof(text), "0x%016" PRIx64, facts->spec->fingerprint);
                section_provenance_row(s, "target", info.name);
                section_provenance_row(s, "fingerprint of the target", text);
        }
        for (size_t i = 0; i < root->n_children; i++) {
                const Attrs *attrs = &root->children[i]->attrs;
                uint64_t fingerprint;

                if (!program_is_dpu(root->children[i]))
                        continue;
                if (attrs_string(attrs, "dpu_name"))
                        section_provenance_row(s, "DPU in the file",
                                               attrs_string(attrs, "dpu_name"));
                if (attrs_uint64(attrs, "dpu_fingerprint", &fingerprint) < 0)
                        continue;
                (void) snprintf(text, sizeof(text), "0x%016" PRIx64, fingerprint);
                section_provenance_row(s, "fingerprint in the file", text);
        }
}

/* only who made the file knows, and wrote it into its report */
static void section_provenance_proof(const Facts *facts, Sheet *s) {
        const char *proved = facts->spec->kept && facts->spec->kept->document
                                     ? kept_string(facts->spec->kept, "proved")
                                     : NULL;

        if (!proved || facts->n_programs == 0)
                return;
        if (strcmp(proved, "simulator") == 0)
                proved = "in the simulator, against the quantized model; no board has run it";
        section_provenance_row(s, "DPU code proved", proved);
}

void sections_provenance(const Facts *facts, Sheet *s) {
        char md5[MD5_HEX];

        sheet_section(s, "provenance", "Provenance");
        TABLE(s, "Where it comes from", { "What", false }, { "Value", false });
        for (size_t i = 0; i < facts->spec->n_notes; i++)
                section_provenance_row(s, facts->spec->notes[i].name, facts->spec->notes[i].value);
        section_provenance_row(s, "graph", facts->spec->graph->name);
        md5_to_hex(&facts->spec->md5, md5);
        section_provenance_row(s, "MD5 of the file", md5);
        section_provenance_proof(facts, s);
        section_provenance_targets(facts, s);
        section_provenance_map(facts, s, "libs_info", "compiler");
        section_provenance_map(facts, s, "files_md5sum", "source and its MD5");
        if (facts->spec->previous) {
                md5_to_hex(&facts->spec->previous_md5, md5);
                section_provenance_row(s, "MD5 of the previous file", md5);
        }
        section_provenance_row(s, "page written by", "dpucc " DPUCC_VERSION);
        sheet_table_end(s);
        sheet_section_end(s);
}
