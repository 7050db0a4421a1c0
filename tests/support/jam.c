#include "tests/support/jam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"

static int jam_run(Work *work) {
        return sem_wait(&container_of(work, struct JamWork, work)->jam->go);
}

static void jam_done(Work *work, int r) {
        assert_int_equal(r, 0);
        container_of(work, struct JamWork, work)->jam->n_over++;
}

void jam_init(Jam *jam, WorkPool *pool, WorkClass class) {
        *jam = (Jam){ .n = 2 * pool->classes[class].cap };
        assert_true(jam->n <= JAM_MAX);
        assert_int_equal(sem_init(&jam->go, 0, 0), 0);
        for (unsigned i = 0; i < jam->n; i++) {
                jam->works[i].jam = jam;
                assert_int_equal(work_start(pool, &jam->works[i].work, class, jam_run, jam_done),
                                 0);
        }
}

void jam_let_go(Jam *jam, unsigned n) {
        while (n-- > 0)
                assert_int_equal(sem_post(&jam->go), 0);
}

void jam_end(Jam *jam) {
        jam_let_go(jam, jam->n);
        while (jam->n_over < jam->n)
                (void) uv_run(jam->works[0].work.pool->loop, UV_RUN_ONCE);
        (void) sem_destroy(&jam->go);
}
