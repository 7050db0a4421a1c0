#include "unit.h"

#include <errno.h>
#include <semaphore.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "cache/database.h"
#include "cache/state.h"
#include "daemon/identify.h"

#define MEGABYTE ((off_t) 1024 * 1024)
#define BIG      (80 * MEGABYTE) /* the largest model that people have shown us */

/* While a test holds reads back, each tells that it came and waits to be let on. */
static bool held;
static unsigned n_reads;
static sem_t came, go_on;

ssize_t __real_pread64(int fd, void *data, size_t n, off_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t n, off_t offset);

ssize_t __wrap_pread64(int fd, void *data, size_t n, off_t offset) {
        if (held) {
                n_reads++;
                (void) sem_post(&came);
                (void) sem_wait(&go_on);
        }
        return __real_pread64(fd, data, n, offset);
}

typedef struct Item {
        Work work;
        State *state;
        int fd;
        Identity identity;
        int r;
        unsigned n_done;
} Item;

static int identify_work(Work *work) {
        Item *item = container_of(work, Item, work);

        return identify_fd(item->state, item->fd, work, &item->identity);
}

static void on_done(Work *work, int r) {
        Item *item = container_of(work, Item, work);

        item->r = r;
        item->n_done++;
}

static void a_cancelled_hash_of_a_big_file_ends(void **state) {
        UnitDir *dir = *state;
        uv_loop_t loop;
        WorkPool pool;
        Item item = {};

        assert_int_equal(uv_loop_init(&loop), 0);
        work_pool_init(&pool, &loop);
        assert_int_equal(state_open(&item.state, NULL, NULL), 0);
        item.fd = openat(dir->fd, "big.xmodel", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(item.fd >= 0);
        assert_int_equal(ftruncate(item.fd, BIG), 0);
        assert_int_equal(sem_init(&came, 0, 0), 0);
        assert_int_equal(sem_init(&go_on, 0, 0), 0);

        held = true;
        assert_int_equal(work_start(&pool, &item.work, WORK_HASH, identify_work, on_done), 0);
        assert_int_equal(sem_wait(&came), 0); /* the first chunk is being read */
        work_cancel(&item.work);
        assert_int_equal(sem_post(&go_on), 0);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        held = false;

        assert_int_equal(item.n_done, 1);
        assert_int_equal(item.r, -ECANCELED);
        assert_int_equal(n_reads, 1);

        assert_int_equal(uv_loop_close(&loop), 0);
        (void) state_close(item.state);
        close(item.fd);
        (void) sem_destroy(&came);
        (void) sem_destroy(&go_on);
}

/* A row that says "quantized" and has no digest would make one key of all such models. */
static void a_damaged_memo_is_no_identity(void **state) {
        static const char *const damages[] = {
                "UPDATE model_memo SET class = 0",
                "UPDATE model_memo SET class = 99",
                "UPDATE model_memo SET class = -1",
                "UPDATE model_memo SET canonical = zeroblob(16)",
                "UPDATE model_memo SET class = 'compiled', canonical = zeroblob(16)",
                "UPDATE model_memo SET class = 0, canonical = zeroblob(16), map_sorted = "
                "zeroblob(3)",
        };
        UnitDir *dir = *state;
        Identity identity = {};
        State *s = NULL;
        Work work = {};
        int fd;

        assert_int_equal(state_open(&s, NULL, NULL), 0);
        fd = openat(dir->fd, "a.xmodel", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "nothing", 7), 7);
        assert_int_equal(identify_fd(s, fd, &work, &identity), 0);
        assert_int_equal(identity.class, XMODEL_NOT_XIR);
        for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
                assert_int_equal(database_run(state_database(s), NULL, NULL, damages[i], ""), 0);
                identity = (Identity){};
                assert_int_equal(identify_fd(s, fd, &work, &identity), 0);
                assert_int_equal(identity.class, XMODEL_NOT_XIR);
                assert_true(identity.was_read);
        }
        (void) state_close(s);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_cancelled_hash_of_a_big_file_ends, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(a_damaged_memo_is_no_identity, unit_dir_setup,
                                                unit_dir_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
