#include "client/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "client/progress.h"
#include "proto/frame.h"
#include "proto/hello.h"

typedef Dpucc__Wire__Reply Reply;

#define EXCHANGE_TICK_MS 200 /* how often the line of progress is drawn */

static int exchange_fail(Exchange *x, int code) {
        x->code = code;
        return code;
}

static int64_t exchange_deadline(const Exchange *x, const Options *o) {
        int64_t ms = o->timeout_ms;

        if (ms < 0 && x->patient)
                return CONNECTION_NO_DEADLINE;
        if (ms < 0)
                ms = EXCHANGE_PATIENCE_S * 1000;
        return clock_monotonic_ns() + ms * CLOCK_NS_PER_MS;
}

int exchange_connect(Connection *ret, const Options *o, int64_t deadline_ns, Problem *problem) {
        if (o->no_daemon)
                return connection_start_once(ret, deadline_ns, problem);
        return connection_open(ret, o->socket, deadline_ns, problem);
}

/* It took the connection, or will not even do that. What is started for us may need its time. */
static bool exchange_is_ignored(const Exchange *x, const Options *o) {
        return !x->greeted && !o->no_daemon && clock_monotonic_ns() < x->deadline_ns;
}

static int exchange_open(Connection *ret, Exchange *x, const Options *o, Problem *problem) {
        int64_t until_ns = clock_monotonic_ns() + EXCHANGE_HELLO_S * CLOCK_NS_PER_S;

        if (o->no_daemon || until_ns > x->deadline_ns)
                until_ns = x->deadline_ns;
        return exchange_connect(ret, o, until_ns, problem);
}

/* the code for a connection that ended with @r */
static int exchange_lost(Exchange *x, const Options *o, int r) {
        switch (r) {
        case -ETIMEDOUT:
                if (exchange_is_ignored(x, o)) {
                        (void) problem_set(
                                &x->problem, 0,
                                "a daemon is there, but does not answer: is it stopped? "
                                "Start it again (systemctl --user restart dpuccd), or do "
                                "without it (--no-daemon)");
                        return exchange_fail(x, CODE_UNREACHABLE);
                }
                (void) problem_set(&x->problem, 0, "timed out while waiting for the daemon");
                return exchange_fail(x, CODE_TIMED_OUT);
        case -ECANCELED:
                (void) problem_set(&x->problem, 0, "what happens cannot be printed any more");
                return exchange_fail(x, CODE_ERROR);
        case FRAME_CLOSED:
                x->abandoned = true;
                if (o->no_daemon) {
                        (void) problem_set(&x->problem, 0,
                                           "dpuccd --once ended before it answered");
                        return exchange_fail(x, CODE_ERROR);
                }
                (void) problem_set(&x->problem, 0,
                                   "the daemon hung up before it answered; its log says why "
                                   "(journalctl --user -u dpuccd)");
                return exchange_fail(x, CODE_UNREACHABLE);
        default:
                (void) problem_set(&x->problem, 0, "talking to the daemon: %s", strerror(-r));
                return exchange_fail(x, CODE_ERROR);
        }
}

/* A number that we have no name for says that it was not done; as an exit status it could be cut
 * to 0. */
static int exchange_code(const Reply *reply) {
        if (!reply->has_outcome || !protobuf_c_enum_descriptor_get_value(
                                           &dpucc__wire__outcome__descriptor, (int) reply->outcome))
                return CODE_ERROR;
        return (int) reply->outcome;
}

/* 0 while more is to come, FRAME_CLOSED when that was all; takes over the reply */
static int exchange_take(Exchange *x, Reply *reply, Frame *frame, Progress *progress) {
        int r = 0;

        if (reply->progress)
                progress_update(progress, reply->progress);
        if (reply->event && x->on_event)
                r = x->on_event(reply->event, x->on_event_userdata);
        if (reply->body_case == DPUCC__WIRE__REPLY__BODY_LOG)
                r = bytes_append(&x->log, reply->log.data, reply->log.len);
        if (r == 0 && reply->has_final && reply->final) {
                x->fd = frame_take_fd(frame, 0);
                x->code = exchange_code(reply);
                x->abandoned = reply->has_again && reply->again;
                x->reply = reply;
                return FRAME_CLOSED;
        }
        dpucc__wire__reply__free_unpacked(reply, NULL);
        return r;
}

/* reads one frame, the first of which is the Hello; results as exchange_take(), or an error */
static int exchange_step(Exchange *x, const Options *o, Connection *connection,
                         Progress *progress) {
        _cleanup_(frame_deinit) Frame frame = {};
        ProtobufCMessage *message;
        int r;

        r = connection_read(connection, progress_is_shown(progress) ? EXCHANGE_TICK_MS : -1,
                            &frame);
        if (r == FRAME_WAIT) {
                progress_draw(progress);
                return 0;
        }
        if (r != FRAME_DONE) {
                (void) exchange_lost(x, o, r);
                return FRAME_CLOSED;
        }

        if (!x->greeted) {
                x->greeted = true;
                connection->deadline_ns = x->deadline_ns;
                r = hello_check(&frame, HELLO_CLIENT, &x->problem);
                if (r < 0)
                        (void) exchange_fail(x, CODE_UNREACHABLE);
                return r < 0 ? FRAME_CLOSED : 0;
        }
        r = frame_unpack(&frame, &dpucc__wire__reply__descriptor, &message);
        return r < 0 ? r : exchange_take(x, (Reply *) message, &frame, progress);
}

/* Ours are kept: there may be another daemon to be asked. */
static int exchange_send(Exchange *x, Connection *connection) {
        int fds[ARRAY_SIZE(x->fds)], r = 0;
        size_t n = 0;

        while (n < x->n_fds && r == 0) {
                fds[n] = fcntl(x->fds[n], F_DUPFD_CLOEXEC, 3);
                r = fds[n] < 0 ? error_from_errno() : 0;
                n += r == 0;
        }
        if (r == 0)
                r = frame_writer_put(&connection->writer, &x->request.base, fds, n);
        while (r < 0 && n > 0) /* they are not the writer's */
                closep(&fds[--n]);
        return r;
}

static int exchange_converse(Exchange *x, const Options *o, Connection *connection) {
        Progress progress = progress_start(o);
        int r;

        x->request.id = 1;
        r = exchange_send(x, connection);
        while (r == 0)
                r = exchange_step(x, o, connection, &progress);
        progress_end(&progress);
        return r < 0 ? exchange_lost(x, o, r) : x->code;
}

/* after the answer: until there is nobody at the other end */
static int exchange_see_off(Exchange *x, const Options *o, Connection *connection) {
        int r = FRAME_DONE;

        while (r == FRAME_DONE || r == FRAME_WAIT) {
                _cleanup_(frame_deinit) Frame frame = {};

                r = connection_read(connection, -1, &frame);
        }
        return r < 0 ? exchange_lost(x, o, r) : x->code;
}

/* before another daemon is asked */
static void exchange_forget(Exchange *x) {
        dpucc__wire__reply__free_unpacked(TAKE_PTR(x->reply), NULL);
        closep(&x->fd);
        x->fd = -1;
        x->log.size = 0;
        x->greeted = x->abandoned = false;
        x->problem.text[0] = '\0';
}

/* 0 with a connection to the daemon that came after the one we knew */
static int exchange_find_successor(Connection *ret, Exchange *x, const Options *o) {
        int64_t until_ns = clock_monotonic_ns() + EXCHANGE_REVIVAL_MS * CLOCK_NS_PER_MS;
        Problem problem = {};
        int r;

        for (;;) {
                r = exchange_open(ret, x, o, &problem);
                if (r != -ECONNREFUSED || clock_monotonic_ns() >= until_ns)
                        return r;
                (void) poll(NULL, 0, EXCHANGE_TICK_MS / 10);
        }
}

static int exchange_go_on(Exchange *x, const Options *o) {
        Connection connection;

        for (unsigned i = 0; i < EXCHANGE_SUCCESSORS && x->abandoned; i++) {
                if (exchange_find_successor(&connection, x, o) < 0)
                        break;
                exchange_forget(x);
                (void) exchange_converse(x, o, &connection);
                (void) connection_close(&connection);
        }
        return x->code;
}

int exchange_run(Exchange *x, const Options *o) {
        Connection connection;
        int killed_by, r;

        x->deadline_ns = exchange_deadline(x, o);
        r = exchange_open(&connection, x, o, &x->problem);
        if (r == -ETIMEDOUT && !exchange_is_ignored(x, o))
                return exchange_fail(x, CODE_TIMED_OUT);
        if (r == -ECONNREFUSED)
                return exchange_fail(x, CODE_UNREACHABLE);
        if (r < 0)
                return exchange_lost(x, o, r);

        r = exchange_converse(x, o, &connection);
        if (x->until_gone && x->reply && r == CODE_DONE)
                r = exchange_see_off(x, o, &connection);
        killed_by = connection_close(&connection);
        if (x->abandoned && killed_by > 0)
                (void) problem_set(&x->problem, 0,
                                   "dpuccd --once was ended by signal %d (%s) before it answered",
                                   killed_by, strsignal(killed_by));
        if (x->abandoned && x->patient && !x->on_event && !o->no_daemon)
                r = exchange_go_on(x, o);
        return r;
}

void exchange_deinit(Exchange *x) {
        for (size_t i = 0; i < x->n_fds; i++)
                closep(&x->fds[i]);
        x->n_fds = 0;
        dpucc__wire__reply__free_unpacked(x->reply, NULL);
        x->reply = NULL;
        bytes_deinit(&x->log);
        closep(&x->fd);
        x->fd = -1;
}
