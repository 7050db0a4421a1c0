/*
 * The watcher's descriptor is read in slices (WATCH_BUDGET); while there is more, an idle handle
 * keeps the loop from sleeping, so sockets are served in between. When a dispatch returns 0,
 * everything saved before it has been reported: that is the barrier of engine_wait().
 */

#include "daemon/lookout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/pace.h"
#include "daemon/watch.h"
#include "daemon/workspace.h"
#include "daemon/workspaces.h"

#define LOOKOUT_RETRY_MS 100 /* what could not be recorded is still to be read */

struct Lookout {
        Core *core;
        Asks *asks;
        Watch *watch;

        uv_idle_t idle; /* active while the watcher has more to do */
        uv_poll_t poll;
        int poll_fd; /* -1: no handle yet */
        uv_poll_t mounts_poll;
        int mounts_fd; /* -1: no handle */
        uv_timer_t timer;
        Pace pace; /* of polling what cannot be watched */
        unsigned n_handles;

        bool resting;
        LookoutStoppedFn stopped;
        void *userdata;
};

int lookout_new(Lookout **ret, Core *core, Asks *asks) {
        Lookout *lookout = calloc(1, sizeof(*lookout));
        int r;

        if (!lookout)
                return -ENOMEM;
        r = watch_new(&lookout->watch, WATCH_NODES_MAX);
        if (r < 0) {
                free(lookout);
                return r;
        }
        lookout->core = core;
        lookout->asks = asks;
        lookout->poll_fd = lookout->mounts_fd = -1;
        pace_init(&lookout->pace, WATCH_POLL_MS);
        *ret = lookout;
        return 0;
}

Lookout *lookout_free(Lookout *lookout) {
        if (!lookout)
                return NULL;

        (void) watch_free(lookout->watch);
        closep(&lookout->mounts_fd);
        free(lookout);
        return NULL;
}

Watch *lookout_watch(Lookout *lookout) {
        return lookout->watch;
}

/* --- looking ------------------------------------------------------------------------------------ */

static void lookout_on_event(const WatchEvent *event, void *userdata) {
        Lookout *lookout = userdata;

        lookout->core->event++;
        workspace_handle(watch_root_userdata(event->root), event);
}

static void lookout_run(Lookout *lookout);

static void lookout_on_idle(uv_idle_t *idle) {
        lookout_run(idle->data);
}

static void lookout_on_readable(uv_poll_t *poll, int status, int events) {
        (void) status;
        (void) events;
        lookout_run(poll->data);
}

static void lookout_on_timer(uv_timer_t *timer) {
        Lookout *lookout = timer->data;

        if (!watch_is_busy(lookout->watch))
                pace_begin(&lookout->pace, clock_monotonic_ns());
        watch_poll(lookout->watch);
        lookout_run(lookout);
}

static void lookout_on_mounts(uv_poll_t *poll, int status, int events) {
        Lookout *lookout = poll->data;

        (void) status;
        (void) events;
        watch_doubt_roots(lookout->watch);
        lookout_run(lookout);
}

static void lookout_own(Lookout *lookout, uv_handle_t *handle) {
        handle->data = lookout;
        lookout->n_handles++;
}

/* An instance may be had only later than the lookout. */
static void lookout_follow_fd(Lookout *lookout) {
        int fd = watch_fd(lookout->watch);

        if (fd < 0 || lookout->poll_fd >= 0)
                return;
        if (uv_poll_init(lookout->core->loop, &lookout->poll, fd) < 0)
                return;
        lookout_own(lookout, (uv_handle_t *) &lookout->poll);
        lookout->poll_fd = fd;
        (void) uv_poll_start(&lookout->poll, UV_READABLE, lookout_on_readable);
}

static void lookout_set_timer(Lookout *lookout, int r) {
        if (r == 0)
                pace_end(&lookout->pace, clock_monotonic_ns());
        if (r < 0)
                (void) uv_timer_start(&lookout->timer, lookout_on_timer, LOOKOUT_RETRY_MS, 0);
        else if (!watch_wants_poll(lookout->watch))
                (void) uv_timer_stop(&lookout->timer);
        else if (r == 0 && !uv_is_active((uv_handle_t *) &lookout->timer))
                (void) uv_timer_start(&lookout->timer, lookout_on_timer,
                                      pace_wait_ms(&lookout->pace), 0);
}

static void lookout_pass_barrier(Lookout *lookout) {
        if (!asks_want_barrier(lookout->asks))
                return;
        workspaces_check_strays(lookout->core->workspaces);
        asks_pass_barrier(lookout->asks);
}

static void lookout_run(Lookout *lookout) {
        bool more;
        int r;

        if (lookout->resting)
                return;
        r = watch_dispatch(lookout->watch, lookout_on_event, lookout, WATCH_BUDGET);
        more = workspaces_after_events(lookout->core->workspaces);
        if (r == 0 && !more)
                lookout_pass_barrier(lookout);

        lookout_follow_fd(lookout);
        lookout_set_timer(lookout, r);
        if (r > 0 || more)
                lookout_hurry(lookout);
        else
                (void) uv_idle_stop(&lookout->idle);
}

void lookout_hurry(Lookout *lookout) {
        (void) uv_idle_start(&lookout->idle, lookout_on_idle);
}

void lookout_doubt_roots(Lookout *lookout) {
        watch_doubt_roots(lookout->watch);
}

/* --- starting and stopping ---------------------------------------------------------------------- */

/* The kernel says POLLPRI after each change of the table of mounts: proc_pid_mountinfo(5). Without,
 * what is mounted over a root is seen at the next start. */
static void lookout_follow_mounts(Lookout *lookout) {
        int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return;
        if (uv_poll_init(lookout->core->loop, &lookout->mounts_poll, fd) < 0) {
                closep(&fd);
                return;
        }
        lookout->mounts_fd = fd;
        lookout_own(lookout, (uv_handle_t *) &lookout->mounts_poll);
        (void) uv_poll_start(&lookout->mounts_poll, UV_PRIORITIZED, lookout_on_mounts);
}

void lookout_start(Lookout *lookout) {
        uv_loop_t *loop = lookout->core->loop;

        (void) uv_idle_init(loop, &lookout->idle);
        lookout_own(lookout, (uv_handle_t *) &lookout->idle);
        (void) uv_timer_init(loop, &lookout->timer);
        lookout_own(lookout, (uv_handle_t *) &lookout->timer);

        lookout_hurry(lookout);
        lookout_follow_mounts(lookout);
        lookout_follow_fd(lookout);
}

void lookout_rest(Lookout *lookout) {
        lookout->resting = true;
        (void) uv_idle_stop(&lookout->idle);
        (void) uv_timer_stop(&lookout->timer);
        if (lookout->poll_fd >= 0)
                (void) uv_poll_stop(&lookout->poll);
        if (lookout->mounts_fd >= 0)
                (void) uv_poll_stop(&lookout->mounts_poll);
}

static void lookout_on_closed(uv_handle_t *handle) {
        Lookout *lookout = handle->data;
        LookoutStoppedFn stopped = lookout->stopped;
        void *userdata = lookout->userdata;

        if (--lookout->n_handles > 0)
                return;
        (void) lookout_free(lookout);
        stopped(userdata);
}

void lookout_stop(Lookout *lookout, LookoutStoppedFn stopped, void *userdata) {
        lookout->stopped = stopped;
        lookout->userdata = userdata;
        uv_close((uv_handle_t *) &lookout->idle, lookout_on_closed);
        uv_close((uv_handle_t *) &lookout->timer, lookout_on_closed);
        if (lookout->poll_fd >= 0)
                uv_close((uv_handle_t *) &lookout->poll, lookout_on_closed);
        if (lookout->mounts_fd >= 0)
                uv_close((uv_handle_t *) &lookout->mounts_poll, lookout_on_closed);
}
