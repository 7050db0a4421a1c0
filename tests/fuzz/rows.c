#include "rows.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/cleanup.h"

#define ROWS_STATEMENT ((size_t) 64 * 1024)
#define ROWS_KINDS     6 /* and the literals */

typedef struct RowsInput {
        const uint8_t *data;
        size_t size;
} RowsInput;

static uint8_t rows_take(RowsInput *input) {
        if (input->size == 0)
                return 0;
        input->size--;
        return *input->data++;
}

static int64_t rows_take_int(RowsInput *input) {
        uint64_t value = 0;

        for (unsigned i = 0; i < sizeof(value); i++)
                value = value << 8 | rows_take(input);
        return (int64_t) value;
}

void rows_literal(char *ret, const void *data, size_t n) {
        const uint8_t *bytes = data;

        ret += sprintf(ret, "x'");
        for (size_t i = 0; i < n; i++)
                ret += sprintf(ret, "%02x", bytes[i]);
        (void) sprintf(ret, "'");
}

static int rows_append_blob(Bytes *sql, RowsInput *input) {
        char literal[2 * UINT8_MAX + 4];
        size_t n = rows_take(input);

        if (n > input->size)
                n = input->size;
        rows_literal(literal, input->data, n);
        input->data += n;
        input->size -= n;
        return bytes_append_string(sql, literal);
}

static int rows_append_text(Bytes *sql, RowsInput *input) {
        int r;

        r = bytes_append_string(sql, "CAST(");
        if (r == 0)
                r = rows_append_blob(sql, input);
        return r < 0 ? r : bytes_append_string(sql, " AS TEXT)");
}

static int rows_append_value(Bytes *sql, RowsInput *input, const RowsSpec *spec) {
        size_t kind = rows_take(input) % (ROWS_KINDS + spec->n_literals);
        int64_t value;

        switch (kind) {
        case 0:
                return bytes_append_string(sql, "NULL");
        case 1:
                return bytes_printf(sql, "%u", rows_take(input));
        case 2:
                value = rows_take_int(input);
                return bytes_printf(sql, "(%lld - %d)", (long long) (value | 1), value & 1 ? 0 : 1);
        case 3:
                return bytes_printf(sql, "%d.5e%d", rows_take(input), rows_take(input) - 128);
        case 4:
                return rows_append_blob(sql, input);
        case 5:
                return rows_append_text(sql, input);
        default:
                return bytes_append_string(sql, spec->literals[kind - ROWS_KINDS]);
        }
}

static int rows_append_row(Bytes *sql, RowsInput *input, const RowsSpec *spec) {
        const RowsTable *table = &spec->tables[rows_take(input) % spec->n_tables];
        int r;

        r = bytes_printf(sql, "INSERT OR REPLACE INTO %s VALUES (", table->name);
        for (unsigned i = 0; r == 0 && i < table->columns; i++) {
                r = i > 0 ? bytes_append_string(sql, ", ") : 0;
                if (r == 0)
                        r = rows_append_value(sql, input, spec);
        }
        return r < 0 ? r : bytes_append(sql, ")", 2);
}

int rows_insert(const RowsSpec *spec, const uint8_t *data, size_t size,
                void (*run)(const char *sql, void *userdata), void *userdata) {
        RowsInput input = { data, size };

        for (unsigned i = 0; i < ROWS_MAX && input.size > 0; i++) {
                _cleanup_(bytes_cleanup) Bytes sql = BYTES_INIT(ROWS_STATEMENT);
                int r;

                r = rows_append_row(&sql, &input, spec);
                if (r < 0)
                        return r;
                run((const char *) sql.data, userdata);
        }
        return 0;
}
