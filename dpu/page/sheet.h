#pragma once

/*
 * Sheets: headings, paragraphs and tables, in HTML or in Markdown
 *
 * What a page tells in tables is told once, in sections.c; this makes it the one or the other. In
 * Markdown, which is for comments on changes, long tables are cut.
 */

#include <stdbool.h>

#include "dpu/page/markup.h"

#define SHEET_MARKDOWN_ROWS 40 /* of a table in Markdown */
#define SHEET_COLUMNS_MAX   10

typedef enum SheetForm {
        SHEET_HTML,
        SHEET_MARKDOWN,
} SheetForm;

typedef struct SheetColumn {
        const char *title;
        bool number; /* to the right */
} SheetColumn;

typedef struct Sheet {
        Markup *m; /* borrowed */
        SheetForm form;
        bool after_table; /* of this section */
        /* of the table that is being written */
        size_t n_columns, n_rows, at;
        bool of_box; /* the row's names lead to a box of the drawing */
        size_t box;
} Sheet;

void sheet_section(Sheet *s, const char *id, const char *title);
void sheet_section_end(Sheet *s);

/* A paragraph, ours. */
void sheet_paragraph(Sheet *s, const char *text);

/* @caption is for those who do not see the page. */
void sheet_table(Sheet *s, const char *caption, const SheetColumn *columns, size_t n);
void sheet_row(Sheet *s);
void sheet_row_of_box(Sheet *s, size_t box); /* in HTML its names lead to that box */
void sheet_table_end(Sheet *s);

/* One call for each cell of a row. */
void sheet_cell(Sheet *s, const char *text);      /* anybody's words; NULL is empty */
void sheet_cell_name(Sheet *s, const char *name); /* of a layer, tensor ... */
void sheet_cell_side(Sheet *s, const char *name, const char *class);
void sheet_cell_uint64(Sheet *s, uint64_t n);
void sheet_cell_format(Sheet *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
