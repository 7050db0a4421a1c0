#include "dpu/page/data.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_writer.h"
#include "dpu/attr_text.h"
#include "dpu/page/caption.h"
#include "dpu/where.h"

/*
 * Short keys: there may be thousands of layers. page.js knows them.
 */

#define DATA_ATTR_MAX ((size_t) 1 << 20)

/* Long ones are told by their beginning: many layers may have to do with one of them. */
static void data_name(JsonWriter *w, const char *key, const char *name) {
        if (name && strlen(name) > DATA_TEXT_MAX)
                json_writer_format(w, key, "%.*s ...", DATA_TEXT_MAX, name);
        else
                json_writer_string(w, key, name);
}

static void data_text(JsonWriter *w, const char *key, int r, Bytes *text) {
        _cleanup_(freep) char *string = caption_take(r, text, &w->error);

        data_name(w, key, string ?: "...");
}

static void data_tensor(JsonWriter *w, const char *key, const Op *op) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(DATA_ATTR_MAX);
        int r = caption_tensor(op, &text);

        data_text(w, key, r, &text);
}

static void data_attrs(JsonWriter *w, const char *key, const Attrs *attrs) {
        json_writer_array(w, key);
        for (size_t i = 0; i < attrs->n; i++) {
                _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(DATA_ATTR_MAX);
                int r = attr_text(&attrs->items[i].value, &text);

                json_writer_array(w, NULL);
                data_name(w, NULL, attrs->items[i].name);
                data_text(w, NULL, r, &text);
                json_writer_end(w);
        }
        json_writer_end(w);
}

/* what is not drawn: constants, with the argument that they are */
static void data_constants(const Facts *facts, JsonWriter *w, const Op *op) {
        json_writer_array(w, "constants");
        for (size_t a = 0; a < op->n_args; a++)
                for (size_t i = 0; i < op->args[a].n_ops; i++) {
                        const Op *constant = op->args[a].ops[i];

                        if (facts->drawing.box_of[constant->index] != DRAWING_NONE)
                                continue;
                        json_writer_array(w, NULL);
                        data_name(w, NULL, op->args[a].name);
                        data_name(w, NULL, constant->name);
                        data_tensor(w, NULL, constant);
                        json_writer_end(w);
                }
        json_writer_end(w);
}

static void data_account(const Facts *facts, JsonWriter *w, const Op *op) {
        const AccountLayer *account = facts->accounts[op->index];

        if (!account)
                return;
        json_writer_uint64(w, "cycles", account->cycles);
        json_writer_uint64(w, "multiplications", account->multiplications);
        json_writer_uint64(w, "weight_bytes", account->weight_bytes);
        json_writer_double(
                w, "used",
                facts_percent(account->multiplications, account->cycles * account->peak));
}

static void data_reason(const Facts *facts, JsonWriter *w, const Box *box) {
        const KeptLayer *layer = &facts->layers[box->op->index];
        Problem why = { "" };

        if (layer->source)
                json_writer_string(w, "source", layer->source);
        if (layer->source_type)
                json_writer_string(w, "source_type", layer->source_type);
        if (!facts_is_off_dpu(box))
                return;
        json_writer_string(w, "reason", layer->reason ?: "nothing tells");
        if (facts_needs_work(box, &why))
                json_writer_string(w, "todo", why.text);
}

static void data_box(const Facts *facts, JsonWriter *w, const Box *box) {
        const Subgraph *subgraph = where_is(box->op);

        json_writer_object(w, NULL);
        json_writer_string(w, "name", box->op->name);
        json_writer_string(w, "type", box->op->type);
        json_writer_string(w, "side", side_name(box->side));
        data_name(w, "subgraph", subgraph ? subgraph->name : NULL);
        data_tensor(w, "output", box_result(box));
        json_writer_string(w, "tensor", box_result(box)->tensor.name);
        if (box->fix) {
                json_writer_string(w, "fix", box->fix->name);
                data_attrs(w, "fix_attributes", &box->fix->attrs);
        }
        data_reason(facts, w, box);
        data_account(facts, w, box->op);
        data_constants(facts, w, box->op);
        data_attrs(w, "attributes", &box->op->attrs);
        json_writer_end(w);
}

int data_write(const Facts *facts, Bytes *ret) {
        JsonWriter w = json_writer_begin(ret, JSON_WRITER_LINE);
        const Drawing *drawing = &facts->drawing;

        json_writer_object(&w, NULL);
        json_writer_array(&w, "boxes");
        for (size_t i = 0; i < drawing->n_boxes; i++)
                data_box(facts, &w, &drawing->boxes[i]);
        json_writer_end(&w);
        json_writer_array(&w, "lines");
        for (size_t e = 0; e < drawing->n_edges; e++) {
                json_writer_uint64(&w, NULL, drawing->edges[e].from);
                json_writer_uint64(&w, NULL, drawing->edges[e].to);
        }
        json_writer_end(&w);
        json_writer_end(&w);
        return json_writer_finish(&w);
}
