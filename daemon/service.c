#include "daemon/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"

/* Failures to notify are ignored throughout: the manager notices what it does not hear. */

#define SERVICE_STATUS_MAX 256 /* bytes */

struct Service {
        uv_timer_t watchdog;
        char status[SERVICE_STATUS_MAX]; /* the last one sent */
        ServiceClosedFn closed;
        void *userdata;
};

int service_listen_fd(int *ret, Problem *problem) {
        int n = sd_listen_fds(1);

        if (n < 0)
                return n;
        if (n == 0)
                return -ENOENT;
        if (n > 1)
                return problem_set(problem, -EINVAL,
                                   "the service manager passed %d sockets: dpuccd.socket must "
                                   "have one ListenStream=",
                                   n);
        *ret = SD_LISTEN_FDS_START;
        return 0;
}

void service_close_inherited(void) {
        int n = sd_listen_fds(0);

        (void) close_range(SD_LISTEN_FDS_START + (n > 0 ? (unsigned) n : 0), ~0U, 0);
}

static void service_on_watchdog(uv_timer_t *timer) {
        (void) timer;
        (void) sd_notify(0, "WATCHDOG=1");
}

int service_new(Service **ret, uv_loop_t *loop) {
        uint64_t usec = 0, half_ms;
        Service *service;

        service = calloc(1, sizeof(*service));
        if (!service)
                return -ENOMEM;

        (void) uv_timer_init(loop, &service->watchdog);
        service->watchdog.data = service;
        if (sd_watchdog_enabled(0, &usec) > 0) {
                half_ms = usec / 2000 > 0 ? usec / 2000 : 1;
                (void) uv_timer_start(&service->watchdog, service_on_watchdog, half_ms, half_ms);
                uv_unref((uv_handle_t *) &service->watchdog);
        }
        *ret = service;
        return 0;
}

static void service_on_closed(uv_handle_t *handle) {
        Service *service = handle->data;
        ServiceClosedFn closed = service->closed;
        void *userdata = service->userdata;

        free(service);
        closed(userdata);
}

void service_close(Service *service, ServiceClosedFn closed, void *userdata) {
        service->closed = closed;
        service->userdata = userdata;
        uv_close((uv_handle_t *) &service->watchdog, service_on_closed);
}

void service_ready(void) {
        (void) sd_notify(0, "READY=1");
}

void service_reloading(void) {
        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIi64, clock_monotonic_ns() / 1000);
}

void service_stopping(void) {
        (void) sd_notify(0, "STOPPING=1");
}

void service_status(Service *service, const char *format, ...) {
        char status[SERVICE_STATUS_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(status, sizeof(status), format, ap);
        va_end(ap);
        if (strcmp(status, service->status) == 0)
                return;

        memcpy(service->status, status, sizeof(status));
        (void) sd_notifyf(0, "STATUS=%s", status);
}
