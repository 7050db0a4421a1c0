#include "dpu/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strings.h"
#include "base/utf8.h"

void table_deinit(Table *table) {
        arena_deinit(&table->arena);
        *table = TABLE_INIT(table->n_columns);
}

static int table_add(Table *table, const char *text, size_t n) {
        const char **cells;
        char *cell;

        cells = arena_grow(&table->arena, table->cells, table->n_cells, sizeof(*cells));
        if (!cells)
                return -ENOMEM;
        table->cells = cells;

        cell = arena_alloc(&table->arena, 4 * n + 1); /* one byte becomes \xNN at most */
        if (!cell)
                return -ENOMEM;
        (void) utf8_escape(text, n, cell, 4 * n + 1);
        cells[table->n_cells++] = cell;
        return 0;
}

void table_cell(Table *table, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list ap;

        if (table->error < 0)
                return;
        va_start(ap, format);
        table->error = strings_vprintf(&text, format, ap);
        va_end(ap);
        if (table->error == 0)
                table->error = table_add(table, text, strlen(text));
}

/* characters, not bytes: continuation bytes take no room */
static size_t table_width(const char *cell) {
        size_t width = 0;

        for (; *cell; cell++)
                width += ((unsigned char) *cell & 0xc0) != 0x80;
        return width;
}

static void table_print_row(const Table *table, const char *const *row, const size_t *widths,
                            size_t indent, FILE *out) {
        (void) fprintf(out, "%*s", (int) indent, "");
        for (size_t c = 0; c < table->n_columns; c++) {
                const size_t pad = widths[c] - table_width(row[c]);

                if (c + 1 < table->n_columns)
                        (void) fprintf(out, "%s%*s", row[c], (int) pad + 2, "");
                else
                        (void) fprintf(out, "%s\n", row[c]);
        }
}

int table_print(const Table *table, size_t indent, FILE *out) {
        size_t widths[TABLE_COLUMNS_MAX] = { 0 };

        if (table->error < 0)
                return table->error;
        for (size_t i = 0; i < table->n_cells; i++) {
                const size_t width = table_width(table->cells[i]);

                if (width > widths[i % table->n_columns])
                        widths[i % table->n_columns] = width;
        }
        for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
                table_print_row(table, table->cells + i, widths, indent, out);
        return 0;
}
