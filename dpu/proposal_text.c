#include "dpu/proposal_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/json_writer.h"
#include "base/path.h"
#include "base/strings.h"
#include "xmodel/fingerprint.h"

#define PROPOSAL_TEXT_LINE_MAX (64 * 1024)

/*
 * Written by hand and not with a JsonWriter: each line is a value of its own, so that it can be
 * explained, and short lists stay on one line. Strings are quoted by the writer all the same.
 */

void proposal_text_deinit(ProposalText *text) {
        for (size_t i = 0; i < text->n; i++) {
                free(text->lines[i].text);
                free(text->lines[i].why);
        }
        free(text->lines);
        *text = (ProposalText){};
}

static int proposal_text_add(ProposalText *text, const char *why, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static int proposal_text_add(ProposalText *text, const char *why, const char *format, ...) {
        ProposalLine line = {};
        va_list ap;
        int r;

        r = array_reserve(&text->lines, &text->capacity, text->n + 1, sizeof(line));
        if (r == 0)
                r = strings_dup(&line.why, why);
        if (r < 0)
                return r;
        va_start(ap, format);
        r = strings_vprintf(&line.text, format, ap);
        va_end(ap);
        if (r < 0) {
                free(line.why);
                return r;
        }
        text->lines[text->n++] = line;
        return 0;
}

/* @string as JSON */
static int proposal_text_quote(const char *string, char **ret) {
        _cleanup_(bytes_cleanup) Bytes out = BYTES_INIT(PROPOSAL_TEXT_LINE_MAX);
        JsonWriter w = json_writer_begin(&out, JSON_WRITER_LINE);
        int r;

        json_writer_string(&w, NULL, string);
        r = json_writer_finish(&w);
        if (r < 0)
                return r;
        out.size--; /* the newline */
        *ret = bytes_take_string(&out);
        return *ret ? 0 : -ENOMEM;
}

/* "KEY": "VALUE" */
static int proposal_text_member(ProposalText *text, const char *why, int indent, const char *key,
                                const char *value, const char *end) {
        _cleanup_(freep) char *quoted_key = NULL, *quoted = NULL;
        int r;

        r = proposal_text_quote(key, &quoted_key);
        if (r == 0)
                r = proposal_text_quote(value, &quoted);
        return r < 0 ? r
                     : proposal_text_add(text, why, "%*s%s: %s%s", indent, "", quoted_key, quoted,
                                         end);
}

/* --- targets ---------------------------------------------------------------------------------- */

static void proposal_text_dpu(const ProposalTarget *target, Problem *ret) {
        const Target *t = &target->arch->target;
        FingerprintInfo info;

        if (t->fingerprint == 0)
                (void) problem_set(ret, 0, "%s; which fingerprint that is, the toolchain decides",
                                   t->name);
        else if (fingerprint_decode(t->fingerprint, &info, NULL) == 0)
                (void) problem_set(ret, 0, "%s, fingerprint 0x%llx", info.name,
                                   (unsigned long long) t->fingerprint);
        else
                (void) problem_set(ret, 0, "fingerprint 0x%llx",
                                   (unsigned long long) t->fingerprint);
}

static int proposal_text_target(ProposalText *text, const ProposalTarget *target, bool is_last) {
        Problem dpu, why;

        proposal_text_dpu(target, &dpu);
        if (target->same)
                (void) problem_set(&why, 0, "the same DPU as %s: compiled once for both",
                                   target->same->name);
        return proposal_text_member(text, target->same ? why.text : dpu.text, 8, target->name,
                                    target->arch->path, is_last ? "" : ",");
}

static int proposal_text_targets(ProposalText *text, const Proposal *proposal) {
        int r;

        r = proposal_text_add(text, "Names for the arch files; a model is asked for as NET@TARGET.",
                              "    \"targets\": {");
        for (size_t i = 0; r == 0 && i < proposal->n_targets; i++)
                r = proposal_text_target(text, &proposal->targets[i], i + 1 == proposal->n_targets);
        return r < 0 ? r
                     : proposal_text_add(text, NULL, "    }%s", proposal->n_models > 0 ? "," : "");
}

/* --- models ----------------------------------------------------------------------------------- */

static int proposal_text_xmodel(ProposalText *text, const ProposalModel *model) {
        Problem why;

        if (model->n_files > 1)
                (void) problem_set(&why, 0,
                                   "%zu quantized models, and each that comes; all are called "
                                   "like their files",
                                   model->n_files);
        else
                (void) problem_set(&why, 0, "a quantized model: compiled whenever it is saved");
        return proposal_text_member(text, why.text, 12, "xmodel", model->xmodel, ",");
}

static int proposal_text_output(ProposalText *text, const ProposalModel *model) {
        bool net = strstr(model->output_dir, "{net}"),
             target = strstr(model->output_dir, "{target}");
        Problem why;

        (void) problem_set(&why, 0, "%s%s%s%s%s", model->output_why.text, net || target ? "; " : "",
                           net ? "a directory for each net" : "",
                           net && target ? " and target"
                           : target      ? "a directory for each target"
                                         : "",
                           model->keeps_others ? ", and what is there now is not touched" : "");
        return proposal_text_member(text, why.text, 12, "output_dir", model->output_dir,
                                    model->is_limited ? "," : "");
}

static int proposal_text_list(ProposalText *text, const Proposal *proposal,
                              const ProposalModel *model) {
        _cleanup_(bytes_cleanup) Bytes list = BYTES_INIT(PROPOSAL_TEXT_LINE_MAX);
        int r = 0;

        if (!model->is_limited)
                return 0;
        for (size_t i = 0; r == 0 && i < proposal->n_targets; i++) {
                _cleanup_(freep) char *quoted = NULL;

                if (!model->for_target[i])
                        continue;
                r = proposal_text_quote(proposal->targets[i].name, &quoted);
                if (r == 0)
                        r = bytes_printf(&list, "%s%s", list.size > 0 ? ", " : "", quoted);
        }
        return r < 0 ? r
                     : proposal_text_add(text, "only these: their arch files are the nearest to it",
                                         "            \"targets\": [%.*s]", (int) list.size,
                                         (const char *) list.data);
}

static int proposal_text_model(ProposalText *text, const Proposal *proposal,
                               const ProposalModel *model, bool is_last) {
        int r;

        r = proposal_text_add(text, NULL, "        {");
        if (r == 0)
                r = proposal_text_xmodel(text, model);
        if (r == 0 && model->net_name)
                r = proposal_text_member(text, model->net_why.text, 12, "net_name", model->net_name,
                                         ",");
        if (r == 0)
                r = proposal_text_output(text, model);
        if (r == 0)
                r = proposal_text_list(text, proposal, model);
        return r < 0 ? r : proposal_text_add(text, NULL, "        }%s", is_last ? "" : ",");
}

static int proposal_text_models(ProposalText *text, const Proposal *proposal) {
        int r;

        if (proposal->n_models == 0)
                return 0;
        r = proposal_text_add(text,
                              proposal->n_targets > 1
                                      ? "Each is compiled for every target, if it does not name "
                                        "some."
                                      : "What is compiled.",
                              "    \"models\": [");
        for (size_t i = 0; r == 0 && i < proposal->n_models; i++)
                r = proposal_text_model(text, proposal, &proposal->models[i],
                                        i + 1 == proposal->n_models);
        return r < 0 ? r : proposal_text_add(text, NULL, "    ]");
}

int proposal_text_make(const Proposal *proposal, ProposalText *ret) {
        _cleanup_(proposal_text_cleanup) ProposalText text = {};
        int r;

        r = proposal_text_add(&text, NULL, "{");
        if (r == 0)
                r = proposal_text_targets(&text, proposal);
        if (r == 0)
                r = proposal_text_models(&text, proposal);
        if (r == 0)
                r = proposal_text_add(&text, NULL, "}");
        if (r < 0)
                return r;
        *ret = text;
        text = (ProposalText){};
        return 0;
}

int proposal_text_append(const ProposalText *text, Bytes *ret) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < text->n; i++)
                r = bytes_printf(ret, "%s\n", text->lines[i].text);
        return r;
}
