#include "cache_fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/random.h"
#include "cache/cache.h"
#include "cache/fsck.h"
#include "cache/layout.h"
#include "cache/lock.h"
#include "cache/names.h"

/*
 * Several processes on one cache: publishers of the same and of other keys, readers, a remover
 * that takes the exclusive lock, a check with --repair, and runs that open and close the cache
 * (which remove leftovers). Whoever finds something finds all of it; nothing is ever damaged; and
 * when all are done and the remover is gone, everything can be published and found.
 */

#define N_KEYS       6
#define N_PUBLISHERS 3
#define N_READERS    2
#define N_ROUNDS     60

#define REMOVER_PATIENCE_MS 20

typedef struct Fixture {
        UnitDir *dir;
        char root[256];
        char state[256];
        Sample samples[N_KEYS];
} Fixture;

/* by all processes: the others go on as long as there are publishers */
static struct { atomic_uint n_publishers, n_removed; } * the_shared;

static int setup(void **state) {
        static Fixture f;

        *state = &f;
        if (unit_dir_setup((void **) &f.dir) < 0)
                return -1;
        (void) snprintf(f.root, sizeof(f.root), "%s/c", f.dir->path);
        (void) snprintf(f.state, sizeof(f.state), "%s/s", f.dir->path);
        for (unsigned i = 0; i < N_KEYS; i++)
                sample_init(&f.samples[i], i);
        the_shared = mmap(NULL, sizeof(*the_shared), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (the_shared == MAP_FAILED)
                return -1;
        the_shared->n_publishers = N_PUBLISHERS;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        for (unsigned i = 0; i < N_KEYS; i++)
                sample_deinit(&f->samples[i]);
        assert_int_equal(munmap(the_shared, sizeof(*the_shared)), 0);
        return unit_dir_teardown((void **) &f->dir);
}

/* --- in the children: no assertions of cmocka's, which would end in the parent's teardown --------- */

typedef struct Actor {
        const Fixture *fixture;
        State *state;
        Cache *cache;
        Random random;
} Actor;

static void die(const char *what, int r) {
        (void) fprintf(stderr, "%s: %s\n", what, strerror(r < 0 ? -r : 0));
        the_shared->n_publishers = 0; /* the others shall end, too */
        _exit(1);
}

/* of the key @i, and one that all have */
static void content(unsigned i, char ret[5000]) {
        memset(ret, 'a' + (int) i, 5000);
}

static void actor_publish(Actor *a, unsigned i) {
        _cleanup_(record_freep) Record *record = NULL;
        char model[5000];
        const CacheFile files[] = {
                { .role = RECORD_ROLE_XMODEL, .fd = -1, .data = slice_of(model, sizeof(model)) },
                { .role = RECORD_ROLE_LOG, .fd = -1, .data = slice_of_string("shared by all") },
        };
        int r;

        content(i, model);
        r = cache_publish(a->cache, &a->fixture->samples[i].record, files, ARRAY_SIZE(files),
                          &record);
        if (r < 0)
                die("publish", r);
}

static int actor_read(Actor *a, unsigned i) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(10000);
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(closep) int fd = -1;
        char model[5000];
        int r;

        r = cache_lookup(a->cache, &a->fixture->samples[i].record.key, &record);
        if (r == 0)
                r = cache_open_object(a->cache, &record->objects[0], &fd);
        if (r == CACHE_MISS)
                return r;
        content(i, model);
        if (r < 0 || file_read_fd(fd, &bytes) < 0 || bytes.size != sizeof(model) ||
            memcmp(bytes.data, model, sizeof(model)) != 0)
                die("what was found is not whole", r);
        return 0;
}

/* Nobody removes anything while there is a shared lock: what was published can be read then. */
static void be_publisher(Actor *a) {
        for (unsigned round = 0; round < N_ROUNDS; round++) {
                unsigned i = (unsigned) random_below(&a->random, N_KEYS);
                _cleanup_(closep) int lock = -1;

                if (lock_store_shared(a->fixture->root, true, &lock) < 0)
                        die("lock", -errno);
                actor_publish(a, i);
                if (actor_read(a, i) != 0)
                        die("what was published is gone", 0);
        }
        if (the_shared->n_publishers > 0)
                the_shared->n_publishers--;
}

static void be_reader(Actor *a) {
        while (the_shared->n_publishers > 0)
                (void) actor_read(a, (unsigned) random_below(&a->random, N_KEYS));
}

/* What eviction does: under the lock, the record, then its objects. */
static void be_remover(Actor *a) {
        const Fixture *f = a->fixture;

        while (the_shared->n_publishers > 0) {
                unsigned i = (unsigned) random_below(&a->random, N_KEYS);
                _cleanup_(closep) int lock = -1;
                char model[5000];
                Digest object;
                int r;

                content(i, model);
                object = digest_of(model, sizeof(model));
                r = lock_store_exclusive(f->root, REMOVER_PATIENCE_MS, &lock);
                if (r == LOCK_BUSY)
                        continue;
                if (r == 0)
                        r = names_unlink(f->root, LAYOUT_RECORDS, &f->samples[i].record.key);
                if (r == 0)
                        r = names_unlink(f->root, LAYOUT_OBJECTS, &object);
                if (r < 0)
                        die("remove", r);
                the_shared->n_removed++;
        }
}

static void actor_check(Actor *a, bool repair) {
        Fsck *fsck;
        int r;

        r = cache_fsck(a->cache, repair, &fsck);
        while (r >= 0 && (r = fsck_step(fsck)) == FSCK_MORE)
                ;
        if (r < 0 || fsck_defects(fsck)->n_problems > 0)
                die("fsck", r);
        (void) fsck_free(fsck);
}

static void be_checker(Actor *a) {
        for (unsigned round = 0; the_shared->n_publishers > 0; round++)
                actor_check(a, round % 2 == 0);
}

static void actor_open(Actor *a, const Fixture *f, unsigned number) {
        *a = (Actor){ .fixture = f, .random = RANDOM_INIT(number) };
        if (state_open(&a->state, f->state, NULL) < 0 ||
            cache_open(&a->cache, f->root, a->state, CACHE_NORMAL, NULL) < 0)
                die("open", -errno);
}

static void actor_close(Actor *a) {
        CacheCounters counters;

        cache_counters(a->cache, &counters);
        if (counters.quarantined > 0 || counters.publish_errors > 0)
                die("something was damaged", 0);
        (void) cache_close(a->cache);
        (void) state_close(a->state);
}

static void be_visitor(Actor *a) {
        for (unsigned round = 0; the_shared->n_publishers > 0; round++) {
                Actor again;

                actor_open(&again, a->fixture, round);
                (void) actor_read(&again, round % N_KEYS);
                actor_close(&again);
        }
}

static void start(const Fixture *f, void (*be)(Actor *a), unsigned number) {
        pid_t pid = fork();
        Actor a;

        assert_true(pid >= 0);
        if (pid > 0)
                return;
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody outlives a test that was stopped */
        actor_open(&a, f, number);
        be(&a);
        actor_close(&a);
        _exit(0);
}

static void processes_do_not_disturb_each_other(void **state) {
        const Fixture *f = *state;
        unsigned n = 0;
        int status;
        Actor a;

        for (unsigned i = 0; i < N_PUBLISHERS; i++)
                start(f, be_publisher, n++);
        for (unsigned i = 0; i < N_READERS; i++)
                start(f, be_reader, n++);
        start(f, be_remover, n++);
        start(f, be_checker, n++);
        start(f, be_visitor, n++);
        while (n-- > 0) {
                assert_true(wait(&status) > 0);
                assert_int_equal(status, 0);
        }
        assert_true(the_shared->n_removed > 0);

        actor_open(&a, f, 1);
        for (unsigned i = 0; i < N_KEYS; i++)
                actor_publish(&a, i);
        for (unsigned i = 0; i < N_KEYS; i++)
                assert_int_equal(actor_read(&a, i), 0);
        actor_check(&a, false);
        actor_close(&a);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(processes_do_not_disturb_each_other, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
