#pragma once

/*
 * The queue: one job per key, in the right order
 *
 * Whoever wants an artifact joins with an Order and gets a Ticket. Tickets of the same key
 * share one job (single flight), whether they belong to units or to waiting clients, and
 * whether the job is waiting, running or about to be tried again.
 *
 *      queue_join() ──> WAITING ──slot free──> RUNNING ──> every ticket's @done
 *                          ▲                      │
 *                          └──── BACKING_OFF <────┘ transient failure, three times at most
 *
 * While another process makes the same thing (JOB_BUSY), it backs off as long as that takes, and looks
 * again and again, less and less often; the statistics count that as one job.
 *
 * What failed so may have run out of memory: for the next try it is taken to need half as much more
 * as it was seen to have.
 *
 * Tickets: queue_join() fails synchronously and never calls @done, or succeeds and calls it
 * exactly once, later, from the loop; the ticket is gone when @done returns. ticket_cancel()
 * only asks. Its @done says JOB_CANCELLED once nothing runs on the ticket's behalf any more: at
 * once if others want the job too, after the compiler's death if it was the last. So a unit that
 * waits for its old ticket's @done before it joins again never has two jobs.
 *
 * Order: priority.h. The first of them starts when admission.h lets it; those behind it do not
 * overtake, or a large job would never start. No preemption. A queue that is paused starts nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/problem.h"
#include "daemon/admission.h"
#include "daemon/order.h"
#include "daemon/priority.h"
#include "daemon/statistics.h"

typedef struct Queue Queue;
typedef struct Ticket Ticket;
typedef struct Job Job;
typedef struct Salvage Salvage;

#define QUEUE_FLIGHTS_MAX 100000
#define QUEUE_TRIES_MAX   3

typedef enum JobOutcome {
        JOB_MADE,      /* it is in the cache */
        JOB_UNSTORED,  /* it was made, but the cache could not take it: see salvage */
        JOB_FAILED,    /* for good; the diagnosis is in the cache */
        JOB_TRANSIENT, /* may work another time */
        JOB_BUSY,      /* another process is making it */
        JOB_REFUSED,   /* the file that was to be adopted is not right; nothing is stored */
        JOB_STALE,     /* the source is not what the order says any more */
        JOB_CANCELLED,
        JOB_STOPPED, /* somebody wanted it to end, see queue_cancel() */
} JobOutcome;

typedef struct JobResult {
        JobOutcome outcome;
        char failure_class[64]; /* "" unless it failed */
        Problem diagnosis;
        bool unread;          /* JOB_TRANSIENT: the toolchain could not be looked at for now */
        uint64_t peak_memory; /* of the compiler, as far as it was seen; 0: not known */
        Salvage *salvage;     /* JOB_UNSTORED: borrowed, take a reference to keep it */
} JobResult;

typedef enum JobPhase {
        JOB_PHASE_QUEUED,
        JOB_PHASE_SNAPSHOT,
        JOB_PHASE_COMPILING,
        JOB_PHASE_WRITING, /* the compiler is almost through, says its log */
        JOB_PHASE_CHECKING,
        JOB_PHASE_STORING,
} JobPhase;

const char *queue_phase_name(JobPhase phase);       /* for people: "compiling" */
const char *queue_outcome_name(JobOutcome outcome); /* for programs: "made" */

typedef enum QueueEvent {
        QUEUE_QUEUED,
        QUEUE_STARTED,
        QUEUE_PHASE,
        QUEUE_ENDED, /* one run of it, or the waiting */
} QueueEvent;

typedef struct QueueView QueueView;

/* What the queue runs. start() fails synchronously or calls @done exactly once, later; @phase
 * tells what it is at. cancel() only asks. */
typedef struct QueueOps {
        int (*start)(void *context, Order *order, void (*phase)(JobPhase phase, void *userdata),
                     void (*done)(const JobResult *result, void *userdata), void *userdata,
                     Job **ret);
        void (*cancel)(Job *job);
        /* What happens, as it happens; NULL: nobody wants to know. The view has no estimates.
         * @result: QUEUE_ENDED only. */
        void (*tell)(void *context, QueueEvent event, const QueueView *view,
                     const JobResult *result);
        void *context;
} QueueOps;

typedef struct TicketHandlers {
        void (*phase)(JobPhase phase, void *userdata); /* may be NULL */
        void (*done)(const JobResult *result, void *userdata);
} TicketHandlers;

/* What one can see of a job. Borrowed. */
struct QueueView {
        const Order *order;
        JobPhase phase;
        bool running;
        uint32_t position;     /* among those that wait, from 1; 0: running */
        unsigned n_clients;    /* that wait for it */
        unsigned n_tries;      /* that failed */
        uint64_t elapsed_ms;   /* since it was started, or asked for */
        uint64_t predicted_ms; /* of the whole job; 0: not known */
        uint64_t left_ms;      /* until it is done; ESTIMATE_UNKNOWN */
};

typedef int (*QueueViewFn)(const QueueView *view, void *userdata);

int queue_new(Queue **ret, uv_loop_t *loop, const QueueOps *ops, const Admission *admission,
              Statistics *statistics);
void queue_set_admission(Queue *queue, const Admission *admission);

/* No job starts until it is resumed; those that run go on. */
void queue_pause(Queue *queue, bool pause);
bool queue_is_paused(const Queue *queue);

/* Cancels everything; @stopped is called once, after every ticket's @done, and the queue is
 * freed. Nothing may join any more. */
void queue_stop(Queue *queue, void (*stopped)(void *userdata), void *userdata);

/* -ENOSPC: too many. */
int queue_join(Queue *queue, Order *order, Priority priority, const TicketHandlers *handlers,
               void *userdata, Ticket **ret);
void ticket_cancel(Ticket *ticket);
/* There is a new reason to try (the source was saved again): no more backing off, and as many
 * tries as at first. To join does that, too. */
void ticket_hurry(Ticket *ticket);

/* A client waits for it now. */
void ticket_prefer(Ticket *ticket);

JobPhase ticket_phase(const Ticket *ticket);
uint32_t ticket_position(const Ticket *ticket); /* 0: running */
uint64_t ticket_left_ms(const Ticket *ticket);  /* ESTIMATE_UNKNOWN: nobody knows */

/* Ends the job of @key for everybody who wants it: JOB_STOPPED. -ENOENT */
int queue_cancel(Queue *queue, const Digest *key);

/* Those that run, those that wait in their order, those that back off. Stops early when @fn returns
 * non-zero and returns that. -ENOMEM. @fn changes nothing. */
int queue_each(Queue *queue, QueueViewFn fn, void *userdata);

uint32_t queue_n_waiting(const Queue *queue); /* and backing off */
uint32_t queue_n_running(const Queue *queue);
