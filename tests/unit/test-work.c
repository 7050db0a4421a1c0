#include "unit.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/cleanup.h"
#include "daemon/work.h"

#define N_ITEMS 20

typedef struct Item {
        Work work;
        struct Fixture *f;
        int r;
        unsigned n_done;
        bool ran;
} Item;

typedef struct Fixture {
        uv_loop_t loop;
        WorkPool pool;
        atomic_int n_inside, most_inside;
        uv_barrier_t gate; /* held items and the test meet here */
        bool hold;
        Item items[N_ITEMS];
} Fixture;

static int setup(void **state) {
        static Fixture f;

        memset(&f, 0, sizeof(f));
        *state = &f;
        if (uv_loop_init(&f.loop) < 0)
                return -1;
        work_pool_init(&f.pool, &f.loop);
        for (size_t i = 0; i < N_ITEMS; i++)
                f.items[i].f = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        return uv_loop_close(&f->loop);
}

static int run(Work *work) {
        Item *item = container_of(work, Item, work);
        Fixture *f = item->f;
        int inside = atomic_fetch_add(&f->n_inside, 1) + 1, most = atomic_load(&f->most_inside);

        while (inside > most && !atomic_compare_exchange_weak(&f->most_inside, &most, inside))
                ;
        item->ran = true;
        if (f->hold)
                (void) uv_barrier_wait(&f->gate);
        (void) atomic_fetch_sub(&f->n_inside, 1);
        return 7;
}

static void done(Work *work, int r) {
        Item *item = container_of(work, Item, work);

        item->n_done++;
        item->r = r;
}

static void calls_back_once_with_the_result(void **state) {
        Fixture *f = *state;

        for (size_t i = 0; i < N_ITEMS; i++)
                assert_int_equal(work_start(&f->pool, &f->items[i].work, WORK_QUICK, run, done), 0);
        assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
        for (size_t i = 0; i < N_ITEMS; i++) {
                assert_int_equal(f->items[i].n_done, 1);
                assert_int_equal(f->items[i].r, 7);
        }
}

static void a_class_keeps_to_its_cap(void **state) {
        Fixture *f = *state;

        for (size_t i = 0; i < N_ITEMS; i++)
                assert_int_equal(work_start(&f->pool, &f->items[i].work, WORK_HASH, run, done), 0);
        assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
        assert_true(atomic_load(&f->most_inside) <= (int) f->pool.classes[WORK_HASH].cap);
}

static void cancelled_work_that_waits_never_runs(void **state) {
        Fixture *f = *state;
        unsigned cap = f->pool.classes[WORK_HASH].cap;

        f->hold = true;
        assert_int_equal(uv_barrier_init(&f->gate, cap + 1), 0);
        for (size_t i = 0; i < cap + 3; i++)
                assert_int_equal(work_start(&f->pool, &f->items[i].work, WORK_HASH, run, done), 0);
        work_cancel(&f->items[cap + 1].work);
        work_cancel(&f->items[cap + 1].work);
        assert_int_equal(f->items[cap + 1].n_done, 0); /* later, from the loop */
        (void) uv_barrier_wait(&f->gate);

        /* the loop must have heard of the first ones before it starts the last ones, which wait
         * for us as those did */
        for (size_t i = 0; i < cap; i++)
                while (f->items[i].n_done == 0)
                        (void) uv_run(&f->loop, UV_RUN_ONCE);
        while (f->items[cap + 1].n_done == 0)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        assert_int_equal(f->items[cap + 1].r, -ECANCELED);
        assert_false(f->items[cap + 1].ran);
        (void) uv_barrier_wait(&f->gate);
        assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
        for (size_t i = 0; i < cap + 3; i++)
                assert_int_equal(f->items[i].n_done, 1);
        uv_barrier_destroy(&f->gate);
}

/* What goes first goes before everything else that waits, in the order of arrival. */
static void first_comes_what_somebody_waits_for(void **state) {
        Fixture *f = *state;
        unsigned cap = f->pool.classes[WORK_HASH].cap;

        f->hold = true;
        assert_int_equal(uv_barrier_init(&f->gate, cap + 1), 0);
        for (size_t i = 0; i < 2 * cap; i++)
                assert_int_equal(work_start(&f->pool, &f->items[i].work, WORK_HASH, run, done), 0);
        for (size_t i = 2 * cap; i < 3 * cap - 1; i++)
                assert_int_equal(
                        work_start_first(&f->pool, &f->items[i].work, WORK_HASH, run, done), 0);
        assert_int_equal(work_start(&f->pool, &f->items[3 * cap - 1].work, WORK_HASH, run, done),
                         0);
        work_prefer(&f->items[0].work); /* runs */
        work_prefer(&f->items[3 * cap - 1].work);
        work_prefer(&f->items[3 * cap - 1].work);
        assert_int_equal(work_start(&f->pool, &f->items[3 * cap].work, WORK_HASH, run, done), 0);
        work_cancel(&f->items[3 * cap].work); /* the last one */
        (void) uv_barrier_wait(&f->gate);
        for (size_t i = 0; i < cap; i++)
                while (f->items[i].n_done == 0)
                        (void) uv_run(&f->loop, UV_RUN_ONCE);
        (void) uv_barrier_wait(&f->gate); /* of those that are inside now */
        for (size_t i = 2 * cap; i < 3 * cap; i++) {
                while (f->items[i].n_done == 0)
                        (void) uv_run(&f->loop, UV_RUN_ONCE);
                assert_int_equal(f->items[i - cap].n_done, 0);
        }
        (void) uv_barrier_wait(&f->gate);
        assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
        for (size_t i = 0; i <= 3 * cap; i++)
                assert_int_equal(f->items[i].n_done, 1);
        uv_barrier_destroy(&f->gate);
}

static void idle_work_may_be_cancelled(void **state) {
        Fixture *f = *state;

        work_cancel(&f->items[0].work);
        assert_int_equal(f->items[0].n_done, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(calls_back_once_with_the_result),
                TEST(a_class_keeps_to_its_cap),
                TEST(cancelled_work_that_waits_never_runs),
                TEST(first_comes_what_somebody_waits_for),
                TEST(idle_work_may_be_cancelled),
        };
#undef TEST

        return cmocka_run_group_tests(tests, NULL, NULL);
}
