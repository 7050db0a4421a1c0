#pragma once

/*
 * Tables for people: cells that line up
 *
 * Cells are added row by row; what they hold may come from a file, it is escaped here
 * (base/utf8.h). The last column is never padded, so it is the place for long names.
 */

#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"

#define TABLE_COLUMNS_MAX 8

typedef struct Table {
        size_t n_columns;
        Arena arena;
        const char **cells;
        size_t n_cells;
        int error; /* negative errno; sticky */
} Table;

#define TABLE_INIT(_columns) ((Table){ .n_columns = (_columns) })

void table_cell(Table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Every row begins with @indent spaces. The error, if a cell was lost; a failed write shows in
 * ferror(). */
int table_print(const Table *table, size_t indent, FILE *out);
void table_deinit(Table *table);

static inline void table_cleanup(Table *table) {
        table_deinit(table);
}
