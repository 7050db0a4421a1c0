#include "daemon/order.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

int order_new(Order **ret) {
        Order *order = calloc(1, sizeof(*order));

        if (!order)
                return -ENOMEM;
        order->n_refs = 1;
        order->source_fd = order->adopt_fd = -1;
        *ret = order;
        return 0;
}

Order *order_ref(Order *order) {
        order->n_refs++;
        return order;
}

Order *order_unref(Order *order) {
        if (!order || --order->n_refs > 0)
                return NULL;

        (void) key_free(order->fields);
        closep(&order->source_fd);
        closep(&order->adopt_fd);
        free(order->adopt_path);
        free(order->source_path);
        (void) toolchain_unref(order->toolchain);
        free(order->arch_text);
        free(order->target_name);
        free(order->unit_target);
        free(order->options);
        free(order->net_name);
        free(order);
        return NULL;
}
