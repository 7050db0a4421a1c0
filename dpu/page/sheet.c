#include "dpu/page/sheet.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static bool sheet_is_html(const Sheet *s) {
        return s->form == SHEET_HTML;
}

void sheet_section(Sheet *s, const char *id, const char *title) {
        if (sheet_is_html(s))
                markup_format(s->m, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
        else
                markup_format(s->m, "\n### %s\n\n", title);
        s->after_table = false;
}

void sheet_section_end(Sheet *s) {
        if (sheet_is_html(s))
                markup_raw(s->m, "</section>\n");
}

void sheet_paragraph(Sheet *s, const char *text) {
        markup_raw(s->m, sheet_is_html(s) ? "<p>" : "");
        markup_raw(s->m, text);
        markup_raw(s->m, sheet_is_html(s) ? "</p>\n" : "\n\n");
}

void sheet_table(Sheet *s, const char *caption, const SheetColumn *columns, size_t n) {
        s->n_columns = n;
        s->n_rows = 0;
        if (!sheet_is_html(s)) {
                markup_raw(s->m, s->after_table ? "\n" : "");
                s->after_table = true;
                for (size_t i = 0; i < n; i++)
                        markup_format(s->m, "| %s ", columns[i].title);
                markup_raw(s->m, "|\n");
                for (size_t i = 0; i < n; i++)
                        markup_raw(s->m, columns[i].number ? "| ---: " : "| --- ");
                markup_raw(s->m, "|\n");
                return;
        }
        markup_format(s->m,
                      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">"
                      "<table>\n<caption>%s</caption>\n<thead><tr>",
                      caption, caption);
        for (size_t i = 0; i < n; i++)
                markup_format(s->m, "<th scope=\"col\"%s>%s</th>",
                              columns[i].number ? " class=\"number\"" : "", columns[i].title);
        markup_raw(s->m, "</tr></thead>\n<tbody>\n");
}

/* false: the row is one too many */
static bool sheet_is_shown(const Sheet *s) {
        return sheet_is_html(s) || s->n_rows <= SHEET_MARKDOWN_ROWS;
}

static void sheet_begin_row(Sheet *s, bool of_box, size_t box) {
        s->n_rows++;
        s->at = 0;
        s->of_box = of_box;
        s->box = box;
        if (!sheet_is_html(s))
                return;
        if (of_box)
                markup_format(s->m, "<tr data-box=\"%zu\">", box);
        else
                markup_raw(s->m, "<tr>");
}

void sheet_row(Sheet *s) {
        sheet_begin_row(s, false, 0);
}

void sheet_row_of_box(Sheet *s, size_t box) {
        sheet_begin_row(s, true, box);
}

void sheet_table_end(Sheet *s) {
        if (sheet_is_html(s))
                markup_raw(s->m, "</tbody></table></div>\n");
        else if (s->n_rows > SHEET_MARKDOWN_ROWS)
                markup_format(s->m, "\nand %zu more\n", s->n_rows - SHEET_MARKDOWN_ROWS);
}

/* --- cells --------------------------------------------------------------------------------- */

static void sheet_open(Sheet *s, const char *html) {
        markup_raw(s->m, sheet_is_html(s) ? html : "| ");
}

static void sheet_close(Sheet *s) {
        s->at++;
        if (sheet_is_html(s))
                markup_raw(s->m, s->at == s->n_columns ? "</td></tr>\n" : "</td>");
        else
                markup_raw(s->m, s->at == s->n_columns ? " |\n" : " ");
}

void sheet_cell(Sheet *s, const char *text) {
        if (!sheet_is_shown(s))
                return;
        sheet_open(s, "<td>");
        if (sheet_is_html(s))
                markup_name(s->m, text);
        else
                markup_markdown(s->m, text);
        sheet_close(s);
}

void sheet_cell_name(Sheet *s, const char *name) {
        if (!sheet_is_shown(s))
                return;
        sheet_open(s, "<td class=\"name\">");
        if (sheet_is_html(s) && s->of_box) {
                markup_format(s->m, "<a href=\"#box%zu\"><bdi>", s->box);
                markup_name(s->m, name);
                markup_raw(s->m, "</bdi></a>");
        } else if (sheet_is_html(s)) {
                markup_raw(s->m, "<bdi>");
                markup_name(s->m, name);
                markup_raw(s->m, "</bdi>");
        } else if (name) {
                markup_raw(s->m, "<code>");
                markup_markdown_name(s->m, name);
                markup_raw(s->m, "</code>");
        }
        sheet_close(s);
}

void sheet_cell_side(Sheet *s, const char *name, const char *class) {
        if (!sheet_is_shown(s))
                return;
        sheet_open(s, "<td>");
        if (sheet_is_html(s))
                markup_format(s->m, "<span class=\"tag %s\">%s</span>", class, name);
        else
                markup_raw(s->m, name);
        sheet_close(s);
}

void sheet_cell_format(Sheet *s, const char *format, ...) {
        char text[128];
        va_list ap;

        if (!sheet_is_shown(s))
                return;
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        sheet_open(s, "<td class=\"number\">");
        markup_text(s->m, text);
        sheet_close(s);
}

/* in groups of three, with thin spaces */
void sheet_cell_uint64(Sheet *s, uint64_t n) {
        char digits[24];
        int length;

        if (!sheet_is_shown(s))
                return;
        length = snprintf(digits, sizeof(digits), "%" PRIu64, n);
        sheet_open(s, "<td class=\"number\">");
        for (int i = 0; i < length; i++) {
                if (i > 0 && (length - i) % 3 == 0)
                        markup_raw(s->m, "\xe2\x80\xaf");
                markup_format(s->m, "%c", digits[i]);
        }
        sheet_close(s);
}
