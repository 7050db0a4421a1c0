/*
 * All decisions are taken in queue_run(), which the timer calls from the loop: joining and
 * cancelling only change the lists and wind the timer. That is what makes "never before the
 * call returned" true without special cases.
 *
 * A flight whose last ticket left while its job was running is `dying`: the job was asked to
 * stop. Somebody may join it in that time; when the job is gone it then simply waits again.
 */

#include "daemon/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/map.h"

/* pause before another try after a transient failure: doubled each time */
#define QUEUE_BACKOFF_MS 1000

/* how often we look whether another process has finished making the same thing */
#define QUEUE_BUSY_MS 200

typedef enum FlightState {
        FLIGHT_WAITING,
        FLIGHT_RUNNING,
        FLIGHT_BACKING_OFF,
} FlightState;

typedef struct Flight Flight;

struct Ticket {
        Flight *flight; /* NULL: left, waits for its @done */
        Queue *queue;
        Urgency urgency;
        bool cancelled;
        TicketHandlers handlers;
        void *userdata;
        TAILQ_ENTRY(Ticket) link; /* Flight.tickets or Queue.leaving */
};

TAILQ_HEAD(TicketList, Ticket);

struct Flight {
        Digest key;
        Queue *queue;
        Order *order; /* a reference: of the latest ticket, whose source is the likeliest */
        FlightState state;
        JobPhase phase;
        Job *job; /* borrowed, while RUNNING */
        bool dying;
        unsigned n_tries;
        uint64_t wake_ms; /* BACKING_OFF */
        struct TicketList tickets;
        UT_hash_handle hh;
};

struct Queue {
        uv_loop_t *loop;
        uv_timer_t timer;
        QueueOps ops;
        Statistics *statistics;
        unsigned running_max, n_running;
        Flight *flights;
        struct TicketList leaving;
        bool stopping;
        void (*stopped)(void *userdata);
        void *userdata;
};

static void queue_on_timer(uv_timer_t *timer);

/* never later than it was going to be */
static void queue_wake(Queue *queue, uint64_t delay_ms) {
        uv_handle_t *handle = (uv_handle_t *) &queue->timer;

        if (uv_is_closing(handle))
                return;
        if (!uv_is_active(handle) || uv_timer_get_due_in(&queue->timer) > delay_ms)
                (void) uv_timer_start(&queue->timer, queue_on_timer, delay_ms, 0);
}

/* --- flights -------------------------------------------------------------------------------- */

static Flight *flight_free(Flight *flight) {
        if (!flight)
                return NULL;

        assert(TAILQ_EMPTY(&flight->tickets) && !flight->job);
        if (!map_failed(flight))
                HASH_DEL(flight->queue->flights, flight);
        (void) order_unref(flight->order);
        free(flight);
        return NULL;
}

static int flight_new(Flight **ret, Queue *queue, Order *order) {
        Flight *flight;

        if (HASH_COUNT(queue->flights) >= QUEUE_FLIGHTS_MAX)
                return -ENOSPC;
        flight = calloc(1, sizeof(*flight));
        if (!flight)
                return -ENOMEM;

        flight->queue = queue;
        flight->key = order->key;
        flight->order = order_ref(order);
        TAILQ_INIT(&flight->tickets);
        HASH_ADD(hh, queue->flights, key, sizeof(flight->key), flight);
        if (map_failed(flight)) {
                (void) flight_free(flight);
                return -ENOMEM;
        }
        *ret = flight;
        return 0;
}

static Urgency flight_urgency(const Flight *flight) {
        Urgency most = {};
        const Ticket *ticket;

        TAILQ_FOREACH(ticket, &flight->tickets, link) {
                most.client |= ticket->urgency.client;
                if (ticket->urgency.saved > most.saved)
                        most.saved = ticket->urgency.saved;
        }
        return most;
}

static bool urgency_is_more(Urgency a, Urgency b) {
        if (a.client != b.client)
                return a.client;
        return a.saved > b.saved;
}

static void flight_set_phase(Flight *flight, JobPhase phase) {
        Ticket *ticket;

        flight->phase = phase;
        TAILQ_FOREACH(ticket, &flight->tickets, link)
        if (ticket->handlers.phase && !ticket->cancelled)
                ticket->handlers.phase(phase, ticket->userdata);
}

static void flight_on_phase(JobPhase phase, void *userdata) {
        flight_set_phase(userdata, phase);
}

static void ticket_finish(Ticket *ticket, const JobResult *result) {
        static const JobResult cancelled = { .outcome = JOB_CANCELLED };

        ticket->handlers.done(ticket->cancelled ? &cancelled : result, ticket->userdata);
        free(ticket);
}

/* Ends the flight. The tickets' callbacks may join the same key again: it is off the map. */
static void flight_finish(Flight *flight, const JobResult *result) {
        struct TicketList tickets = TAILQ_HEAD_INITIALIZER(tickets);
        Ticket *ticket;

        TAILQ_CONCAT(&tickets, &flight->tickets, link);
        (void) flight_free(flight);
        while ((ticket = TAILQ_FIRST(&tickets))) {
                TAILQ_REMOVE(&tickets, ticket, link);
                ticket_finish(ticket, result);
        }
}

static void flight_back_off(Flight *flight, uint64_t delay_ms) {
        flight->state = FLIGHT_BACKING_OFF;
        flight->wake_ms = uv_now(flight->queue->loop) + delay_ms;
        flight_set_phase(flight, JOB_PHASE_QUEUED);
}

/* tickets that were cancelled with the job; those who joined while it died stay */
static void flight_drop_cancelled(Flight *flight) {
        Ticket *next;

        for (Ticket *ticket = TAILQ_FIRST(&flight->tickets); ticket; ticket = next) {
                next = TAILQ_NEXT(ticket, link);
                if (!ticket->cancelled)
                        continue;
                TAILQ_REMOVE(&flight->tickets, ticket, link);
                ticket->flight = NULL;
                TAILQ_INSERT_TAIL(&flight->queue->leaving, ticket, link);
        }
}

static void flight_on_done(const JobResult *result, void *userdata) {
        Flight *flight = userdata;
        Queue *queue = flight->queue;

        flight->job = NULL;
        queue->n_running--;
        queue_wake(queue, 0);
        flight_drop_cancelled(flight);

        if (TAILQ_EMPTY(&flight->tickets)) {
                (void) flight_free(flight);
                return;
        }
        if (flight->dying && result->outcome == JOB_CANCELLED && !queue->stopping) {
                flight->dying = false;
                flight->state = FLIGHT_WAITING;
                flight_set_phase(flight, JOB_PHASE_QUEUED);
                return;
        }
        if (result->outcome == JOB_BUSY && !queue->stopping) {
                flight_back_off(flight, QUEUE_BUSY_MS);
                return;
        }
        if (result->outcome == JOB_TRANSIENT && ++flight->n_tries < QUEUE_TRIES_MAX &&
            !queue->stopping) {
                flight_back_off(flight, (uint64_t) QUEUE_BACKOFF_MS << (flight->n_tries - 1));
                return;
        }
        flight_finish(flight, result);
}

static void flight_start(Flight *flight) {
        Queue *queue = flight->queue;
        int r;

        flight->state = FLIGHT_RUNNING;
        queue->n_running++;
        r = queue->ops.start(queue->ops.context, flight->order, flight_on_phase, flight_on_done,
                             flight, &flight->job);
        if (r < 0) {
                JobResult result = { .outcome = JOB_TRANSIENT };

                (void) problem_set(&result.diagnosis, r, "the job could not be started: %s",
                                   strerror(-r));
                flight_on_done(&result, flight);
                return;
        }
        statistics_count(queue->statistics, STATISTIC_JOBS_STARTED);
}

/* --- the queue ------------------------------------------------------------------------------ */

static void queue_say_goodbye(Queue *queue) {
        static const JobResult cancelled = { .outcome = JOB_CANCELLED };
        struct TicketList leaving = TAILQ_HEAD_INITIALIZER(leaving);
        Ticket *ticket;

        TAILQ_CONCAT(&leaving, &queue->leaving, link);
        while ((ticket = TAILQ_FIRST(&leaving))) {
                TAILQ_REMOVE(&leaving, ticket, link);
                ticket_finish(ticket, &cancelled);
        }
}

static void queue_wake_sleepers(Queue *queue) {
        uint64_t now = uv_now(queue->loop), next = UINT64_MAX;

        for (Flight *flight = queue->flights; flight; flight = flight->hh.next) {
                if (flight->state != FLIGHT_BACKING_OFF)
                        continue;
                if (flight->wake_ms <= now)
                        flight->state = FLIGHT_WAITING;
                else if (flight->wake_ms < next)
                        next = flight->wake_ms;
        }
        if (next != UINT64_MAX)
                queue_wake(queue, next - now);
}

static Flight *queue_next(Queue *queue) {
        Flight *best = NULL;
        Urgency most = {};

        for (Flight *flight = queue->flights; flight; flight = flight->hh.next) {
                Urgency urgency;

                if (flight->state != FLIGHT_WAITING)
                        continue;
                urgency = flight_urgency(flight);
                if (best && !urgency_is_more(urgency, most))
                        continue;
                best = flight;
                most = urgency;
        }
        return best;
}

static void queue_on_closed(uv_handle_t *handle) {
        Queue *queue = handle->data;

        queue->stopped(queue->userdata);
        free(queue);
}

static void queue_run(Queue *queue) {
        Flight *flight;

        queue_say_goodbye(queue);
        queue_wake_sleepers(queue);
        while (!queue->stopping && queue->n_running < queue->running_max &&
               (flight = queue_next(queue)))
                flight_start(flight);

        if (queue->stopping && !queue->flights && TAILQ_EMPTY(&queue->leaving) &&
            !uv_is_closing((uv_handle_t *) &queue->timer))
                uv_close((uv_handle_t *) &queue->timer, queue_on_closed);
}

static void queue_on_timer(uv_timer_t *timer) {
        queue_run(timer->data);
}

int queue_new(Queue **ret, uv_loop_t *loop, const QueueOps *ops, unsigned running_max,
              Statistics *statistics) {
        Queue *queue = calloc(1, sizeof(*queue));

        if (!queue)
                return -ENOMEM;
        queue->loop = loop;
        queue->ops = *ops;
        queue->running_max = running_max;
        queue->statistics = statistics;
        TAILQ_INIT(&queue->leaving);
        (void) uv_timer_init(loop, &queue->timer);
        queue->timer.data = queue;
        *ret = queue;
        return 0;
}

void queue_set_running_max(Queue *queue, unsigned running_max) {
        queue->running_max = running_max;
        queue_wake(queue, 0);
}

void queue_stop(Queue *queue, void (*stopped)(void *userdata), void *userdata) {
        Flight *next;

        queue->stopping = true;
        queue->stopped = stopped;
        queue->userdata = userdata;

        for (Flight *flight = queue->flights; flight; flight = next) {
                Ticket *ticket;

                next = flight->hh.next;
                TAILQ_FOREACH(ticket, &flight->tickets, link)
                ticket->cancelled = true;
                if (flight->job) {
                        queue->ops.cancel(flight->job);
                        continue;
                }
                flight_drop_cancelled(flight);
                (void) flight_free(flight);
        }
        queue_wake(queue, 0);
}

static void flight_hurry(Flight *flight) {
        if (flight->state == FLIGHT_BACKING_OFF)
                flight->state = FLIGHT_WAITING;
        flight->n_tries = 0;
        queue_wake(flight->queue, 0);
}

void ticket_hurry(Ticket *ticket) {
        if (ticket->flight && !ticket->cancelled)
                flight_hurry(ticket->flight);
}

static void flight_take_order(Flight *flight, Order *order) {
        (void) order_ref(order);
        (void) order_unref(flight->order);
        flight->order = order;
}

int queue_join(Queue *queue, Order *order, Urgency urgency, const TicketHandlers *handlers,
               void *userdata, Ticket **ret) {
        Ticket *ticket;
        Flight *flight;
        int r;

        assert(!queue->stopping);
        ticket = calloc(1, sizeof(*ticket));
        if (!ticket)
                return -ENOMEM;

        HASH_FIND(hh, queue->flights, &order->key, sizeof(order->key), flight);
        if (flight) {
                statistics_count(queue->statistics, STATISTIC_SINGLE_FLIGHT_JOINS);
                if (flight->state != FLIGHT_RUNNING && !flight->order->force)
                        flight_take_order(flight, order);
                flight_hurry(flight);
        } else {
                r = flight_new(&flight, queue, order);
                if (r < 0) {
                        free(ticket);
                        return r;
                }
        }

        *ticket = (Ticket){ .flight = flight,
                            .queue = queue,
                            .urgency = urgency,
                            .handlers = *handlers,
                            .userdata = userdata };
        TAILQ_INSERT_TAIL(&flight->tickets, ticket, link);
        queue_wake(queue, 0);
        *ret = ticket;
        return 0;
}

static bool flight_is_wanted(const Flight *flight) {
        const Ticket *ticket;

        TAILQ_FOREACH(ticket, &flight->tickets, link)
        if (!ticket->cancelled)
                return true;
        return false;
}

void ticket_cancel(Ticket *ticket) {
        Flight *flight = ticket->flight;
        Queue *queue = ticket->queue;

        if (ticket->cancelled)
                return;
        ticket->cancelled = true;

        if (flight->job && !flight_is_wanted(flight)) {
                flight->dying = true;
                queue->ops.cancel(flight->job);
                return;
        }

        TAILQ_REMOVE(&flight->tickets, ticket, link);
        ticket->flight = NULL;
        TAILQ_INSERT_TAIL(&queue->leaving, ticket, link);
        if (TAILQ_EMPTY(&flight->tickets))
                (void) flight_free(flight);
        queue_wake(queue, 0);
}

JobPhase ticket_phase(const Ticket *ticket) {
        return ticket->flight ? ticket->flight->phase : JOB_PHASE_QUEUED;
}

uint32_t ticket_position(const Ticket *ticket) {
        uint32_t position = 1;
        Urgency mine;

        if (!ticket->flight || ticket->flight->state == FLIGHT_RUNNING)
                return 0;

        mine = flight_urgency(ticket->flight);
        for (const Flight *flight = ticket->queue->flights; flight; flight = flight->hh.next)
                if (flight->state == FLIGHT_WAITING && flight != ticket->flight)
                        position += urgency_is_more(flight_urgency(flight), mine);
        return position;
}

uint32_t queue_n_waiting(const Queue *queue) {
        return (uint32_t) HASH_COUNT(queue->flights) - queue->n_running;
}

uint32_t queue_n_running(const Queue *queue) {
        return queue->n_running;
}
