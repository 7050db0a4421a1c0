#include "dpu/page/html.h"

#include <string.h>

#include "base/cleanup.h"
#include "dpu/page/assets.h"
#include "dpu/page/chart.h"
#include "dpu/page/data.h"
#include "dpu/page/sections.h"
#include "dpu/page/summary.h"
#include "dpu/page/svg.h"

/* --- the policy ---------------------------------------------------------------------------- */

static void html_base64(Markup *m, const uint8_t *data, size_t n) {
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        for (size_t i = 0; i < n; i += 3) {
                uint32_t three = (uint32_t) data[i] << 16 |
                                 (uint32_t) (i + 1 < n ? data[i + 1] : 0) << 8 |
                                 (uint32_t) (i + 2 < n ? data[i + 2] : 0);

                markup_format(m, "%c%c%c%c", digits[three >> 18], digits[three >> 12 & 63],
                              i + 1 < n ? digits[three >> 6 & 63] : '=',
                              i + 2 < n ? digits[three & 63] : '=');
        }
}

/* names a text of ours, the only one of its kind that is let in */
static int html_source(Markup *m, const char *const *parts, size_t n) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        Sha256 digest;
        int r;

        r = hasher_new(&hasher, HASHER_SHA256);
        for (size_t i = 0; i < n && r == 0; i++)
                r = hasher_update(hasher, parts[i], strlen(parts[i]));
        if (r == 0)
                r = hasher_sha256(hasher, &digest);
        if (r < 0)
                return r;
        markup_raw(m, "'sha256-");
        html_base64(m, digest.bytes, sizeof(digest.bytes));
        markup_raw(m, "'");
        return 0;
}

static int html_policy(Markup *m) {
        const char *const styles[] = { "\n", asset_colours_css, asset_graph_css, asset_page_css };
        const char *const scripts[] = { "\n", asset_page_js };
        int r;

        markup_raw(m, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "style-src ");
        r = html_source(m, styles, ARRAY_SIZE(styles));
        if (r < 0)
                return r;
        markup_raw(m, "; script-src ");
        r = html_source(m, scripts, ARRAY_SIZE(scripts));
        markup_raw(m, "; base-uri 'none'; form-action 'none'\">\n");
        return r;
}

static int html_head(const Facts *facts, Markup *m) {
        int r;

        markup_raw(m, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        r = html_policy(m);
        if (r < 0)
                return r;
        markup_raw(m, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
        markup_name(m, facts->spec->title);
        markup_raw(m, "</title>\n<style>\n");
        markup_raw(m, asset_colours_css);
        markup_raw(m, asset_graph_css);
        markup_raw(m, asset_page_css);
        markup_raw(m, "</style>\n</head>\n");
        return 0;
}

/* --- the top of the page ------------------------------------------------------------------- */

static void html_figure(const SummaryFigure *figure, void *userdata) {
        markup_format(userdata,
                      "<li%s><span class=\"what\">%s</span> <strong>%s</strong> "
                      "<span class=\"detail\">%s</span></li>\n",
                      figure->alarming ? " class=\"alarming\"" : "", figure->what, figure->value,
                      figure->detail);
}

/* which DPU it is for, as the first of its programs has it */
static const char *html_dpu(const Facts *facts) {
        const char *name = NULL;

        if (facts->n_programs > 0)
                name = attrs_string(&facts->programs[0].subgraph->attrs, "dpu_name");
        return name ?: facts->n_programs > 0 ? "" : "no DPU code";
}

static void html_links(const Facts *facts, Markup *m) {
        static const struct {
                const char *id, *text;
        } links[] = {
                { "graph-section", "Graph" },   { "off-dpu", "Off the DPU" },
                { "cycles", "Cycles" },         { "memory", "Memory" },
                { "subgraphs", "Subgraphs" },   { "ports", "Inputs and outputs" },
                { "layers", "Layers" },         { "difference", "Difference" },
                { "provenance", "Provenance" },
        };

        markup_raw(m, "<nav aria-label=\"Sections\">");
        for (size_t i = 0; i < ARRAY_SIZE(links); i++)
                if (facts->spec->previous || strcmp(links[i].id, "difference") != 0)
                        markup_format(m, "<a href=\"#%s\">%s</a>", links[i].id, links[i].text);
        markup_raw(m, "</nav>\n");
}

static void html_top(const Facts *facts, Markup *m) {
        markup_raw(m, "<body>\n<a class=\"skip\" href=\"#graph-section\">To the graph</a>\n"
                      "<header><div><h1><bdi>");
        markup_name(m, facts->spec->title);
        markup_raw(m, "</bdi></h1><p>");
        markup_name(m, html_dpu(facts));
        markup_raw(m, "</p></div>\n"
                      "<button type=\"button\" id=\"theme\" hidden>Dark</button></header>\n");
        html_links(facts, m);
        markup_raw(m, "<main>\n");
        if (facts->n_programs == 0)
                markup_raw(m, "<p class=\"banner\">" SUMMARY_NO_DPU_CODE "</p>\n");
        markup_raw(m, "<ul class=\"figures\">\n");
        summary_each(facts, html_figure, m);
        markup_raw(m, "</ul>\n");
}

/* --- the drawing --------------------------------------------------------------------------- */

static void html_legend(const Drawing *drawing, Markup *m) {
        markup_raw(m, "<span class=\"legend\">");
        for (int side = 0; side < SIDES; side++)
                if (drawing->counts[side] > 0)
                        markup_format(m,
                                      "<label class=\"tag %s\"><input type=\"checkbox\" "
                                      "data-side=\"%s\" checked> %s %zu</label>",
                                      side_class((Side) side), side_class((Side) side),
                                      side_name((Side) side), drawing->counts[side]);
        markup_raw(m, "</span>");
}

static void html_graph(const Facts *facts, Markup *m) {
        markup_raw(m, "<section id=\"graph-section\">\n<h2>Graph</h2>\n"
                      "<div class=\"tools\" role=\"toolbar\" aria-label=\"Graph\">"
                      "<label class=\"search\"><span>Search</span><input type=\"search\" "
                      "id=\"search\" placeholder=\"name, type, shape\" autocomplete=\"off\" "
                      "spellcheck=\"false\" aria-keyshortcuts=\"/\"></label>"
                      "<output id=\"found\" for=\"search\"></output>");
        html_legend(&facts->drawing, m);
        markup_raw(m, "<span class=\"zoom\">"
                      "<button type=\"button\" id=\"zoom-out\" aria-label=\"Smaller\">\xe2\x88\x92"
                      "</button><button type=\"button\" id=\"zoom-in\" aria-label=\"Larger\">+"
                      "</button><button type=\"button\" id=\"zoom-fit\">Fit</button>"
                      "<button type=\"button\" id=\"full\">Full screen</button></span></div>\n"
                      "<div id=\"stage\">\n");
        svg_element(facts, m);
        markup_raw(
                m,
                "<canvas id=\"map\" width=\"180\" height=\"120\" aria-hidden=\"true\" hidden>"
                "</canvas><aside id=\"details\" aria-label=\"The chosen layer\" hidden></aside>"
                "</div>\n<p class=\"hint\">Drag to move, double-click or <kbd>+</kbd> "
                "<kbd>\xe2\x88\x92</kbd> <kbd>0</kbd> to zoom (the wheel, too, once the graph has "
                "the focus), arrow keys to go along the lines, <kbd>/</kbd> to search, "
                "<kbd>Esc</kbd> to leave a layer. A bar at the foot of a box is the layer's "
                "share of time; dashed lines go from one device to another.</p>\n"
                "<p id=\"said\" class=\"unseen\" role=\"status\"></p>\n</section>\n");
}

static int html_data(const Facts *facts, Markup *m) {
        _cleanup_(bytes_cleanup) Bytes data = BYTES_INIT(DATA_MAX);
        int r;

        r = data_write(facts, &data);
        if (r < 0)
                return r;
        markup_raw(m, "<script type=\"application/json\" id=\"data\">");
        markup_json(m, bytes_slice(&data));
        markup_raw(m, "</script>\n<script>\n");
        markup_raw(m, asset_page_js);
        markup_raw(m, "</script>\n</body>\n</html>\n");
        return 0;
}

static void html_sections(const Facts *facts, Markup *m) {
        Sheet sheet = { .m = m, .form = SHEET_HTML };

        sections_off_dpu(facts, &sheet);
        sections_cost(facts, &sheet);
        chart_element(facts, m);
        sheet_section_end(&sheet);
        sections_memory(facts, &sheet);
        sections_subgraphs(facts, &sheet);
        sections_ports(facts, &sheet);
        sections_layers(facts, &sheet);
        sections_difference(facts, &sheet);
        sections_provenance(facts, &sheet);
}

int html_document(const Facts *facts, Markup *m) {
        int r;

        r = html_head(facts, m);
        if (r < 0)
                return r;
        html_top(facts, m);
        html_graph(facts, m);
        html_sections(facts, m);
        markup_raw(m, "</main>\n");
        r = html_data(facts, m);
        return r < 0 ? r : m->error;
}
