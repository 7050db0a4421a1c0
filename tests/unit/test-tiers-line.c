/*
 * Who is asked for when: the chain with a double of the helper, which holds every question until the
 * test answers it. Questions are for models 0, 1, ..., whose digests are their keys.
 */

#include "tiers_fixture.h"

#include <errno.h>
#include <semaphore.h>

#include "cache/remote_name.h"
#include "tests/support/fail_alloc.h"

#define MODELS_MAX 32
#define ROOM       4 /* for so many at once */

typedef struct Question {
        unsigned model;
        HelperDoneFn done;
        void *userdata;
} Question;

/* the double of the helper */
typedef struct DoubleHelper {
        Question asked[MODELS_MAX]; /* the oldest first, which are answered first */
        unsigned n_asked, n_answered;
        int refuses; /* a model; -1: none */
        bool stopped;
} DoubleHelper;

typedef struct Asker {
        TiersWait *wait;
        unsigned n_done;
        unsigned turn; /* 1: it was the first that was told something */
        TiersAnswer answer;
} Asker;

static DoubleHelper helper_double;
static Asker askers[MODELS_MAX];
static unsigned n_told;

/* --- the double ------------------------------------------------------------------------------- */

int __wrap_helper_ask(Helper *helper, Dpucc__Remote__Request *request, const int *fds, size_t n_fds,
                      uint64_t limit_ms, HelperDoneFn done, void *userdata);
void __wrap_helper_stop(Helper *helper, void (*stopped)(void *userdata), void *userdata);
void __real_helper_stop(Helper *helper, void (*stopped)(void *userdata), void *userdata);

static Digest key_of(unsigned model) {
        return digest_of(&model, sizeof(model));
}

static unsigned model_of(const char *name) {
        char names[REMOTE_NAME_MAX];

        for (unsigned i = 0; i < MODELS_MAX; i++) {
                const Digest key = key_of(i);

                remote_name_record(&key, names);
                if (strcmp(names, name) == 0)
                        return i;
        }
        fail_msg("%s was asked for", name);
        return MODELS_MAX;
}

int __wrap_helper_ask(Helper *helper, Dpucc__Remote__Request *request, const int *fds, size_t n_fds,
                      uint64_t limit_ms, HelperDoneFn done, void *userdata) {
        Question question = { .done = done, .userdata = userdata };

        (void) helper;
        (void) fds;
        (void) limit_ms;
        assert_non_null(request->get);
        assert_int_equal(n_fds, 0);
        question.model = model_of(request->get->name);
        if (helper_double.stopped)
                return -ECANCELED;
        if (helper_double.refuses == (int) question.model)
                return -ENOMEM;
        assert_true(helper_double.n_asked < MODELS_MAX);
        helper_double.asked[helper_double.n_asked++] = question;
        assert_true(helper_double.n_asked - helper_double.n_answered <= ROOM);
        return 0;
}

static void answer(int result, const char *data) {
        const HelperAnswer said = { .result = result, .data = slice_of_string(data) };
        const Question *question = &helper_double.asked[helper_double.n_answered++];

        assert_true(helper_double.n_answered <= helper_double.n_asked);
        question->done(&said, question->userdata);
}

static void answer_all(int result) {
        while (helper_double.n_answered < helper_double.n_asked)
                answer(result, "");
}

void __wrap_helper_stop(Helper *helper, void (*stopped)(void *userdata), void *userdata) {
        helper_double.stopped = true;
        answer_all(-ECANCELED);
        __real_helper_stop(helper, stopped, userdata);
}

static int setup(void **state) {
        helper_double = (DoubleHelper){ .refuses = -1 };
        memset(askers, 0, sizeof(askers));
        n_told = 0;
        return tiers_fixture_setup(state);
}

/* --- who asks --------------------------------------------------------------------------------- */

static void on_done(TiersAnswer answer, void *userdata) {
        Asker *asker = userdata;

        asker->n_done++;
        asker->answer = answer;
        asker->turn = ++n_told;
}

static int try_to_ask(Fixture *f, unsigned model, bool first, TiersDoneFn done, Asker *asker) {
        const Digest key = key_of(model);
        FetchSpec spec = spec_of(f, &key);

        spec.first = first;
        return tiers_fetch(f->tiers, &spec, done, asker, &asker->wait);
}

static void ask(Fixture *f, unsigned model, bool first) {
        assert_int_equal(try_to_ask(f, model, first, on_done, &askers[model]), 0);
}

/* the background, for models 0 ... @n - 1 */
static void ask_for_all(Fixture *f, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                ask(f, i, false);
        assert_int_equal(helper_double.n_asked, n < ROOM ? n : ROOM);
}

static void assert_asked(const unsigned *models, unsigned n) {
        assert_int_equal(helper_double.n_asked, n);
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(helper_double.asked[i].model, models[i]);
}

#define assert_asked_for(...)                                                                      \
        do {                                                                                       \
                const unsigned models_[] = { __VA_ARGS__ };                                        \
                assert_asked(models_, ARRAY_SIZE(models_));                                        \
        } while (0)

/* exactly once */
static void assert_told(unsigned from, unsigned to, TiersAnswer answer) {
        for (unsigned i = from; i < to; i++) {
                assert_int_equal(askers[i].n_done, 1);
                assert_int_equal(askers[i].answer, answer);
        }
}

static void assert_not_told(unsigned from, unsigned to) {
        for (unsigned i = from; i < to; i++)
                assert_int_equal(askers[i].n_done, 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_few_at_a_time_in_the_order_of_arrival(void **state) {
        Fixture *f = *state;

        ask_for_all(f, 10);
        answer_all(1);
        assert_asked_for(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        assert_told(0, 10, TIERS_NOT_FOUND);
        assert_int_equal(count(f, "remote_r_misses"), 10);
}

static void clients_go_first(void **state) {
        Fixture *f = *state;

        ask_for_all(f, 8);
        ask(f, 8, true);
        ask(f, 9, true);
        ask(f, 10, false);
        answer_all(1);
        assert_asked_for(0, 1, 2, 3, 8, 9, 4, 5, 6, 7, 10);
        assert_told(0, 11, TIERS_NOT_FOUND);
}

/* by asking for the same, or later; it is one flight all the same */
static void what_a_client_joins_goes_first(void **state) {
        Fixture *f = *state;
        Asker client = {};

        ask_for_all(f, 9);
        assert_int_equal(try_to_ask(f, 7, true, on_done, &client), 0);
        tiers_prefer(askers[5].wait);
        tiers_prefer(askers[7].wait); /* it is in front already */
        tiers_prefer(askers[2].wait); /* it is on its way */
        answer_all(1);
        assert_asked_for(0, 1, 2, 3, 7, 5, 4, 6, 8);
        assert_told(0, 9, TIERS_NOT_FOUND);
        assert_int_equal(client.n_done, 1);
}

static void what_nobody_wants_any_more_leaves_the_line(void **state) {
        Fixture *f = *state;
        Asker other = {}, client = {};

        ask_for_all(f, 8);
        assert_int_equal(try_to_ask(f, 6, false, on_done, &other), 0);
        assert_int_equal(try_to_ask(f, 7, true, on_done, &client), 0);
        tiers_leave(askers[5].wait);
        tiers_leave(askers[6].wait); /* the other one wants it still */
        tiers_leave(askers[7].wait);
        tiers_leave(client.wait);
        tiers_leave(askers[1].wait); /* it is on its way, and comes */
        answer_all(1);
        assert_asked_for(0, 1, 2, 3, 4, 6);
        assert_int_equal(count(f, "remote_r_misses"), 6);
        assert_int_equal(other.n_done, 1);
        assert_int_equal(client.n_done, 0);
        assert_not_told(5, 8);
        assert_not_told(1, 2);
        /* and may come back */
        ask(f, 5, false);
        answer_all(1);
        assert_told(5, 6, TIERS_NOT_FOUND);
}

static Fixture *fixture_of_busy;

/* Model 0 is over. Its owner gives another one up, and begins with a third. */
static void on_done_of_busy(TiersAnswer answer, void *userdata) {
        on_done(answer, userdata);
        tiers_leave(askers[5].wait);
        ask(fixture_of_busy, 7, false);
        tiers_prefer(askers[6].wait);
}

static void who_is_told_may_ask_and_leave(void **state) {
        Fixture *f = *state;

        fixture_of_busy = f;
        assert_int_equal(try_to_ask(f, 0, false, on_done_of_busy, &askers[0]), 0);
        for (unsigned i = 1; i < 7; i++)
                ask(f, i, false);
        answer_all(1);
        assert_asked_for(0, 1, 2, 3, 6, 4, 7);
        assert_not_told(5, 6);
}

static void what_cannot_be_asked_for_holds_nobody_up(void **state) {
        Fixture *f = *state;

        helper_double.refuses = 4;
        ask_for_all(f, 7);
        answer_all(1);
        assert_asked_for(0, 1, 2, 3, 5, 6);
        assert_told(0, 7, TIERS_NOT_FOUND);
}

/* It went down while they waited: nobody waits for it any longer, and those who come are told at
 * once. */
static void a_tier_that_goes_down_keeps_nobody(void **state) {
        Fixture *f = *state;
        Asker late = {};

        ask_for_all(f, 9);
        tiers_prefer(askers[8].wait);
        answer(-ETIMEDOUT, "");
        assert_told(0, 1, TIERS_NOT_FOUND);
        assert_not_told(1, 4);
        assert_told(4, 9, TIERS_NOT_FOUND);
        assert_int_equal(count(f, "remote_r_skipped"), 5);
        assert_int_equal(askers[8].turn, 2);
        assert_int_equal(try_to_ask(f, 9, true, on_done, &late), -ENOENT);
        answer_all(1);
        assert_asked_for(0, 1, 2, 3);
}

static void stops_with_a_line(Fixture *f, bool patient) {
        Asker late = {};

        ask_for_all(f, 10);
        tiers_prefer(askers[9].wait);
        tiers_fixture_stop(f, patient);
        tiers_leave(askers[6].wait);
        assert_not_told(0, 10);
        answer(1, ""); /* and there is room, for nobody */
        assert_int_equal(try_to_ask(f, 10, false, on_done, &late), -ENOENT);
        while (askers[8].n_done == 0)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        assert_told(4, 6, TIERS_RETIRED);
        assert_told(7, 10, TIERS_RETIRED);
        assert_not_told(6, 7);
        assert_int_equal(askers[9].turn, 2);
        assert_int_equal(helper_double.stopped, !patient);
        answer_all(1); /* nowhere, but there may be others to ask by now */
        tiers_fixture_await(f);
        assert_asked_for(0, 1, 2, 3);
        assert_told(0, 4, TIERS_RETIRED);
        assert_told(4, 6, TIERS_RETIRED);
}

static void stops_patiently_with_a_line(void **state) {
        stops_with_a_line(*state, true);
}

static void stops_in_a_hurry_with_a_line(void **state) {
        stops_with_a_line(*state, false);
}

static void hurries_with_a_line(void **state) {
        Fixture *f = *state;

        ask_for_all(f, 10);
        tiers_fixture_stop(f, true);
        tiers_hurry(f->tiers);
        tiers_fixture_await(f);
        assert_told(0, 10, TIERS_RETIRED);
}

static int ask_and_leave(void *userdata) {
        Asker asker = {};
        int r;

        r = try_to_ask(userdata, 8, true, on_done, &asker);
        if (r == 0)
                tiers_leave(asker.wait);
        return r;
}

static void without_memory(void **state) {
        Fixture *f = *state;

        ask_for_all(f, 6);
        assert_true(fail_alloc_sweep(ask_and_leave, f) >= 4);
        answer_all(1);
        assert_asked_for(0, 1, 2, 3, 4, 5);
        assert_told(0, 6, TIERS_NOT_FOUND);
}

/* --- the pool --------------------------------------------------------------------------------- */

typedef struct Blocker {
        Work work;
        sem_t *go_on;
} Blocker;

static int block(Work *work) {
        return sem_wait(container_of(work, Blocker, work)->go_on);
}

static void on_unblocked(Work *work, int r) {
        (void) work;
        assert_int_equal(r, 0);
}

/* One worker is free, and has what four flights have for it. */
static void clients_go_first_on_the_pool(void **state) {
        Fixture *f = *state;
        Blocker blockers[4];
        sem_t go_on;

        assert_int_equal(sem_init(&go_on, 0, 0), 0);
        for (unsigned i = 0; i < ARRAY_SIZE(blockers); i++) {
                blockers[i] = (Blocker){ .go_on = &go_on };
                assert_int_equal(
                        work_start(&f->pool, &blockers[i].work, WORK_REMOTE, block, on_unblocked),
                        0);
        }
        for (unsigned i = 0; i < 3; i++)
                ask(f, i, false);
        ask(f, 3, true);
        tiers_prefer(askers[2].wait);
        while (helper_double.n_answered < helper_double.n_asked)
                answer(0, "no record");
        (void) sem_post(&go_on);
        while (n_told < 4)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        for (unsigned i = 1; i < ARRAY_SIZE(blockers); i++)
                (void) sem_post(&go_on);
        while (work_pool_is_busy(&f->pool))
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        (void) sem_destroy(&go_on);
        assert_int_equal(askers[2].turn, 1);
        assert_int_equal(askers[3].turn, 2);
        assert_int_equal(askers[0].turn, 3);
        assert_int_equal(askers[1].turn, 4);
        assert_int_equal(count(f, "remote_r_refused"), 4);
}

#define tiers_test(test) cmocka_unit_test_setup_teardown(test, setup, tiers_fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                tiers_test(a_few_at_a_time_in_the_order_of_arrival),
                tiers_test(clients_go_first),
                tiers_test(what_a_client_joins_goes_first),
                tiers_test(what_nobody_wants_any_more_leaves_the_line),
                tiers_test(who_is_told_may_ask_and_leave),
                tiers_test(what_cannot_be_asked_for_holds_nobody_up),
                tiers_test(a_tier_that_goes_down_keeps_nobody),
                tiers_test(stops_patiently_with_a_line),
                tiers_test(stops_in_a_hurry_with_a_line),
                tiers_test(hurries_with_a_line),
                tiers_test(without_memory),
                tiers_test(clients_go_first_on_the_pool),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
