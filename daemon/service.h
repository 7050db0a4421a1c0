#pragma once

/*
 * The service manager's view of us (sd_notify(3)); every function does nothing where there is
 * none.
 */

#include <stdbool.h>
#include <uv.h>

#include "base/problem.h"

typedef struct Service Service;
typedef void (*ServiceClosedFn)(void *userdata);

/* Closes what whoever started us left open above standard error, except the manager's sockets: a
 * shell's lock or pipe must not be held for as long as a daemon lives. To be called first. */
void service_close_inherited(void);

/* The socket that the manager listens on for us: 0, -ENOENT if there is none, -EINVAL with
 * @problem if there are several. */
int service_listen_fd(int *ret, Problem *problem);

/* With WATCHDOG_USEC set, tells the manager at twice that rate that the loop turns. */
int service_new(Service **ret, uv_loop_t *loop);
/* Frees it once its timer is closed, and then calls @closed. */
void service_close(Service *service, ServiceClosedFn closed, void *userdata);

void service_ready(void);
void service_reloading(void); /* end it with service_ready() */
void service_stopping(void);
/* One line for `systemctl status`; a repeated one is not sent again. */
void service_status(Service *service, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
