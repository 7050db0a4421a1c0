#include "dpu/page/markdown.h"

#include "dpu/page/sections.h"
#include "dpu/page/sheet.h"
#include "dpu/page/summary.h"

static void markdown_figure(const SummaryFigure *figure, void *userdata) {
        Markup *m = userdata;

        markup_format(m, "| %s | **%s** %s |\n", figure->what, figure->value, figure->detail);
}

void markdown_document(const Facts *facts, Markup *m) {
        Sheet sheet = { .m = m, .form = SHEET_MARKDOWN };

        markup_raw(m, "## ");
        markup_markdown_name(m, facts->spec->title);
        markup_raw(m, "\n\n");
        if (facts->n_programs == 0)
                markup_raw(m, "> " SUMMARY_NO_DPU_CODE "\n\n");
        markup_raw(m, "| | |\n| --- | --- |\n");
        summary_each(facts, markdown_figure, m);
        sections_difference(facts, &sheet);
        sections_off_dpu(facts, &sheet);
        sections_cost(facts, &sheet);
        sheet_section_end(&sheet);
        sections_memory(facts, &sheet);
        sections_provenance(facts, &sheet);
}
