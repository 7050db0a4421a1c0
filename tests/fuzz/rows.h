#pragma once

/*
 * Rows: of a database, that nobody wrote
 *
 * A row is a byte for the table, then for each column a byte for the kind of value, and its bytes:
 * NULL, numbers, blobs and texts of any kind, or one of the literals that are asked for afterwards.
 */

#include <stddef.h>
#include <stdint.h>

#define ROWS_MAX 64

typedef struct RowsTable {
        const char *name;
        unsigned columns;
} RowsTable;

typedef struct RowsSpec {
        const RowsTable *tables;
        size_t n_tables;
        const char *const *literals; /* SQL: values that are asked for */
        size_t n_literals;
} RowsSpec;

/* Calls @run with an INSERT statement for each row of @data, ROWS_MAX at most. What the schema
 * refuses (no NULL here, that one is there already) is not there. -ENOMEM. */
int rows_insert(const RowsSpec *spec, const uint8_t *data, size_t size,
                void (*run)(const char *sql, void *userdata), void *userdata);

/* x'...': a literal; @room: 2 * @n + 4 */
void rows_literal(char *ret, const void *data, size_t n);
