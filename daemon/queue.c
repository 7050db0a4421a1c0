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
#include <string.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "daemon/estimate.h"
#include "daemon/schedule.h"

/* pause before another try after a transient failure: doubled each time */
#define QUEUE_BACKOFF_MS 1000

/* Of a longer queue nobody who joins is told when it is over: looking it through takes too long to
 * do it for each. */
#define QUEUE_ESTIMATE_MAX 1000

/* When we look whether another process has finished making the same thing: after this, then after
 * twice that, up to 3.2 s. */
#define QUEUE_BUSY_MS        200
#define QUEUE_BUSY_DOUBLINGS 4

typedef enum FlightState {
        FLIGHT_WAITING,
        FLIGHT_RUNNING,
        FLIGHT_BACKING_OFF,
} FlightState;

typedef struct Flight Flight;

struct Ticket {
        Flight *flight; /* NULL: left, waits for its @done */
        Queue *queue;
        Priority priority;
        bool cancelled; /* by whoever has it */
        bool stopped;   /* by somebody else */
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
        unsigned n_busy;   /* tries in a row that met another process */
        uint64_t wake_ms;  /* BACKING_OFF */
        uint64_t since_ms; /* in this state */
        uint64_t share;    /* of memory, while RUNNING */
        uint64_t memory;   /* that failures say it needs; 0: they say nothing */
        struct TicketList tickets;
        UT_hash_handle hh;
};

struct Queue {
        uv_loop_t *loop;
        uv_timer_t timer;
        QueueOps ops;
        Statistics *statistics;
        Admission admission;
        unsigned n_running;
        uint64_t reserved; /* the shares of those that run */
        bool paused;
        Flight *flights;
        struct TicketList leaving;
        bool stopping;
        void (*stopped)(void *userdata);
        void *userdata;
};

const char *queue_outcome_name(JobOutcome outcome) {
        switch (outcome) {
        case JOB_MADE:
                return "made";
        case JOB_UNSTORED:
                return "unstored";
        case JOB_FAILED:
                return "failed";
        case JOB_TRANSIENT:
                return "transient";
        case JOB_BUSY:
                return "busy";
        case JOB_REFUSED:
                return "refused";
        case JOB_STALE:
                return "stale";
        case JOB_CANCELLED:
        case JOB_STOPPED:
                break;
        }
        return "cancelled";
}

const char *queue_phase_name(JobPhase phase) {
        switch (phase) {
        case JOB_PHASE_QUEUED:
                return "queued";
        case JOB_PHASE_SNAPSHOT:
        case JOB_PHASE_COMPILING:
                return "compiling";
        case JOB_PHASE_WRITING:
                return "writing";
        case JOB_PHASE_CHECKING:
                return "checking";
        case JOB_PHASE_STORING:
                return "storing";
        }
        return "";
}

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

static void flight_enter(Flight *flight, FlightState state) {
        flight->state = state;
        flight->since_ms = uv_now(flight->queue->loop);
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
        flight_enter(flight, FLIGHT_WAITING);
        HASH_ADD(hh, queue->flights, key, sizeof(flight->key), flight);
        if (map_failed(flight)) {
                (void) flight_free(flight);
                return -ENOMEM;
        }
        *ret = flight;
        return 0;
}

static Priority flight_priority(const Flight *flight) {
        Priority most = {};
        const Ticket *ticket;

        TAILQ_FOREACH(ticket, &flight->tickets, link)
        most = priority_join(most, ticket->priority);
        return most;
}

static bool ticket_is_wanted(const Ticket *ticket) {
        return !ticket->cancelled && !ticket->stopped;
}

/* without what only a look at the whole queue tells */
static QueueView flight_view(const Flight *flight) {
        QueueView view = {
                .order = flight->order,
                .phase = flight->phase,
                .running = flight->state == FLIGHT_RUNNING,
                .n_tries = flight->n_tries,
                .elapsed_ms = uv_now(flight->queue->loop) - flight->since_ms,
                .predicted_ms = flight->order->predicted.build_ms,
                .left_ms = ESTIMATE_UNKNOWN,
        };
        const Ticket *ticket;

        TAILQ_FOREACH(ticket, &flight->tickets, link)
        view.n_clients += ticket->priority.client && ticket_is_wanted(ticket);
        return view;
}

static void flight_tell(const Flight *flight, QueueEvent event, const JobResult *result) {
        const QueueOps *ops = &flight->queue->ops;
        QueueView view;

        if (!ops->tell)
                return;
        view = flight_view(flight);
        ops->tell(ops->context, event, &view, result);
}

static void flight_set_phase(Flight *flight, JobPhase phase) {
        bool news = flight->state == FLIGHT_RUNNING &&
                    strcmp(queue_phase_name(flight->phase), queue_phase_name(phase)) != 0;
        Ticket *ticket;

        flight->phase = phase;
        if (news)
                flight_tell(flight, QUEUE_PHASE, NULL);
        TAILQ_FOREACH(ticket, &flight->tickets, link)
        if (ticket->handlers.phase && ticket_is_wanted(ticket))
                ticket->handlers.phase(phase, ticket->userdata);
}

static void flight_on_phase(JobPhase phase, void *userdata) {
        flight_set_phase(userdata, phase);
}

static void ticket_finish(Ticket *ticket, const JobResult *result) {
        static const JobResult cancelled = { .outcome = JOB_CANCELLED };
        static const JobResult stopped = {
                .outcome = JOB_STOPPED,
                .diagnosis.text = "cancelled, as 'dpucc-client cancel' asked; the next save, or "
                                  "get, compiles it",
        };

        if (ticket->cancelled)
                result = &cancelled;
        else if (ticket->stopped)
                result = &stopped;
        ticket->handlers.done(result, ticket->userdata);
        free(ticket);
}

/* Ends the flight. The tickets' callbacks may join the same key again: it is off the map. And they
 * may cancel each other, which leave a flight that is gone. */
static void flight_finish(Flight *flight, const JobResult *result) {
        struct TicketList tickets = TAILQ_HEAD_INITIALIZER(tickets);
        Ticket *ticket;

        TAILQ_FOREACH(ticket, &flight->tickets, link)
        ticket->flight = NULL;
        TAILQ_CONCAT(&tickets, &flight->tickets, link);
        (void) flight_free(flight);
        while ((ticket = TAILQ_FIRST(&tickets))) {
                TAILQ_REMOVE(&tickets, ticket, link);
                ticket_finish(ticket, result);
        }
}

static void flight_back_off(Flight *flight, uint64_t delay_ms) {
        flight_enter(flight, FLIGHT_BACKING_OFF);
        flight->wake_ms = uv_now(flight->queue->loop) + delay_ms;
        flight_set_phase(flight, JOB_PHASE_QUEUED);
}

static void flight_await_other(Flight *flight) {
        unsigned doublings =
                flight->n_busy < QUEUE_BUSY_DOUBLINGS ? flight->n_busy : QUEUE_BUSY_DOUBLINGS;

        flight->n_busy++;
        flight_back_off(flight, (uint64_t) QUEUE_BUSY_MS << doublings);
}

static void ticket_leave(Ticket *ticket) {
        TAILQ_REMOVE(&ticket->flight->tickets, ticket, link);
        ticket->flight = NULL;
        TAILQ_INSERT_TAIL(&ticket->queue->leaving, ticket, link);
}

/* tickets that were cancelled with the job; those who joined while it died stay */
static void flight_drop_unwanted(Flight *flight) {
        Ticket *next;

        for (Ticket *ticket = TAILQ_FIRST(&flight->tickets); ticket; ticket = next) {
                next = TAILQ_NEXT(ticket, link);
                if (!ticket_is_wanted(ticket))
                        ticket_leave(ticket);
        }
}

static void flight_on_done(const JobResult *result, void *userdata) {
        Flight *flight = userdata;
        Queue *queue = flight->queue;
        bool was_dying = flight->dying;

        flight_tell(flight, QUEUE_ENDED, result);
        flight->job = NULL;
        if (result->outcome != JOB_BUSY)
                flight->n_busy = 0;
        flight->dying = false; /* the next job is another one, however this one ended */
        queue->n_running--;
        queue->reserved -= flight->share;
        queue_wake(queue, 0);
        flight_drop_unwanted(flight);

        if (TAILQ_EMPTY(&flight->tickets)) {
                (void) flight_free(flight);
                return;
        }
        if (was_dying && result->outcome == JOB_CANCELLED && !queue->stopping) {
                flight_enter(flight, FLIGHT_WAITING);
                flight_set_phase(flight, JOB_PHASE_QUEUED);
                return;
        }
        if (result->outcome == JOB_BUSY && !queue->stopping) {
                flight_await_other(flight);
                return;
        }
        if (result->outcome == JOB_TRANSIENT && ++flight->n_tries < QUEUE_TRIES_MAX &&
            !queue->stopping) {
                flight->memory = result->peak_memory + result->peak_memory / 2;
                flight_back_off(flight, (uint64_t) QUEUE_BACKOFF_MS << (flight->n_tries - 1));
                return;
        }
        flight_finish(flight, result);
}

static uint64_t flight_share(const Flight *flight) {
        uint64_t predicted = flight->order->predicted.peak_memory;

        return admission_share(&flight->queue->admission,
                               flight->memory > predicted ? flight->memory : predicted);
}

static void flight_start(Flight *flight) {
        Queue *queue = flight->queue;
        int r;

        flight_enter(flight, FLIGHT_RUNNING);
        flight->share = flight_share(flight);
        queue->n_running++;
        queue->reserved += flight->share;
        flight->phase = JOB_PHASE_SNAPSHOT;
        flight->order->again = flight->n_busy > 0;
        r = queue->ops.start(queue->ops.context, flight->order, flight_on_phase, flight_on_done,
                             flight, &flight->job);
        if (r < 0) {
                JobResult result = { .outcome = JOB_TRANSIENT };

                (void) problem_set(&result.diagnosis, r, "the job could not be started: %s",
                                   strerror(-r));
                flight_on_done(&result, flight);
                return;
        }
        if (!flight->order->again)
                statistics_count(queue->statistics, STATISTIC_JOBS_STARTED);
        flight_tell(flight, QUEUE_STARTED, NULL); /* last: who hears of it may cancel it */
}

/* --- the queue ------------------------------------------------------------------------------ */

static void queue_say_goodbye(Queue *queue) {
        struct TicketList leaving = TAILQ_HEAD_INITIALIZER(leaving);
        Ticket *ticket;

        TAILQ_CONCAT(&leaving, &queue->leaving, link);
        while ((ticket = TAILQ_FIRST(&leaving))) {
                TAILQ_REMOVE(&leaving, ticket, link);
                ticket_finish(ticket, NULL); /* it knows how it came to leave */
        }
}

static void queue_wake_sleepers(Queue *queue) {
        uint64_t now = uv_now(queue->loop), next = UINT64_MAX;

        for (Flight *flight = queue->flights; flight; flight = flight->hh.next) {
                if (flight->state != FLIGHT_BACKING_OFF)
                        continue;
                if (flight->wake_ms <= now)
                        flight_enter(flight, FLIGHT_WAITING);
                else if (flight->wake_ms < next)
                        next = flight->wake_ms;
        }
        if (next != UINT64_MAX)
                queue_wake(queue, next - now);
}

static Flight *queue_first(Queue *queue) {
        Flight *best = NULL;
        Priority most = {};

        for (Flight *flight = queue->flights; flight; flight = flight->hh.next) {
                Priority priority;

                if (flight->state != FLIGHT_WAITING)
                        continue;
                priority = flight_priority(flight);
                if (best && !priority_is_before(priority, most))
                        continue;
                best = flight;
                most = priority;
        }
        return best;
}

/* NULL: none, or not yet */
static Flight *queue_next(Queue *queue) {
        Flight *first;
        uint64_t share;

        if (queue->stopping || queue->paused || queue->n_running >= queue->admission.running_max)
                return NULL;
        first = queue_first(queue);
        if (!first)
                return NULL;
        share = flight_share(first);
        return admission_allows(&queue->admission, queue->n_running, queue->reserved, share) ? first
                                                                                             : NULL;
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
        while ((flight = queue_next(queue)))
                flight_start(flight);

        if (queue->stopping && !queue->flights && TAILQ_EMPTY(&queue->leaving) &&
            !uv_is_closing((uv_handle_t *) &queue->timer))
                uv_close((uv_handle_t *) &queue->timer, queue_on_closed);
}

static void queue_on_timer(uv_timer_t *timer) {
        queue_run(timer->data);
}

int queue_new(Queue **ret, uv_loop_t *loop, const QueueOps *ops, const Admission *admission,
              Statistics *statistics) {
        Queue *queue = calloc(1, sizeof(*queue));

        if (!queue)
                return -ENOMEM;
        queue->loop = loop;
        queue->ops = *ops;
        queue->admission = *admission;
        queue->statistics = statistics;
        TAILQ_INIT(&queue->leaving);
        (void) uv_timer_init(loop, &queue->timer);
        queue->timer.data = queue;
        *ret = queue;
        return 0;
}

void queue_set_admission(Queue *queue, const Admission *admission) {
        queue->admission = *admission;
        queue_wake(queue, 0);
}

void queue_pause(Queue *queue, bool pause) {
        queue->paused = pause;
        queue_wake(queue, 0);
}

bool queue_is_paused(const Queue *queue) {
        return queue->paused;
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
                flight_drop_unwanted(flight);
                (void) flight_free(flight);
        }
        queue_wake(queue, 0);
}

static void flight_hurry(Flight *flight) {
        if (flight->state == FLIGHT_BACKING_OFF)
                flight_enter(flight, FLIGHT_WAITING);
        flight->n_tries = 0;
        queue_wake(flight->queue, 0);
}

void ticket_hurry(Ticket *ticket) {
        if (ticket->flight && ticket_is_wanted(ticket))
                flight_hurry(ticket->flight);
}

void ticket_prefer(Ticket *ticket) {
        ticket->priority.client = true;
        queue_wake(ticket->queue, 0); /* what was first may have waited for memory */
}

static void flight_take_order(Flight *flight, Order *order) {
        (void) order_ref(order);
        (void) order_unref(flight->order);
        flight->order = order;
}

int queue_join(Queue *queue, Order *order, Priority priority, const TicketHandlers *handlers,
               void *userdata, Ticket **ret) {
        Ticket *ticket;
        Flight *flight;
        bool is_new;
        int r;

        assert(!queue->stopping);
        ticket = calloc(1, sizeof(*ticket));
        if (!ticket)
                return -ENOMEM;

        HASH_FIND(hh, queue->flights, &order->key, sizeof(order->key), flight);
        is_new = !flight;
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

        priority.cost_ms = order->predicted.build_ms;
        *ticket = (Ticket){ .flight = flight,
                            .queue = queue,
                            .priority = priority,
                            .handlers = *handlers,
                            .userdata = userdata };
        TAILQ_INSERT_TAIL(&flight->tickets, ticket, link);
        if (is_new)
                flight_tell(flight, QUEUE_QUEUED, NULL);
        queue_wake(queue, 0);
        *ret = ticket;
        return 0;
}

static bool flight_is_wanted(const Flight *flight) {
        const Ticket *ticket;

        TAILQ_FOREACH(ticket, &flight->tickets, link)
        if (ticket_is_wanted(ticket))
                return true;
        return false;
}

/* It waited, and nobody wants it any more. */
static void flight_give_up(Flight *flight) {
        const JobResult cancelled = { .outcome = JOB_CANCELLED };

        flight_tell(flight, QUEUE_ENDED, &cancelled);
        (void) flight_free(flight);
}

static void flight_end_job(Flight *flight) {
        flight->dying = true;
        flight->queue->ops.cancel(flight->job);
}

void ticket_cancel(Ticket *ticket) {
        Flight *flight = ticket->flight;
        Queue *queue = ticket->queue;

        if (ticket->cancelled)
                return;
        ticket->cancelled = true;
        if (!flight) /* it leaves already */
                return;

        if (flight->job && !flight_is_wanted(flight)) {
                if (!flight->dying)
                        flight_end_job(flight);
                return;
        }
        ticket_leave(ticket);
        if (TAILQ_EMPTY(&flight->tickets))
                flight_give_up(flight);
        queue_wake(queue, 0);
}

int queue_cancel(Queue *queue, const Digest *key) {
        Flight *flight;
        Ticket *ticket;

        HASH_FIND(hh, queue->flights, key, sizeof(*key), flight);
        if (!flight || !flight_is_wanted(flight))
                return -ENOENT;

        TAILQ_FOREACH(ticket, &flight->tickets, link)
        ticket->stopped = true;
        if (flight->job) {
                flight_end_job(flight);
                return 0;
        }
        flight_drop_unwanted(flight);
        flight_give_up(flight);
        queue_wake(queue, 0);
        return 0;
}

JobPhase ticket_phase(const Ticket *ticket) {
        return ticket->flight ? ticket->flight->phase : JOB_PHASE_QUEUED;
}

/* --- what one can see of it ------------------------------------------------------------------- */

static ScheduleState flight_schedule_state(const Flight *flight) {
        switch (flight->state) {
        case FLIGHT_RUNNING:
                return SCHEDULE_RUNNING;
        case FLIGHT_WAITING:
                return SCHEDULE_WAITING;
        case FLIGHT_BACKING_OFF:
                break;
        }
        return SCHEDULE_RESTING;
}

/* The caller frees the entries; their jobs are flights. */
static int queue_make_schedule(const Queue *queue, ScheduleEntry **ret, size_t *ret_n) {
        _cleanup_(freep) ScheduleEntry *entries = NULL;
        size_t n = 0;
        int r;

        entries = calloc(HASH_COUNT(queue->flights) + 1, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        for (Flight *flight = queue->flights; flight; flight = flight->hh.next)
                entries[n++] = (ScheduleEntry){
                        .state = flight_schedule_state(flight),
                        .priority = flight_priority(flight),
                        .predicted_ms = flight->order->predicted.build_ms,
                        .elapsed_ms = uv_now(queue->loop) - flight->since_ms,
                        .job = flight,
                };
        r = schedule_make(entries, n, queue->admission.running_max, queue->paused);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(entries);
        *ret_n = n;
        return 0;
}

int queue_each(Queue *queue, QueueViewFn fn, void *userdata) {
        _cleanup_(freep) ScheduleEntry *entries = NULL;
        size_t n = 0;
        int r;

        r = queue_make_schedule(queue, &entries, &n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                QueueView view = flight_view(entries[i].job);

                view.position = entries[i].position;
                view.left_ms = entries[i].left_ms;
                r = fn(&view, userdata);
        }
        return r;
}

uint64_t ticket_left_ms(const Ticket *ticket) {
        _cleanup_(freep) ScheduleEntry *entries = NULL;
        const Flight *flight = ticket->flight;
        size_t n = 0;

        if (!flight)
                return ESTIMATE_UNKNOWN;
        if (flight->state == FLIGHT_RUNNING)
                return estimate_left(flight->order->predicted.build_ms,
                                     uv_now(ticket->queue->loop) - flight->since_ms);
        if (HASH_COUNT(ticket->queue->flights) > QUEUE_ESTIMATE_MAX ||
            queue_make_schedule(ticket->queue, &entries, &n) < 0)
                return ESTIMATE_UNKNOWN;
        for (size_t i = 0; i < n; i++)
                if (entries[i].job == flight)
                        return entries[i].left_ms;
        return ESTIMATE_UNKNOWN;
}

uint32_t ticket_position(const Ticket *ticket) {
        uint32_t position = 1;
        Priority mine;

        if (!ticket->flight || ticket->flight->state == FLIGHT_RUNNING)
                return 0;

        mine = flight_priority(ticket->flight);
        for (const Flight *flight = ticket->queue->flights; flight; flight = flight->hh.next)
                if (flight->state == FLIGHT_WAITING && flight != ticket->flight)
                        position += priority_is_before(flight_priority(flight), mine);
        return position;
}

uint32_t queue_n_waiting(const Queue *queue) {
        return (uint32_t) HASH_COUNT(queue->flights) - queue->n_running;
}

uint32_t queue_n_running(const Queue *queue) {
        return queue->n_running;
}
