/*
 * Matrix products: matmul ([..., m, k] x [..., k, n], either transposed) and inner-product
 * (weights [n, k] over the flattened rest). The vendor exports a linear layer as a matmul with the
 * weights transposed.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dpu/sim/dot.h"
#include "dpu/sim/numbers.h"
#include "dpu/sim/window.h"
#include "dpu/sim/workers.h"

typedef struct Matmul {
        size_t n_batches, rows, columns, inner;
        bool shared; /* one right factor for all batches */
        Numbers a, b;
        double scale;
        double *biases; /* owned */
        Sink sink;
} Matmul;

static void matmul_deinit(Matmul *m) {
        numbers_deinit(&m->a);
        numbers_deinit(&m->b);
        free(m->biases);
}

/* The same matrices with rows and columns exchanged. */
static int matmul_transposed(const Values *from, Values *ret) {
        size_t columns = (size_t) from->dims[from->n_dims - 1];
        size_t rows = (size_t) from->dims[from->n_dims - 2];
        size_t size = from->storage == VALUES_FIXED ? sizeof(int8_t) : sizeof(double);
        uint8_t *data = calloc(from->n + 1, size);

        if (!data)
                return -ENOMEM;
        for (size_t i = 0; i < from->n; i++) {
                size_t batch = i / (rows * columns), row = i / columns % rows;
                size_t to = (batch * columns + i % columns) * rows + row;

                memcpy(data + to * size, (const uint8_t *) from->data + i * size, size);
        }
        *ret = *from;
        ret->data = data;
        ret->dims[from->n_dims - 2] = (int32_t) columns;
        ret->dims[from->n_dims - 1] = (int32_t) rows;
        return 0;
}

static int matmul_part(size_t begin, size_t end, void *userdata) {
        const Matmul *m = userdata;
        _cleanup_(freep) double *line = calloc(m->columns + 1, sizeof(*line));
        size_t n_rows;

        if (!line)
                return -ENOMEM;
        for (size_t row = begin; row < end; row++) {
                size_t b = m->shared ? 0 : row / m->rows * m->columns * m->inner;

                for (size_t i = 0; i < m->columns; i += n_rows) {
                        double sums[DOT_ROWS] = { 0 };

                        n_rows = m->columns - i < DOT_ROWS ? m->columns - i : DOT_ROWS;
                        dot_add(&m->a.dot, row * m->inner, &m->b.dot, b + i * m->inner, m->inner,
                                n_rows, m->inner, sums);
                        for (size_t k = 0; k < n_rows; k++)
                                line[i + k] = sums[k] * m->scale + m->biases[i + k];
                }
                sink_put(&m->sink, row * m->columns, line, m->columns);
        }
        return 0;
}

/* Rows of @a against rows of @b: the layout that dot products want. */
static int matmul_multiply(const EvalCall *call, const Values *a, const Values *b, Matmul *m) {
        int r;

        if (call->out->n != m->n_batches * m->rows * m->columns)
                return eval_refuse(call, "the shapes do not fit");
        r = eval_spend(call, (double) call->out->n * (double) m->inner);
        if (r < 0)
                return r;
        r = numbers_init(&m->a, &m->b, &m->scale, a, b);
        if (r < 0)
                return r;
        m->biases = calloc(m->columns + 1, sizeof(*m->biases));
        if (!m->biases)
                return -ENOMEM;
        r = window_read_bias(call, a->fix_point + b->fix_point, m->columns, m->biases);
        if (r < 0)
                return r;
        r = sink_init(&m->sink, call);
        if (r < 0)
                return r;
        return workers_run(call->n_threads, m->n_batches * m->rows, matmul_part, m);
}

/* Sizes of rows of @a [.., m, k] against rows of @b [.., n, k]. */
static int matmul_sizes(const EvalCall *call, const Values *a, const Values *b, Matmul *m) {
        size_t n_b;

        m->rows = (size_t) a->dims[a->n_dims - 2];
        m->inner = (size_t) a->dims[a->n_dims - 1];
        m->columns = (size_t) b->dims[b->n_dims - 2];
        if ((size_t) b->dims[b->n_dims - 1] != m->inner || m->rows == 0 || m->inner == 0 ||
            m->columns == 0)
                return eval_refuse(call, "the shapes do not fit");
        m->n_batches = a->n / (m->rows * m->inner);
        n_b = b->n / (m->columns * m->inner);
        if (n_b != 1 && n_b != m->n_batches)
                return eval_refuse(call, "%zu matrices times %zu", m->n_batches, n_b);
        m->shared = n_b == 1;
        return 0;
}

static int matmul_run(const EvalCall *call, const Values *a, const Values *b) {
        _cleanup_(matmul_deinit) Matmul m = { 0 };
        int r;

        r = matmul_sizes(call, a, b, &m);
        if (r < 0)
                return r;
        return matmul_multiply(call, a, b, &m);
}

static int eval_inner_product(const EvalCall *call) {
        const Values *weights = eval_arg(call, "weights");
        _cleanup_(matmul_deinit) Matmul m = { .n_batches = 1, .shared = true };
        const Values *input;
        size_t axis;
        int r;

        if (eval_n_inputs(call) != 1 || !weights || weights->n_dims < 1 || weights->dims[0] < 1)
                return eval_refuse(call, "it has one input, and weights");
        input = eval_input(call, 0);
        r = eval_axis(call, input->n_dims, &axis);
        if (r < 0)
                return r;
        m.rows = m.inner = 1;
        for (size_t i = 0; i < input->n_dims; i++)
                *(i < axis ? &m.rows : &m.inner) *= (size_t) input->dims[i];
        m.columns = (size_t) weights->dims[0];
        if (weights->n != m.columns * m.inner)
                return eval_refuse(call, "the shape of the weights does not fit");
        return matmul_multiply(call, input, weights, &m);
}

int eval_matmul(const EvalCall *call) {
        bool transpose_a = false, transpose_b = false;
        _cleanup_(values_cleanup) Values a = { 0 }, b = { 0 };
        const Values *left, *right;
        int r;

        if (strcmp(call->op->type, "inner-product") == 0)
                return eval_inner_product(call);
        if (eval_n_inputs(call) != 2 || eval_input(call, 0)->n_dims < 2 ||
            eval_input(call, 1)->n_dims < 2)
                return eval_refuse(call, "it has two inputs, of two dimensions or more");
        (void) attrs_bool(&call->op->attrs, "transpose_a", &transpose_a);
        (void) attrs_bool(&call->op->attrs, "transpose_b", &transpose_b);
        left = eval_input(call, 0);
        right = eval_input(call, 1);

        if (transpose_a) {
                r = matmul_transposed(left, &a);
                if (r < 0)
                        return r;
                left = &a;
        }
        if (!transpose_b) {
                r = matmul_transposed(right, &b);
                if (r < 0)
                        return r;
                right = &b;
        }
        return matmul_run(call, left, right);
}
