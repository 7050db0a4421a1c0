/* The queue with a double job: it "runs" until the test says how it ended. */

#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "daemon/estimate.h"
#include "daemon/queue.h"

#define N_JOBS_MAX 32

struct Job {
        bool again;
        Digest key;
        bool running, cancelled;
        void (*phase)(JobPhase phase, void *userdata);
        void (*done)(const JobResult *result, void *userdata);
        void *userdata;
};

typedef struct Asker {
        Ticket *ticket;
        unsigned n_done, n_phases;
        JobOutcome outcome;
} Asker;

typedef struct Fixture {
        uv_loop_t loop;
        Queue *queue;
        Statistics statistics;
        Job jobs[N_JOBS_MAX]; /* in the order they were started */
        size_t n_jobs;
        int start_error;
        bool stopped;
        Ticket *leaves; /* is cancelled by whoever hears that its job has started */
} Fixture;

static int double_start(void *context, Order *order, void (*phase)(JobPhase, void *),
                        void (*done)(const JobResult *, void *), void *userdata, Job **ret) {
        Fixture *f = context;
        Job *job = &f->jobs[f->n_jobs];

        if (f->start_error < 0)
                return f->start_error;
        assert_true(f->n_jobs++ < N_JOBS_MAX);
        *job = (Job){ .key = order->key,
                      .again = order->again,
                      .running = true,
                      .phase = phase,
                      .done = done,
                      .userdata = userdata };
        *ret = job;
        return 0;
}

static void double_cancel(Job *job) {
        job->cancelled = true;
}

static void on_event(void *context, QueueEvent event, const QueueView *view,
                     const JobResult *result) {
        Fixture *f = context;

        (void) view;
        (void) result;
        if (event == QUEUE_STARTED && f->leaves)
                ticket_cancel(TAKE_PTR(f->leaves));
}

static void end_job(Job *job, JobOutcome outcome) {
        const JobResult result = { .outcome = outcome };

        assert_true(job->running);
        job->running = false;
        job->done(&result, job->userdata);
}

static int setup_with(void **state, unsigned running_max) {
        static Fixture f;
        const QueueOps ops = {
                .start = double_start, .cancel = double_cancel, .tell = on_event, .context = &f
        };
        const Admission admission = { .running_max = running_max };

        f = (Fixture){};
        *state = &f;
        if (uv_loop_init(&f.loop) < 0)
                return -1;
        return queue_new(&f.queue, &f.loop, &ops, &admission, &f.statistics);
}

static int setup(void **state) {
        return setup_with(state, 1);
}

static void on_stopped(void *userdata) {
        ((Fixture *) userdata)->stopped = true;
}

static void stop(Fixture *f) {
        queue_stop(f->queue, on_stopped, f);
        for (size_t i = 0; i < f->n_jobs; i++)
                if (f->jobs[i].running) {
                        assert_true(f->jobs[i].cancelled);
                        end_job(&f->jobs[i], JOB_CANCELLED);
                }
        assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
        assert_true(f->stopped);
}

static int teardown(void **state) {
        Fixture *f = *state;

        if (!f->stopped)
                stop(f);
        return uv_loop_close(&f->loop);
}

static void turn(Fixture *f) {
        for (unsigned i = 0; i < 4; i++)
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void on_phase(JobPhase phase, void *userdata) {
        (void) phase;
        ((Asker *) userdata)->n_phases++;
}

static void on_done(const JobResult *result, void *userdata) {
        Asker *asker = userdata;

        asker->n_done++;
        asker->outcome = result->outcome;
}

static void join_with(Fixture *f, Asker *asker, uint8_t key, bool client, uint64_t saved,
                      Cost predicted) {
        static const TicketHandlers handlers = { .phase = on_phase, .done = on_done };
        const Priority priority = { .client = client, .saved = saved };
        _cleanup_(order_unrefp) Order *order = NULL;

        *asker = (Asker){};
        assert_int_equal(order_new(&order), 0);
        order->key.bytes[0] = key;
        order->predicted = predicted;
        assert_int_equal(queue_join(f->queue, order, priority, &handlers, asker, &asker->ticket),
                         0);
        assert_int_equal(asker->n_done, 0);
}

static void join(Fixture *f, Asker *asker, uint8_t key, bool client, uint64_t saved) {
        join_with(f, asker, key, client, saved, (Cost){});
}

static void equal_keys_share_one_job(void **state) {
        Fixture *f = *state;
        Asker a, b, c;

        join(f, &a, 1, false, 1);
        join(f, &b, 1, true, 0);
        turn(f);
        join(f, &c, 1, false, 2); /* while it runs */
        turn(f);
        assert_int_equal(f->n_jobs, 1);
        f->jobs[0].phase(JOB_PHASE_COMPILING, f->jobs[0].userdata);
        assert_int_equal(a.n_phases + b.n_phases + c.n_phases, 3);
        end_job(&f->jobs[0], JOB_MADE);
        turn(f);
        assert_int_equal(a.n_done + b.n_done + c.n_done, 3);
        assert_int_equal(c.outcome, JOB_MADE);
        assert_int_equal(f->statistics.counts[STATISTIC_SINGLE_FLIGHT_JOINS], 2);
}

static void clients_first_then_the_newest_save(void **state) {
        Fixture *f = *state;
        Asker a[5];

        join(f, &a[0], 10, false, 1);
        turn(f); /* runs: all others wait */
        join(f, &a[1], 11, false, 5);
        join(f, &a[2], 12, false, 9);
        join(f, &a[3], 13, true, 2);
        join(f, &a[4], 14, false, 7);
        turn(f);
        assert_int_equal(ticket_position(a[0].ticket), 0);
        assert_int_equal(ticket_position(a[3].ticket), 1);
        assert_int_equal(ticket_position(a[2].ticket), 2);
        assert_int_equal(ticket_position(a[1].ticket), 4);
        assert_int_equal(queue_n_waiting(f->queue), 4);
        for (size_t i = 0; i < 5; i++) {
                end_job(&f->jobs[i], JOB_MADE);
                turn(f);
        }
        assert_int_equal(f->jobs[1].key.bytes[0], 13);
        assert_int_equal(f->jobs[2].key.bytes[0], 12);
        assert_int_equal(f->jobs[3].key.bytes[0], 14);
        assert_int_equal(f->jobs[4].key.bytes[0], 11);
}

static void a_client_may_come_later(void **state) {
        Fixture *f = *state;
        Asker a[3];

        join(f, &a[0], 10, false, 1);
        turn(f);
        join(f, &a[1], 11, false, 5);
        join(f, &a[2], 12, false, 9);
        assert_int_equal(ticket_position(a[1].ticket), 2);
        ticket_prefer(a[1].ticket);
        assert_int_equal(ticket_position(a[1].ticket), 1);
        end_job(&f->jobs[0], JOB_MADE);
        turn(f);
        assert_int_equal(f->jobs[1].key.bytes[0], 11);
        end_job(&f->jobs[1], JOB_MADE);
        turn(f);
        end_job(&f->jobs[2], JOB_MADE);
        turn(f);
}

static void no_more_at_once_than_allowed(void **state) {
        Fixture *f = *state;
        Asker a[6];

        queue_set_admission(f->queue, &(Admission){ .running_max = 3 });
        for (uint8_t i = 0; i < 6; i++)
                join(f, &a[i], (uint8_t) (i + 1), false, i);
        turn(f);
        assert_int_equal(f->n_jobs, 3);
        assert_int_equal(queue_n_running(f->queue), 3);
        end_job(&f->jobs[1], JOB_FAILED);
        turn(f);
        assert_int_equal(f->n_jobs, 4);
        stop(f);
}

static void a_job_dies_with_its_last_ticket(void **state) {
        Fixture *f = *state;
        Asker a, b;

        join(f, &a, 1, false, 1);
        join(f, &b, 1, false, 2);
        turn(f);
        ticket_cancel(a.ticket);
        turn(f);
        assert_int_equal(a.n_done, 1); /* at once: the job goes on for others */
        assert_int_equal(a.outcome, JOB_CANCELLED);
        assert_false(f->jobs[0].cancelled);

        ticket_cancel(b.ticket);
        ticket_cancel(b.ticket);
        turn(f);
        assert_true(f->jobs[0].cancelled);
        assert_int_equal(b.n_done, 0); /* not before the compiler is dead */
        end_job(&f->jobs[0], JOB_CANCELLED);
        turn(f);
        assert_int_equal(b.n_done, 1);
        assert_int_equal(b.outcome, JOB_CANCELLED);
}

/* ... and that may be at once, by somebody who was told that it has started */
static void a_job_that_has_just_started_is_cancelled(void **state) {
        Fixture *f = *state;
        Asker a;

        join(f, &a, 1, true, 1);
        f->leaves = a.ticket;
        turn(f);
        assert_int_equal(f->n_jobs, 1);
        assert_true(f->jobs[0].cancelled);
        end_job(&f->jobs[0], JOB_CANCELLED);
        turn(f);
        assert_int_equal(a.n_done, 1);
        assert_int_equal(a.outcome, JOB_CANCELLED);
}

static void on_done_cancel(const JobResult *result, void *userdata) {
        Asker *asker = userdata;

        on_done(result, asker);
        if (asker[1].n_done == 0)
                ticket_cancel(asker[1].ticket);
}

/* one who is told that it is done ends the other, who is about to be told */
static void who_is_done_may_cancel_the_next(void **state) {
        static const TicketHandlers handlers = { .done = on_done_cancel };
        Fixture *f = *state;
        _cleanup_(order_unrefp) Order *order = NULL;
        Asker a[2] = {};

        assert_int_equal(order_new(&order), 0);
        order->key.bytes[0] = 1;
        assert_int_equal(queue_join(f->queue, order, (Priority){}, &handlers, &a[0], &a[0].ticket),
                         0);
        join(f, &a[1], 1, false, 1);
        turn(f);
        end_job(&f->jobs[0], JOB_MADE);
        turn(f);
        assert_int_equal(a[0].outcome, JOB_MADE);
        assert_int_equal(a[1].n_done, 1);
        assert_int_equal(a[1].outcome, JOB_CANCELLED);
}

static void who_joins_a_dying_job_gets_a_new_one(void **state) {
        Fixture *f = *state;
        Asker a, b;

        join(f, &a, 1, false, 1);
        turn(f);
        ticket_cancel(a.ticket);
        join(f, &b, 1, false, 2);
        turn(f);
        assert_int_equal(f->n_jobs, 1);
        end_job(&f->jobs[0], JOB_CANCELLED);
        turn(f);
        assert_int_equal(a.n_done, 1);
        assert_int_equal(a.outcome, JOB_CANCELLED);
        assert_int_equal(b.n_done, 0);
        assert_int_equal(f->n_jobs, 2);
        end_job(&f->jobs[1], JOB_MADE);
        turn(f);
        assert_int_equal(b.outcome, JOB_MADE);
}

/* The job that dies may end as if nobody had asked it to: the one after it dies as well. */
static void a_job_after_a_dying_one_can_be_cancelled(void **state) {
        static const JobOutcome outcomes[] = { JOB_CANCELLED, JOB_TRANSIENT, JOB_BUSY };
        Fixture *f = *state;
        Asker a, b;

        for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
                join(f, &a, 1, false, 1);
                turn(f);
                ticket_cancel(a.ticket);
                join(f, &b, 1, false, 2);
                end_job(&f->jobs[2 * i], outcomes[i]);
                turn(f);
                ticket_hurry(b.ticket);
                turn(f);
                assert_int_equal(f->n_jobs, 2 * i + 2);
                ticket_cancel(b.ticket);
                assert_true(f->jobs[2 * i + 1].cancelled);
                end_job(&f->jobs[2 * i + 1], JOB_CANCELLED);
                turn(f);
                assert_int_equal(b.outcome, JOB_CANCELLED);
        }
}

static void a_waiting_job_just_goes(void **state) {
        Fixture *f = *state;
        Asker a, b;

        join(f, &a, 1, false, 1);
        turn(f);
        join(f, &b, 2, false, 2);
        ticket_cancel(b.ticket);
        assert_int_equal(b.n_done, 0);
        turn(f);
        assert_int_equal(b.n_done, 1);
        end_job(&f->jobs[0], JOB_MADE);
        turn(f);
        assert_int_equal(f->n_jobs, 1);
}

static void transient_failures_are_tried_three_times(void **state) {
        Fixture *f = *state;
        Asker a;

        join(f, &a, 1, false, 1);
        for (size_t i = 0; i < QUEUE_TRIES_MAX; i++) {
                while (f->n_jobs == i)
                        (void) uv_run(&f->loop, UV_RUN_ONCE); /* the back-off is real time */
                assert_int_equal(a.n_done, 0);
                end_job(&f->jobs[i], JOB_TRANSIENT);
        }
        turn(f);
        assert_int_equal(a.n_done, 1);
        assert_int_equal(a.outcome, JOB_TRANSIENT);
        assert_int_equal(f->n_jobs, QUEUE_TRIES_MAX);
}

/* and each time somebody has a new reason, three times more, at once */
static void a_new_reason_ends_the_backing_off(void **state) {
        Fixture *f = *state;
        Asker a, b;

        join(f, &a, 1, false, 1);
        turn(f);
        end_job(&f->jobs[0], JOB_TRANSIENT);
        turn(f);
        assert_int_equal(f->n_jobs, 1); /* backs off */
        ticket_hurry(a.ticket);
        turn(f);
        assert_int_equal(f->n_jobs, 2);
        end_job(&f->jobs[1], JOB_TRANSIENT);
        turn(f);
        join(f, &b, 1, true, 1);
        turn(f);
        assert_int_equal(f->n_jobs, 3);
        end_job(&f->jobs[2], JOB_TRANSIENT);
        turn(f);
        assert_int_equal(a.n_done, 0); /* the third failure, but the first of this reason */
        ticket_hurry(a.ticket);
        turn(f);
        end_job(&f->jobs[3], JOB_MADE);
        turn(f);
        assert_int_equal(a.outcome, JOB_MADE);
        assert_int_equal(b.outcome, JOB_MADE);
}

static void a_busy_key_is_looked_at_again_and_again(void **state) {
        Fixture *f = *state;
        Asker a;

        join(f, &a, 1, false, 1);
        for (size_t i = 0; i < 3; i++) {
                while (f->n_jobs == i)
                        (void) uv_run(&f->loop, UV_RUN_ONCE);
                end_job(&f->jobs[i], JOB_BUSY);
        }
        for (size_t i = 3; i < QUEUE_TRIES_MAX + 3; i++) {
                ticket_hurry(a.ticket);
                turn(f);
                assert_int_equal(f->n_jobs, i + 1);
                end_job(&f->jobs[i], JOB_BUSY);
        }
        ticket_hurry(a.ticket);
        turn(f);
        end_job(&f->jobs[f->n_jobs - 1], JOB_MADE);
        turn(f);
        assert_int_equal(a.outcome, JOB_MADE);

        /* it was one job, and that is told once */
        assert_int_equal(f->statistics.counts[STATISTIC_JOBS_STARTED], 1);
        assert_false(f->jobs[0].again);
        for (size_t i = 1; i < f->n_jobs; i++)
                assert_true(f->jobs[i].again);
}

/* Until when it sleeps is what is left of that: a machine that stood still meanwhile sees less. */
static void a_busy_key_is_looked_at_less_and_less_often(void **state) {
        Fixture *f = *state;
        int longest = 0;
        Asker a;

        join(f, &a, 1, false, 1);
        while (longest <= 1600) {
                assert_true(f->n_jobs < N_JOBS_MAX - 1);
                ticket_hurry(a.ticket);
                while (f->n_jobs == 0 || !f->jobs[f->n_jobs - 1].running)
                        (void) uv_run(&f->loop, UV_RUN_ONCE);
                end_job(&f->jobs[f->n_jobs - 1], JOB_BUSY);
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
                if (uv_backend_timeout(&f->loop) > longest)
                        longest = uv_backend_timeout(&f->loop);
                assert_true(longest <= 3200);
        }
        stop(f);
}

static void a_start_that_fails_is_told_later(void **state) {
        Fixture *f = *state;
        Asker a;

        f->start_error = -ENOMEM;
        join(f, &a, 1, false, 1);
        turn(f);
        assert_int_equal(a.n_done, 0); /* transient: tried again */
        f->start_error = 0;
        while (f->n_jobs == 0)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        end_job(&f->jobs[0], JOB_MADE);
        turn(f);
        assert_int_equal(a.outcome, JOB_MADE);
}

static void of_one_save_the_cheapest_first(void **state) {
        Fixture *f = *state;
        Asker a[4];

        join(f, &a[0], 9, false, 1);
        turn(f);
        join(f, &a[1], 10, false, 5);
        join_with(f, &a[2], 11, false, 5, (Cost){ .build_ms = 900 });
        join_with(f, &a[3], 12, false, 5, (Cost){ .build_ms = 30 });
        for (size_t i = 0; i < 4; i++) {
                turn(f);
                end_job(&f->jobs[i], JOB_MADE);
        }
        assert_int_equal(f->jobs[1].key.bytes[0], 12);
        assert_int_equal(f->jobs[2].key.bytes[0], 11);
        assert_int_equal(f->jobs[3].key.bytes[0], 10);
}

static void memory_limits_what_runs_beside_it(void **state) {
        Fixture *f = *state;
        Asker a[4];

        queue_set_admission(f->queue, &(Admission){ .running_max = 4, .memory_max = 1000 });
        join_with(f, &a[0], 1, false, 9, (Cost){ .peak_memory = 600 });
        join_with(f, &a[1], 2, false, 8, (Cost){ .peak_memory = 300 });
        join_with(f, &a[2], 3, false, 7, (Cost){ .peak_memory = 5000 });
        join_with(f, &a[3], 4, false, 6, (Cost){ .peak_memory = 10 });
        turn(f);
        assert_int_equal(f->n_jobs, 2); /* the small one does not overtake the huge one */
        end_job(&f->jobs[0], JOB_MADE);
        turn(f);
        assert_int_equal(f->n_jobs, 2);
        end_job(&f->jobs[1], JOB_MADE);
        turn(f);
        assert_int_equal(f->n_jobs, 3); /* alone */
        assert_int_equal(f->jobs[2].key.bytes[0], 3);
        end_job(&f->jobs[2], JOB_MADE);
        turn(f);
        assert_int_equal(f->n_jobs, 4);
        stop(f);
}

/* The one that was first may need more than there is. */
static void whoever_comes_to_the_front_may_start(void **state) {
        Fixture *f = *state;
        Asker a[3];

        queue_set_admission(f->queue, &(Admission){ .running_max = 3, .memory_max = 1000 });
        join_with(f, &a[0], 1, false, 9, (Cost){ .peak_memory = 600 });
        join_with(f, &a[1], 2, false, 8, (Cost){ .peak_memory = 5000 });
        join_with(f, &a[2], 3, false, 7, (Cost){ .peak_memory = 10 });
        turn(f);
        assert_int_equal(f->n_jobs, 1);
        ticket_prefer(a[2].ticket);
        turn(f);
        assert_int_equal(f->n_jobs, 2);
        assert_int_equal(f->jobs[1].key.bytes[0], 3);
        stop(f);
}

/* both would have fit; one was killed when it had 600 */
static void what_was_killed_gets_more_room_next_time(void **state) {
        const JobResult killed = { .outcome = JOB_TRANSIENT, .peak_memory = 600 };
        Fixture *f = *state;
        Asker a, b;

        queue_set_admission(f->queue, &(Admission){ .running_max = 2, .memory_max = 1000 });
        join_with(f, &a, 1, false, 2, (Cost){ .peak_memory = 400 });
        join_with(f, &b, 2, false, 1, (Cost){ .peak_memory = 400 });
        turn(f);
        assert_int_equal(f->n_jobs, 2);
        f->jobs[0].running = false;
        f->jobs[0].done(&killed, f->jobs[0].userdata);
        ticket_hurry(a.ticket);
        turn(f);
        assert_int_equal(f->n_jobs, 2); /* waits for the other one's end */
        end_job(&f->jobs[1], JOB_MADE);
        turn(f);
        assert_int_equal(f->n_jobs, 3);
        stop(f);
}

static void nothing_starts_while_it_is_paused(void **state) {
        Fixture *f = *state;
        Asker a, b;

        join(f, &a, 1, false, 1);
        turn(f);
        queue_pause(f->queue, true);
        join(f, &b, 2, true, 2);
        end_job(&f->jobs[0], JOB_MADE); /* what runs goes on to its end */
        turn(f);
        assert_int_equal(a.outcome, JOB_MADE);
        assert_true(queue_is_paused(f->queue));
        assert_int_equal(f->n_jobs, 1);
        assert_int_equal(ticket_left_ms(b.ticket), ESTIMATE_UNKNOWN);
        queue_pause(f->queue, false);
        turn(f);
        assert_int_equal(f->n_jobs, 2);
        stop(f);
}

static void cancelling_a_key_ends_it_for_everybody(void **state) {
        const Digest running = { .bytes = { 1 } }, waiting = { .bytes = { 2 } };
        Fixture *f = *state;
        Asker a, b, c, d;

        join(f, &a, 1, false, 1);
        join(f, &b, 1, true, 1);
        turn(f);
        join(f, &c, 2, false, 1);
        assert_int_equal(queue_cancel(f->queue, &running), 0);
        assert_int_equal(queue_cancel(f->queue, &running), -ENOENT);
        assert_int_equal(queue_cancel(f->queue, &waiting), 0);
        join(f, &d, 1, false, 2); /* a save after it: that is wanted again */
        turn(f);
        assert_true(f->jobs[0].cancelled);
        assert_int_equal(c.outcome, JOB_STOPPED);
        assert_int_equal(a.n_done, 0);
        ticket_cancel(b.ticket); /* and its owner loses interest, too */
        end_job(&f->jobs[0], JOB_CANCELLED);
        turn(f);
        assert_int_equal(a.outcome, JOB_STOPPED);
        assert_int_equal(b.outcome, JOB_CANCELLED);
        assert_int_equal(d.n_done, 0);
        assert_int_equal(f->n_jobs, 2);
        end_job(&f->jobs[1], JOB_MADE);
        turn(f);
        assert_int_equal(d.outcome, JOB_MADE);
        assert_int_equal(queue_cancel(f->queue, &waiting), -ENOENT);
}

typedef struct Seen {
        QueueView views[8];
        uint8_t keys[8];
        size_t n;
} Seen;

static int on_view(const QueueView *view, void *userdata) {
        Seen *seen = userdata;

        seen->keys[seen->n] = view->order->key.bytes[0];
        seen->views[seen->n++] = *view;
        return 0;
}

static void one_can_see_what_comes_when(void **state) {
        Fixture *f = *state;
        Asker a[4];
        Seen seen = {};

        join_with(f, &a[0], 1, false, 1, (Cost){ .build_ms = 100000 });
        turn(f);
        join_with(f, &a[1], 2, false, 2, (Cost){ .build_ms = 3000 });
        join_with(f, &a[2], 3, true, 1, (Cost){ .build_ms = 50 });
        join(f, &a[3], 4, false, 1);
        assert_int_equal(queue_each(f->queue, on_view, &seen), 0);
        assert_int_equal(seen.n, 4);
        assert_memory_equal(seen.keys, ((uint8_t[]){ 1, 3, 2, 4 }), 4);
        assert_true(seen.views[0].running);
        assert_in_range(seen.views[0].left_ms, 90000, 100000);
        assert_int_equal(seen.views[1].left_ms, seen.views[0].left_ms + 50);
        assert_int_equal(seen.views[2].left_ms, seen.views[0].left_ms + 3050);
        assert_int_equal(seen.views[3].left_ms, ESTIMATE_UNKNOWN);
        assert_int_equal(seen.views[1].n_clients, 1);
        assert_int_equal(seen.views[2].position, 2);
        assert_int_equal(ticket_left_ms(a[2].ticket), seen.views[1].left_ms);
        stop(f);
}

static void stopping_tells_everybody(void **state) {
        Fixture *f = *state;
        Asker a, b, c;

        join(f, &a, 1, false, 1);
        turn(f);
        join(f, &b, 2, false, 1);
        join(f, &c, 2, true, 1);
        stop(f);
        assert_int_equal(a.n_done + b.n_done + c.n_done, 3);
        assert_int_equal(a.outcome, JOB_CANCELLED);
        assert_int_equal(b.outcome, JOB_CANCELLED);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(equal_keys_share_one_job),
                TEST(clients_first_then_the_newest_save),
                TEST(a_client_may_come_later),
                TEST(no_more_at_once_than_allowed),
                TEST(a_job_dies_with_its_last_ticket),
                TEST(a_job_that_has_just_started_is_cancelled),
                TEST(who_is_done_may_cancel_the_next),
                TEST(who_joins_a_dying_job_gets_a_new_one),
                TEST(a_job_after_a_dying_one_can_be_cancelled),
                TEST(a_waiting_job_just_goes),
                TEST(transient_failures_are_tried_three_times),
                TEST(a_new_reason_ends_the_backing_off),
                TEST(a_busy_key_is_looked_at_again_and_again),
                TEST(a_busy_key_is_looked_at_less_and_less_often),
                TEST(a_start_that_fails_is_told_later),
                TEST(of_one_save_the_cheapest_first),
                TEST(memory_limits_what_runs_beside_it),
                TEST(whoever_comes_to_the_front_may_start),
                TEST(what_was_killed_gets_more_room_next_time),
                TEST(nothing_starts_while_it_is_paused),
                TEST(cancelling_a_key_ends_it_for_everybody),
                TEST(one_can_see_what_comes_when),
                TEST(stopping_tells_everybody),
        };
#undef TEST

        return cmocka_run_group_tests(tests, NULL, NULL);
}
