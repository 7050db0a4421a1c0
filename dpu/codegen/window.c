#include "dpu/codegen/window.h"

/* --- phases ---------------------------------------------------------------------------------- */

static int window_phase(const Window *whole, const Phase *y, const Phase *x, WindowFn fn,
                        void *userdata) {
        Window part = *whole;

        if (y->axis.out == 0 || x->axis.out == 0)
                return 0;
        part.y = y->axis;
        part.x = x->axis;
        part.in = view_rows(part.in, y->in_first, y->in_step, y->axis.in);
        part.in = view_columns(part.in, x->in_first, x->in_step, x->axis.in);
        part.out = view_rows(part.out, y->out_first, y->out_step, y->axis.out);
        part.out = view_columns(part.out, x->out_first, x->out_step, x->axis.out);
        part.weights += y->kernel_first * part.row_step + x->kernel_first * part.step;
        part.row_step *= y->kernel_step;
        part.step *= x->kernel_step;
        return fn(&part, userdata);
}

int window_phases(const Window *whole, const LayerAxes *axes, bool transposed, WindowFn fn,
                  void *userdata) {
        uint32_t n_y = transposed ? axis_phases_transposed(&axes->y)
                                  : axis_phases_dilated(&axes->y, axes->dilation_y);
        uint32_t n_x = transposed ? axis_phases_transposed(&axes->x)
                                  : axis_phases_dilated(&axes->x, axes->dilation_x);

        for (uint32_t i = 0; i < n_y; i++)
                for (uint32_t k = 0; k < n_x; k++) {
                        Phase y = transposed ? axis_phase_transposed(&axes->y, i)
                                             : axis_phase_dilated(&axes->y, axes->dilation_y, i);
                        Phase x = transposed ? axis_phase_transposed(&axes->x, k)
                                             : axis_phase_dilated(&axes->x, axes->dilation_x, k);
                        int r = window_phase(whole, &y, &x, fn, userdata);

                        if (r < 0)
                                return r;
                }
        return 0;
}

/* --- plan ------------------------------------------------------------------------------------ */

uint32_t window_columns_in(const Window *window, uint32_t columns) {
        uint64_t n = (uint64_t) (columns - 1) * window->x.stride + window->x.kernel;

        return n < window->x.in ? (uint32_t) n : window->x.in;
}

void window_set_rounds(const Window *window, const Machine *machine, WindowPlan *plan) {
        uint32_t reach = (window->y.kernel - 1) / plan->layout; /* groups below a window's first */

        plan->kept = machine_least(plan->layout, window->y.kernel);
        plan->wraps = (plan->rows - 1 + reach) / machine->pixels + 1;
}

static bool window_fits(const Window *window, const WindowPlan *plan, uint32_t columns,
                        uint32_t depth) {
        uint32_t columns_in = window_columns_in(window, columns);
        uint64_t in = (uint64_t) plan->wraps * plan->kept * columns_in * plan->words_in;

        return in <= depth && (uint64_t) columns * plan->words_out <= depth &&
               columns_in <= MACHINE_COLUMNS && columns <= MACHINE_COLUMNS;
}

bool window_set_columns(const Window *window, WindowPlan *plan, uint32_t depth) {
        uint32_t low = 0, high = window->x.out;

        while (low < high) {
                uint32_t middle = low + (high - low + 1) / 2;

                if (window_fits(window, plan, middle, depth))
                        low = middle;
                else
                        high = middle - 1;
        }
        if (low == 0)
                return false;
        plan->columns = machine_ceil(window->x.out, machine_ceil(window->x.out, low));
        return true;
}

/* --- tiles ----------------------------------------------------------------------------------- */

WindowTile window_tile(const Window *window, const WindowPlan *plan, Machine *machine, uint32_t row,
                       uint32_t column) {
        WindowTile tile = { .row = row,
                            .rows = machine_least(plan->rows, window->y.out - row),
                            .column = column,
                            .columns = machine_least(plan->columns, window->x.out - column) };

        tile.y = axis_span(&window->y, tile.row, tile.rows);
        tile.x = axis_span(&window->x, tile.column, tile.columns);
        tile.row_words = tile.x.n * plan->words_in;
        tile.words = plan->wraps * plan->kept * tile.row_words;
        tile.result = tile.columns * plan->words_out;
        tile.in = machine_take(machine, SPACE_IMAGES_0, tile.words);
        tile.out = machine_take(machine, SPACE_IMAGES_1, tile.result);
        return tile;
}

uint32_t window_start(const WindowPlan *plan, const WindowTile *tile, uint32_t round) {
        uint32_t padding = tile->x.before * plan->words_in;

        if (round >= plan->wraps)
                return 0;
        return machine_address(tile->in + MACHINE_DEPTH * plan->words_in - padding +
                               round * plan->kept * tile->row_words);
}

int window_load(const WindowPlan *plan, const WindowTile *tile, Machine *machine, const View *view,
                Problem *problem) {
        for (uint32_t i = 0; i < tile->y.n; i++) {
                uint32_t place = tile->y.before + i; /* in the window rows of the tile */
                uint32_t group = place / plan->layout, within = place % plan->layout;
                BankPlace to = { .space = SPACE_IMAGES_0,
                                 .bank = machine_image_bank(machine, SPACE_IMAGES_0, group),
                                 .pitch = plan->words_in };
                int r;

                if (within >= plan->kept)
                        continue; /* between the windows */
                to.address = tile->in +
                             (group / machine->pixels * plan->kept + within) * tile->row_words;
                r = machine_load(machine, view,
                                 (RowPart){ tile->y.first + i, tile->x.first, tile->x.n }, to,
                                 problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

int window_save(const WindowPlan *plan, const WindowTile *tile, Machine *machine, const View *view,
                Problem *problem) {
        for (uint32_t i = 0; i < tile->rows; i++) {
                const BankPlace from = { .space = SPACE_IMAGES_1,
                                         .bank = machine_image_bank(machine, SPACE_IMAGES_1, i),
                                         .address = tile->out,
                                         .pitch = plan->words_out };
                int r = machine_save(machine, view,
                                     (RowPart){ tile->row + i, tile->column, tile->columns }, from,
                                     problem);

                if (r < 0)
                        return r;
        }
        return 0;
}
