#include "dpu/codegen/window.h"

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
