#include "xmodel/order.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"

/*
 * Kahn's algorithm over a binary heap. Names are compared once, by the sort that made by_name;
 * here an op is the position of its name in there, so the heap holds plain numbers.
 */
typedef struct Order {
        uint32_t *position; /* of each op in by_name */
        uint32_t *pending;  /* inputs of each op that are not placed yet */
        uint32_t *first;    /* of each op in users, and the end of the last one's */
        uint32_t *users;    /* op numbers */
        uint32_t *heap;     /* positions of ops that are ready, smallest on top */
        uint32_t n_heap;
} Order;

static void order_deinit(Order *o) {
        free(o->position);
        free(o->pending);
        free(o->first);
        free(o->users);
        free(o->heap);
}

static int order_alloc(Order *o, const Walk *walk) {
        size_t n = walk->n_ops;

        o->position = calloc(n + 1, sizeof(uint32_t));
        o->pending = calloc(n + 1, sizeof(uint32_t));
        o->first = calloc(n + 1, sizeof(uint32_t));
        o->users = calloc((size_t) walk->n_inputs + 1, sizeof(uint32_t));
        o->heap = calloc(n + 1, sizeof(uint32_t));
        if (!o->position || !o->pending || !o->first || !o->users || !o->heap)
                return -ENOMEM;
        return 0;
}

/* first[i] counts, then is the end of i's users, and each user put in moves it back by one */
static void order_link(Order *o, const Walk *walk) {
        for (uint32_t i = 0; i < walk->n_inputs; i++)
                o->first[walk->inputs[i]]++;
        for (uint32_t i = 1; i <= walk->n_ops; i++)
                o->first[i] += o->first[i - 1];
        for (uint32_t i = 0; i < walk->n_ops; i++) {
                const WalkOp *op = &walk->ops[i];

                o->pending[i] = op->n_inputs;
                for (uint32_t k = 0; k < op->n_inputs; k++)
                        o->users[--o->first[walk->inputs[op->first_input + k]]] = i;
        }
}

static void order_push(Order *o, uint32_t position) {
        uint32_t i = o->n_heap++;

        for (; i > 0 && o->heap[(i - 1) / 2] > position; i = (i - 1) / 2)
                o->heap[i] = o->heap[(i - 1) / 2];
        o->heap[i] = position;
}

static uint32_t order_pop(Order *o) {
        uint32_t top = o->heap[0], last = o->heap[--o->n_heap], i = 0, child;

        while ((child = 2 * i + 1) < o->n_heap) {
                if (child + 1 < o->n_heap && o->heap[child + 1] < o->heap[child])
                        child++;
                if (o->heap[child] >= last)
                        break;
                o->heap[i] = o->heap[child];
                i = child;
        }
        o->heap[i] = last;
        return top;
}

int order_ops(const Walk *walk, uint32_t *ret_order, uint32_t *ret_n) {
        _cleanup_(order_deinit) Order o = {};
        uint32_t n = 0;
        int r;

        r = order_alloc(&o, walk);
        if (r < 0)
                return r;
        order_link(&o, walk);
        for (uint32_t i = 0; i < walk->n_ops; i++)
                o.position[walk->by_name[i]] = i;
        for (uint32_t i = 0; i < walk->n_ops; i++)
                if (o.pending[i] == 0)
                        order_push(&o, o.position[i]);

        while (o.n_heap > 0) {
                uint32_t op = walk->by_name[order_pop(&o)];

                ret_order[n++] = op;
                for (uint32_t k = o.first[op]; k < o.first[op + 1]; k++)
                        if (--o.pending[o.users[k]] == 0)
                                order_push(&o, o.position[o.users[k]]);
        }
        *ret_n = n;
        return 0;
}
